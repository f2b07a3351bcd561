"""Good requests to every method, made from the contracts in idl/, and ways to damage their bytes."""

import os
import random
import struct
import sys

import msgpack

import wire
from mesh import SOURCE

sys.path.insert(0, os.path.join(SOURCE, "idl"))
from idlc import checks, model, parser  # noqa: E402 (the compiler lives beside the contracts)

EDGES = (0, 1, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0xFFFF, 0x10000, 2**31 - 1, 2**31, 2**32 - 1, 2**63,
         2**64 - 1)
LIST_MOST, TEXT_MOST = 4, 80  # elements and bytes where a contract allows more
HEADERS = bytes([0x80, 0x90, 0xA0, 0xC0, 0xC1, 0xC4, 0xC6, 0xCA, 0xCF, 0xD3, 0xD9, 0xDB, 0xDD, 0xDF])


def contracts():
    """Every service of idl/, by name."""
    found = {}
    for name in sorted(os.listdir(os.path.join(SOURCE, "idl"))):
        if name.endswith(".idl"):
            path = os.path.join(SOURCE, "idl", name)
            with open(path, encoding="utf-8") as file:
                service = parser.parse(file.read())
            checks.check(service, path)
            found[service.name] = service
    return found


class Maker:
    """Arguments that their contract allows, for one caller."""

    def __init__(self, chance: random.Random, identity: wire.Identity):
        self.random, self.identity = chance, identity

    def request(self, service, method, msgid, session=None):
        """As data: what msgpack packs into a frame."""
        name = f"{service.name}.{method.name}"
        args = {}
        for field in method.args.fields:
            if field.optional and self.random.random() < 0.4:
                continue
            value = self.value(field.type, field.name)
            if field.type.kind == "secret" and session:
                value = session.seal(msgid, name, field.number, value)
            args[field.number] = value
        meta = {1: self.random.randrange(1, 2000)} if self.random.random() < 0.5 else {}
        return [0, msgid, name, [args, meta]]

    def value(self, kind, name):
        if kind.list_maximum is not None:
            count = self.random.randrange(min(kind.list_maximum, LIST_MOST) + 1)
            return [self.one(kind, name) for _ in range(count)]
        return self.one(kind, name)

    def one(self, kind, name):
        if kind.kind == "enum":
            return self.random.choice(kind.target.values).number
        if kind.kind == "struct":
            return {field.number: self.value(field.type, field.name)
                    for field in kind.target.fields}
        if kind.kind in model.BOUNDED:
            return self.text(kind, name)
        if kind.kind == "bool":
            return self.random.random() < 0.5
        if kind.kind == "f64":
            return self.random.uniform(-1e3, 1e3)
        bits = int(kind.kind[1:])
        edge = self.random.choice(EDGES) if self.random.random() < 0.3 else self.random.randrange(9)
        return edge % (1 << (bits - (kind.kind[0] == "i")))

    def text(self, kind, name):
        most = max(kind.minimum, min(kind.maximum, TEXT_MOST))
        size = self.random.randint(kind.minimum, most)
        if kind.kind == "string":
            return "".join(self.random.choices("abcxyz-_.019", k=size))
        if size == 32 and name in ("owner", "user") and self.random.random() < 0.7:
            return self.identity.public
        return self.random.randbytes(size)


def damage(chance, request):
    """The frame of a request, damaged: one time of three its bytes anywhere, one those of its
    arguments, one its values."""
    kind = chance.randrange(3)
    if kind == 2:
        return msgpack.packb(wrong_values(chance, request))
    frame = msgpack.packb(request)
    start = len(msgpack.packb(request[:3])) if kind == 1 else 0
    return frame[:start] + wrong_bytes(chance, frame[start:])


ODD_VALUES = (None, True, -1, -2**63, 2**64 - 1, 1.5, float("nan"), "", "x" * 65, b"", b"x" * 33,
              [], [[]], {}, {1: {}}, msgpack.ExtType(1, b"x"), [None] * 300, {-1: 0}, "\0",
              b"\xff" * 4096)


def wrong_values(chance, request):
    """Another value of any type, a field too many or too few, another's method or type."""
    kind, msgid, method, (args, meta) = request
    args, meta = dict(args), dict(meta)
    edit = chance.randrange(10)
    if edit < 6 and args:
        args[chance.choice(list(args))] = chance.choice(ODD_VALUES)
    elif edit == 6 and args:
        del args[chance.choice(list(args))]
    elif edit == 7:
        args[chance.choice((0, 15, 16, 99, 2**32, "x", -1))] = chance.choice(ODD_VALUES)
    elif edit == 8:
        meta[chance.randrange(5)] = chance.choice(ODD_VALUES)
    else:
        method = method[:-1] if chance.random() < 0.5 else method + "x"
    return [kind, msgid, method, [args, meta]]


def wrong_bytes(chance, frame):
    """One to three edits: bits, bytes, headers, numbers, cuts, repeats."""
    work = bytearray(frame)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        if not work:
            break
        at = chance.randrange(len(work))
        edit = chance.randrange(10)
        if edit < 3:
            work[at] ^= 1 << chance.randrange(8)
        elif edit < 5:
            work[at] = chance.randrange(256)
        elif edit == 5:
            work[at] = chance.choice(HEADERS)
        elif edit == 6:
            width = chance.choice(("B", ">H", ">I", ">Q"))
            number = struct.pack(width, chance.choice(EDGES) % (1 << 8 * struct.calcsize(width)))
            work[at:at + len(number)] = number
        elif edit == 7:
            del work[at:at + chance.randint(1, 8)]
        elif edit == 8:
            work[at:at] = work[at:at + chance.randint(1, 32)]
        else:
            del work[at:]
    return bytes(work)
