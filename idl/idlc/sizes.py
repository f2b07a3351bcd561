"""How many bytes an encoding may take at most: MessagePack's own arithmetic."""

from .model import Field, Struct, Type

FRAME_MAX = 1024 * 1024  # frame 0, whole
ENVELOPE_MAX = 4096  # of it for message id, method name, deadline, traceparent, idempotency key
RECORD_MAX = FRAME_MAX - ENVELOPE_MAX  # arguments or result of a method
STANDALONE_MAX = 64 * 1024 * 1024  # structs that no method carries
SECRET_OVERHEAD = 40  # nonce and tag of a sealed field (enclave/seal.h)

_FIXED = {"bool": 1, "u8": 2, "u16": 3, "u32": 5, "u64": 9, "i32": 5, "i64": 9, "f64": 9}


def integer_size(value: int) -> int:
    """Bytes of an unsigned integer in its shortest form."""
    for limit, size in ((0x7F, 1), (0xFF, 2), (0xFFFF, 3), (0xFFFFFFFF, 5)):
        if value <= limit:
            return size
    return 9


def _header(count: int, fixed: int, short: bool) -> int:
    """Bytes before the content of a string, bytes, map or array; fixed: most that fit into one;
    short: there is a form with an 8-bit count."""
    if count <= fixed:
        return 1
    if short and count <= 0xFF:
        return 2
    return 3 if count <= 0xFFFF else 5


def _element_size(of_type: Type) -> int:
    if of_type.kind == "string":
        return _header(of_type.maximum, 31, True) + of_type.maximum
    if of_type.kind in ("bytes", "secret"):
        size = of_type.maximum + (SECRET_OVERHEAD if of_type.kind == "secret" else 0)
        return _header(size, -1, True) + size
    if of_type.kind == "enum":
        return max(integer_size(value.number) for value in of_type.target.values)
    if of_type.kind == "struct":
        return of_type.target.encoded_max
    return _FIXED[of_type.kind]


def field_size(one: Field) -> int:
    """Key and value. Structs in it must have been measured before."""
    size = _element_size(one.type)
    if one.type.list_maximum is not None:
        size = _header(one.type.list_maximum, 15, False) + one.type.list_maximum * size
    return integer_size(one.number) + size


def record_size(struct: Struct) -> int:
    return _header(len(struct.fields), 15, False) + sum(map(field_size, struct.fields))
