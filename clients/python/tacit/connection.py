"""One connection to one service: connect, bind, call.

A DEALER socket of pyzmq on asyncio's loop. Nothing here waits without a deadline. A connection that
was lost is not silently rebuilt: its calls fail, and the owner opens another. What a peer sends is
bounded before it is parsed, and a peer that breaks the protocol loses the connection.
"""

from __future__ import annotations

import asyncio
import dataclasses
import ipaddress
import struct
import time
import typing as _t

import zmq
import zmq.asyncio

from . import codec, errors, frame as _frame
from .identity import Identity, Role
from .options import Options
from .service import Method, Reply
from .session import Session, bind

if _t.TYPE_CHECKING:
    from .stream import Stream
    from .trust import Trust, Verified

CONNECT_SECONDS = 5.0
CALLS_MAX = 64  # outstanding, as many as a service keeps for one connection
CURVE_OVERHEAD = 33

_HIGH_WATER = 128
_DRAIN_SECONDS = 0.02
_CHUNK_SECONDS = 10.0  # for room in the socket
_EPIPE, _ECONNABORTED, _ECONNRESET = 32, 103, 104
_CRYPTOGRAPHIC, _MECHANISM_MISMATCH = 0x11000001, 0x11000002

_context: _t.Optional[zmq.asyncio.Context] = None


def _zmq() -> zmq.asyncio.Context:
    global _context
    if _context is None or _context.closed:
        _context = zmq.asyncio.Context()
    return _context


def _wants_ipv6(endpoint: str) -> int:
    """Literals of IPv4 get plain IPv4, everything else both."""
    try:
        ipaddress.IPv4Address(endpoint.partition("://")[2].partition(":")[0])
    except ValueError:
        return 1
    return 0


@dataclasses.dataclass(slots=True)
class _Pending:
    method: Method
    future: "asyncio.Future[Reply]"
    known: tuple[type[errors.TacitError], ...]
    stream: _t.Optional["Stream[_t.Any]"]


@dataclasses.dataclass(slots=True)
class Begun:
    """A call that has its number, and is to be sent."""

    msgid: int
    future: "asyncio.Future[Reply]"
    until: float  # monotonic
    frame: bytes
    bulk: _t.Optional[codec.Bytes]


