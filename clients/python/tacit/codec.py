"""MessagePack under the tables of generated classes, with the bounds of docs/PROTOCOL.md.

msgpack reads bytes into plain values; everything about them is checked here before a record is made
of them, as rpc/codec_decode.c does it: types, ranges, lengths, required fields, keys that come twice,
depth. What a writer would send beyond a bound is refused before it is sent.
"""

from __future__ import annotations

import dataclasses
import enum
import typing as _t

import msgpack  # type: ignore[import]

from . import errors
from .secret import Secret

Bytes = _t.Union[bytes, bytearray, memoryview]
SecretLike = _t.Union[Secret, bytes, bytearray, memoryview]
Seal = _t.Callable[[int, Secret], bytes]
Open = _t.Callable[[int, bytes], Secret]

FRAME_MAX = 1024 * 1024
BULK_MAX = 16 * 1024 * 1024 + 64 * 1024
DEPTH_MAX = 8
UNKNOWN_MAX = 32
SEAL_OVERHEAD = 40

_RANGES = {
    "u8": (0, 0xFF),
    "u16": (0, 0xFFFF),
    "u32": (0, 0xFFFFFFFF),
    "u64": (0, 0xFFFFFFFFFFFFFFFF),
    "i32": (-0x80000000, 0x7FFFFFFF),
    "i64": (-0x8000000000000000, 0x7FFFFFFFFFFFFFFF),
}


@dataclasses.dataclass(frozen=True, slots=True)
class Field:
    """A row of a record: one field and its bounds."""

    number: int
    name: str
    kind: str
    minimum: int = 0
    maximum: int = 0
    list_maximum: _t.Optional[int] = None
    target: _t.Any = None
    optional: bool = False


class Record:
    """Base of everything that is a map on the wire; subclasses are dataclasses."""

    __slots__ = ()
    ENCODED_MAX: _t.ClassVar[int] = 0
    FIELDS: _t.ClassVar[tuple[Field, ...]] = ()


class Pairs(tuple[tuple[_t.Any, _t.Any], ...]):
    """A map as it came: in order, with whatever keys."""

    __slots__ = ()


R = _t.TypeVar("R", bound=Record)


def _refuse(field: Field, expected: str, got: str) -> errors.BadInput:
    return errors.BadInput("an argument is not valid", claim=field.name, expected=expected, got=got)


def _check_size(field: Field, size: int) -> None:
    if not field.minimum <= size <= field.maximum:
        raise _refuse(field, f"{field.minimum}..{field.maximum} bytes", f"{size} bytes")


def _check_text(field: Field, value: _t.Any) -> str:
    if not isinstance(value, str):
        raise _refuse(field, "string", type(value).__name__)
    try:
        encoded = value.encode("utf-8", "surrogateescape")
        _check_size(field, len(encoded))
        encoded.decode()
    except UnicodeError:
        raise _refuse(field, "UTF-8 without NUL", "other bytes") from None
    if "\0" in value:
        raise _refuse(field, "UTF-8 without NUL", "other bytes")
    return value


def _check_number(field: Field, value: _t.Any) -> int:
    least, most = _RANGES[field.kind]
    if type(value) is not int and not isinstance(value, enum.IntEnum):
        raise _refuse(field, field.kind, type(value).__name__)
    if not least <= value <= most:
        raise _refuse(field, field.kind, str(value))
    return int(value)


def _check_enum(field: Field, value: _t.Any) -> _t.Any:
    if type(value) is not int and not isinstance(value, field.target):
        raise _refuse(field, "a value of the enum", type(value).__name__)
    try:
        return field.target(value)
    except ValueError:
        raise _refuse(field, "a value of the enum", str(value)) from None


# --- writing ----------------------------------------------------------------------------------


def _put_bytes(field: Field, value: _t.Any) -> bytes:
    if not isinstance(value, (bytes, bytearray, memoryview)):
        raise _refuse(field, "bytes", type(value).__name__)
    data = bytes(value)
    _check_size(field, len(data))
    return data


def _put_secret(field: Field, value: _t.Any, seal: _t.Optional[Seal]) -> bytes:
    if seal is None:
        raise errors.NoSession("a secret travels in a session only", claim=field.name)
    secret = value if isinstance(value, Secret) else Secret.copy(_put_bytes(field, value))
    _check_size(field, len(secret))
    return seal(field.number, secret)


def _put_value(field: Field, value: _t.Any, seal: _t.Optional[Seal]) -> _t.Any:
    if field.kind in _RANGES:
        return _check_number(field, value)
    if field.kind == "string":
        return _check_text(field, value)
    if field.kind == "bytes":
        return _put_bytes(field, value)
    if field.kind == "secret":
        return _put_secret(field, value, seal)
    if field.kind == "enum":
        return int(_check_enum(field, value))
    if field.kind == "bool":
        if not isinstance(value, bool):
            raise _refuse(field, "bool", type(value).__name__)
        return value
    if field.kind == "f64":
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise _refuse(field, "f64", type(value).__name__)
        return float(value)
    if not isinstance(value, field.target):
        raise _refuse(field, field.target.__name__, type(value).__name__)
    return to_map(value, seal)


