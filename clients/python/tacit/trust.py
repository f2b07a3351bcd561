"""trust.json, and what it makes one believe: the attestation service, and through it all others."""

from __future__ import annotations

import ctypes
import dataclasses
import os
import typing as _t

from . import _native, codec
from .identity import Path, Role
from .idl import introduction as _contract


@dataclasses.dataclass(frozen=True, slots=True)
class Member:
    """An attested member of the mesh: what its attestation result says, once it was verified."""

    role: Role
    endpoint: str
    curve_key: bytes
    measurement: bytes
    signer: bytes
    svn: int
    simulated: bool
    policy_head: bytes
    expires_ms: int

    @classmethod
    def of(cls, said: _native.Member, endpoint: str = "") -> "Member":
        return cls(
            role=Role(said.role),
            endpoint=endpoint,
            curve_key=bytes(said.curve_key),
            measurement=bytes(said.mrenclave),
            signer=bytes(said.mrsigner),
            svn=said.svn,
            simulated=bool(said.simulated),
            policy_head=bytes(said.policy_head),
            expires_ms=said.expires_ms,
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Attestation:
    """What the verified evidence of the attestation service says."""

    endpoint: str
    curve_key: bytes
    measurement: bytes
    signer: bytes
    svn: int
    simulated: bool
    root_name: str
    tcb_status: str
    expires_ms: int


class Trust:
    """A trust file: all that a remote user has to be handed."""

    def __init__(self, handle: _native.Handle, facts: _native.TrustFacts) -> None:
        self._handle = handle
        self.introduction: str = facts.introduction.decode()
        self.mesh_id = bytes(facts.mesh_id)
        self.simulated = bool(facts.simulated)

    @classmethod
    def load(cls, path: Path) -> "Trust":
        facts = _native.TrustFacts()
        handle = _native.make(
            "trust", _native.lib.tacit_native_trust_load, _native.path(path), outs=[facts]
        )
        return cls(handle, facts)

    @property
    def handle(self) -> _native.Handle:
        return self._handle

    def verify(self, nonce: bytes, said: _contract.IntroduceResult) -> "Verified":
        """Judge what the introduction endpoint answered to that nonce, in full and now."""
        if len(nonce) != 32:
            raise ValueError("a nonce has 32 bytes")
        evidence = codec.encode(said)
        facts = _native.Attestation()
        handle = _native.make(
            "mesh",
            _native.lib.tacit_native_mesh_verify,
            self._handle,
            evidence,
            len(evidence),
            nonce,
            outs=[facts],
        )
        return Verified(handle, facts)


class Verified:
    """The attestation service, verified by a trust file: whose word counts from now on."""

    def __init__(self, handle: _native.Handle, said: _native.Attestation) -> None:
        self._handle = handle
        self.attestation = Attestation(
            endpoint=said.endpoint.decode(),
            curve_key=bytes(said.curve_key),
            measurement=bytes(said.mrenclave),
            signer=bytes(said.mrsigner),
            svn=said.svn,
            simulated=bool(said.simulated),
            root_name=said.root_name.decode(errors="replace"),
            tcb_status=said.tcb_status.decode(),
            expires_ms=said.expires_ms,
        )

    @property
    def handle(self) -> _native.Handle:
        return self._handle

    def member(self, result: bytes, endpoint: str = "") -> Member:
        """Check an attestation result; ResultInvalid or ResultExpired where it does not hold."""
        said = _native.Member()
        _native.call(
            _native.lib.tacit_native_member_verify,
            self._handle,
            result,
            len(result),
            ctypes.byref(said),
        )
        return Member.of(said, endpoint)


def state_folder(state: _t.Optional[Path] = None) -> str:
    """The mesh's folder: the one given, TACIT_STATE, or ~/.local/state/tacit."""
    if state is not None:
        return os.fspath(state)
    return os.environ.get("TACIT_STATE") or os.path.expanduser("~/.local/state/tacit")
