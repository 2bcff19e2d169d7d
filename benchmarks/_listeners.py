"""A listener of each kind, in a process of its own, and the function that emits to it.

Events carry a number and the time of sending, on a clock that both processes share. The listener
prints one line as soon as it listens, and one with its figures after the last event.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

Emit = Callable[[dict[str, int]], Awaitable[object]]
EVENT = "tick"
SILENCE = 5.0  # seconds without an event after which a listener has lost its connection for good


class Heard:
    """The events that a listener received, those it missed, and whether it was told of the loss."""

    def __init__(self) -> None:
        self.received = 0
        self.unreported = 0
        self.gaps = 0
        self.done = asyncio.Event()
        self._last = -1
        self._gap = False
        self._began = 0
        self.ended = 0
        self._times: list[int] = []

    def gap(self, *_: object) -> None:
        """Note that the emitter announced a possible loss."""
        self.gaps += 1
        self._gap = True

    def event(self, payload: dict[str, int], *_: object) -> None:
        """Count an event; the one numbered -1 is the last."""
        if payload["number"] < 0:
            self.done.set()
            return
        self._began = self._began or payload["at"]
        self.ended = time.monotonic_ns()
        self._times.append(self.ended - payload["at"])
        self.received += 1
        self._count(payload["number"])

    def _count(self, number: int) -> None:
        if number > self._last + 1 and not self._gap:
            self.unreported += number - self._last - 1
        self._last, self._gap = max(number, self._last), False

    def report(self, count: int) -> dict[str, float]:
        """Return the figures, when `count` events were sent."""
        self._count(count)  # what is missing at the end counts too
        return {
            "received": self.received,
            "rate": self.received / (self.ended - self._began) * 1e9,
            "latency": statistics.median(self._times) / 1e6,
            "unreported": self.unreported,
            "gaps": self.gaps,
        }


async def hear_ours(url: str, heard: Heard, ready: Callable[[], None], **options: bool) -> None:
    """Listen with our emitter, which is subscribed when `on` returns."""
    from redis.asyncio import Redis

    from datapatterns.redis import AsyncEmitter

    async with Redis.from_url(url) as client:
        emitter = AsyncEmitter(client, **options)
        try:
            await emitter.on("gap", heard.gap)
            await emitter.on(EVENT, heard.event)
            ready()
            await heard.done.wait()
        finally:
            await emitter.close()


async def hear_redis_py(url: str, heard: Heard, ready: Callable[[], None]) -> None:
    """Listen with redis-py's pub/sub, and subscribe again after an error, as is usual."""
    from redis.asyncio import Redis
    from redis.exceptions import ConnectionError

    while True:
        async with Redis.from_url(url) as client, client.pubsub() as pubsub:
            try:
                await pubsub.subscribe(EVENT)
                async for message in pubsub.listen():
                    if message["type"] == "subscribe":
                        ready()
                    else:
                        heard.event(json.loads(message["data"]))
            except ConnectionError:
                pass


async def hear_broadcaster(url: str, heard: Heard, ready: Callable[[], None]) -> None:
    """Listen with broadcaster; it does not tell when it is subscribed, so wait a second."""
    from broadcaster import Broadcast

    async with Broadcast(url) as broadcast, broadcast.subscribe(EVENT) as subscriber:
        await asyncio.sleep(1.0)
        ready()
        async for event in subscriber:
            heard.event(json.loads(event.message))


@asynccontextmanager
async def emit_ours(url: str, **options: bool) -> AsyncIterator[Emit]:
    """Emit with our emitter."""
    from redis.asyncio import Redis

    from datapatterns.redis import AsyncEmitter

    async with Redis.from_url(url) as client:
        emitter = AsyncEmitter(client, **options)
        try:
            yield lambda payload: emitter.emit(EVENT, payload)
        finally:
            await emitter.close()


@asynccontextmanager
async def emit_redis_py(url: str) -> AsyncIterator[Emit]:
    """Emit with redis-py's PUBLISH."""
    from redis.asyncio import Redis

    async with Redis.from_url(url) as client:
        yield lambda payload: client.publish(EVENT, json.dumps(payload))


@asynccontextmanager
async def emit_broadcaster(url: str) -> AsyncIterator[Emit]:
    """Emit with broadcaster."""
    from broadcaster import Broadcast

    async with Broadcast(url) as broadcast:
        yield lambda payload: broadcast.publish(EVENT, json.dumps(payload))


HEAR: dict[str, Callable[[str, Heard, Callable[[], None]], Awaitable[None]]] = {
    "ours": hear_ours,
    "ours, durable": partial(hear_ours, durable=True),
    "redis-py pub/sub": hear_redis_py,
    "broadcaster": hear_broadcaster,
}
EMIT: dict[str, Any] = {
    "ours": emit_ours,
    "ours, durable": partial(emit_ours, durable=True),
    "redis-py pub/sub": emit_redis_py,
    "broadcaster": emit_broadcaster,
}


async def listen(name: str, url: str, count: int) -> None:
    """Listen until the last event or until SILENCE, and print the figures."""
    heard, subscribed = Heard(), asyncio.Event()
    listening = asyncio.ensure_future(HEAR[name](url, heard, subscribed.set))
    await subscribed.wait()
    print("listening", flush=True)
    before = -1
    while not heard.done.is_set() and not (before == heard.received > 0):
        before = heard.received
        with suppress(TimeoutError):
            await asyncio.wait_for(heard.done.wait(), SILENCE)
    listening.cancel()
    print(json.dumps(heard.report(count)), flush=True)


def main(name: str, url: str, count: int) -> None:
    """Run the named listener until `count` events are sent."""
    asyncio.run(listen(name, url, count))
