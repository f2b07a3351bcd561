"""What generated modules are made of: services, methods, and the base of their clients."""

from __future__ import annotations

import dataclasses
import typing as _t

from . import codec, errors

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


class Client:
    """Calls of one service over one connection. A generated subclass has a method for each of the
    contract's; any of them raises what `tacit.errors` and the service's own errors say."""

    SERVICE: _t.ClassVar[Service]

    def __init__(self, connection: "Connection") -> None:
        self.connection = connection

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
        return await self.connection.call(
            method,
            args,
            bulk=bulk,
            deadline=deadline,
            idempotency_key=idempotency_key,
            traceparent=traceparent,
            known=self.SERVICE.errors,
        )

    async def close(self) -> None:
        """Ends the connection, and with it its session."""
        await self.connection.close()

    async def __aenter__(self: "C") -> "C":
        return self

    async def __aexit__(self, *_unused: object) -> None:
        await self.close()


C = _t.TypeVar("C", bound=Client)
