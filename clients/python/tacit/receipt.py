"""Receipts: which code answered what, with which model, when, under which policy."""

from __future__ import annotations

import ctypes
import dataclasses

from . import _native
from .identity import Path
from .trust import Member, Trust

_ISOLATIONS = ("none", "standard", "strict")  # enclave/isolation.h
_BACKENDS = ("none", "onednn", "portable")
_PRECISIONS = ("fp32", "bf16", "int8")  # enclave/precision.h


@dataclasses.dataclass(frozen=True, slots=True)
class Receipt:
    """What a worker signed, once everything that proves it was verified."""

    request_id: bytes
    user: bytes
    owner: bytes
    model: str
    version: int
    request_sha256: bytes
    response_sha256: bytes
    model_sha256: bytes
    measurement: bytes
    policy_head: bytes
    time_ms: int
    simulated: bool
    isolation: str  # of the worker: standard or strict
    backend: str  # onednn or portable
    precision: str  # as the model's owner chose: fp32, bf16 or int8

    @classmethod
    def of(cls, said: _native.Receipt) -> "Receipt":
        return cls(
            request_id=bytes(said.envelope.request_id),
            user=bytes(said.envelope.user),
            owner=bytes(said.envelope.owner),
            model=said.envelope.name.decode(),
            version=said.envelope.version,
            request_sha256=bytes(said.request_sha256),
            response_sha256=bytes(said.response_sha256),
            model_sha256=bytes(said.model_sha256),
            measurement=bytes(said.mrenclave),
            policy_head=bytes(said.policy_head),
            time_ms=said.time_ms,
            simulated=bool(said.simulated),
            isolation=_ISOLATIONS[said.isolation],
            backend=_BACKENDS[said.backend],
            precision=_PRECISIONS[said.precision],
        )


def verify(trust: Trust, path: Path) -> tuple[Receipt, Member]:
    """A saved receipt and the worker that signed it, by the trust file alone: no mesh is asked."""
    receipt, worker = _native.Receipt(), _native.Member()
    _native.call(
        _native.lib.tacit_native_receipt_verify,
        trust.handle,
        _native.path(path),
        ctypes.byref(receipt),
        ctypes.byref(worker),
    )
    return Receipt.of(receipt), Member.of(worker)
