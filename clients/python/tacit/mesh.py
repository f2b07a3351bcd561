"""A mesh as a user sees it: the attestation service it verified, and through it everybody else."""

from __future__ import annotations

import asyncio
import os
import time
import typing as _t

from . import errors
from .connection import CONNECT_SECONDS, Connection
from .identity import Identity, Path, Role
from .idl.attestation import AttestationClient, NoPolicy
from .idl.introduction import IntroductionClient
from .policy import PolicyMemory
from .service import C
from .trust import Attestation, Member, Trust, Verified, state_folder

ATTEST_SECONDS = 2.0  # a service that was restarted is found in less
ROLES = {
    "attestation": Role.ATTESTATION,
    "keys": Role.KEYS,
    "models": Role.MODELS,
    "inference": Role.GATEWAY,
}


class Mesh:
    """Open one with `Mesh.open`; use it with `async with`.

    Opening asks the introduction endpoint with a fresh nonce, verifies the attestation service's
    evidence in full against trust.json, connects to it over CURVE and binds, and checks that the
    mesh's policies go on from where the identity's folder saw them last. Roles are then looked up there, and each result is checked before its CURVE key is used."""

    def __init__(self, trust: Trust, identity: Identity, role: Role, timeout: float) -> None:
        self.trust = trust
        self.identity = identity
        self.role = role
        self.timeout = timeout
        self._verified: _t.Optional[Verified] = None
        self._attestation: _t.Optional[AttestationClient] = None
        self._closed = False
        self.policy_head = bytes(32)

    @classmethod
    async def open(
        cls,
        state: _t.Optional[Path] = None,
        *,
        identity: _t.Union[Identity, Path],
        role: Role = Role.USER,
        timeout: float = CONNECT_SECONDS,
    ) -> "Mesh":
        """`state` is the folder with trust.json (default: TACIT_STATE, ~/.local/state/tacit);
        `identity` an Identity or its folder; `timeout` in seconds for each connection."""
        trust = Trust.load(os.path.join(state_folder(state), "trust.json"))
        who = identity if isinstance(identity, Identity) else Identity.load(identity)
        self = cls(trust, who, role, timeout)
        await self.renew()
        return self

    async def renew(self) -> None:
        """Verify the attestation service anew, with a nonce of now: for work that outlives a
        session."""
        await self._end()
        nonce = os.urandom(32)
        connection = await Connection.open(self.trust.introduction, timeout=self.timeout)
        async with IntroductionClient(connection) as plain:
            verified = self.trust.verify(nonce, await plain.introduce(nonce=nonce))
        said = verified.attestation
        connection = await self._connect(
            verified, said.endpoint, said.curve_key, Role.ATTESTATION
        )
        client = AttestationClient(connection)
        try:
            self.policy_head = await self._remember(client)
        except BaseException:
            await client.close()
            raise
        self._verified, self._attestation = verified, client

    async def _remember(self, client: AttestationClient) -> bytes:
        """The head in force, which the C library finds to follow from what was seen before."""
        try:
            last = (await client.policy()).number
        except NoPolicy:
            last = 0
        memory = PolicyMemory(self.trust, self.identity.folder, last)
        while wanted := memory.wants():
            policy = await client.policy_at(number=wanted)
            memory.take(policy.text, policy.signatures)
        return memory.save()

    async def _connect(
        self, verified: Verified, endpoint: str, key: bytes, role: Role
    ) -> Connection:
        until = time.monotonic() + self.timeout
        connection = await Connection.open(
            endpoint, server_key=key, identity=self.identity, timeout=self.timeout
        )
        try:
            left = until - time.monotonic()
            await connection.bind(
                self.trust, self.identity, role, verified=verified, role=self.role, timeout=left
            )
        except BaseException:
            await connection.close()
            raise
        return connection

    @property
    def verified(self) -> Verified:
        if self._verified is None:
            raise errors.Unreachable("the mesh was closed")
        return self._verified

    @property
    def service(self) -> Attestation:
        """What the attestation service's evidence says."""
        return self.verified.attestation

    @property
    def attestation(self) -> AttestationClient:
        """The bound connection to the attestation service."""
        if self._attestation is None:
            raise errors.Unreachable("the mesh was closed")
        return self._attestation

    async def lookup(self, role: _t.Optional[Role] = None) -> list[Member]:
        """Members of a role, or all, newest first; those whose results do not hold are left out."""
        found = await self.attestation.lookup(role=0 if role is None else int(role))
        members = []
        for one in found.members:
            try:
                member = self.verified.member(one.result, one.endpoint)
            except (errors.ResultInvalid, errors.ResultExpired, errors.WrongMesh):
                continue
            if role is None or member.role == role:
                members.append(member)
        return members

    async def measurements(self) -> list[bytes]:
        """Of the workers that are attested now, distinct."""
        return list(dict.fromkeys(one.measurement for one in await self.lookup(Role.WORKER)))

    async def connect(self, client: type[C], role: _t.Optional[Role] = None) -> C:
        """A client of that class over a connection of its own, verified and bound; it makes another
        one for idempotent calls where that was lost."""
        wanted = role or ROLES.get(client.SERVICE.name)
        if wanted is None:
            raise errors.BadInput("name the role of who serves it", claim=client.SERVICE.name)
        found = wanted
        return client(await self._dial(found), lambda: self._dial_again(found))

    async def _dial(self, role: Role) -> Connection:
        last: errors.TacitError = errors.Unreachable(
            f"no {role.name.lower()} service has attested"
        )
        for member in await self._await_members(role):
            if not member.endpoint:
                continue
            try:
                return await self._connect(
                    self.verified, member.endpoint, member.curve_key, member.role
                )
            except errors.TacitError as error:
                last = error  # what was restarted stands before what its former life left behind
        raise last

    async def _await_members(self, role: Role) -> list[Member]:
        """Just after a change of the policy, or a restart, a service may be about to attest."""
        until = time.monotonic() + ATTEST_SECONDS
        while True:
            found = await self.lookup(role)
            if found or time.monotonic() >= until:
                return found
            await asyncio.sleep(0.05)

    async def _dial_again(self, role: Role) -> Connection:
        """The attestation service may have been restarted, too; a mesh that was closed stays so."""
        try:
            return await self._dial(role)
        except (errors.Unreachable, errors.NoSession, errors.SessionExpired):
            if self._closed:
                raise
        await self.renew()
        return await self._dial(role)

    async def close(self) -> None:
        """Ends the connection to the attestation service; others are their owners'."""
        self._closed = True
        await self._end()

    async def _end(self) -> None:
        client, self._attestation, self._verified = self._attestation, None, None
        if client is not None:
            await client.close()

    async def __aenter__(self) -> "Mesh":
        return self

    async def __aexit__(self, *_unused: object) -> None:
        await self.close()
