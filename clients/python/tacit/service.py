"""What generated modules are made of: services, methods, and the base of their clients."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import os
import time
import typing as _t

from . import codec, errors, retry
from .options import Options
from .stream import Stream as Stream  # generated modules name it

if _t.TYPE_CHECKING:
    from .connection import Connection


@dataclasses.dataclass(frozen=True, slots=True)
class Method:
    """A method of the contract: its records, who may call it, how long it may take, its bulk."""

    name: str
    args: type[codec.Record]
    result: type[codec.Record]
    caller: str = "anyone"
    deadline_ms: int = 5000
    bulk_in: int = 0
    bulk_out: int = 0
    idempotent: bool = False
    keyed: bool = False  # the service keeps answers by idempotency key
    stream_in: _t.Optional[tuple[int, int]] = None  # bytes of a chunk, and of all
    stream_out: _t.Optional[tuple[int, int]] = None
    resumable: bool = False  # a lost stream is opened again with what its receiver has
    offset: _t.Optional[str] = None  # the argument that says it, of a stream out


class Service:
    """A contract: its number, the SHA-256 of its text, methods and errors."""

    def __init__(
        self,
        *,
        name: str,
        number: int,
        sha256: bytes,
        errors: tuple[type[errors.ServiceError], ...],
        methods: tuple[Method, ...],
    ) -> None:
        self.name = name
        self.number = number
        self.sha256 = sha256
        self.errors = errors
        self.methods = {method.name.partition(".")[2]: method for method in methods}

    def method(self, name: str) -> Method:
        """By the name within the service."""
        return self.methods[name]

    def __repr__(self) -> str:
        return f"<Service {self.name} ({self.number})>"


@dataclasses.dataclass(frozen=True, slots=True)
class Reply:
    """A result and its bulk, empty where there is none."""

    result: codec.Record
    bulk: bytes = b""


@dataclasses.dataclass(slots=True, kw_only=True)
class _Nothing(codec.Record):
    ENCODED_MAX: _t.ClassVar[int] = 1


@dataclasses.dataclass(slots=True, kw_only=True)
class _Health(codec.Record):
    status: str
    FIELDS: _t.ClassVar[tuple[codec.Field, ...]] = (
        codec.Field(1, "status", "string", maximum=31),
    )


@dataclasses.dataclass(slots=True, kw_only=True)
class Description(codec.Record):
    """The text of a service's contract as the peer has it, and its SHA-256."""

    text: bytes
    sha256: bytes
    FIELDS: _t.ClassVar[tuple[codec.Field, ...]] = (
        codec.Field(1, "text", "bytes", maximum=256 * 1024),
        codec.Field(2, "sha256", "bytes", minimum=32, maximum=32),
    )


@dataclasses.dataclass(slots=True, kw_only=True)
class _Metrics(codec.Record):
    text: bytes
    FIELDS: _t.ClassVar[tuple[codec.Field, ...]] = (
        codec.Field(1, "text", "bytes", maximum=1000000),
    )


#: Makes another connection in place of one that was lost.
Reopen = _t.Callable[[], _t.Awaitable["Connection"]]


