"""What a call says of itself beside its arguments."""

from __future__ import annotations

import dataclasses
import typing as _t

from . import codec, errors


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`deadline` in seconds, at most the method's own, which None takes; `known` are the errors of
    the contract."""

    bulk: _t.Optional[codec.Bytes] = None
    deadline: _t.Optional[float] = None
    idempotency_key: _t.Optional[bytes] = None
    traceparent: _t.Optional[str] = None
    known: tuple[type[errors.TacitError], ...] = ()
