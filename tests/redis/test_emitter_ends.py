"""A closed emitter leaves nothing behind in either face."""

from __future__ import annotations

import asyncio
import gc
import threading
import uuid
from pathlib import Path
from types import SimpleNamespace

import pytest
import redis
import redis.asyncio

from datapatterns._sync.listening import Listeners
from datapatterns.level import AsyncEmitter as AsyncLevelEmitter
from datapatterns.level import AsyncLevel, Level
from datapatterns.level import Emitter as LevelEmitter
from datapatterns.redis._async.emitter import AsyncEmitter
from datapatterns.redis._sync.emitter import Emitter
from datapatterns.redis._sync.subscriber import Subscriber
from datapatterns.redis.channels import Channels
from datapatterns.redis.keys import Keys
from datapatterns.testing.servers.redis import HOST, RedisServer, wait_until

each_kind = pytest.mark.parametrize("durable", [False, True], ids=["plain", "durable"])


def use(events: Emitter | LevelEmitter, busy: threading.Event) -> None:
    """Listen, hear, and leave a listener in the middle of its work."""
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
    """So does it on LevelDB."""
    with Level.open(tmp_path / "data") as level:
        before = set(threading.enumerate())
        for _ in range(5):
            use(LevelEmitter(level), threading.Event())
            assert set(threading.enumerate()) - before == set()


async def use_async(events: AsyncEmitter | AsyncLevelEmitter) -> None:
    """Listen, hear, and leave a listener in the middle of its work."""
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
    """So does it on LevelDB."""
    async with AsyncLevel.open(tmp_path / "data") as level:
        before = asyncio.all_tasks()
        for _ in range(5):
            await use_async(AsyncLevelEmitter(level))
            assert asyncio.all_tasks() == before


@each_kind
async def test_cancelled_while_joining(redis_server: RedisServer, durable: bool) -> None:
    """An `on` that was cancelled, wherever it was, leaves no listener."""
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
    """Emitters of both faces, of several handles of one directory, hear each other in one order."""
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
                wait_until, lambda: len(heard["sync"]) == len(heard["async"]) == 400, what="events"
            )
            for thread in threads:
                thread.join()
            for each in (sync, other):
                await asyncio.to_thread(each.close)
            await events.close()
    assert heard["sync"] == heard["async"]
    assert heard["other"] == []


def test_only_the_last_confirmation_counts() -> None:
    """An event let go and wanted again is confirmed by the second reply, not by the first."""
    posted: list[tuple[object, ...]] = []
    client = redis.Redis()  # never connects
    listeners = Listeners(1, lambda event: None)
    subscriber = Subscriber(client, Channels(Keys.of("dp", "emitter", "x")), listeners, 5.0)
    subscriber._connection = SimpleNamespace(post=lambda *command: posted.append(command))  # type: ignore[assignment]
    subscriber._running = SimpleNamespace()  # type: ignore[assignment] - so that nothing is started
    first = subscriber._join("news")
    subscriber.unwant("news")
    second = subscriber._join("news")
    assert [command[0] for command in posted] == ["SUBSCRIBE", "UNSUBSCRIBE", "SUBSCRIBE"]
    name = first.name
    subscriber._take([b"subscribe", name, 1])
    subscriber._take([b"unsubscribe", name, 0])
    assert not second.settled.is_set()
    subscriber._take([b"subscribe", name, 1])
    assert second.settled.is_set()
