"""sample (900): Shows every construct once.

Stands for any service.

Written by idlc from sample.idl; not to be edited.
"""

from __future__ import annotations

import dataclasses as _dataclasses
import enum as _enum
import typing as _t

from tacit import codec as _codec
from tacit import errors as _errors
from tacit import service as _service


class Refused(_errors.ServiceError):
    """the sample was refused"""

    code = 900001
    name = "refused"


class TooMany(_errors.ServiceError):
    """too many samples

    Comes after the limit.
    """

    code = 900002
    name = "too_many"


class Outcome(_enum.IntEnum):
    """How a sample ended."""

    GOOD = 1
    #: had to be repeated
    BAD = 300


@_dataclasses.dataclass(slots=True, kw_only=True)
class Point(_codec.Record):
    """sample.point"""

    y: float
    x: float

    ENCODED_MAX: _t.ClassVar[int] = 21
    FIELDS: _t.ClassVar[tuple[_codec.Field, ...]] = (
        _codec.Field(1, "x", "f64"),
        _codec.Field(2, "y", "f64"),
    )


@_dataclasses.dataclass(slots=True, kw_only=True)
class Shape(_codec.Record):
    """Points with a name."""

    name: str
    points: list[Point]
    #: since the start
    ended: _t.Optional[Outcome] = None

    ENCODED_MAX: _t.ClassVar[int] = 242
    FIELDS: _t.ClassVar[tuple[_codec.Field, ...]] = (
        _codec.Field(1, "name", "string", minimum=1, maximum=64),
        _codec.Field(2, "points", "struct", list_maximum=8, target=Point),
        _codec.Field(3, "ended", "enum", target=Outcome, optional=True),
    )


@_dataclasses.dataclass(slots=True, kw_only=True)
class Document(_codec.Record):
    """Never sent by a method: the plaintext of a bulk frame."""

    pages: list[bytes]
    tags: list[str]
    states: list[Outcome]

    ENCODED_MAX: _t.ClassVar[int] = 4096
    FIELDS: _t.ClassVar[tuple[_codec.Field, ...]] = (
        _codec.Field(1, "pages", "bytes", minimum=0, maximum=1024, list_maximum=16),
        _codec.Field(2, "tags", "string", minimum=0, maximum=31, list_maximum=4),
        _codec.Field(3, "states", "enum", list_maximum=300, target=Outcome),
    )


@_dataclasses.dataclass(slots=True, kw_only=True)
class CloseArgs(_codec.Record):
    """sample.close_args"""

    number: int

    ENCODED_MAX: _t.ClassVar[int] = 11
    FIELDS: _t.ClassVar[tuple[_codec.Field, ...]] = (
        _codec.Field(1, "number", "u64"),
    )


@_dataclasses.dataclass(slots=True, kw_only=True)
class CloseResult(_codec.Record):
    """sample.close_result"""

    ENCODED_MAX: _t.ClassVar[int] = 1
    FIELDS: _t.ClassVar[tuple[_codec.Field, ...]] = ()


@_dataclasses.dataclass(slots=True, kw_only=True)
class ConvertArgs(_codec.Record):
    """sample.convert_args"""

    flag: bool
    tiny: int
    small: int
    count: int
    large: _t.Optional[int] = None
    signed_small: int
    signed_large: int
    ratio: float
    #: shown to people
    title: str
    digest: bytes
    content: _t.Optional[bytes] = None
    shapes: list[Shape]

    ENCODED_MAX: _t.ClassVar[int] = 73635
    FIELDS: _t.ClassVar[tuple[_codec.Field, ...]] = (
        _codec.Field(1, "flag", "bool"),
        _codec.Field(2, "tiny", "u8"),
        _codec.Field(3, "small", "u16"),
        _codec.Field(4, "count", "u32"),
        _codec.Field(5, "large", "u64", optional=True),
        _codec.Field(6, "signed_small", "i32"),
        _codec.Field(7, "signed_large", "i64"),
        _codec.Field(8, "ratio", "f64"),
        _codec.Field(9, "title", "string", minimum=0, maximum=255),
        _codec.Field(10, "digest", "bytes", minimum=32, maximum=32),
        _codec.Field(11, "content", "bytes", minimum=4, maximum=65536, optional=True),
        _codec.Field(12, "shapes", "struct", list_maximum=32, target=Shape),
    )