class Connection:
    """Use `Connection.open`, or `Mesh.connect`, which knows whom to trust."""

    def __init__(self, endpoint: str, server_key: _t.Optional[bytes]) -> None:
        self.endpoint = endpoint
        self.server_key = server_key
        self.session: _t.Optional[Session] = None
        self._socket: _t.Any = None
        self._monitor: _t.Any = None
        self._tasks: list["asyncio.Task[None]"] = []
        self._pending: dict[int, _Pending] = {}
        self._msgid = 0
        self._lost: _t.Optional[errors.TacitError] = None
        self._retiring: _t.Optional["asyncio.Task[None]"] = None
        self._up: "asyncio.Future[None]" = asyncio.get_running_loop().create_future()

    # --- opening ------------------------------------------------------------------------------

    @classmethod
    async def open(
        cls,
        endpoint: str,
        *,
        server_key: _t.Optional[bytes] = None,
        identity: _t.Optional[Identity] = None,
        timeout: float = CONNECT_SECONDS,
    ) -> "Connection":
        """Connect; with `server_key` by CURVE as that identity (one of the moment where None),
        without by plaintext, which is for the introduction endpoint alone."""
        if not endpoint.startswith(("tcp://", "ipc://")):
            raise errors.BadInput("tcp://HOST:PORT or ipc://PATH", claim="endpoint", got=endpoint)
        self = cls(endpoint, server_key)
        try:
            self._start(identity or Identity.ephemeral(), timeout)
            await asyncio.wait_for(asyncio.shield(self._up), timeout)
        except asyncio.TimeoutError:
            await self.close()
            raise errors.Unreachable(f"{endpoint}: no answer in time") from None
        except BaseException:
            await self.close()
            raise
        return self

    def _start(self, identity: Identity, timeout: float) -> None:
        socket = _zmq().socket(zmq.DEALER)
        self._socket = socket
        milliseconds = max(1, int(timeout * 1000))
        for option, value in (
            (zmq.LINGER, 0),
            (zmq.RECONNECT_IVL, -1),
            (zmq.IMMEDIATE, 1),
            (zmq.SNDHWM, _HIGH_WATER),
            (zmq.RCVHWM, _HIGH_WATER),
            (zmq.MAXMSGSIZE, codec.BULK_MAX + CURVE_OVERHEAD),
            (zmq.TCP_KEEPALIVE, 1),  # as rpc/limits.h; ZMTP's heartbeats abort libzmq 4.3.4
            (zmq.TCP_KEEPALIVE_IDLE, 10),
            (zmq.TCP_KEEPALIVE_INTVL, 5),
            (zmq.TCP_KEEPALIVE_CNT, 3),
            (zmq.CONNECT_TIMEOUT, milliseconds),
            (zmq.HANDSHAKE_IVL, milliseconds),
            (zmq.IPV6, _wants_ipv6(self.endpoint)),
        ):
            socket.setsockopt(option, value)
        if self.server_key is not None:
            identity.arm(socket, self.server_key)
        self._monitor = socket.get_monitor_socket()
        self._monitor.linger = 0
        try:
            socket.connect(self.endpoint)
        except zmq.ZMQError as error:
            raise errors.BadInput(f"cannot connect to {self.endpoint}: {error}") from None
        self._tasks = [asyncio.create_task(self._watch()), asyncio.create_task(self._read())]

    async def bind(
        self,
        trust: _t.Optional["Trust"],
        identity: Identity,
        peer_role: Role,
        *,
        verified: _t.Optional["Verified"] = None,
        role: Role = Role.USER,
        timeout: float = CONNECT_SECONDS,
    ) -> Session:
        """The attested binding: afterwards methods for users can be called. Raises where the peer is
        not the enclave that it should be. `trust` None is for services of no mesh, which are known
        by their CURVE keys alone."""
        self.session = await bind(self, trust, identity, peer_role, verified, role, timeout)
        return self.session

    async def close(self) -> None:
        """Ends it; calls under way fail."""
        self._lose(errors.Unreachable(f"{self.endpoint}: the connection was closed"))
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=1.0)
        if self._socket is not None:
            self._socket.disable_monitor()
            if self._monitor is not None:
                self._monitor.close(0)
            self._socket.close(0)
            self._socket = self._monitor = None
        self.session = None

    @property
    def closed(self) -> bool:
        return self._socket is None

    def retire(self) -> None:
        """Closed as soon as the calls under way have ended."""

        async def finish() -> None:
            while self._pending and self._lost is None:
                await asyncio.wait([pending.future for pending in self._pending.values()])
                await asyncio.sleep(0)  # whoever waits for one forgets it then
            await self.close()

        if self._retiring is None:
            self._retiring = asyncio.create_task(finish())

    async def __aenter__(self) -> "Connection":
        return self

    async def __aexit__(self, *_unused: object) -> None:
        await self.close()

    # --- what the socket's monitor says -------------------------------------------------------

    def _lose(self, error: errors.TacitError) -> None:
        if self._lost is None:
            self._lost = error
            if not self._up.done():
                self._up.set_exception(error)
                self._up.exception()  # whoever waits has it; nobody has to
            for pending in self._pending.values():
                if not pending.future.done():
                    pending.future.set_exception(error)
            self._pending.clear()

    def _judge(self, event: int, value: int) -> _t.Optional[errors.TacitError]:
        """As rpc/endpoint.c reads them."""
        curve = self.server_key is not None
        wrong_key = errors.WrongServerKey(
            f"{self.endpoint}: the peer does not hold the expected CURVE key"
        )
        unreachable = errors.Unreachable(f"{self.endpoint}: nothing answers at that endpoint")
        if event == zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL:
            closed = value in (_EPIPE, _ECONNRESET, _ECONNABORTED)
            return wrong_key if curve and closed else unreachable
        if event == zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL:
            key = value in (_CRYPTOGRAPHIC, _MECHANISM_MISMATCH)
            broke = errors.ProtocolError(f"{self.endpoint}: the peer broke the protocol")
            return wrong_key if curve and key else broke
        if event == zmq.EVENT_HANDSHAKE_FAILED_AUTH:
            return errors.RefusedByZap(f"{self.endpoint}: the peer does not admit this CURVE key")
        if event == zmq.EVENT_CLOSED:
            return unreachable
        if event == zmq.EVENT_DISCONNECTED:
            return errors.Unreachable(f"{self.endpoint}: the connection was lost")
        return None

    async def _watch(self) -> None:
        while self._lost is None:
            frames = await self._monitor.recv_multipart()
            event, value = struct.unpack("=HI", frames[0][:6])
            if event == zmq.EVENT_HANDSHAKE_SUCCEEDED and not self._up.done():
                self._up.set_result(None)
            error = self._judge(event, value)
            if error is not None:
                await asyncio.sleep(_DRAIN_SECONDS)  # what came in before the end is read first
                self._lose(error)

    # --- receiving ----------------------------------------------------------------------------

    async def _receive(self) -> tuple[bytes, _t.Optional[bytes]]:
        """One message, frame by frame, so that a third one is not even kept."""
        frame: bytes = await self._socket.recv()
        if not self._socket.getsockopt(zmq.RCVMORE):
            return frame, None
        bulk: bytes = await self._socket.recv()
        if self._socket.getsockopt(zmq.RCVMORE):
            raise errors.ProtocolError("the peer sent too many frames")
        return frame, bulk

    async def _read(self) -> None:
        try:
            while self._lost is None:
                frame, bulk = await self._receive()
                self._settle(frame, bulk)
        except errors.TacitError as error:
            self._lose(error)
        except zmq.ZMQError as error:
            self._lose(errors.Unreachable(f"{self.endpoint}: {error}"))
        except Exception as error:
            self._lose(errors.InternalError(f"{self.endpoint}: a reply was not understood: {error}"))
            raise

    def _hear(self, msgid: int, event: int, number: int, bulk: _t.Optional[bytes]) -> None:
        """A stream's notification. What breaks its rules ends that call alone."""
        pending = self._pending.get(msgid)
        if not 1 <= msgid <= self._msgid or (pending is not None and pending.stream is None):
            raise errors.ProtocolError("the peer sent a chunk for a stream that is none")
        if pending is None or pending.stream is None or pending.future.done():
            return  # late
        try:
            pending.stream.take(event, number, bulk)
        except errors.ProtocolError as error:
            pending.future.set_exception(error)
            self.forget(msgid)
            self.notify(msgid, _frame.CANCEL, 0)

    def _settle(self, data: bytes, bulk: _t.Optional[bytes]) -> None:
        try:
            told = _frame.notification(data)
            if told is not None:
                self._hear(*told, bulk)
                return
            reply = _frame.reply(data)
        except (errors.Malformed, errors.TooLarge):
            raise errors.ProtocolError("the peer sent a malformed reply") from None
        if not 1 <= reply.msgid <= self._msgid:
            raise errors.ProtocolError("the peer answered a call that was never made")
        pending = self._pending.pop(reply.msgid, None)
        if pending is None or pending.future.done():
            return  # late: the caller has given up
        if reply.failure is not None:
            pending.future.set_exception(reply.failure.error(pending.known))
            return
        try:
            taken = self._take(reply.msgid, pending.method, reply.result, bulk)
        except errors.TacitError as error:
            pending.future.set_exception(error)
        else:
            pending.future.set_result(taken)

    def _take(
        self, msgid: int, method: Method, result: _t.Any, bulk: _t.Optional[bytes]
    ) -> Reply:
        if bulk is not None and (method.bulk_out == 0 or len(bulk) > method.bulk_out):
            raise errors.BadBulk(f"the reply to {method.name} has bulk beyond its contract")
        opener = None
        if self.session is not None:
            opener = self.session.opener(msgid, method.name)
        try:
            record = codec.from_map(method.result, result, opener)
        except (errors.BadInput, errors.Malformed, errors.TooLarge) as error:
            raise errors.ProtocolError(
                f"the reply to {method.name} is not what the contract says",
                claim=error.claim,
                expected=error.expected,
                got=error.got,
            ) from None
        return Reply(record, bulk or b"")

    # --- calling ------------------------------------------------------------------------------

    def _check(self, method: Method, bulk: _t.Optional[codec.Bytes]) -> None:
        if self._lost is not None:
            raise errors.make(self._lost.code, self._lost.name, self._lost.message)
        if bulk is not None and len(bulk) > method.bulk_in:
            raise errors.BadBulk(f"{method.name} takes at most {method.bulk_in} bytes of bulk")
        session = self.session
        if method.caller != "anyone" and session is not None and session.expired:
            raise errors.SessionExpired("the session ended; bind again")
        if len(self._pending) >= CALLS_MAX:
            raise errors.Busy(f"{CALLS_MAX} calls are outstanding")

    def _request(
        self, method: Method, args: codec.Record, meta: dict[int, _t.Any], msgid: int
    ) -> bytes:
        seal = None if self.session is None else self.session.sealer(msgid, method.name)
        return _frame.request(msgid, method.name, codec.to_map(args, seal), meta)

    def begin(
        self,
        method: Method,
        args: codec.Record,
        options: Options = Options(),
        stream: _t.Optional["Stream[_t.Any]"] = None,
    ) -> Begun:
        """A call's number and frame; `send_begun` sends it, `forget` ends it."""
        self._check(method, options.bulk)
        seconds = method.deadline_ms / 1000
        if options.deadline is not None:
            seconds = min(seconds, options.deadline)
        if seconds <= 0:
            raise errors.DeadlineExceeded("the deadline has passed already")
        until = time.monotonic() + seconds
        self._msgid += 1
        meta = _frame.meta(seconds, options.idempotency_key, options.traceparent)
        frame = self._request(method, args, meta, self._msgid)
        future: "asyncio.Future[Reply]" = asyncio.get_running_loop().create_future()
        self._pending[self._msgid] = _Pending(method, future, options.known, stream)
        return Begun(self._msgid, future, until, frame, options.bulk)

    async def send_begun(self, begun: Begun) -> None:
        left = max(0.0, begun.until - time.monotonic())
        await self._send(begun.frame, begun.bulk, begun.future, left)

    def forget(self, msgid: int) -> None:
        """Whatever comes for that call is late from now on."""
        self._pending.pop(msgid, None)

    def notify(self, msgid: int, event: int, number: int) -> None:
        """As good as it goes: a connection that takes no more is over soon."""
        if self._socket is not None and self._lost is None:
            sending = asyncio.ensure_future(self._socket.send(_frame.notify(msgid, event, number)))
            sending.add_done_callback(lambda one: one.cancelled() or one.exception())

    async def send_chunk(
        self, msgid: int, number: int, chunk: bytes, ended: "asyncio.Future[Reply]"
    ) -> None:
        """A chunk of a stream; `ended` is its call."""
        frame = _frame.notify(msgid, _frame.CHUNK, number)
        await self._send(frame, chunk, ended, _CHUNK_SECONDS)

    async def call(
        self, method: Method, args: codec.Record, options: Options = Options()
    ) -> Reply:
        """One call by a method of a contract; see `tacit.service.Client.call`. Where the task that
        waits is cancelled, the service is told."""
        begun = self.begin(method, args, options)
        try:
            await self.send_begun(begun)
            return await asyncio.wait_for(begun.future, max(0.0, begun.until - time.monotonic()))
        except asyncio.TimeoutError:
            raise errors.DeadlineExceeded(f"{method.name}: no answer in time") from None
        except asyncio.CancelledError:
            self.notify(begun.msgid, _frame.CANCEL, 0)
            raise
        finally:
            self.forget(begun.msgid)

    async def _send(
        self,
        frame: bytes,
        bulk: _t.Optional[codec.Bytes],
        ended: "asyncio.Future[Reply]",
        seconds: float,
    ) -> None:
        """Waits for room in the socket, unless the call ends before: the connection may be gone.
        Both frames go at once, so that nothing comes between them, not even a cancellation."""
        frames = [frame, bulk] if bulk else [frame]
        sending = asyncio.ensure_future(self._socket.send_multipart(frames))
        try:
            await asyncio.wait(
                {sending, ended}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
            )
            if sending.done():
                sending.result()
        except zmq.ZMQError as error:
            raise errors.Unreachable(f"{self.endpoint}: {error}") from None
        finally:
            sending.cancel()
