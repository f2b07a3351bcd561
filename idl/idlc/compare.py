"""Does a change of a contract break older peers?

Old and new meet in both directions: an older client calls a newer service and a newer client an
older one, so every record is written by either and read by the other. What the one may write and
the other must refuse, breaks. What is refused only once somebody uses what is new (a longer text, a
value more) wants care: deploy readers first."""

from dataclasses import dataclass
from typing import Optional

from .diagnostics import Position
from .model import BOUNDED, Caller, Enum, Field, Method, Service, Share, Stream, Struct, Type

BREAKS = "breaks"
CARE = "care"

INTEGERS = {
    "u8": (0, 2**8 - 1),
    "u16": (0, 2**16 - 1),
    "u32": (0, 2**32 - 1),
    "u64": (0, 2**64 - 1),
    "i32": (-(2**31), 2**31 - 1),
    "i64": (-(2**63), 2**63 - 1),
}


@dataclass(frozen=True)
class Finding:
    position: Position  # in the new file
    weight: str  # BREAKS or CARE
    message: str


class _Comparison:
    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.met: set[tuple[int, int]] = set()  # pairs of structs, so that each is told once

    def say(self, position: Position, weight: str, message: str) -> None:
        self.findings.append(Finding(position, weight, message))

    def range(self, position, what, old: tuple[int, int], new: tuple[int, int]) -> None:
        """What is allowed, least and most."""
        if new[0] > old[0] or new[1] < old[1]:
            self.say(position, BREAKS, f"{what} is narrower: older peers may send more than is taken")
        elif new != old:
            self.say(position, CARE, f"{what} is wider: older peers refuse what goes beyond theirs")

    # -- records

    def record(self, what: str, old: Struct, new: Struct) -> None:
        if (id(old), id(new)) in self.met:
            return
        self.met.add((id(old), id(new)))
        before = {one.number: one for one in old.fields}
        after = {one.number: one for one in new.fields}
        for number in sorted(before.keys() | after.keys()):
            self.presence(what, before.get(number), after.get(number), new.position)
        if old.limit is not None or new.limit is not None:
            most = max(old.encoded_max, new.encoded_max)
            self.range(new.limit_position or new.position, f"the limit of {what}",
                       (0, old.limit or most), (0, new.limit or most))

    def presence(self, what, old: Optional[Field], new: Optional[Field], position) -> None:
        if old is None:
            if not new.optional:
                self.say(new.position, BREAKS,
                         f"{what} has the new field {new.number} {new.name}, which older peers do"
                         " not send: make it optional")
        elif new is None:
            if not old.optional:
                self.say(position, BREAKS,
                         f"{what} lost the field {old.number} {old.name}, without which older"
                         " peers refuse it")
        else:
            self.field(f"{what}.{new.name}", old, new)

    def field(self, what: str, old: Field, new: Field) -> None:
        if old.name != new.name:
            self.say(new.position, CARE,
                     f"field {new.number} was called {old.name}: only right if it means the same")
        if new.optional and not old.optional:
            self.say(new.position, BREAKS, f"{what} became optional: older peers require it")
        elif old.optional and not new.optional:
            self.say(new.position, BREAKS, f"{what} became required: older peers may omit it")
        self.type(what, new.position, old.type, new.type)

    def type(self, what: str, position: Position, old: Type, new: Type) -> None:
        if (old.list_maximum is None) != (new.list_maximum is None) or not _same_form(old, new):
            self.say(position, BREAKS, f"{what} was {old.text()} and is {new.text()}")
            return
        if new.list_maximum is not None:
            self.range(position, f"the list {what}", (0, old.list_maximum), (0, new.list_maximum))
        if new.kind in INTEGERS:
            self.range(position, what, INTEGERS[old.kind], INTEGERS[new.kind])
        elif new.kind in BOUNDED:
            self.range(position, what, (old.minimum, old.maximum), (new.minimum, new.maximum))
        elif new.kind == "struct":
            self.record(new.name, old.target, new.target)
        elif new.kind == "enum":
            self.enum(old.target, new.target)

    def enum(self, old: Enum, new: Enum) -> None:
        if (id(old), id(new)) in self.met:
            return
        self.met.add((id(old), id(new)))
        before = {one.number: one for one in old.values}
        after = {one.number: one for one in new.values}
        for number in sorted(before.keys() - after.keys()):
            self.say(new.position, BREAKS,
                     f"{new.name} lost the value {number} {before[number].name}, which older peers"
                     " may send")
        for number in sorted(after.keys() - before.keys()):
            self.say(after[number].position, CARE,
                     f"{new.name} has the new value {number} {after[number].name}, which older"
                     " peers refuse")
        for number in sorted(before.keys() & after.keys()):
            if before[number].name != after[number].name:
                self.say(after[number].position, BREAKS,
                         f"{new.name} {number} meant {before[number].name} and means"
                         f" {after[number].name}")

    # -- methods

    def methods(self, old: Service, new: Service) -> None:
        before = {one.name: one for one in old.methods}
        after = {one.name: one for one in new.methods}
        for name in sorted(before.keys() - after.keys()):
            self.say(new.position, BREAKS, f"method {name} is gone, which older clients call")
        for name in sorted(after.keys() - before.keys()):
            self.say(after[name].position, CARE,
                     f"method {name} is new: older services answer unknown_method")
        for name in sorted(before.keys() & after.keys()):
            self.method(before[name], after[name])

    def method(self, old: Method, new: Method) -> None:
        self.record(f"{new.name} arguments", old.args, new.args)
        self.record(f"{new.name} result", old.result, new.result)
        self.caller(old, new)
        if new.deadline_ms != old.deadline_ms:
            shorter = new.deadline_ms < old.deadline_ms
            self.say(new.deadline_position, CARE,
                     f"the deadline of {new.name} is {'shorter' if shorter else 'longer'}: with an"
                     f" older peer the shorter one holds")
        for side, one, other in (("in", old.bulk_in, new.bulk_in), ("out", old.bulk_out, new.bulk_out)):
            self.range(new.position, f"bulk {side} of {new.name}", (0, one), (0, other))
        for side, was, now in (
            ("in", old.stream_in, new.stream_in), ("out", old.stream_out, new.stream_out)
        ):
            self.stream(new, f"stream {side} of {new.name}", was, now)
        if old.idempotent and not new.idempotent:
            self.say(new.position, BREAKS,
                     f"{new.name} was idempotent and is not: older clients send it again")
        for what, was, now in (("limit", old.limit, new.limit), ("queue", old.queue, new.queue)):
            self.share(new, what, was, now)
        if old.keyed and not (new.keyed or new.idempotent):
            self.say(new.position, BREAKS,
                     f"{new.name} kept answers by keys and does not: older clients send it again")
        if old.keyed == "durable" and new.keyed == "memory":
            self.say(new.position, CARE, f"{new.name} keeps no answers over a restart any more")
        if new.keyed and not (old.keyed or old.idempotent):
            self.say(new.position, BREAKS,
                     f"{new.name} is keyed: newer clients send it again to services that keep nothing")
        known = {one.name for one in old.errors}
        for error in new.errors:
            if error.name not in known:
                self.say(error.position, CARE,
                         f"{new.name} can end in {error.name}, which older clients do not expect")

    def stream(
        self, method: Method, what: str, old: Optional[Stream], new: Optional[Stream]
    ) -> None:
        if old and new:
            self.range(method.position, f"a chunk in {what}", (0, old.chunk), (0, new.chunk))
            self.range(method.position, f"all of {what}", (0, old.total), (0, new.total))
            if old.resumable != new.resumable or old.offset != new.offset:
                self.say(method.position, BREAKS,
                         f"{what} goes on after a loss in another way than older peers know")
        elif old or new:
            self.say(method.position, BREAKS, f"{what} is {'new' if new else 'gone'}")

    def share(self, method: Method, what: str, old: Optional[Share], new: Optional[Share]) -> None:
        """What fits no more is answered `busy`, which every client knows and waits out. Without a
        limit all run, without a queue none waits."""
        least = 0 if what == "queue" else None
        before, after = (
            [getattr(one, part) or most if one else least for part, most in (
                ("all", None), ("per_caller", one.all if one else None))]
            for one in (old, new)
        )
        if any(n is not None and (o is None or n < o) for o, n in zip(before, after)):
            position = new.position if new else method.position
            self.say(position, CARE,
                     f"the {what} of {method.name} is narrower: more calls of older clients are busy")

    def caller(self, old: Method, new: Method) -> None:
        if old.caller.text() == new.caller.text():
            return
        if not _admits(new.caller, old.caller):
            self.say(new.caller.position, BREAKS,
                     f"{new.name} was for {old.caller.text()} and is for {new.caller.text()}: some"
                     " who called it are refused")
        else:
            self.say(new.caller.position, CARE,
                     f"{new.name} is for more callers, whom older services refuse")

    # -- the service

    def errors(self, old: Service, new: Service) -> None:
        codes = {one.name: one for one in new.errors}
        names = {one.code: one for one in new.errors}
        for error in old.errors:
            if error.name in codes and codes[error.name].code != error.code:
                self.say(codes[error.name].code_position, BREAKS,
                         f"error {error.name} was {error.code}: older peers decide by the code")
            elif error.code in names and names[error.code].name != error.name:
                self.say(names[error.code].position, BREAKS,
                         f"code {error.code} was {error.name}, and older peers still take it for that")

    def service(self, old: Service, new: Service) -> None:
        if old.name != new.name:
            self.say(new.position, BREAKS, f"service {old.name} is called {new.name}")
        if old.number != new.number:
            self.say(new.number_position, BREAKS, f"service number {old.number} is {new.number}")
        self.errors(old, new)
        self.methods(old, new)


def _same_form(old: Type, new: Type) -> bool:
    """Written as the same kind of MessagePack, apart from bounds."""
    return old.kind == new.kind or (old.kind in INTEGERS and new.kind in INTEGERS)


def _admits(new: Caller, old: Caller) -> bool:
    """Everybody whom old let in, new lets in."""
    if new.kind == "anyone":
        return True
    if new.kind == old.kind:
        if new.kind == "enclave":
            return set(old.roles) <= set(new.roles)
        return new.kind != "owner" or new.owner == old.owner
    return new.kind == "user" and old.kind in ("owner", "operator")


def compare(old: Service, new: Service) -> list[Finding]:
    """What the change does to older peers, in the order of the new file."""
    comparison = _Comparison()
    comparison.service(old, new)
    return sorted(comparison.findings, key=lambda one: (one.position, one.weight, one.message))
