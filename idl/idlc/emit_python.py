"""Python from a service: NAME.py, typed classes over the package `tacit` (clients/python).

Like the C output it is data for one small codec: each class has its table of fields, each method a
row, and each call of the client is one line.
"""

import os
from typing import Iterator

from .model import BOUNDED, Enum, Error, Field, Method, Service, Struct
from .python_names import camel, parameter

_HEAD = '''\
from __future__ import annotations

import dataclasses as _dataclasses
import enum as _enum
import typing as _t

from tacit import codec as _codec
from tacit import errors as _errors
from tacit import service as _service

'''
_TYPES = {"bool": "bool", "f64": "float", "string": "str", "bytes": "bytes",
          "secret": "_codec.SecretLike"}


def emit(service: Service) -> str:
    parts = [_module(service), _HEAD]
    parts += [_error(one) for one in service.errors]
    parts += [_enumeration(one) for one in service.enums]
    parts += [_record(service, one) for one in service.records()]
    parts += [_table(service), _client(service)]
    return "".join(parts)


def write(service: Service, folder: str) -> None:
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, f"{service.name}.py")
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        file.write(emit(service))


# --- text -------------------------------------------------------------------------------------


def _literal(text: str) -> str:
    """A string of Python, in ASCII and on one line."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return '"' + escaped.encode("ascii", "backslashreplace").decode() + '"'


def _docstring(indent: str, paragraphs: list[list[str]]) -> str:
    """Lines of the IDL as they stand; nothing in them can end the docstring early."""
    lines: list[str] = []
    for paragraph in (one for one in paragraphs if one):
        lines += ([""] if lines else []) + paragraph
    safe = [line.replace("\\", "\\\\").replace('"', '\\"') for line in lines]
    if len(safe) == 1:
        return f'{indent}"""{safe[0]}"""\n'
    body = "".join(f"{indent}{line}\n" if line else "\n" for line in safe[1:])
    return f'{indent}"""{safe[0]}\n{body}{indent}"""\n'


def _module(service: Service) -> str:
    title = f"{service.name} ({service.number}): {service.title}."
    made = f"Written by idlc from {service.name}.idl; not to be edited."
    return _docstring("", [[title], service.doc, [made]]) + "\n"


# --- types ------------------------------------------------------------------------------------


def _type(one: Field) -> str:
    kind = one.type.kind
    text = camel(one.type.name) if kind in ("enum", "struct") else _TYPES.get(kind, "int")
    text = text if one.type.list_maximum is None else f"list[{text}]"
    return f"_t.Optional[{text}]" if one.optional else text


def _default(one: Field) -> str:
    return " = None" if one.optional else ""


def _row(one: Field) -> str:
    facts = [str(one.number), f'"{parameter(one.name)}"', f'"{one.type.kind}"']
    if one.type.kind in BOUNDED:
        facts += [f"minimum={one.type.minimum}", f"maximum={one.type.maximum}"]
    if one.type.list_maximum is not None:
        facts.append(f"list_maximum={one.type.list_maximum}")
    if one.type.kind in ("enum", "struct"):
        facts.append(f"target={camel(one.type.name)}")
    facts += ["optional=True"] if one.optional else []
    return f"_codec.Field({', '.join(facts)})"


# --- declarations -----------------------------------------------------------------------------


def _error(error: Error) -> str:
    return (
        f"\nclass {camel(error.name)}(_errors.ServiceError):\n"
        + _docstring("    ", [[error.text], error.doc])
        + f'\n    code = {error.code}\n    name = "{error.name}"\n\n'
    )


def _enumeration(enum: Enum) -> str:
    doc = _docstring("    ", [enum.doc or [enum.name]])
    values = "".join(
        "".join(f"    #: {line}\n" for line in value.doc)
        + f"    {parameter(value.name).upper()} = {value.number}\n"
        for value in enum.values
    )
    return f"\nclass {camel(enum.name)}(_enum.IntEnum):\n{doc}\n{values}\n"


def _record(service: Service, record: Struct) -> str:
    doc = record.doc or [f"{service.name}.{record.name}"]
    lines = ["\n@_dataclasses.dataclass(slots=True, kw_only=True)\n"]
    lines.append(f"class {camel(record.name)}(_codec.Record):\n{_docstring('    ', [doc])}\n")
    for one in record.fields:
        lines += [f"    #: {line}\n" for line in one.doc]
        lines.append(f"    {parameter(one.name)}: {_type(one)}{_default(one)}\n")
    lines += ["\n"] if record.fields else []
    lines.append(f"    ENCODED_MAX: _t.ClassVar[int] = {record.encoded_max}\n")
    rows = "".join(f"        {_row(one)},\n" for one in record.by_number())
    table = f"(\n{rows}    )" if rows else "()"
    lines.append(f"    FIELDS: _t.ClassVar[tuple[_codec.Field, ...]] = {table}\n\n")
    return "".join(lines)


def _table(service: Service) -> str:
    errors = "".join(f"        {camel(one.name)},\n" for one in service.errors)
    methods = "".join(
        f"        {_method_row(service, one)},\n" for one in service.methods_by_name())
    return (
        "\nSERVICE = _service.Service(\n"
        f'    name="{service.name}",\n    number={service.number},\n'
        f'    sha256=bytes.fromhex(\n        "{service.sha256.hex()}"\n    ),\n'
        + (f"    errors=(\n{errors}    ),\n" if errors else "    errors=(),\n")
        + (f"    methods=(\n{methods}    ),\n" if methods else "    methods=(),\n")
        + ")\n\n"
    )


def _method_row(service: Service, method: Method) -> str:
    facts = [
        f'"{service.name}.{method.name}"', camel(method.args.name), camel(method.result.name),
        f'caller="{method.caller.text()}"', f"deadline_ms={method.deadline_ms}",
    ]
    facts += [f"bulk_in={method.bulk_in}"] if method.bulk_in else []
    facts += [f"bulk_out={method.bulk_out}"] if method.bulk_out else []
    facts += ["idempotent=True"] if method.idempotent else []
    facts += ["keyed=True"] if method.keyed else []
    for direction, stream in (("in", method.stream_in), ("out", method.stream_out)):
        facts += [f"stream_{direction}=({stream.chunk}, {stream.total})"] if stream else []
        facts += ["resumable=True"] if stream and stream.resumable else []
        facts += [f'offset="{parameter(stream.offset)}"'] if stream and stream.offset else []
    inside = "".join(f"            {fact},\n" for fact in facts)
    return f"_service.Method(\n{inside}        )"


# --- calls ------------------------------------------------------------------------------------


def _client(service: Service) -> str:
    doc = _docstring("    ", [[f"Calls of the service {service.name}, over one connection."]])
    head = f"\nclass {camel(service.name)}Client(_service.Client):\n{doc}\n    SERVICE = SERVICE\n"
    return head + "".join(_call(service, method) for method in service.methods)


def _parameters(method: Method) -> Iterator[str]:
    """Required ones first; all of them by keyword."""
    for one in sorted(method.args.fields, key=lambda one: one.optional):
        yield f"{parameter(one.name)}: {_type(one)}{_default(one)}"
    if method.bulk_in:
        yield "bulk: _codec.Bytes"
    yield "deadline: _t.Optional[float] = None"
    yield "idempotency_key: _t.Optional[bytes] = None"
    yield "traceparent: _t.Optional[str] = None"


def _answer(method: Method) -> tuple[str, str]:
    """What a call returns: its type, and how it is had of the reply."""
    result = camel(method.result.name)
    if method.result.fields and method.bulk_out:
        return f"tuple[{result}, bytes]", "return _t.cast({0}, reply.result), reply.bulk"
    if method.result.fields:
        return result, "return _t.cast({0}, reply.result)"
    return ("bytes", "return reply.bulk") if method.bulk_out else ("None", "")


def _start(method: Method, answer: str) -> str:
    if method.streams:
        return "return self.stream"
    return f"{'reply = ' if answer else ''}await self.call"


def _call(service: Service, method: Method) -> str:
    kind, answer = _answer(method)
    parameters = "".join(f"        {one},\n" for one in _parameters(method))
    facts = f"Caller {method.caller.text()}; deadline {method.deadline_ms} ms"
    facts += "".join(
        f"; bulk {direction} up to {size} bytes"
        for direction, size in (("in", method.bulk_in), ("out", method.bulk_out)) if size
    )
    facts += f"; {method.limit.text()} at once" if method.limit else ""
    facts += f"; {method.queue.text()} waiting" if method.queue else ""
    errors = ", ".join(camel(one.name) for one in method.errors)
    doc = [method.doc, [f"{facts}."], [f"Raises {errors}."] if errors else []]
    values = ", ".join(f"{parameter(one.name)}={parameter(one.name)}" for one in method.args.fields)
    options = "deadline=deadline, idempotency_key=idempotency_key, traceparent=traceparent"
    if method.streams:
        kind, answer, keywords = f"_service.Stream[{camel(method.result.name)}]", "", "def"
        doc[1:1] = [["A call with streams: enter it by `async with`."]]
    else:
        keywords = "async def"
    take = f"        {answer.format(camel(method.result.name))}\n" if answer else ""
    return (
        f"\n    {keywords} {parameter(method.name)}(\n        self,\n        *,\n{parameters}"
        f"    ) -> {kind}:\n{_docstring('        ', doc)}"
        f"        {_start(method, answer)}(\n"
        f'            SERVICE.method("{method.name}"),\n'
        f"            {camel(method.args.name)}({values}),\n"
        f"            bulk={'bulk' if method.bulk_in else 'None'},\n"
        f"            {options.replace(', ', f',{chr(10)}            ')},\n        )\n{take}"
    )
