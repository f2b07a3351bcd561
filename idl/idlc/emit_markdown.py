"""The tables of docs/PROTOCOL.md, and the file's section that holds them."""

from typing import Optional

from .model import Field, Method, Service, Struct

BEGIN = "<!-- idlc: begin -->"
END = "<!-- idlc: end -->"


def emit(services: list[Service]) -> str:
    """Every service, by number."""
    lines: list[str] = []
    for service in services:
        lines += _service(service)
    return "\n".join(lines[:-1]) + "\n"


def update(document: str, services: list[Service]) -> Optional[str]:
    """The document with its section rewritten; None where it has not one pair of markers."""
    if document.count(BEGIN) != 1 or document.count(END) != 1:
        return None
    before, rest = document.split(BEGIN)
    _, found, after = rest.partition(END)
    return f"{before}{BEGIN}\n{emit(services)}{END}{after}" if found else None


def _service(service: Service) -> list[str]:
    lines = [f"### {service.name} ({service.number})", "", f"{service.title}.", ""]
    lines += _paragraph(service.doc)
    rows = [
        [
            f"[{method.name}](#{service.name}{method.name})",
            method.caller.text(),
            _duration(method.deadline_ms),
            _bulk(method.bulk_in),
            _bulk(method.bulk_out),
        ]
        for method in service.methods
    ]
    lines += _table(["method", "caller", "deadline", "bulk in", "bulk out"], rows)
    rows = [
        [str(one.code), f"`{one.name}`", _cell(["; ".join([one.text, *one.doc])])]
        for one in service.errors
    ]
    lines += _table(["code", "error", "what happened"], rows)
    for method in service.methods:
        lines += _method(service, method)
    for enum in service.enums:
        lines += [f"#### enum {service.name}.{enum.name}", ""] + _paragraph(enum.doc)
        rows = [[str(value.number), f"`{value.name}`", _cell(value.doc)] for value in enum.values]
        lines += _table(["number", "value", "meaning"], rows)
    for struct in service.structs:
        lines += _struct(service, struct)
    return lines


def _method(service: Service, method: Method) -> list[str]:
    lines = [f"#### {service.name}.{method.name}", ""] + _paragraph(method.doc)
    facts = [f"caller {method.caller.text()}", f"deadline {_duration(method.deadline_ms)}"]
    facts += ["idempotent"] if method.idempotent else []
    facts += [{"memory": "keyed", "durable": "keyed durable"}[method.keyed]] if method.keyed else []
    facts += [f"bulk in up to {method.bulk_in} bytes"] if method.bulk_in else []
    facts += [f"bulk out up to {method.bulk_out} bytes"] if method.bulk_out else []
    for direction, stream in (("in", method.stream_in), ("out", method.stream_out)):
        if stream:
            facts.append(
                f"stream {direction} in chunks up to {stream.chunk} bytes, {stream.total} in all"
                + (f", {stream.text()}" if stream.resumable else "")
            )
    facts += ["blocking"] if method.blocking else []
    facts += [f"{method.limit.text()} at once"] if method.limit else []
    facts += [f"{method.queue.text()} waiting"] if method.queue else []
    lines += ["; ".join(facts) + ".", ""]
    if method.errors:
        names = ", ".join(f"`{one.name}`" for one in method.errors)
        lines += [f"Errors of its own: {names}.", ""]
    for record, what in ((method.args, "argument"), (method.result, "result")):
        lines += _fields(record, what) or [f"No {what}s.", ""]
    return lines


def _struct(service: Service, struct: Struct) -> list[str]:
    lines = [f"#### struct {service.name}.{struct.name}", ""] + _paragraph(struct.doc)
    size = f"Encoded in at most {struct.encoded_max} bytes"
    lines += [f"{size}; part of no message.", ""] if struct.standalone else [f"{size}.", ""]
    return lines + _fields(struct, "field")


def _fields(record: Struct, what: str) -> list[str]:
    rows = [
        [str(one.number), f"`{one.name}`", f"`{one.type.text()}`", _field_doc(one)]
        for one in record.by_number()
    ]
    return _table(["number", what, "type", "meaning"], rows)


def _field_doc(one: Field) -> str:
    doc = _cell(one.doc)
    return "; ".join(part for part in ("optional" if one.optional else "", doc) if part)


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    if not rows:
        return []
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    return lines + [f"| {' | '.join(row)} |" for row in rows] + [""]


def _paragraph(doc: list[str]) -> list[str]:
    return [" ".join(doc).replace("<", "&lt;"), ""] if doc else []


def _cell(doc: list[str]) -> str:
    return " ".join(doc).replace("<", "&lt;").replace("|", "\\|")


def _bulk(size: int) -> str:
    return str(size) if size else "no"


def _duration(milliseconds: int) -> str:
    if milliseconds % 1000 == 0:
        return f"{milliseconds // 1000} s"
    return f"{milliseconds} ms"
