#!/usr/bin/env python3
"""Streams, cancellation and retries of the Python client, against a ROUTER that does as the test wants."""

import asyncio
import dataclasses
import os
import time
import unittest

# A sanitizer's runtime is preloaded for the C library in this process, and for nobody else.
os.environ.pop("LD_PRELOAD", None)

import msgpack
import zmq
import zmq.asyncio

import tacit
from tacit import codec, errors, resume, retry, service, stream
from tacit.codec import Field
from tacit.service import Method


@dataclasses.dataclass(slots=True, kw_only=True)
class Text(codec.Record):
    text: bytes
    FIELDS = (Field(1, "text", "bytes", maximum=64),)
    ENCODED_MAX = 80


ECHO = Method("echo.echo", Text, Text, deadline_ms=2000)
AGAIN = Method("echo.again", Text, Text, deadline_ms=2000, idempotent=True)
FLOW = Method("echo.flow", Text, Text, deadline_ms=2000, stream_in=(10, 1000), stream_out=(10, 200))
GIVE = Method("echo.give", Text, Text, stream_in=(10, 30), resumable=True)
PUSH = Method("echo.push", Text, Text, deadline_ms=2000, stream_in=(10, 15))
SERVICE = service.Service(name="echo", number=1, sha256=bytes(32), errors=(), methods=(ECHO,))


class EchoClient(service.Client):
    SERVICE = SERVICE


