"""An emitter in Redis."""

from __future__ import annotations

from redis.asyncio import RedisCluster
from typing_extensions import override

from datapatterns.core.checks import Duration, check_count, check_flag, positive_seconds
from datapatterns.errors import Unsupported
from datapatterns.patterns._async.emitter import AsyncBaseEmitter, Position
from datapatterns.redis._async.lua import SCRIPTS
from datapatterns.redis._async.stream_reader import AsyncStreamReader
from datapatterns.redis._async.subscriber import AsyncSubscriber
from datapatterns.redis.channels import Channels
from datapatterns.redis.keys import DEFAULT_NAMESPACE, Keys
from datapatterns.redis.wire._async.commands import write
from datapatterns.redis.wire._async.pools import AsyncRedisClient
from datapatterns.redis.wire.closing import check_open

_LONGEST = 1_000_000_000  # entries that a history may be told to keep


class AsyncEmitter(AsyncBaseEmitter):
    """Events between processes: whatever is emitted after `on` has returned is heard.

    The first `on` opens one connection of the emitter's own, which is read in the background (here
    by a task, in the sync face by a thread). `on` sends `SUBSCRIBE`, for a pattern `PSUBSCRIBE`,
    and waits for the server's confirmation, so an emit that starts after it is never too early.
    `emit` is one `PUBLISH` on the lent client, sent once: OutcomeUnknown if the reply was lost.

    A connection that is closed, or silent for three heartbeats (`heartbeat` seconds), is replaced:
    at once, then with full jitter up to 2 s. After that all subscriptions are confirmed anew, and
    the listeners of `gap` are called with a `Gap` before any later message, since messages may have
    been missed.

    On a cluster with sharded channels (Redis 7) a script does `SPUBLISH` twice, on the channel of
    the event and on one for all events. Listeners of patterns subscribe to the latter and receive
    every event of the emitter, since shards have no patterns. All emitters of one name use one
    node.

    `durable=True` keeps a history instead, a stream `{namespace:emitter:name}:stream`: `emit` is a
    script with `XADD MAXLEN ~ history`, and `on` asks for the newest id before it returns. The
    reader uses `XREAD BLOCK` and goes on behind the last entry it has read, however long it was cut
    off. It announces a gap only if entries were trimmed or lost before it has read them. The stream
    expires `keep` seconds after the last emit. All emitters of one name must agree on `durable`.

    Each listener has a buffer of `buffer` messages; one that lags further loses its oldest
    messages, which is a gap, too. `on` raises Unavailable at once if the server cannot be reached,
    and TimedOut if it does not confirm within `timeout` seconds. Close the emitter after use: that
    ends the listeners under way, and leaves no task, thread or connection.
    """

    def __init__(
        self,
        client: AsyncRedisClient,
        name: str = "events",
        *,
        durable: bool = False,
        buffer: int = 1024,
        history: int = 10_000,
        keep: Duration = 7 * 86_400.0,
        heartbeat: Duration = 5.0,
        timeout: Duration = 10.0,
        namespace: str = DEFAULT_NAMESPACE,
    ) -> None:
        check_flag("durable", durable)
        super().__init__(buffer, timeout)
        self.redis = client
        keys = Keys.of(namespace, "emitter", name)
        self._stream = keys("stream")
        self._history = check_count("the history", history, most=_LONGEST)
        self._keep = round(positive_seconds("keep", keep) * 1000)
        heartbeat = positive_seconds("the heartbeat", heartbeat)
        self._channels = Channels(keys)
        self._sharded = isinstance(client, RedisCluster)
        self._follower: AsyncStreamReader | None = None
        self._subscriber: AsyncSubscriber | None = None
        if durable:
            self._follower = AsyncStreamReader(client, self._stream, self._listeners, heartbeat)
        else:
            self._subscriber = AsyncSubscriber(client, self._channels, self._listeners, heartbeat)

    @override
    async def _position(self) -> Position:
        return None if self._follower is None else await self._follower.position()

    @override
    async def _begin(self, event: str, timeout: float, at: Position) -> None:
        check_open(self.redis)
        if self._follower is not None:
            self._follower.follow(at)
        if self._subscriber is not None:
            await self._subscriber.want(event, timeout)

    @override
    def _end(self, event: str) -> None:
        if self._subscriber is not None:
            self._subscriber.unwant(event)

    @override
    async def _send(self, event: str, data: bytes) -> None:
        if self._follower is not None:
            arguments = (self._history, self._keep, event.encode(), data)
            await SCRIPTS.write(self.redis, "emitter/append", [self._stream], arguments)
            return
        _, channel = self._channels.to_hear(event, sharded=False)
        if self._sharded:
            keys = [channel, self._channels.everything]
            try:
                await SCRIPTS.write(
                    self.redis, "emitter/publish", keys, [data, self._channels.pack(event, data)]
                )
                return
            except Unsupported:
                self._sharded = False  # a cluster before Redis 7: its nodes pass on every message
        await write(self.redis, "PUBLISH", channel, data, key=channel)

    @override
    async def _stop(self) -> None:
        for reader in (self._follower, self._subscriber):
            if reader is not None:
                await reader.close()
