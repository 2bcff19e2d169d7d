"""A closed emitter leaves no thread, task or connection behind, in either face."""

from __future__ import annotations

import asyncio
import gc
import re
import socket
import threading
import uuid
from contextlib import suppress
from pathlib import Path

import pytest
import redis
import redis.asyncio

from datapatterns.level import AsyncEmitter as AsyncLevelEmitter
from datapatterns.level import AsyncLevel, Level
from datapatterns.level import Emitter as LevelEmitter
from datapatterns.redis._async.emitter import AsyncEmitter
from datapatterns.redis._sync.emitter import Emitter
from datapatterns.redis.channels import Channels
from datapatterns.redis.keys import Keys
from datapatterns.testing.servers.redis import HOST, RedisServer
from datapatterns.testing.waiting import eventually

each_kind = pytest.mark.parametrize("durable", [False, True], ids=["plain", "durable"])


def use(events: Emitter | LevelEmitter, busy: threading.Event) -> None:
    """Listen, receive, and close while a listener is at work."""
    go_on = threading.Event()

    def slow(payload: object) -> None:
        busy.set()
        go_on.wait(0.2)

    events.on("news", slow)
    events.on("n*", lambda payload, event: None)
    for _ in range(20):
        events.emit("news", 1)
    assert busy.wait(30)
    events.close()


@each_kind
def test_threads(redis_server: RedisServer, durable: bool) -> None:
    """The sync face ends its threads, also while a listener is at work."""
    before = set(threading.enumerate())
    with redis.Redis(host=HOST, port=redis_server.port) as client:
        for _ in range(5):
            events = Emitter(client, durable=durable, namespace=f"test-{uuid.uuid4()}")
            use(events, threading.Event())
            assert set(threading.enumerate()) - before == set()
    gc.collect()  # a socket that was left open would be a warning, and so an error


def test_threads_on_level(tmp_path: Path) -> None:
    """On LevelDB, too, the sync face ends its threads."""
    with Level.open(tmp_path / "data") as level:
        before = set(threading.enumerate())
        for _ in range(5):
            use(LevelEmitter(level), threading.Event())
            assert set(threading.enumerate()) - before == set()


async def use_async(events: AsyncEmitter | AsyncLevelEmitter) -> None:
    """Listen, receive, and close while a listener is at work."""
    busy = asyncio.Event()

    async def slow(payload: object) -> None:
        busy.set()
        await asyncio.sleep(60)

    await events.on("news", slow)
    await events.on("n*", lambda payload, event: None)
    for _ in range(20):
        await events.emit("news", 1)
    await asyncio.wait_for(busy.wait(), 30)
    await events.close()


@each_kind
async def test_tasks(redis_server: RedisServer, durable: bool) -> None:
    """The async face ends its tasks, also while a listener is at work."""
    client = redis.asyncio.Redis(host=HOST, port=redis_server.port)
    before = asyncio.all_tasks()
    for _ in range(5):
        events = AsyncEmitter(client, durable=durable, namespace=f"test-{uuid.uuid4()}")
        await use_async(events)
        assert asyncio.all_tasks() == before
    await client.aclose()
    gc.collect()


async def test_tasks_on_level(tmp_path: Path) -> None:
    """On LevelDB, too, the async face ends its tasks."""
    async with AsyncLevel.open(tmp_path / "data") as level:
        before = asyncio.all_tasks()
        for _ in range(5):
            await use_async(AsyncLevelEmitter(level))
            assert asyncio.all_tasks() == before


@each_kind
async def test_cancelled_while_joining(redis_server: RedisServer, durable: bool) -> None:
    """An `on` that was cancelled at any point leaves no listener."""
    client = redis.asyncio.Redis(host=HOST, port=redis_server.port)
    async with AsyncEmitter(client, durable=durable, namespace=f"test-{uuid.uuid4()}") as events:
        for turns in range(40):
            task = asyncio.ensure_future(events.on(f"news-{turns}", print))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
            assert events.listeners(f"news-{turns}") == (not task.cancelled())
        heard: asyncio.Queue[object] = asyncio.Queue()
        await events.on("last", heard.put)
        await events.emit("last", 1)
        assert await asyncio.wait_for(heard.get(), 30) == 1
    await client.aclose()