class Peer(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.context = zmq.asyncio.Context()
        self.router = self.context.socket(zmq.ROUTER)
        self.router.linger = 0
        self.port = self.router.bind_to_random_port("tcp://127.0.0.1")
        self.client = EchoClient(await self.open())
        self.addAsyncCleanup(self.end)

    def open(self):
        return tacit.Connection.open(f"tcp://127.0.0.1:{self.port}")

    async def end(self):
        await self.client.close()
        self.router.close(0)
        self.context.term()

    async def hear(self):
        """The next message: what it says, its bulk, and who sent it."""
        who, frame, *bulk = await asyncio.wait_for(self.router.recv_multipart(), 5)
        self.who = who
        return msgpack.unpackb(frame, strict_map_key=False), (bulk or [None])[0]

    async def say(self, *message, bulk=None):
        frames = [self.who, msgpack.packb(list(message))]
        await self.router.send_multipart(frames + ([] if bulk is None else [bulk]))

    async def answer(self, msgid, text=b"done"):
        await self.say(1, msgid, None, {1: text})


class Streams(Peer):
    def flow(self, method=FLOW, **options):
        return self.client.stream(method, Text(text=b"go"), **options)

    async def test_chunks_both_ways(self):
        async with self.flow() as flow:
            (kind, msgid, name, _), _ = await self.hear()
            self.assertEqual((kind, name), (0, "echo.flow"))
            await flow.send(b"one")
            await flow.send(b"two")
            self.assertEqual(await self.hear(), ([2, msgid, 1, 0], b"one"))
            self.assertEqual(await self.hear(), ([2, msgid, 1, 1], b"two"))
            await flow.end()
            self.assertEqual(await self.hear(), ([2, msgid, 3, 2], None))
            for number in range(6):
                await self.say(2, msgid, 1, number, bulk=b"%d" % number)
            await self.answer(msgid)
            self.assertEqual((await flow.result()).text, b"done")
            self.assertEqual([chunk async for chunk in flow], [b"%d" % n for n in range(6)])
            for late in (flow.send(b"x"), flow.end()):
                with self.assertRaises(errors.BadInput):
                    await late
        self.assertEqual(self.client.connection._pending, {})

    async def test_sends_no_more_than_its_credit(self):
        async with self.flow() as flow:
            (_, msgid, _, _), _ = await self.hear()
            for number in range(stream.WINDOW):
                await flow.send(b"x")
                await self.hear()
            waiting = asyncio.create_task(flow.send(b"y"))
            await asyncio.sleep(0.1)
            self.assertFalse(waiting.done())
            await self.say(2, msgid, 2, stream.WINDOW + 1)
            self.assertEqual(await self.hear(), ([2, msgid, 1, stream.WINDOW], b"y"))
            await waiting

    async def test_gives_credit_as_it_reads(self):
        async with self.flow() as flow:
            (_, msgid, _, _), _ = await self.hear()
            for number in range(stream.WINDOW):
                await self.say(2, msgid, 1, number, bulk=b"x")
            for _ in range(stream.WINDOW // 2):
                await anext(flow)
            self.assertEqual(await self.hear(), ([2, msgid, 2, stream.WINDOW * 3 // 2], None))

    async def test_bounds_of_what_is_sent(self):
        async with self.flow(PUSH) as flow:
            await self.hear()
            for chunk, kind in ((b"", errors.BadInput), (b"x" * 11, errors.TooLarge)):
                with self.assertRaises(kind):
                    await flow.send(chunk)
            await flow.send(b"x" * 10)
            await flow.send(b"x" * 5)
            with self.assertRaises(errors.TooLarge):
                await flow.send(b"x")

    async def test_a_hostile_service_ends_the_call_alone(self):
        window = stream.WINDOW
        crimes = {
            "out of order": [((1, 1), b"x")],
            "twice": [((1, 0), b"x"), ((1, 0), b"x")],
            "empty": [((1, 0), b"")],
            "too large": [((1, 0), b"x" * 11)],
            "no bulk": [((1, 0), None)],
            "beyond credit": [((1, number), b"x") for number in range(window + 1)],
            "too much credit": [((2, window + 1), None)],
            "less credit": [((2, window - 1), None)],
            "an end": [((3, 0), None)],
            "a cancel": [((4, 0), None)],
            "an unknown event": [((9, 0), None)],
            "credit with bulk": [((2, window), b"x")],
        }
        for name, messages in crimes.items():
            with self.subTest(name):
                async with self.flow() as flow:
                    (_, msgid, _, _), _ = await self.hear()
                    for (event, number), bulk in messages:
                        await self.say(2, msgid, event, number, bulk=bulk)
                    with self.assertRaises(errors.ProtocolError):
                        await flow.result()
                    self.assertEqual(await self.hear(), ([2, msgid, 4, 0], None))
        call = asyncio.create_task(self.client.call(ECHO, Text(text=b"")))
        (_, msgid, _, _), _ = await self.hear()
        await self.answer(msgid)
        self.assertEqual((await call).result.text, b"done")

    async def test_a_resumable_stream_begins_where_the_service_says(self):
        async with self.flow(GIVE) as flow:
            (_, msgid, _, _), _ = await self.hear()
            sending = asyncio.create_task(flow.send(b"x" * 10))
            await asyncio.sleep(0.05)
            self.assertFalse(sending.done())
            await self.say(2, msgid, 5, 15)
            await sending
            self.assertEqual(await self.hear(), ([2, msgid, 1, 0], b"x" * 10))
            with self.assertRaises(errors.TooLarge):
                await flow.send(b"x" * 6)
            await flow.send(b"x" * 5)
            await self.say(2, msgid, 5, 30)
            await self.say(2, msgid, 5, 31)
            with self.assertRaises(errors.ProtocolError):
                await flow.result()

    async def test_what_is_kept_is_bounded_and_only_grows(self):
        for first, second in ((31, None), (2**64 - 1, None), (5, 4), (5, 6)):
            with self.subTest(first=first, second=second):
                async with self.flow(GIVE) as flow:
                    (_, msgid, _, _), _ = await self.hear()
                    await self.say(2, msgid, 5, first)
                    if second is not None:
                        await self.say(2, msgid, 5, second)
                    with self.assertRaises(errors.ProtocolError):
                        await flow.result()
                    await self.hear()

    async def test_a_transfer_goes_on_from_what_is_kept(self):
        content = bytes(range(25))
        told = []

        async def service():
            (_, msgid, _, _), _ = await self.hear()
            await self.say(2, msgid, 5, 0)
            await self.hear()
            await self.say(1, msgid, [112, "interrupted", "", {}], None)
            while (message := await self.hear())[0][0] != 0:
                pass  # what was under way
            msgid, got = message[0][1], content[:10]
            await self.say(2, msgid, 5, 10)
            while (message := await self.hear())[0][2] == 1:
                got += message[1]
            await self.answer(msgid)
            return got

        serving = asyncio.create_task(service())
        self.client._reopen = self.open
        done = await resume.send(
            self.client, lambda: self.flow(GIVE), 25, lambda at, size: content[at : at + size],
            progress=told.append,
        )
        self.assertEqual(done.text, b"done")
        self.assertEqual(await serving, content)
        self.assertEqual(told, [0, 10, 25])

    async def test_a_transfer_ends_after_its_tries(self):
        async def service():
            for _ in range(2):
                (_, msgid, _, _), _ = await self.hear()
                await self.say(1, msgid, [111, "busy", "", {}], None)

        serving = asyncio.create_task(service())
        with self.assertRaises(errors.TacitError):
            await resume.send(self.client, lambda: self.flow(GIVE), 5, bytes, tries=2)
        await asyncio.wait([serving], timeout=0.2)
        serving.cancel()

    async def test_chunks_without_end_are_bounded(self):
        """More than the contract allows in all, read as fast as they come."""
        async with self.flow() as flow:
            (_, msgid, _, _), _ = await self.hear()

            async def flood():
                for number in range(100):
                    await self.say(2, msgid, 1, number, bulk=b"x" * 10)
                    await asyncio.sleep(0.001)

            flooding = asyncio.create_task(flood())
            read = 0
            with self.assertRaises(errors.ProtocolError):
                async for chunk in flow:
                    read += len(chunk)
            self.assertLessEqual(read, 200)
            await flooding

    async def test_chunks_for_no_stream_end_the_connection(self):
        for event in ([2, 99, 1, 0], [2, 0, 1, 0], [2, 1, 1, -1], [2, 1, "x", 0], [2, 1, 1]):
            with self.subTest(event):
                await self.client.close()
                self.client = EchoClient(await self.open())
                call = asyncio.create_task(self.client.call(ECHO, Text(text=b"")))
                await self.hear()
                await self.say(*event)
                with self.assertRaises(errors.ProtocolError):
                    await call

    async def test_a_failure_ends_both_ways(self):
        async with self.flow() as flow:
            (_, msgid, _, _), _ = await self.hear()
            await self.say(2, msgid, 1, 0, bulk=b"x")
            await self.say(1, msgid, [103, "not_found", "no", {}], None)
            self.assertEqual(await anext(flow), b"x")
            for later in (anext(flow), flow.send(b"x"), flow.result()):
                with self.assertRaises(errors.NotFound):
                    await later

    async def test_the_deadline_ends_it(self):
        async with self.flow(deadline=0.2) as flow:
            (_, msgid, _, _), _ = await self.hear()
            with self.assertRaises(errors.DeadlineExceeded):
                await anext(flow)
            self.assertEqual(await self.hear(), ([2, msgid, 4, 0], None))

    async def test_leaving_it_cancels(self):
        async with self.flow():
            (_, msgid, _, _), _ = await self.hear()
        self.assertEqual(await self.hear(), ([2, msgid, 4, 0], None))
        self.assertEqual(self.client.connection._pending, {})

    async def test_a_lost_connection_ends_it(self):
        async with self.flow() as flow:
            await self.hear()
            self.router.close(0)
            with self.assertRaises(errors.Unreachable):
                await anext(flow)


class Cancelling(Peer):
    async def test_the_service_is_told(self):
        call = asyncio.create_task(self.client.call(ECHO, Text(text=b"")))
        (_, msgid, _, _), _ = await self.hear()
        call.cancel()
        with self.assertRaises(asyncio.CancelledError):
            await call
        self.assertEqual(await self.hear(), ([2, msgid, 4, 0], None))


class Retries(Peer):
    async def serve(self, failures):
        """Answers every call, but the first ones with those errors; how many came."""
        count = 0
        while True:
            (kind, msgid, *_), _ = await self.hear()
            if kind != 0:
                continue
            count += 1
            self.count = count
            if count <= len(failures):
                await self.say(1, msgid, failures[count - 1], None)
            else:
                await self.answer(msgid)

    def serving(self, *failures):
        task = asyncio.create_task(self.serve(failures))
        self.addCleanup(task.cancel)

    BUSY = [111, "busy", "later", {}]

    async def test_a_busy_service_is_asked_again_when_it_said(self):
        self.serving([111, "busy", "later", {6: 150}])
        began = time.monotonic()
        reply = await self.client.call(AGAIN, Text(text=b""))
        self.assertEqual(reply.result.text, b"done")
        self.assertGreaterEqual(time.monotonic() - began, 0.15)
        self.assertEqual(self.count, 2)

    async def test_what_may_not_repeat_is_sent_once(self):
        self.serving(self.BUSY)
        with self.assertRaises(errors.Busy) as caught:
            await self.client.call(ECHO, Text(text=b""))
        self.assertEqual((self.count, caught.exception.retry_after_ms), (1, 0))

    async def test_a_key_alone_repeats_nothing(self):
        """No service keeps answers by it."""
        self.serving(self.BUSY)
        with self.assertRaises(errors.Busy):
            await self.client.call(ECHO, Text(text=b""), idempotency_key=b"the same")
        self.assertEqual(self.count, 1)

    async def test_other_errors_are_final(self):
        self.serving([103, "not_found", "no", {}])
        with self.assertRaises(errors.NotFound):
            await self.client.call(AGAIN, Text(text=b""))
        self.assertEqual(self.count, 1)

    async def test_attempts_and_waits_are_bounded(self):
        self.serving(*[self.BUSY] * 10, [111, "busy", "later", {6: 5000}])
        with self.assertRaises(errors.Busy):
            await self.client.call(AGAIN, Text(text=b""))
        self.assertEqual(self.count, retry.ATTEMPTS_MAX)
        self.count = 10
        began = time.monotonic()
        with self.assertRaises(errors.Busy):
            await self.client.call(AGAIN, Text(text=b""), deadline=0.3)
        self.assertLess(time.monotonic() - began, 1)

    async def test_the_budget_bounds_retries(self):
        self.serving(*[self.BUSY] * 1000)
        for _ in range(30):
            with self.assertRaises(errors.Busy):
                await self.client.call(AGAIN, Text(text=b""))
        self.assertLessEqual(self.count, 30 + retry.FLOOR + 3 + 10)
        self.assertGreater(self.count, 30)

    async def test_a_lost_connection_is_made_again(self):
        self.client = EchoClient(self.client.connection, self.open)
        self.serving()
        await self.client.call(AGAIN, Text(text=b""))
        before = self.client.connection
        before._lose(errors.Unreachable("pulled"))
        replies = await asyncio.gather(
            *(self.client.call(AGAIN, Text(text=b"")) for _ in range(5)))
        self.assertEqual({reply.result.text for reply in replies}, {b"done"})
        self.assertIsNot(self.client.connection, before)
        self.client.connection._lose(errors.Unreachable("pulled"))
        with self.assertRaises(errors.Unreachable):
            await self.client.call(ECHO, Text(text=b""))

    async def test_what_a_draining_service_refuses_goes_elsewhere(self):
        self.client = EchoClient(self.client.connection, self.open)
        before = self.client.connection
        accepted = asyncio.create_task(self.client.call(ECHO, Text(text=b"first")))
        (_, first, _, _), _ = await self.hear()
        old = self.who
        refused = asyncio.create_task(self.client.call(ECHO, Text(text=b"second")))
        (_, msgid, _, _), _ = await self.hear()
        await self.say(1, msgid, [114, "draining", "x", {6: 10}], None)
        (_, msgid, _, _), _ = await self.hear()
        self.assertNotEqual(self.who, old)
        await self.answer(msgid, b"elsewhere")
        self.assertEqual((await refused).result.text, b"elsewhere")
        self.assertIsNot(self.client.connection, before)
        self.who = old  # what was accepted is still waited for there
        await self.answer(first, b"finished")
        self.assertEqual((await accepted).result.text, b"finished")
        while not before.closed:
            await asyncio.sleep(0.01)

    async def test_a_draining_service_without_another_is_asked_again(self):
        call = asyncio.create_task(self.client.call(ECHO, Text(text=b"")))
        for attempt in range(retry.ATTEMPTS_MAX):
            (_, msgid, _, _), _ = await self.hear()
            await self.say(1, msgid, [114, "draining", "x", {6: 10}], None)
        with self.assertRaises(errors.Draining):
            await call

    async def test_a_closed_client_stays_closed(self):
        self.client = EchoClient(self.client.connection, self.open)
        await self.client.close()
        with self.assertRaises(errors.Unreachable):
            await self.client.call(AGAIN, Text(text=b""))

    async def test_without_a_way_back_it_fails_at_once(self):
        self.client.connection._lose(errors.Unreachable("pulled"))
        with self.assertRaises(errors.Unreachable):
            await self.client.call(AGAIN, Text(text=b""))

    def test_budget_as_in_c(self):
        budget = retry.Budget()
        self.assertEqual(sum(budget.spend() for _ in range(50)), retry.FLOOR)
        for _ in range(200):
            budget.earn()
        self.assertEqual(sum(budget.spend() for _ in range(50)), 20)
        for _ in range(10000):
            budget.earn()
        self.assertEqual(sum(budget.spend() for _ in range(500)), retry.SAVED_MAX)


if __name__ == "__main__":
    unittest.main()
