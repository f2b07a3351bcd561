"""Streams of chunks beside a call, both ways, with credit: docs/PROTOCOL.md, Streams."""

from __future__ import annotations

import asyncio
import collections
import time
import types
import typing as _t

from . import codec, errors, frame as _frame
from .options import Options

if _t.TYPE_CHECKING:
    from .connection import Connection
    from .service import Method, Reply

WINDOW = 16  # chunks that may be on their way, or here and not read
IDLE_SECONDS = 10.0  # nothing moved for so long: it is over

R = _t.TypeVar("R", bound=codec.Record)


class Stream(_t.Generic[R]):
    """A call with streams, which lasts as long as its `async with`: send chunks and end; iterate over
    those that come; the result is there when the service has ended the call.

        async with client.repeat() as stream:
            await stream.send(b"chunk")
            await stream.end()
            async for chunk in stream:
                ...
            result = await stream.result()

    Leaving it before cancels the call. Not more than a window of chunks is ever kept here."""

    def __init__(
        self,
        connection: "Connection",
        method: "Method",
        args: codec.Record,
        options: Options = Options(),
    ) -> None:
        self._connection, self._method, self._args = connection, method, args
        self._options = options
        self._news = asyncio.Event()
        self._msgid = 0
        self._future: _t.Optional["asyncio.Future[Reply]"] = None
        self._until = 0.0
        self._moved = time.monotonic()
        self._queue: collections.deque[bytes] = collections.deque()
        self._taken = self._read = self._taken_bytes = 0
        self._granted_in = WINDOW
        self._sent = self._sent_bytes = 0
        self._granted_out = WINDOW
        self._ended = method.stream_in is None
        self._kept: _t.Optional[int] = None  # bytes, of a resumable stream to the service
        if method.offset is not None:
            self._taken_bytes = int(getattr(args, method.offset))

    @property
    def chunk_max(self) -> int:
        """Bytes of one chunk to the service, at most."""
        return self._method.stream_in[0] if self._method.stream_in is not None else 0

    async def __aenter__(self) -> "Stream[R]":
        begun = self._connection.begin(self._method, self._args, self._options, stream=self)
        self._msgid, self._future, self._until = begun.msgid, begun.future, begun.until
        self._future.add_done_callback(lambda _future: self._news.set())
        try:
            await self._connection.send_begun(begun)
        except BaseException:
            self._drop()
            raise
        return self

    async def __aexit__(
        self,
        kind: _t.Optional[type[BaseException]],
        error: _t.Optional[BaseException],
        trace: _t.Optional[types.TracebackType],
    ) -> None:
        self.cancel()

    def cancel(self) -> None:
        """Let go of the call at once; the service is told. After its end: nothing."""
        if self._future is not None and not self._future.done():
            self._connection.notify(self._msgid, _frame.CANCEL, 0)
        self._drop()

    def _drop(self) -> None:
        future = self._future
        self._connection.forget(self._msgid)
        if future is not None:
            future.cancel()
            if future.done() and not future.cancelled():
                future.exception()  # whoever wanted it has it

    # --- waiting ------------------------------------------------------------------------------

    def _begun(self) -> "asyncio.Future[Reply]":
        if self._future is None:
            raise errors.BadInput("the call begins with `async with`")
        if self._future.cancelled():
            raise errors.BadInput("the call was let go")
        return self._future

    async def _wait(self) -> None:
        """Until something comes; a call beyond its deadline, or on which nothing moves, is over."""
        now = time.monotonic()
        left = min(self._until, self._moved + IDLE_SECONDS) - now
        self._news.clear()
        if left > 0:
            try:
                await asyncio.wait_for(self._news.wait(), left)
                return
            except asyncio.TimeoutError:
                return  # the next turn says what that means
        late = now >= self._until
        self.cancel()
        raise errors.DeadlineExceeded(
            f"{self._method.name}: " + ("no answer in time" if late else "nothing moved for too long")
        )

    # --- sending ------------------------------------------------------------------------------

    async def send(self, chunk: codec.Bytes) -> None:
        """One chunk, as soon as the service has room for it."""
        bounds = self._method.stream_in
        size = len(chunk)
        if self._ended or bounds is None or size == 0:
            raise errors.BadInput("no chunk goes after the end, and none is empty")
        if size > bounds[0] or self._sent_bytes + size > bounds[1]:
            raise errors.TooLarge(
                f"{self._method.name} takes chunks of {bounds[0]} bytes, {bounds[1]} in all"
            )
        if self._method.resumable:
            await self.kept()
        if self._sent_bytes + size > bounds[1]:
            raise errors.TooLarge(f"{self._method.name} takes {bounds[1]} bytes in all")
        while self._sent >= self._granted_out:
            self._check_open()
            await self._wait()
        self._check_open()
        number, self._sent = self._sent, self._sent + 1
        self._sent_bytes += size
        self._moved = time.monotonic()
        await self._connection.send_chunk(self._msgid, number, bytes(chunk), self._begun())

    async def kept(self) -> int:
        """Of a resumable stream to the service: bytes that it has and keeps. The first time this says
        where to begin."""
        if not self._method.resumable or self._method.stream_in is None:
            raise errors.BadInput(f"{self._method.name} has no resumable stream to the service")
        while self._kept is None:
            self._check_open()
            await self._wait()
        return self._kept

    def _check_open(self) -> None:
        future = self._begun()
        if future.done():
            future.result()  # raises why
            raise errors.BadInput("the call has ended already")

    async def end(self) -> None:
        """No more chunks come from here."""
        if self._ended:
            raise errors.BadInput("the stream was ended already")
        if self._method.resumable:
            await self.kept()
        self._check_open()
        self._ended = True
        self._connection.notify(self._msgid, _frame.END, self._sent)

    # --- receiving ----------------------------------------------------------------------------

    def take(self, event: int, number: int, bulk: _t.Optional[bytes]) -> None:
        """What the service sent for this call. ProtocolError where it breaks a rule."""
        self._moved = time.monotonic()
        if event == _frame.CREDIT and bulk is None and self._method.stream_in is not None:
            if not self._granted_out <= number <= self._sent + WINDOW:
                raise errors.ProtocolError("credit that is less than before, or too much")
            self._granted_out = number
        elif event == _frame.KEPT and bulk is None and self._method.stream_in is not None:
            self._take_kept(number)
        elif event == _frame.CHUNK and bulk is not None and self._method.stream_out is not None:
            chunk, total = self._method.stream_out
            self._taken_bytes += len(bulk)
            if (
                number != self._taken
                or number >= self._granted_in
                or not 1 <= len(bulk) <= chunk
                or self._taken_bytes > total
            ):
                raise errors.ProtocolError("a chunk out of order, beyond credit, or too large")
            self._taken += 1
            self._queue.append(bulk)
        else:
            raise errors.ProtocolError("an event that a service does not send")
        self._news.set()

    def _take_kept(self, number: int) -> None:
        assert self._method.stream_in is not None
        most = self._sent_bytes if self._kept is not None else self._method.stream_in[1]
        if not self._method.resumable or not (self._kept or 0) <= number <= most:
            raise errors.ProtocolError("what the service keeps was not sent, or less than before")
        if self._kept is None:
            self._sent_bytes = number
        self._kept = number

    def __aiter__(self) -> "Stream[R]":
        return self

    async def __anext__(self) -> bytes:
        while not self._queue:
            future = self._begun()
            if future.done():
                future.result()  # raises why
                raise StopAsyncIteration
            await self._wait()
        chunk = self._queue.popleft()
        self._read += 1
        if not self._begun().done() and self._read + WINDOW - self._granted_in >= WINDOW // 2:
            self._granted_in = self._read + WINDOW
            self._connection.notify(self._msgid, _frame.CREDIT, self._granted_in)
        return chunk

    async def result(self) -> R:
        """Waits for the service to end the call; chunks that nobody has read stay readable."""
        while not self._begun().done():
            await self._wait()
        return _t.cast(R, self._begun().result().result)