@_dataclasses.dataclass(slots=True, kw_only=True)
class ConvertResult(_codec.Record):
    """sample.convert_result"""

    switch: bool
    best: _t.Optional[Shape] = None

    ENCODED_MAX: _t.ClassVar[int] = 246
    FIELDS: _t.ClassVar[tuple[_codec.Field, ...]] = (
        _codec.Field(1, "switch", "bool"),
        _codec.Field(2, "best", "struct", target=Shape, optional=True),
    )


@_dataclasses.dataclass(slots=True, kw_only=True)
class FlowArgs(_codec.Record):
    """sample.flow_args"""

    offset: int

    ENCODED_MAX: _t.ClassVar[int] = 11
    FIELDS: _t.ClassVar[tuple[_codec.Field, ...]] = (
        _codec.Field(1, "offset", "u64"),
    )


@_dataclasses.dataclass(slots=True, kw_only=True)
class FlowResult(_codec.Record):
    """sample.flow_result"""

    size: int

    ENCODED_MAX: _t.ClassVar[int] = 11
    FIELDS: _t.ClassVar[tuple[_codec.Field, ...]] = (
        _codec.Field(1, "size", "u64"),
    )


@_dataclasses.dataclass(slots=True, kw_only=True)
class GiveArgs(_codec.Record):
    """sample.give_args"""

    ENCODED_MAX: _t.ClassVar[int] = 1
    FIELDS: _t.ClassVar[tuple[_codec.Field, ...]] = ()


@_dataclasses.dataclass(slots=True, kw_only=True)
class GiveResult(_codec.Record):
    """sample.give_result"""

    ENCODED_MAX: _t.ClassVar[int] = 1
    FIELDS: _t.ClassVar[tuple[_codec.Field, ...]] = ()


@_dataclasses.dataclass(slots=True, kw_only=True)
class PonderArgs(_codec.Record):
    """sample.ponder_args"""

    ENCODED_MAX: _t.ClassVar[int] = 1
    FIELDS: _t.ClassVar[tuple[_codec.Field, ...]] = ()


@_dataclasses.dataclass(slots=True, kw_only=True)
class PonderResult(_codec.Record):
    """sample.ponder_result"""

    ENCODED_MAX: _t.ClassVar[int] = 1
    FIELDS: _t.ClassVar[tuple[_codec.Field, ...]] = ()


@_dataclasses.dataclass(slots=True, kw_only=True)
class RegisterArgs(_codec.Record):
    """sample.register_args"""

    owner: bytes
    key: _codec.SecretLike
    long: int

    ENCODED_MAX: _t.ClassVar[int] = 117
    FIELDS: _t.ClassVar[tuple[_codec.Field, ...]] = (
        _codec.Field(1, "owner", "bytes", minimum=32, maximum=32),
        _codec.Field(2, "key", "secret", minimum=32, maximum=32),
        _codec.Field(3, "long", "u32"),
    )


@_dataclasses.dataclass(slots=True, kw_only=True)
class RegisterResult(_codec.Record):
    """sample.register_result"""

    key: _t.Optional[_codec.SecretLike] = None

    ENCODED_MAX: _t.ClassVar[int] = 108
    FIELDS: _t.ClassVar[tuple[_codec.Field, ...]] = (
        _codec.Field(1, "key", "secret", minimum=0, maximum=64, optional=True),
    )


@_dataclasses.dataclass(slots=True, kw_only=True)
class TakeArgs(_codec.Record):
    """sample.take_args"""

    name: str
    offset: int

    ENCODED_MAX: _t.ClassVar[int] = 78
    FIELDS: _t.ClassVar[tuple[_codec.Field, ...]] = (
        _codec.Field(1, "offset", "u64"),
        _codec.Field(2, "name", "string", minimum=1, maximum=64),
    )


