# Generated from datapatterns/redis/_async/counter.py by scripts/unasync.py; do not edit.
"""A counter in Redis."""

from __future__ import annotations

from typing_extensions import override

from datapatterns.core.checks import Duration, positive_seconds
from datapatterns.core.counter import stored_count
from datapatterns.patterns._sync.counter import BaseCounter
from datapatterns.redis._sync.lua import SCRIPTS
from datapatterns.redis.keys import DEFAULT_NAMESPACE, Keys
from datapatterns.redis.wire._sync.commands import read, write
from datapatterns.redis.wire._sync.pools import RedisClient


class Counter(BaseCounter):
    """A signed 64-bit integer that any number of callers change at once, with no change lost.

    `INCRBY {namespace:counter:name}:value by`, sent once: the server adds atomically, and refuses
    a result of more than 64 bits. If the reply is lost, that is OutcomeUnknown: the addition may
    have happened or not. A caller who wants to try again gives an `op_id`: then one script looks
    whether this operation was done, adds, and keeps the result under a key of its own for `op_ttl`
    seconds.

    Each call is O(1) and one round trip. The counter itself never expires; `reset` removes it.
    """

    def __init__(
        self,
        client: RedisClient,
        name: str,
        *,
        op_ttl: Duration = 3600.0,
        namespace: str = DEFAULT_NAMESPACE,
    ) -> None:
        self.redis = client
        self._keys = Keys.of(namespace, "counter", name)
        self._key = self._keys("value")
        self._op_ttl = round(positive_seconds("op_ttl", op_ttl) * 1000)

    @override
    def _add(self, by: int, op_id: str | None) -> int:
        if op_id is None:
            return int(write(self.redis, "INCRBY", self._key, by, key=self._key))
        keys = [self._key, self._keys("op", op_id)]
        return int(SCRIPTS.write(self.redis, "counter/add", keys, [by, self._op_ttl]))

    @override
    def value(self) -> int:
        return stored_count(read(self.redis, "GET", self._key))

    @override
    def reset(self) -> int:
        return int(SCRIPTS.write(self.redis, "counter/reset", [self._key]) or 0)
