"""The reader of an emitter without history: it subscribes to channels and reads their messages."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from redis.asyncio import RedisCluster
from typing_extensions import override

from datapatterns.core.emitter import Gap
from datapatterns.errors import Closed, DataError, TimedOut, Unavailable, Unsupported
from datapatterns.patterns._async.concurrency import AsyncEvent
from datapatterns.patterns._async.emitter import AsyncListeners, Message
from datapatterns.redis._async.emitter_reader import AsyncEmitterReader
from datapatterns.redis.channels import Channels
from datapatterns.redis.wire._async.pools import AsyncRedisClient
from datapatterns.redis.wire._async.reader_connection import AsyncReaderConnection

_SILENCES = 3  # heartbeats without an answer after which the connection counts as lost


@dataclass(eq=False, slots=True)
class _Subscription:
    """A channel or pattern of the server, and the events that need it."""

    kind: str  # the command's first letter: "P" for a pattern, "S" for a sharded channel, or ""
    name: bytes
    events: set[str] = field(default_factory=set[str])
    settled: AsyncEvent = field(default_factory=AsyncEvent)
    error: DataError | None = None
    held: bool = False  # the server has confirmed it once: a later loss is a gap


class AsyncSubscriber(AsyncEmitterReader):
    """Keeps one connection subscribed to every event and pattern that has listeners.

    `want` sends SUBSCRIBE and waits for the server's confirmation. After a loss of the connection
    it sends all subscriptions again; messages are kept back until all of them are confirmed and the
    listeners were told of the gap.
    """

    def __init__(
        self,
        client: AsyncRedisClient,
        channels: Channels,
        listeners: AsyncListeners,
        heartbeat: float,
    ) -> None:
        super().__init__(client, channels.prefix, listeners, heartbeat)
        self._channels = channels
        self.sharded = isinstance(client, RedisCluster)  # until a server refuses SSUBSCRIBE
        self._wanted: dict[bytes, _Subscription] = {}
        self._unconfirmed: Counter[bytes] = Counter()
        self._lost_since: float | None = None
        self._kept_back: list[tuple[str, Message]] = []

    async def want(self, event: str, timeout: float) -> None:
        """Return once the server has confirmed the subscription to this event or pattern."""
        ends = time.monotonic() + timeout
        while True:
            sharded = self.sharded
            subscription = self._join(event)
            if not await subscription.settled.wait(max(0.0, ends - time.monotonic())):
                raise TimedOut("the server did not confirm the subscription in time")
            error = subscription.error
            if error is None:
                return
            if not (isinstance(error, Unsupported) and sharded and not self.sharded):
                raise error

    def _join(self, event: str) -> _Subscription:
        kind, name = self._channels.to_hear(event, sharded=self.sharded)
        with self._lock:
            if self._over.is_set():
                raise Closed("the emitter is closed")
            subscription = self._wanted.get(name)
            if subscription is None:
                subscription = self._wanted[name] = _Subscription(kind, name)
                if self._connection is not None:
                    self._subscribe(self._connection, subscription)
            subscription.events.add(event)
            self._start()
            return subscription

    def unwant(self, event: str) -> None:
        """Unsubscribe from an event or pattern that has no listeners any more."""
        _, name = self._channels.to_hear(event, sharded=self.sharded)
        with self._lock:
            subscription = self._wanted.get(name)
            if subscription is None or self._listeners.of(event):
                return
            subscription.events.discard(event)
            if not subscription.events:
                del self._wanted[name]
                subscription.settled.set()
                if self._connection is not None:
                    self._connection.post(f"{subscription.kind}UNSUBSCRIBE", name)

    def _subscribe(self, connection: AsyncReaderConnection, subscription: _Subscription) -> None:
        connection.post(f"{subscription.kind}SUBSCRIBE", subscription.name)
        self._unconfirmed[subscription.name] += 1

    @override
    def _needed(self) -> bool:
        return bool(self._wanted)

    @override
    async def _read(self, connection: AsyncReaderConnection) -> None:
        with self._lock:
            self._unconfirmed.clear()
            self._kept_back.clear()
            for subscription in self._wanted.values():
                self._subscribe(connection, subscription)
        self._resume()
        silences = 0
        while not self._over.is_set():
            reply = await connection.receive(self._heartbeat)
            if reply is not None:
                silences = 0
                self._alive = time.monotonic()
                if isinstance(reply, list):
                    self._take(reply)  # pyright: ignore[reportUnknownArgumentType] - the server's
                continue
            silences += 1
            if silences == _SILENCES:
                raise TimedOut("the server has stopped answering")
            connection.post("PING")

    def _take(self, reply: list[Any]) -> None:
        kind = reply[0]
        if kind in (b"message", b"smessage"):
            self._hear(reply[1], reply[2])
        elif kind == b"pmessage":
            event = self._channels.event_of(reply[2])
            for pattern in self._events(reply[1]):
                self._pass_on(pattern, (event, reply[3]))
        elif kind.endswith(b"unsubscribe"):
            self._unsubscribed(reply[1])
        elif kind.endswith(b"subscribe"):
            self._confirmed(reply[1])

    def _hear(self, channel: bytes, data: bytes) -> None:
        if channel != self._channels.everything:
            event = self._channels.event_of(channel)
            self._pass_on(event, (event, data))
            return
        event, data = self._channels.unpack(data)
        for pattern in self._events(channel):
            if self._channels.matches(pattern, event):
                self._pass_on(pattern, (event, data))

    def _events(self, name: bytes) -> list[str]:
        with self._lock:
            subscription = self._wanted.get(name)
            return [] if subscription is None else list(subscription.events)

    def _pass_on(self, key: str, message: Message) -> None:
        if self._lost_since is not None:
            self._kept_back.append((key, message))
        else:
            self._listeners.hear(key, message)

    def _confirmed(self, name: bytes) -> None:
        with self._lock:
            self._unconfirmed[name] -= 1
            # After an unsubscription and a new subscription, only the last confirmation counts.
            if self._unconfirmed[name] <= 0:
                del self._unconfirmed[name]
                if name in self._wanted:
                    self._wanted[name].held = True
                    self._wanted[name].settled.set()
        self._resume()

    def _unsubscribed(self, name: bytes) -> None:
        with self._lock:
            moved = name in self._wanted and not self._unconfirmed[name]
        if moved:
            raise Unavailable("the channel's slot has moved to another node")

    def _resume(self) -> None:
        """Tell listeners of the gap and pass on the messages kept back, if all is confirmed."""
        with self._lock:
            if self._unconfirmed.total():
                return
            self._attempt = 0
            since, self._lost_since = self._lost_since, None
            events = {e for s in self._wanted.values() if s.held for e in s.events}
        if since is not None and events:
            seconds = time.monotonic() - since
            self._listeners.gap(Gap(tuple(sorted(events)), seconds, "connection"))
        for key, message in self._kept_back:
            self._listeners.hear(key, message)
        self._kept_back.clear()

    @override
    def _unreachable(self, error: DataError) -> None:
        """Drop every subscription that was never confirmed, and raise the error in its `want`."""
        with self._lock:
            for subscription in [s for s in self._wanted.values() if not s.held]:
                del self._wanted[subscription.name]
                subscription.error = error
                subscription.settled.set()

    @override
    def _lost(self, error: DataError) -> None:
        if isinstance(error, Unsupported) and self.sharded:
            self.sharded = False
        if not isinstance(error, Unavailable | TimedOut):
            self._unreachable(error)  # a refusal, which does not say of which subscription
        with self._lock:
            if self._lost_since is None and any(s.held for s in self._wanted.values()):
                self._lost_since = self._alive

    @override
    async def close(self) -> None:
        """Stop reading, close the connection, and raise Closed in every `want` under way."""
        await super().close()
        self._unreachable(Closed("the emitter was closed"))