@_dataclasses.dataclass(slots=True, kw_only=True)
class TakeResult(_codec.Record):
    """sample.take_result"""

    ENCODED_MAX: _t.ClassVar[int] = 1
    FIELDS: _t.ClassVar[tuple[_codec.Field, ...]] = ()


@_dataclasses.dataclass(slots=True, kw_only=True)
class TransferArgs(_codec.Record):
    """sample.transfer_args"""

    ENCODED_MAX: _t.ClassVar[int] = 1
    FIELDS: _t.ClassVar[tuple[_codec.Field, ...]] = ()


@_dataclasses.dataclass(slots=True, kw_only=True)
class TransferResult(_codec.Record):
    """sample.transfer_result"""

    ENCODED_MAX: _t.ClassVar[int] = 1
    FIELDS: _t.ClassVar[tuple[_codec.Field, ...]] = ()


SERVICE = _service.Service(
    name="sample",
    number=900,
    sha256=bytes.fromhex(
        "90e0718af98f1624643f1b3ab1cec34a31c2a72a4bbc1bde335e14ec35776f7e"
    ),
    errors=(
        Refused,
        TooMany,
    ),
    methods=(
        _service.Method(
            "sample.close",
            CloseArgs,
            CloseResult,
            caller="operator",
            deadline_ms=60000,
            idempotent=True,
        ),
        _service.Method(
            "sample.convert",
            ConvertArgs,
            ConvertResult,
            caller="anyone",
            deadline_ms=500,
        ),
        _service.Method(
            "sample.flow",
            FlowArgs,
            FlowResult,
            caller="user",
            deadline_ms=60000,
            stream_in=(4096, 1048576),
            stream_out=(262144, 1099511627776),
        ),
        _service.Method(
            "sample.give",
            GiveArgs,
            GiveResult,
            caller="user",
            deadline_ms=60000,
            stream_in=(4096, 1048576),
            resumable=True,
        ),
        _service.Method(
            "sample.ponder",
            PonderArgs,
            PonderResult,
            caller="anyone",
            deadline_ms=9000,
        ),
        _service.Method(
            "sample.register",
            RegisterArgs,
            RegisterResult,
            caller="owner(owner)",
            deadline_ms=5000,
        ),
        _service.Method(
            "sample.take",
            TakeArgs,
            TakeResult,
            caller="anyone",
            deadline_ms=60000,
            stream_out=(4096, 1048576),
            resumable=True,
            offset="offset",
        ),
        _service.Method(
            "sample.transfer",
            TransferArgs,
            TransferResult,
            caller="enclave(worker, keys)",
            deadline_ms=1000,
            bulk_in=65536,
            bulk_out=262184,
        ),
    ),
)


