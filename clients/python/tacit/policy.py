"""How far a mesh's policies went: it may go on from there, and in no other way."""

from __future__ import annotations

import ctypes
import typing as _t

from . import _native
from .identity import Path
from .trust import Trust


class PolicyMemory:
    """What FOLDER/policy.json remembers of a mesh, shared with the C clients. `wants` names the
    policy to hand to `take` next, until it is 0; then `save`. RollbackDetected where the mesh shows
    less than was seen, or something else."""

    def __init__(self, trust: Trust, folder: _t.Optional[Path], last: int) -> None:
        name = None if folder is None else _native.path(folder)
        self._handle = _native.make(
            "policy", _native.lib.tacit_native_policy_open, trust.handle, name, last
        )

    def wants(self) -> int:
        return int(_native.lib.tacit_native_policy_wants(self._handle))

    def take(self, text: bytes, signatures: bytes) -> None:
        _native.call(
            _native.lib.tacit_native_policy_take,
            self._handle,
            text,
            len(text),
            signatures,
            len(signatures),
        )

    def save(self) -> bytes:
        """The head of the policy in force; zeroes where there is none."""
        head = ctypes.create_string_buffer(32)
        _native.call(_native.lib.tacit_native_policy_save, self._handle, head)
        return head.raw
