"""Who one is: the keys of an identity folder, as tacit-mlowner and tacit-dataowner keep them."""

from __future__ import annotations

import ctypes
import enum
import os
import typing as _t

import zmq

from . import _native

Path = _t.Union[str, "os.PathLike[str]"]


class Role(enum.IntEnum):
    """Who a peer can be (enclave/role.h)."""

    ATTESTATION = 1
    KEYS = 2
    MODELS = 3
    GATEWAY = 4
    WORKER = 5
    USER = 16
    OPERATOR = 17
    MESH = 18


class Identity:
    """A CURVE pair, which is who one is on the wire, and an Ed25519 pair, which signs models. The
    secret halves stay in locked memory of the C library."""

    def __init__(self, handle: _native.Handle, folder: _t.Optional[str], made: bool) -> None:
        curve, signing = ctypes.create_string_buffer(32), ctypes.create_string_buffer(32)
        _native.lib.tacit_native_identity_public(handle, curve, signing)
        self._handle = handle
        self.folder = folder
        self.made = made
        self.public: bytes = curve.raw
        self.signing_public: bytes = signing.raw

    @classmethod
    def _open(cls, folder: _t.Optional[Path], make: bool) -> "Identity":
        name = None if folder is None else _native.path(folder)
        made = ctypes.c_int()
        handle = _native.make(
            "identity", _native.lib.tacit_native_identity_open, name, int(make), outs=[made]
        )
        return cls(handle, None if folder is None else os.fspath(folder), bool(made.value))

    @classmethod
    def load(cls, folder: Path) -> "Identity":
        """FOLDER/identity.json. NotFound where there is none; BadInput where others may read it."""
        return cls._open(folder, False)

    @classmethod
    def open(cls, folder: Path) -> "Identity":
        """The same, made where there is none; `made` tells which."""
        return cls._open(folder, True)

    @classmethod
    def ephemeral(cls) -> "Identity":
        """New keys that no file holds."""
        return cls._open(None, False)

    @property
    def id(self) -> str:
        """The user id: 64 hex digits."""
        return self.public.hex()

    @property
    def handle(self) -> _native.Handle:
        return self._handle

    def arm(self, socket: "zmq.Socket[_t.Any]", server_key: bytes) -> None:
        """CURVE keys for a socket that is not connected yet."""
        if len(server_key) != 32:
            raise ValueError("a CURVE key has 32 bytes")
        _native.call(
            _native.lib.tacit_native_identity_arm, self._handle, socket.underlying, server_key
        )

    def __repr__(self) -> str:
        return f"<Identity {self.id[:16]}>"
