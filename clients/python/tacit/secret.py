"""Keys that Python holds by a handle only: their bytes stay in locked memory of the C library."""

from __future__ import annotations

import ctypes
import typing as _t

from . import _native


class Secret:
    """Secret bytes. `len()` is their number; nothing prints them."""

    __slots__ = ("_handle",)

    def __init__(self, handle: _native.Handle) -> None:
        self._handle = handle

    @classmethod
    def copy(cls, data: _t.Union[bytes, bytearray, memoryview]) -> "Secret":
        """A secret of bytes that Python has already."""
        raw = bytes(data)
        return cls(_native.make("secret", _native.lib.tacit_native_secret_copy, raw, len(raw)))

    @classmethod
    def random(cls, size: int = 32) -> "Secret":
        """A new key."""
        return cls(_native.make("secret", _native.lib.tacit_native_secret_random, size))

    def reveal(self) -> bytes:
        """The bytes, as an ordinary object of Python that is never wiped."""
        room = ctypes.create_string_buffer(len(self))
        _native.lib.tacit_native_secret_reveal(self.handle, room)
        return room.raw

    @property
    def handle(self) -> _native.Handle:
        return self._handle

    def __len__(self) -> int:
        return int(_native.lib.tacit_native_secret_size(self._handle))

    def __repr__(self) -> str:
        return f"<Secret of {len(self)} bytes>"

    def __reduce__(self) -> _t.NoReturn:
        raise TypeError("a secret is not pickled")
