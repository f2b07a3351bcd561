"""The attested binding and its session; all that is secret or judged is in the C library."""

from __future__ import annotations

import ctypes
import time
import typing as _t

from . import _native, codec, errors
from .identity import Identity, Role
from .idl import session as _contract
from .secret import Secret

if _t.TYPE_CHECKING:
    from .connection import Connection
    from .trust import Trust, Verified


class Session:
    """An established session: who the peer is, and the keys of this channel."""

    def __init__(self, handle: _native.Handle, facts: _native.SessionFacts) -> None:
        self._handle = handle
        self.id = bytes(facts.id)
        self.peer_role = Role(facts.peer_role)
        self.attested = bool(facts.attested)
        self.peer_measurement = bytes(facts.peer.mrenclave) if self.attested else b""
        self.policy_head = bytes(facts.policy_head)
        self._end = time.monotonic() + facts.lifetime_ms / 1000

    @property
    def expired(self) -> bool:
        return bool(time.monotonic() >= self._end)

    def sealer(self, msgid: int, method: str) -> codec.Seal:
        """Seals secret fields of that call."""

        def seal(number: int, secret: Secret) -> bytes:
            room = ctypes.create_string_buffer(len(secret) + codec.SEAL_OVERHEAD)
            _native.call(
                _native.lib.tacit_native_field_seal,
                self._handle,
                msgid,
                method.encode(),
                number,
                secret.handle,
                room,
                len(room),
            )
            return room.raw

        return seal

    def opener(self, msgid: int, method: str) -> codec.Open:
        """Opens secret fields of its reply."""

        def opener(number: int, sealed: bytes) -> Secret:
            return Secret(
                _native.make(
                    "secret",
                    _native.lib.tacit_native_field_open,
                    self._handle,
                    msgid,
                    method.encode(),
                    number,
                    sealed,
                    len(sealed),
                )
            )

        return opener

    def __repr__(self) -> str:
        return f"<Session with {self.peer_role.name.lower()}>"


async def bind(
    connection: "Connection",
    trust: _t.Optional["Trust"],
    identity: Identity,
    peer_role: Role,
    verified: _t.Optional["Verified"],
    role: Role,
    timeout: float,
) -> Session:
    """session.open and session.confirm; see Connection.bind."""
    if connection.server_key is None:
        raise errors.BadInput("a plaintext connection is not bound")
    until = time.monotonic() + timeout
    client = _contract.SessionClient(connection)
    nonce, ephemeral = ctypes.create_string_buffer(32), ctypes.create_string_buffer(32)
    pointer = ctypes.c_void_p()
    _native.call(
        _native.lib.tacit_native_binding_open,
        None if trust is None else trust.handle,
        None if verified is None else verified.handle,
        identity.handle,
        int(role),
        connection.server_key,
        int(peer_role),
        ctypes.byref(pointer),
        nonce,
        ephemeral,
    )
    binding = _native.Handle(
        _t.cast(int, pointer.value), _native.lib.tacit_native_binding_destroy
    )
    accept = await client.open(
        role=int(role),
        mesh_id=bytes(32) if trust is None else trust.mesh_id,
        nonce=nonce.raw,
        ephemeral=ephemeral.raw,
        deadline=until - time.monotonic(),
    )
    mac = ctypes.create_string_buffer(64)
    result, quote = accept.result or b"", accept.quote or b""
    _native.call(
        _native.lib.tacit_native_binding_confirm,
        binding,
        accept.session_id,
        accept.policy_head,
        accept.nonce,
        accept.ephemeral,
        result,
        len(result),
        quote,
        len(quote),
        mac,
    )
    answer = await client.confirm(mac=mac.raw, deadline=until - time.monotonic())
    facts = _native.SessionFacts()
    handle = _native.make(
        "session", _native.lib.tacit_native_binding_finish, binding, answer.mac, outs=[facts]
    )
    return Session(handle, facts)
