"""A limiter of how many do something at the same time, in LevelDB."""

from __future__ import annotations

import logging
from collections.abc import Callable
from types import TracebackType
from typing import Self

from datapatterns import tuples
from datapatterns.checks import Duration
from datapatterns.codecs import dumps, loads
from datapatterns.documents import new_id
from datapatterns.errors import DataError
from datapatterns.integers import check_count, check_seconds, microseconds
from datapatterns.level.space import HasSpace
from datapatterns.level.space import LegacySpace as Space
from datapatterns.level.steps.expiry import Expiring, now
from datapatterns.level.transaction import Transaction
from datapatterns.limits import MOST, lease_lost
from datapatterns.names import check_name

logger = logging.getLogger("datapatterns.level")


class Places:
    """The places of one subject: who holds one, and until when."""

    def __init__(self, space: Space, key: bytes, limit: int, lease: int) -> None:
        self.space = space
        self._held = Expiring(space.prefix, space.within("$places").prefix)
        self._key = key
        self._limit = limit
        self._lease = lease

    def take(self, token: str) -> Callable[[Transaction], bool]:
        """Take a place if there is one."""

        def work(transaction: Transaction) -> bool:
            at = now()
            held = self._read(transaction, at)
            if len(held) >= self._limit:
                return False
            self._write(transaction, {**held, token: at + self._lease}, at)
            return True

        return work

    def extend(self, token: str, seconds: Duration | None) -> Callable[[Transaction], bool]:
        """Hold the place for so long from now (default: the lease), if it is still held."""
        span = self._lease if seconds is None else microseconds(check_seconds("seconds", seconds))

        def work(transaction: Transaction) -> bool:
            at = now()
            held = self._read(transaction, at)
            if token in held:
                self._write(transaction, {**held, token: at + span}, at)
            return token in held

        return work

    def give_back(self, token: str) -> Callable[[Transaction], bool]:
        """Give the place back, if it is still held."""

        def work(transaction: Transaction) -> bool:
            at = now()
            held = self._read(transaction, at)
            if token in held:
                self._write(transaction, {t: end for t, end in held.items() if t != token}, at)
            return token in held

        return work

    def _read(self, transaction: Transaction, at: int) -> dict[str, int]:
        """The holders whose lease has not ended."""
        held: dict[str, int] = loads(self._held.get(transaction, self._key, at) or b"{}")
        return {token: end for token, end in held.items() if end > at}

    def _write(self, transaction: Transaction, held: dict[str, int], at: int) -> None:
        end = max(held.values(), default=at)
        self._held.put(transaction, self._key, dumps(held), at, end)


class Lease:
    """A place held in a ConcurrencyLimiter, until it is released or its time is over.

    As a context manager it is released at the end. If that fails it is logged, not raised: the
    place comes back by itself, and what the block did is done.
    """

    def __init__(self, places: Places, token: str) -> None:
        self._places = places
        self.token = token

    def release(self) -> bool:
        """Give the place back; return False if it had expired, or was given back already."""
        return self._places.space.write(self._places.give_back(self.token))

    def extend(self, seconds: Duration | None = None) -> None:
        """Hold it for that long from now (default: the limiter's lease), or raise Conflict."""
        if not self._places.space.write(self._places.extend(self.token, seconds)):
            raise lease_lost()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.release()
        except DataError as failure:
            message = "a lease could not be released and will expire: %s"
            logger.warning(message, failure, extra={"code": failure.code})


class AsyncLease:
    """`Lease` for asyncio: the same methods, awaited."""

    def __init__(self, places: Places, token: str) -> None:
        self._places = places
        self.token = token

    async def release(self) -> bool:
        """Give the place back; return False if it had expired, or was given back already."""
        return await self._places.space.write_in_lane(self._places.give_back(self.token))

    async def extend(self, seconds: Duration | None = None) -> None:
        """Hold it for that long from now (default: the limiter's lease), or raise Conflict."""
        if not await self._places.space.write_in_lane(self._places.extend(self.token, seconds)):
            raise lease_lost()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            await self.release()
        except DataError as failure:
            message = "a lease could not be released and will expire: %s"
            logger.warning(message, failure, extra={"code": failure.code})


class _ConcurrencyLimiter:
    """What both faces are made of."""

    def __init__(self, client: HasSpace, name: str, *, limit: int, lease: Duration) -> None:
        self._space = client.space
        self._name = check_name("a concurrency limiter's name", name)
        self._limit = check_count("limit", limit, most=MOST)
        self._lease = microseconds(check_seconds("lease", lease))

    def _places(self, subject: str) -> Places:
        key = tuples.pack((self._name, check_name("a subject", subject)))
        return Places(self._space, key, self._limit, self._lease)


class ConcurrencyLimiter(_ConcurrencyLimiter):
    """At most `limit` holders per subject at a time; a dead holder's place comes back.

    One value a subject holds a token for each holder and when its lease ends, by this machine's
    clock. Taking a place drops the leases that have ended, and adds one if fewer than `limit` are
    left, in one step. A holder that works for longer than `lease` seconds calls `extend` in time;
    the places of a killed process are free at the end of their leases. O(limit) each.
    """

    def acquire(self, subject: str) -> Lease | None:
        """Return a lease, or None if all places are taken."""
        places, token = self._places(subject), new_id()
        return Lease(places, token) if self._space.write(places.take(token)) else None


class AsyncConcurrencyLimiter(_ConcurrencyLimiter):
    """`ConcurrencyLimiter` for asyncio: the same methods, awaited."""

    async def acquire(self, subject: str) -> AsyncLease | None:
        """Return a lease, or None if all places are taken."""
        places, token = self._places(subject), new_id()
        taken = await self._space.write_in_lane(places.take(token))
        return AsyncLease(places, token) if taken else None
