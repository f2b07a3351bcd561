"""What things are called in Python, in one place, so that checks can see two that clash."""

import keyword
from typing import Iterator

from .diagnostics import Position
from .model import Service

# Parameters that every call has, and members of the client itself.
_OPTIONS = frozenset(("self", "bulk", "deadline", "idempotency_key", "traceparent"))
_CLIENT = frozenset(("call", "close", "connection", "health", "describe", "metrics"))


def camel(name: str) -> str:
    """grant_info: GrantInfo."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def parameter(name: str) -> str:
    """Of a field, value or method: the IDL's name, with an underscore after it where Python, or the
    client, has other plans for it."""
    taken = keyword.iskeyword(name) or name in _OPTIONS or name in _CLIENT
    return name + "_" if taken else name


def python_names(service: Service) -> Iterator[tuple[str, Position, str]]:
    """Every name that the Python output puts into a scope: (name, where from, what it is)."""
    yield f"{camel(service.name)}Client", service.position, f"service '{service.name}'"
    for error in service.errors:
        yield camel(error.name), error.position, f"error '{error.name}'"
    for enum in service.enums:
        yield camel(enum.name), enum.position, f"enum '{enum.name}'"
        for value in enum.values:
            what = f"value '{value.name}' of '{enum.name}'"
            yield f"{camel(enum.name)}.{parameter(value.name).upper()}", value.position, what
    for record in service.records():
        yield camel(record.name), record.position, f"'{record.name}'"
        for one in record.fields:
            name = f"{camel(record.name)}.{parameter(one.name)}"
            yield name, one.position, f"field '{one.name}'"
    for method in service.methods:
        name = f"{camel(service.name)}Client.{parameter(method.name)}"
        yield name, method.position, f"method '{method.name}'"
