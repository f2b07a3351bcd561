"""What things are called in C, in one place, so that checks can see two that clash."""

from typing import Iterator

from .diagnostics import Position
from .model import Enum, Field, Method, Service, Struct

# C11, and the macros of <stdbool.h>. Elsewhere names carry a prefix; members do not.
_RESERVED = frozenset(
    """auto bool break case char const continue default do double else enum extern false float for
    goto if inline int long register restrict return short signed sizeof static struct switch true
    typedef typeof asm union unsigned void volatile while""".split()
)


def member(name: str) -> str:
    """Of a struct: the IDL's name, with an underscore after it where C has other plans for it."""
    return name + "_" if name in _RESERVED else name


def has_member(one: Field) -> str:
    return f"has_{one.name}"


class Names:
    def __init__(self, service: Service):
        self.lower = f"tacit_{service.name}"
        self.upper = self.lower.upper()
        self.service = f"{self.lower}_service"
        self.methods = f"{self.lower}_methods"
        self.handlers = f"{self.lower}_handlers"

    def struct(self, struct: Struct) -> str:
        return f"{self.lower}_{struct.name}_t"

    def record(self, struct: Struct) -> str:
        return f"{self.lower}_{struct.name}_record"

    def enum(self, enum: Enum) -> str:
        return f"{self.lower}_{enum.name}"

    def enum_value(self, enum: Enum, value: str) -> str:
        return f"{self.upper}_{enum.name.upper()}_{value.upper()}"

    def error(self, error: str) -> str:
        return f"{self.upper}_{error.upper()}"

    def method(self, method: Method) -> str:
        return f"{self.lower}_{method.name}"

    def call(self, method: Method) -> str:
        return f"{self.lower}_{method.name}_call"

    def list_limit(self, record: Struct, one: Field) -> str:
        return f"{self.upper}_{record.name.upper()}_{one.name.upper()}_MAX"

    def bulk_limit(self, method: Method, direction: str) -> str:
        return f"{self.upper}_{method.name.upper()}_BULK_{direction}_MAX"


def generated_names(service: Service) -> Iterator[tuple[str, Position, str]]:
    """Every name that the C output puts into a scope: (name, where from, what it is)."""
    names = Names(service)
    whole = f"service '{service.name}'"
    for name in (names.service, names.methods, f"{names.handlers}_t"):
        yield name, service.position, whole
    for error in service.errors:
        yield names.error(error.name), error.position, f"error '{error.name}'"
    for enum in service.enums:
        yield f"{names.enum(enum)}_t", enum.position, f"enum '{enum.name}'"
        yield f"{names.enum(enum)}_name", enum.position, f"enum '{enum.name}'"
        for value in enum.values:
            what = f"value '{value.name}' of '{enum.name}'"
            yield names.enum_value(enum, value.name), value.position, what
    for record in service.records():
        what = f"'{record.name}'"
        yield names.struct(record), record.position, what
        yield names.record(record), record.position, what
        yield from _members(record)
        for one in record.fields:
            if one.type.list_maximum is not None:
                yield names.list_limit(record, one), one.position, f"list '{one.name}'"
    for method in service.methods:
        what = f"method '{method.name}'"
        yield names.method(method), method.position, what
        yield names.call(method), method.position, what
        yield f"handlers.{member(method.name)}", method.position, what
        for size, direction in ((method.bulk_in, "IN"), (method.bulk_out, "OUT")):
            if size:
                yield names.bulk_limit(method, direction), method.position, what


def _members(record: Struct) -> Iterator[tuple[str, Position, str]]:
    for one in record.fields:
        what = f"field '{one.name}'"
        yield f"{record.name}.{member(one.name)}", one.position, what
        if one.optional:
            yield f"{record.name}.{has_member(one)}", one.position, what
