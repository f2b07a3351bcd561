"""A contract as data: the MessagePack of idl/contract.idl's record `contract`, which describe gives
beside the text, so that a program calls a service that it was not built with."""

import struct as binary
from typing import Optional

from .model import ENCLAVE_ROLES, Field, Method, Service, Share, Stream, Struct

KINDS = {
    "bool": 1, "u8": 2, "u16": 3, "u32": 4, "u64": 5, "i32": 6, "i64": 7, "f64": 8,
    "string": 9, "bytes": 10, "secret": 11, "enum": 12, "struct": 13,
}
CALLERS = {"anyone": 1, "user": 2, "owner": 3, "operator": 4, "enclave": 5}
DOC_MAX = 1023


def _integer(value: int) -> bytes:
    if value <= 0x7F:
        return bytes([value])
    for tag, form, limit in ((0xCC, ">B", 2**8), (0xCD, ">H", 2**16), (0xCE, ">I", 2**32)):
        if value < limit:
            return bytes([tag]) + binary.pack(form, value)
    return b"\xcf" + binary.pack(">Q", value)


def _head(count: int, fixed: int, most: int, wide: int) -> bytes:
    return bytes([fixed | count]) if count <= most else bytes([wide]) + binary.pack(">H", count)


def pack(value) -> bytes:
    """Maps, lists, texts, booleans and unsigned integers; None is left out of maps."""
    if isinstance(value, bool):
        return b"\xc3" if value else b"\xc2"
    if isinstance(value, int):
        return _integer(value)
    if isinstance(value, str):
        text = value.encode()
        if 31 < len(text) <= 255:
            return bytes([0xD9, len(text)]) + text
        return _head(len(text), 0xA0, 31, 0xDA) + text
    if isinstance(value, list):
        return _head(len(value), 0x90, 15, 0xDC) + b"".join(map(pack, value))
    items = [(key, one) for key, one in value.items() if one is not None]
    return _head(len(items), 0x80, 15, 0xDE) + b"".join(pack(k) + pack(one) for k, one in items)


def _cut(text: str, most: int) -> str:
    return text.encode()[:most].decode(errors="ignore")


class _Contract:
    def __init__(self, service: Service):
        self.service = service
        self.records = service.records()

    def field(self, one: Field) -> dict:
        kind = one.type.kind
        bounded = kind in ("string", "bytes", "secret")
        target = None
        if kind == "struct":
            target = self.records.index(one.type.target)
        elif kind == "enum":
            target = self.service.enums.index(one.type.target)
        return {
            1: one.number,
            2: one.name,
            3: KINDS[kind],
            4: one.optional,
            5: one.type.minimum if bounded else None,
            6: one.type.maximum if bounded else None,
            7: one.type.list_maximum,
            8: target,
        }

    def record(self, one: Struct, name: str) -> dict:
        return {1: name, 2: [self.field(field) for field in one.by_number()]}

    def method(self, one: Method) -> dict:
        roles = sum(1 << ENCLAVE_ROLES[role] for role in set(one.caller.roles))
        return {
            1: one.name,
            2: self.records.index(one.args),
            3: self.records.index(one.result),
            4: CALLERS[one.caller.kind],
            5: roles,
            6: one.deadline_ms,
            7: one.bulk_in,
            8: one.bulk_out,
            9: _cut(" ".join(one.doc), DOC_MAX),
            10: one.idempotent,
            11: self.stream(one, one.stream_in),
            12: self.stream(one, one.stream_out),
            13: one.blocking or None,
            14: self.share(one.limit),
            15: self.share(one.queue),
            16: {"memory": 1, "durable": 2}.get(one.keyed),
        }

    def stream(self, method: Method, one: Optional[Stream]) -> Optional[dict]:
        if not one:
            return None
        numbers = {field.name: field.number for field in method.args.fields}
        return {1: one.chunk, 2: one.total, 3: one.resumable or None, 4: numbers.get(one.offset)}

    def share(self, one: Optional[Share]) -> Optional[dict]:
        return {1: one.all, 2: one.per_caller} if one else None

    def names(self) -> dict[int, str]:
        found = {id(one): one.name for one in self.service.structs}
        for method in self.service.methods:
            found[id(method.args)] = f"{method.name}.args"
            found[id(method.result)] = f"{method.name}.result"
        return found

    def pack(self) -> bytes:
        service, names = self.service, self.names()
        enums = [
            {1: one.name, 2: [{1: v.number, 2: v.name} for v in one.values]}
            for one in service.enums
        ]
        errors = [{1: one.code, 2: one.name, 3: _cut(one.text, 255)} for one in service.errors]
        return pack({
            1: service.name,
            2: service.number,
            3: _cut(service.title, 255),
            4: [self.record(one, names[id(one)]) for one in self.records],
            5: enums,
            6: errors,
            7: [self.method(one) for one in service.methods_by_name()],
        })


def encode(service: Service) -> bytes:
    return _Contract(service).pack()
