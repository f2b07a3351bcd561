"""W3C trace context: under which name the calls of a task are logged, here and through the mesh.

    with tacit.trace.entered(traceparent):   # of a request that one serves
        await model.infer(tensor)            # calls carry that trace on, each with a span of its own
"""

from __future__ import annotations

import contextlib
import contextvars
import os
import re
import typing as _t

from . import errors

_FORM = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})\Z")
_current: contextvars.ContextVar[_t.Optional[str]] = contextvars.ContextVar(
    "tacit.trace", default=None
)


def _ids(text: str) -> tuple[str, str, str]:
    match = _FORM.match(text)
    if match is None or not int(match[1], 16) or not int(match[2], 16):
        raise errors.BadInput(
            "no trace context of version 00", claim="traceparent", got=text[:64]
        )
    return match[1], match[2], match[3]


def _random(size: int) -> str:
    return (os.urandom(size - 1) + b"\x01").hex()  # never zero


def root() -> str:
    """A new trace."""
    return f"00-{_random(16)}-{_random(8)}-01"


def child(parent: _t.Optional[str] = None) -> str:
    """A span of its own in the trace of `parent`, of what is current, or in a new one."""
    above = parent if parent is not None else _current.get()
    if above is None:
        return root()
    trace, _, flags = _ids(above)
    return f"00-{trace}-{_random(8)}-{flags}"


def current() -> _t.Optional[str]:
    """What this task works for."""
    return _current.get()


@contextlib.contextmanager
def entered(traceparent: _t.Optional[str] = None) -> _t.Iterator[str]:
    """Calls within belong to that trace, or to a new one; its traceparent."""
    if traceparent is not None:
        _ids(traceparent)
    text = traceparent or root()
    token = _current.set(text)
    try:
        yield text
    finally:
        _current.reset(token)