async def test_both_faces_on_level(tmp_path: Path) -> None:
    """Emitters of both faces and several handles of one directory receive events in one order."""
    heard: dict[str, list[object]] = {"sync": [], "async": [], "other": []}
    async with AsyncLevel.open(tmp_path / "data") as level:
        with Level.open(tmp_path / "data") as again:
            sync, other = LevelEmitter(again), LevelEmitter(again.sublevel("other"))
            events = AsyncLevelEmitter(level)
            sync.on("count", heard["sync"].append)
            other.on("count", heard["other"].append)
            await events.on("count", heard["async"].append)

            def count(name: str) -> None:
                for number in range(100):
                    sync.emit("count", [name, number])

            threads = [threading.Thread(target=count, args=(name,)) for name in "abc"]
            for thread in threads:
                thread.start()
            for number in range(100):
                await events.emit("count", ["loop", number])
                await asyncio.sleep(0)
            await asyncio.to_thread(
                eventually, lambda: len(heard["sync"]) == len(heard["async"]) == 400, "events"
            )
            for thread in threads:
                thread.join()
            for each in (sync, other):
                await asyncio.to_thread(each.close)
            await events.close()
    assert heard["sync"] == heard["async"]
    assert heard["other"] == []


class ScriptedServer:
    """A server that accepts every setting and sends only what the test lets it send."""

    def __init__(self) -> None:
        self.commands = ""  # all that it has received
        self._listening = socket.create_server((HOST, 0))
        self.port = self._listening.getsockname()[1]
        self._connection: socket.socket | None = None
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        self._connection, _ = self._listening.accept()
        with self._connection, suppress(OSError):
            while data := self._connection.recv(65_536):
                # While it connects, redis-py sends CLIENT SETINFO for its name and its version.
                self._connection.sendall(b"+OK\r\n" * data.count(b"SETINFO"))
                self.commands += data.decode()

    def received(self, command: str) -> int:
        """Return how often the command has arrived."""
        return len(re.findall(rf"\r\n{command}\r\n", self.commands))

    def send(self, kind: str, channel: bytes, last: bytes) -> None:
        """Send a message of publish and subscribe."""
        assert self._connection is not None
        head = f"*3\r\n${len(kind)}\r\n{kind}\r\n${len(channel)}\r\n".encode()
        self._connection.sendall(head + channel + b"\r\n" + last)

    def close(self) -> None:
        """End the connection and the thread."""
        if self._connection is not None:
            with suppress(OSError):
                self._connection.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()


def test_only_the_last_confirmation_counts() -> None:
    """After `on`, `off` and `on` again, the second `on` returns at its own confirmation only."""
    server = ScriptedServer()
    heard: list[object] = []
    with redis.Redis(host=HOST, port=server.port) as client:
        events = Emitter(client, "x", heartbeat=60, timeout=60)
        channels = Channels(Keys.of("dp", "emitter", "x"))
        news, other = channels.prefix + b"news", channels.prefix + b"other"

        def listen(event: str) -> threading.Thread:
            thread = threading.Thread(target=events.on, args=(event, heard.append), daemon=True)
            sent = server.received("SUBSCRIBE")
            thread.start()
            eventually(lambda: server.received("SUBSCRIBE") > sent, "SUBSCRIBE")
            return thread

        first = listen("other")
        server.send("subscribe", other, b":1\r\n")
        first.join()
        former = listen("news")
        events.off("news", heard.append)
        eventually(lambda: server.received("UNSUBSCRIBE") == 1, "UNSUBSCRIBE")
        former.join()
        second = listen("news")
        server.send("subscribe", news, b":2\r\n")
        server.send("unsubscribe", news, b":1\r\n")
        # Messages are read in their order: once this one is heard, those before it have been read.
        server.send("message", other, b"$1\r\n1\r\n")
        eventually(lambda: heard == [1], "the message")
        assert second.is_alive()
        server.send("subscribe", news, b":2\r\n")
        second.join()
        events.close()
    server.close()