def to_map(record: Record, seal: _t.Optional[Seal] = None) -> dict[int, _t.Any]:
    """What goes on the wire: field numbers and plain values, every bound checked."""
    values: dict[int, _t.Any] = {}
    for field in record.FIELDS:
        value = getattr(record, field.name)
        if value is None and field.optional:
            continue
        if field.list_maximum is None:
            values[field.number] = _put_value(field, value, seal)
            continue
        if not isinstance(value, (list, tuple)):
            raise _refuse(field, "list", type(value).__name__)
        if len(value) > field.list_maximum:
            raise _refuse(field, f"0..{field.list_maximum} elements", f"{len(value)} elements")
        values[field.number] = [_put_value(field, one, seal) for one in value]
    return values


def encode(record: Record, seal: _t.Optional[Seal] = None) -> bytes:
    """A record by itself."""
    packed: bytes = msgpack.packb(to_map(record, seal))
    if len(packed) > record.ENCODED_MAX:
        raise errors.TooLarge(
            "the message is too large", expected=f"{record.ENCODED_MAX} bytes", got=str(len(packed))
        )
    return packed


# --- reading ----------------------------------------------------------------------------------


def _no_extension(_code: int, _data: bytes) -> _t.Any:
    raise ValueError("an extension type")


def unpack(data: Bytes) -> _t.Any:
    """Foreign bytes to plain values; maps become Pairs."""
    try:
        return msgpack.unpackb(
            data,
            raw=False,
            unicode_errors="surrogateescape",  # judged field by field
            strict_map_key=False,
            object_pairs_hook=Pairs,
            ext_hook=_no_extension,
            max_str_len=len(data),
            max_bin_len=len(data),
            max_array_len=len(data),
            max_map_len=len(data),
            max_ext_len=0,
        )
    except (ValueError, msgpack.UnpackException) as error:
        raise errors.Malformed(f"the message ends early or is not msgpack: {error}") from None


_PLAIN = (type(None), bool, int, float, str, bytes)


def _skip(value: _t.Any, depth: int) -> None:
    """An unknown field's value: of our types, and not too deep."""
    if isinstance(value, (list, Pairs)):
        if depth > DEPTH_MAX:
            raise errors.TooLarge(f"nested more than {DEPTH_MAX} containers deep")
        for one in value:
            for part in one if isinstance(value, Pairs) else (one,):
                _skip(part, depth + 1)
    elif not isinstance(value, _PLAIN):
        raise errors.Malformed("an unknown field is not msgpack")


def _get_secret(field: Field, value: _t.Any, opener: _t.Optional[Open]) -> Secret:
    if not isinstance(value, bytes):
        raise _refuse(field, "secret", type(value).__name__)
    if opener is None:
        raise errors.NoSession("a secret travels in a session only", claim=field.name)
    _check_size(field, len(value) - SEAL_OVERHEAD)
    return opener(field.number, value)


def _get_value(field: Field, value: _t.Any, opener: _t.Optional[Open], depth: int) -> _t.Any:
    if field.kind in _RANGES:
        return _check_number(field, value)
    if field.kind == "string":
        return _check_text(field, value)
    if field.kind == "bytes":
        if not isinstance(value, bytes):
            raise _refuse(field, "bytes", type(value).__name__)
        _check_size(field, len(value))
        return value
    if field.kind == "secret":
        return _get_secret(field, value, opener)
    if field.kind == "enum":
        return _check_enum(field, value)
    if field.kind in ("bool", "f64"):
        wanted = bool if field.kind == "bool" else float
        if type(value) is not wanted:
            raise _refuse(field, field.kind, type(value).__name__)
        return value
    if not isinstance(value, Pairs):
        raise _refuse(field, "struct", type(value).__name__)
    return from_map(field.target, value, opener, depth + 1)


def _get_field(field: Field, value: _t.Any, opener: _t.Optional[Open], depth: int) -> _t.Any:
    if field.list_maximum is None:
        return _get_value(field, value, opener, depth)
    if type(value) is not list:
        raise _refuse(field, "list", type(value).__name__)
    if len(value) > field.list_maximum:
        raise _refuse(field, f"0..{field.list_maximum} elements", f"{len(value)} elements")
    return [_get_value(field, one, opener, depth + 1) for one in value]


def from_map(
    kind: type[R], pairs: _t.Any, opener: _t.Optional[Open] = None, depth: int = 1
) -> R:
    """A record of values that `unpack` gave."""
    if not isinstance(pairs, Pairs):
        raise errors.Malformed("not a map of fields")
    if depth > DEPTH_MAX:
        raise errors.TooLarge(f"nested more than {DEPTH_MAX} containers deep")
    fields = {field.number: field for field in kind.FIELDS}
    found: dict[str, _t.Any] = {}
    seen: set[int] = set()
    for key, value in pairs:
        if type(key) is not int or not 1 <= key <= 0xFFFFFFFF:
            raise errors.Malformed("a key is no field number")
        if key in seen:
            raise errors.Malformed("a key comes twice")
        seen.add(key)
        if key in fields:
            found[fields[key].name] = _get_field(fields[key], value, opener, depth)
        elif len(seen - fields.keys()) > UNKNOWN_MAX:
            raise errors.TooLarge(f"more than {UNKNOWN_MAX} unknown fields")
        else:
            _skip(value, depth + 1)
    for field in kind.FIELDS:
        if not field.optional and field.name not in found:
            raise _refuse(field, field.kind, "nothing")
    return kind(**found)


def decode(kind: type[R], data: Bytes, opener: _t.Optional[Open] = None) -> R:
    """A record by itself."""
    return from_map(kind, unpack(data), opener)