class SampleClient(_service.Client):
    """Calls of the service sample, over one connection."""

    SERVICE = SERVICE

    async def convert(
        self,
        *,
        flag: bool,
        tiny: int,
        small: int,
        count: int,
        signed_small: int,
        signed_large: int,
        ratio: float,
        title: str,
        digest: bytes,
        shapes: list[Shape],
        large: _t.Optional[int] = None,
        content: _t.Optional[bytes] = None,
        deadline: _t.Optional[float] = None,
        idempotency_key: _t.Optional[bytes] = None,
        traceparent: _t.Optional[str] = None,
    ) -> ConvertResult:
        """Every kind of value, there and back.

        Caller anyone; deadline 500 ms.
        """
        reply = await self.call(
            SERVICE.method("convert"),
            ConvertArgs(flag=flag, tiny=tiny, small=small, count=count, large=large, signed_small=signed_small, signed_large=signed_large, ratio=ratio, title=title, digest=digest, content=content, shapes=shapes),
            bulk=None,
            deadline=deadline,
            idempotency_key=idempotency_key,
            traceparent=traceparent,
        )
        return _t.cast(ConvertResult, reply.result)

    async def register(
        self,
        *,
        owner: bytes,
        key: _codec.SecretLike,
        long: int,
        deadline: _t.Optional[float] = None,
        idempotency_key: _t.Optional[bytes] = None,
        traceparent: _t.Optional[str] = None,
    ) -> RegisterResult:
        """Hands a key over; a C keyword as a name of method and field.

        Caller owner(owner); deadline 5000 ms.

        Raises Refused, TooMany.
        """
        reply = await self.call(
            SERVICE.method("register"),
            RegisterArgs(owner=owner, key=key, long=long),
            bulk=None,
            deadline=deadline,
            idempotency_key=idempotency_key,
            traceparent=traceparent,
        )
        return _t.cast(RegisterResult, reply.result)

    async def transfer(
        self,
        *,
        bulk: _codec.Bytes,
        deadline: _t.Optional[float] = None,
        idempotency_key: _t.Optional[bytes] = None,
        traceparent: _t.Optional[str] = None,
    ) -> bytes:
        """Caller enclave(worker, keys); deadline 1000 ms; bulk in up to 65536 bytes; bulk out up to 262184 bytes."""
        reply = await self.call(
            SERVICE.method("transfer"),
            TransferArgs(),
            bulk=bulk,
            deadline=deadline,
            idempotency_key=idempotency_key,
            traceparent=traceparent,
        )
        return reply.bulk

    async def close_(
        self,
        *,
        number: int,
        deadline: _t.Optional[float] = None,
        idempotency_key: _t.Optional[bytes] = None,
        traceparent: _t.Optional[str] = None,
    ) -> None:
        """Caller operator; deadline 60000 ms; 2 per caller at once."""
        await self.call(
            SERVICE.method("close"),
            CloseArgs(number=number),
            bulk=None,
            deadline=deadline,
            idempotency_key=idempotency_key,
            traceparent=traceparent,
        )

    async def ponder(
        self,
        *,
        deadline: _t.Optional[float] = None,
        idempotency_key: _t.Optional[bytes] = None,
        traceparent: _t.Optional[str] = None,
    ) -> None:
        """Takes its time.

        Caller anyone; deadline 9000 ms; 8, 2 per caller at once; 64 waiting.
        """
        await self.call(
            SERVICE.method("ponder"),
            PonderArgs(),
            bulk=None,
            deadline=deadline,
            idempotency_key=idempotency_key,
            traceparent=traceparent,
        )

    def flow(
        self,
        *,
        offset: int,
        deadline: _t.Optional[float] = None,
        idempotency_key: _t.Optional[bytes] = None,
        traceparent: _t.Optional[str] = None,
    ) -> _service.Stream[FlowResult]:
        """Chunks both ways.

        A call with streams: enter it by `async with`.

        Caller user; deadline 60000 ms.
        """
        return self.stream(
            SERVICE.method("flow"),
            FlowArgs(offset=offset),
            bulk=None,
            deadline=deadline,
            idempotency_key=idempotency_key,
            traceparent=traceparent,
        )

    def give(
        self,
        *,
        deadline: _t.Optional[float] = None,
        idempotency_key: _t.Optional[bytes] = None,
        traceparent: _t.Optional[str] = None,
    ) -> _service.Stream[GiveResult]:
        """Goes on from what the service has.

        A call with streams: enter it by `async with`.

        Caller user; deadline 60000 ms.
        """
        return self.stream(
            SERVICE.method("give"),
            GiveArgs(),
            bulk=None,
            deadline=deadline,
            idempotency_key=idempotency_key,
            traceparent=traceparent,
        )

    def take(
        self,
        *,
        name: str,
        offset: int,
        deadline: _t.Optional[float] = None,
        idempotency_key: _t.Optional[bytes] = None,
        traceparent: _t.Optional[str] = None,
    ) -> _service.Stream[TakeResult]:
        """Goes on from what the caller has.

        A call with streams: enter it by `async with`.

        Caller anyone; deadline 60000 ms.
        """
        return self.stream(
            SERVICE.method("take"),
            TakeArgs(name=name, offset=offset),
            bulk=None,
            deadline=deadline,
            idempotency_key=idempotency_key,
            traceparent=traceparent,
        )
