"""Frame 0 of requests and replies."""

from __future__ import annotations

import dataclasses
import typing as _t

import msgpack  # type: ignore[import]

from . import codec, errors, trace

TRANSIT_MS = 50  # what a server is told to be quicker than the caller's deadline
ERROR_TEXT_MAX = 256
IDEMPOTENCY_KEY_MAX = 32

_REQUEST, _REPLY, _NOTIFICATION = 0, 1, 2
CHUNK, CREDIT, END, CANCEL, KEPT = 1, 2, 3, 4, 5  # events of streams
_DETAIL = ("claim", "expected", "got", "policy", "remedy")
_RETRY_AFTER = 6


def meta(
    seconds: float, idempotency_key: _t.Optional[bytes], traceparent: _t.Optional[str]
) -> dict[int, _t.Any]:
    """What goes with the arguments: how long the caller waits from now on, a span of its own in the
    trace of what it works for, idempotency."""
    milliseconds = max(1, int(seconds * 1000))
    said: dict[int, _t.Any] = {1: max(1, milliseconds - min(milliseconds // 4, TRANSIT_MS))}
    said[2] = trace.child(traceparent)
    if idempotency_key is not None:
        if not 1 <= len(idempotency_key) <= IDEMPOTENCY_KEY_MAX:
            raise errors.BadInput("an idempotency key has 1 to 32 bytes", claim="idempotency_key")
        said[3] = bytes(idempotency_key)
    return said


def request(
    msgid: int, method: str, args: dict[int, _t.Any], said: dict[int, _t.Any]
) -> bytes:
    """The frame of a call; args as `codec.to_map` gives them."""
    packed: bytes = msgpack.packb([_REQUEST, msgid, method, [args, said]])
    if len(packed) > codec.FRAME_MAX:
        raise errors.TooLarge("the arguments take more than 1 MiB")
    return packed


@dataclasses.dataclass(frozen=True, slots=True)
class Failure:
    """The error of a reply, texts cut to what a person reads."""

    code: int
    name: str
    message: str
    facts: dict[str, _t.Any]

    def error(self, known: tuple[type[errors.TacitError], ...] = ()) -> errors.TacitError:
        return errors.make(self.code, self.name, self.message, known, **self.facts)


@dataclasses.dataclass(frozen=True, slots=True)
class Reply:
    """`failure`, or `result` for `codec.from_map`."""

    msgid: int
    failure: _t.Optional[Failure]
    result: _t.Any


def notify(msgid: int, event: int, number: int) -> bytes:
    """A stream's notification, of that call."""
    packed: bytes = msgpack.packb([_NOTIFICATION, msgid, event, number])
    return packed


def notification(data: codec.Bytes) -> _t.Optional[tuple[int, int, int]]:
    """msgid, event and number; None where the frame starts like none. Malformed."""
    if len(data) < 2 or data[0] != 0x94 or data[1] != _NOTIFICATION:
        return None
    said = codec.unpack(data)
    if type(said) is not list or len(said) != 4:
        raise errors.Malformed("a notification is an array of four")
    for one in said:
        if type(one) is not int or not 0 <= one < 2**64:
            raise errors.Malformed("a notification has numbers only")
    return said[1], said[2], said[3]


def reply(data: codec.Bytes) -> Reply:
    """A reply as it came. Malformed or TooLarge where it is none."""
    if len(data) > codec.FRAME_MAX:
        raise errors.TooLarge("a reply has at most 1 MiB")
    said = codec.unpack(data)
    if type(said) is not list or len(said) != 4:
        raise errors.Malformed("a reply is an array of four")
    kind, msgid, failure, result = said
    if type(kind) is not int or kind != _REPLY or type(msgid) is not int or msgid < 0:
        raise errors.Malformed("not a reply")
    if failure is None:
        return Reply(msgid, None, result)
    if result is not None:
        raise errors.Malformed("both an error and a result")
    return Reply(msgid, _failure(failure), None)


def _text(value: _t.Any) -> str:
    if type(value) is not str:
        raise errors.Malformed("a text of an error is none")
    return value[:ERROR_TEXT_MAX].encode("utf-8", "replace").decode()


def _failure(said: _t.Any) -> Failure:
    if type(said) is not list or len(said) != 4 or not isinstance(said[3], codec.Pairs):
        raise errors.Malformed("an error is an array of four")
    code, name, message, detail = said
    if type(code) is not int or not 1 < code <= 0x7FFFFFFF:
        raise errors.Malformed("an error has a code")
    facts: dict[str, _t.Any] = {}
    for key, value in detail:
        if type(key) is not int or key < 1:
            raise errors.Malformed("a key is no field number")
        if key <= len(_DETAIL):
            facts[_DETAIL[key - 1]] = _text(value)
        elif key == _RETRY_AFTER:
            if type(value) is not int or not 0 <= value <= 0xFFFFFFFF:
                raise errors.Malformed("a time of an error is none")
            facts["retry_after_ms"] = value
    return Failure(code, _text(name), _text(message), facts)