class Client:
    """Calls of one service. A generated subclass has a method for each of the contract's; any of them
    raises what `tacit.errors` and the service's own errors say.

    A call that the contract calls idempotent is tried again within its deadline and a budget, where that may help; over a new connection where the old one was lost
    and `reopen` says how (`Mesh.connect` does). So is one that it calls keyed, with the same
    idempotency key each time, by which the service keeps the answer, and any call that a draining service refused, since it did not run. Any other call is sent once."""

    SERVICE: _t.ClassVar[Service]

    def __init__(self, connection: "Connection", reopen: _t.Optional[Reopen] = None) -> None:
        self.connection = connection
        self._reopen = reopen
        self._budget = retry.Budget()
        self._renewing = asyncio.Lock()
        self._retired: list["Connection"] = []

    async def call(
        self,
        method: Method,
        args: codec.Record,
        *,
        bulk: _t.Optional[codec.Bytes] = None,
        deadline: _t.Optional[float] = None,
        idempotency_key: _t.Optional[bytes] = None,
        traceparent: _t.Optional[str] = None,
    ) -> Reply:
        """One call: `deadline` in seconds, at most the method's own, which None takes."""
        seconds = method.deadline_ms / 1000
        until = time.monotonic() + (seconds if deadline is None else min(seconds, deadline))
        self._budget.earn()
        if method.keyed and idempotency_key is None:
            idempotency_key = os.urandom(16)
        options = Options(
            bulk=bulk,
            idempotency_key=idempotency_key,
            traceparent=traceparent,
            known=self.SERVICE.errors,
        )
        for attempt in itertools.count(1):
            used = self.connection
            left = dataclasses.replace(options, deadline=until - time.monotonic())
            try:
                return await used.call(method, args, left)
            except retry.AGAIN as error:
                drained = isinstance(error, retry.DID_NOT_RUN)
                lost = not isinstance(error, retry.CONNECTED)
                lost = lost and not (drained and self._reopen is None)
                pause = retry.backoff(attempt - 1, error.retry_after_ms)
                if (
                    not (method.idempotent or method.keyed or drained)
                    or attempt == retry.ATTEMPTS_MAX
                    or (lost and self._reopen is None)
                    or time.monotonic() + pause >= until
                    or not (drained or self._budget.spend())
                ):
                    raise
                await asyncio.sleep(pause)
                if lost:
                    await self._renew(used, until, error)
        raise AssertionError

    async def _renew(self, lost: "Connection", until: float, why: errors.TacitError) -> None:
        """Another connection, unless another call made it meanwhile."""
        async with self._renewing:
            failures = 0
            while self.connection is lost and self._reopen is not None:
                left = until - time.monotonic()
                if left <= 0:
                    raise why
                try:
                    made = await asyncio.wait_for(self._reopen(), left)
                except asyncio.TimeoutError:
                    raise why from None
                except (errors.Unreachable, errors.WrongServerKey, errors.DeadlineExceeded):
                    failures += 1
                    await asyncio.sleep(min(left, retry.backoff(failures)))
                    continue
                if self._reopen is None:  # its owner closed it meanwhile
                    await made.close()
                    raise why
                self.connection = made
                if isinstance(why, retry.DID_NOT_RUN):
                    lost.retire()  # it finishes what it accepted
                    self._retired = [one for one in self._retired if not one.closed] + [lost]
                else:
                    await lost.close()

    async def renew(self, why: errors.TacitError, until: float) -> None:
        """Another connection in place of the one there is, by `until` (monotonic); raises `why` where
        none can be had."""
        if self._reopen is None:
            raise why
        await self._renew(self.connection, until, why)

    def stream(
        self,
        method: Method,
        args: codec.Record,
        *,
        bulk: _t.Optional[codec.Bytes] = None,
        deadline: _t.Optional[float] = None,
        idempotency_key: _t.Optional[bytes] = None,
        traceparent: _t.Optional[str] = None,
    ) -> "Stream[_t.Any]":
        """A call with streams, to be entered by `async with`. It is sent once."""
        options = Options(
            bulk=bulk,
            deadline=deadline,
            idempotency_key=idempotency_key,
            traceparent=traceparent,
            known=self.SERVICE.errors,
        )
        return Stream(self.connection, method, args, options)

    # --- what every service has (rpc/builtin.h) -------------------------------------------------

    async def _built_in(
        self, name: str, result: type[codec.Record], caller: str, deadline: _t.Optional[float]
    ) -> codec.Record:
        method = Method(
            f"{self.SERVICE.name}.{name}", _Nothing, result, caller=caller, idempotent=True
        )
        return (await self.call(method, _Nothing(), deadline=deadline)).result

    async def health(self, *, deadline: _t.Optional[float] = None) -> str:
        """"ready" of a service that serves, "draining" of one that is about to end."""
        return _t.cast(_Health, await self._built_in("health", _Health, "anyone", deadline)).status

    async def describe(self, *, deadline: _t.Optional[float] = None) -> Description:
        """The peer's contract; `SERVICE.sha256` is that of one's own."""
        said = await self._built_in("describe", Description, "anyone", deadline)
        return _t.cast(Description, said)

    async def metrics(self, *, deadline: _t.Optional[float] = None) -> str:
        """What the whole endpoint counts, in OpenMetrics' format; for the operator."""
        said = await self._built_in("metrics", _Metrics, "operator", deadline)
        return _t.cast(_Metrics, said).text.decode(errors="replace")

    async def close(self) -> None:
        """Ends the connection, and with it its session; no other one is made."""
        self._reopen = None
        for connection in [self.connection, *self._retired]:
            await connection.close()

    async def __aenter__(self: "C") -> "C":
        return self

    async def __aexit__(self, *_unused: object) -> None:
        await self.close()


C = _t.TypeVar("C", bound=Client)
