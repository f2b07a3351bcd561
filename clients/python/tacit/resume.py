"""Resumable streams, carried to their end however often their connection is lost: rpc/resume.h.

A service says how many bytes it keeps, a caller states the offset of what it lacks; the bytes at an
offset must be the same each time."""

from __future__ import annotations

import asyncio
import random
import time
import typing as _t

from . import errors
from .stream import R, Stream

if _t.TYPE_CHECKING:
    from .service import Client

TRIES_MAX = 12  # openings in a row without progress
BASE_SECONDS, CAP_SECONDS = 0.2, 5.0
DEADLINE_SECONDS = 24 * 60 * 60.0

#: What another opening may help against; anything else is final.
AGAIN = (
    errors.Unreachable,
    errors.Interrupted,
    errors.Busy,
    errors.Draining,
    errors.BulkLost,
    errors.DeadlineExceeded,
    errors.NoSession,
    errors.SessionExpired,
    errors.WrongServerKey,
    errors.ResultExpired,
)

Source = _t.Callable[[int, int], bytes]  #: offset and size: exactly these bytes
Progress = _t.Callable[[int], None]  #: bytes that the receiver has


class _Tries:
    def __init__(self, client: "Client", seconds: _t.Optional[float], most: int) -> None:
        self._client, self._most = client, most
        self._until = time.monotonic() + (DEADLINE_SECONDS if seconds is None else seconds)
        self._failures = 0
        self.done = -1

    def got_on(self, done: int, progress: _t.Optional[Progress]) -> None:
        if done > self.done:
            self.done, self._failures = done, 0
            if progress is not None:
                progress(done)

    async def again(self, why: errors.TacitError) -> None:
        """Waits for another opening to make sense; raises `why` where none does."""
        most = min(CAP_SECONDS, BASE_SECONDS * 2.0 ** min(self._failures, 20))
        pause = max(random.uniform(0, most), min(1.0, why.retry_after_ms / 1000))
        self._failures += 1
        if self._failures >= self._most or time.monotonic() + pause >= self._until:
            raise why
        await asyncio.sleep(pause)
        if not isinstance(why, errors.Busy):
            await self._client.renew(why, self._until)


async def send(
    client: "Client",
    begin: _t.Callable[[], "Stream[R]"],
    size: int,
    source: Source,
    *,
    seconds: _t.Optional[float] = None,
    tries: int = TRIES_MAX,
    progress: _t.Optional[Progress] = None,
) -> R:
    """Sends `size` bytes by the call that `begin` makes, which must be `client`'s and anew each time;
    the call's result."""
    state = _Tries(client, seconds, tries)
    while True:
        try:
            async with begin() as stream:
                at = await stream.kept()
                if at > size:
                    raise errors.Corrupt("the service keeps more than there is")
                state.got_on(at, progress)
                chunk_max = stream.chunk_max
                while at < size:
                    chunk = source(at, min(chunk_max, size - at))
                    await stream.send(chunk)
                    at += len(chunk)
                    state.got_on(await stream.kept(), progress)
                await stream.end()
                result = await stream.result()
            state.got_on(size, progress)
            return result
        except AGAIN as error:
            await state.again(error)


async def receive(
    client: "Client",
    begin: _t.Callable[[int], "Stream[R]"],
    sink: _t.Callable[[bytes], None],
    *,
    offset: int = 0,
    seconds: _t.Optional[float] = None,
    tries: int = TRIES_MAX,
    progress: _t.Optional[Progress] = None,
) -> R:
    """Gives the sink what comes from `offset` on, by the call that `begin` makes for an offset."""
    state = _Tries(client, seconds, tries)
    while True:
        try:
            async with begin(offset) as stream:
                async for chunk in stream:
                    sink(chunk)
                    offset += len(chunk)
                    state.got_on(offset, progress)
                return await stream.result()
        except AGAIN as error:
            await state.again(error)
