"""A work queue in Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar, cast
from uuid import uuid4

from typing_extensions import override

from datapatterns.core.checks import Duration, check_name, microseconds
from datapatterns.core.options import Retry
from datapatterns.core.pages import check_limit
from datapatterns.core.work_queue import (
    HIGHEST_PRIORITY,
    DeadLetter,
    ItemState,
    NewItem,
    QueueStats,
    Request,
    Seats,
    State,
    Taken,
    TakenBack,
    Turn,
    Verdict,
    moment,
    seconds_until,
)
from datapatterns.errors import DataError, OutcomeUnknown, TooLarge
from datapatterns.patterns._async.work_queue import (
    BACKOFF,
    LEASE,
    MAX_ATTEMPTS,
    TICK,
    AsyncBaseQueue,
    AsyncWakeUp,
)
from datapatterns.redis._async.lua import SCRIPTS
from datapatterns.redis.keys import DEFAULT_NAMESPACE, Keys
from datapatterns.redis.wire._async.commands import write
from datapatterns.redis.wire._async.pools import AsyncRedisClient, own_connection
from datapatterns.redis.wire.errors import redis_errors

M = TypeVar("M")

_REMEMBERED = 3_600_000  # milliseconds that a request's outcome is kept for its repetitions
_PAUSES = (0.02, 0.2)  # seconds before a request whose reply was lost is sent again
_MOST_ITEMS = 100_000  # in one push: the server does nothing else meanwhile
_FRESH = -1  # in place of a `dedup` of an id that no other push can have
_CHUNK = 1_000  # items that one step of purging or requeueing handles
_SOCKET_TIMEOUT = TICK + 10.0  # seconds: more than the server is told to block

Argument = bytes | str | int


class AsyncWorkQueue(AsyncBaseQueue[M]):
    """Delivers every accepted item at least once, until it is acked or buried, whoever dies.

    An item is in one of four sorted sets: ready (by priority, then time), delayed (by the time at
    which it is due), leases (by the time at which they end) and dead; its state, its JSON and its
    last error are in one hash. Every step is one script, so an item is always in exactly one set.

    A busy worker needs one step, one round trip, for each item:
    1. Verdicts on the items that it held. They are fenced: the token of the delivery must be the
       item's, and the lease must not have ended, by the server's clock. Heartbeats are verdicts,
       too (`renew`).
    2. Delayed items that are due become ready, up to 200.
    3. Leases that have ended are taken back, up to 100: their items are ready again at their old
       place, or dead after their last attempt. So every take, on an idle queue too, reaps.
    4. The first of the ready items is leased, and the attempt counted.
    5. The outcome is remembered for an hour under the caller's seat, one key for each concurrent
       caller. A step whose reply was lost is sent again, up to twice, and its reply says what it
       has done. Only if that fails, too, it is OutcomeUnknown; even then a repeated `ack` of the
       same delivery gets its own outcome, and the next `take` returns the item of the lost one.
    A caller that finds nothing waits on a connection of its own (BLPOP on a list of wake tokens)
    for at most a second. Tokens are hints: one is added when something is ready and no token is
    there.

    `cancel` removes an item from whichever set has it. `dedup` is a key for each remembered id,
    which the script of `push` sets behind the item, and which expires by itself.

    Each step is O(log n). Priorities have 32 bits. A delayed or retried item takes its place when
    it is due; its priority counts among the ready items. The keys of a queue stay until they are
    empty, save a few fields of the hash; the wake list, seats, `once` and `dedup` keys expire.

    A failover can lose what the old master had acknowledged and not yet replicated: an item may
    come twice, or not at all. WAIT after `push` narrows that window; nothing in Redis closes it.
    The same holds for a server without `appendonly` that dies.

    `lease` (30 s) is for how long an item is held without a renewal, `max_attempts` (5) how often
    it is delivered, and `backoff` (`Backoff(0.5, 60)`) how long a retry waits: a number of seconds,
    or a function of the failed attempt.

    Source: leases as in Amazon SQS, fencing tokens as described by Martin Kleppmann, one script a
    step as in BullMQ.
    """

    def __init__(
        self,
        client: AsyncRedisClient,
        name: str,
        model: type[M] | None = None,
        *,
        lease: Duration = LEASE,
        max_attempts: int = MAX_ATTEMPTS,
        backoff: Retry = BACKOFF,
        namespace: str = DEFAULT_NAMESPACE,
    ) -> None:
        super().__init__(model, lease, max_attempts, backoff)
        self.redis, self.name = client, name
        self._keys = keys = Keys.of(namespace, "work_queue", name)
        self._jobs, self._ready, self._delayed = keys("jobs"), keys("ready"), keys("delayed")
        self._leases, self._dead, self._wake = keys("leases"), keys("dead"), keys("wake")
        self._turn_keys = (
            self._jobs, self._ready, self._delayed, self._leases, self._dead, self._wake
        )  # fmt: skip
        self._seat = keys("seat", "")
        self._seats = Seats()
        # Of calls whose replies were lost: the tokens of `once`, by key, and the requests of
        # `cancel`, by id, each with whether a request before it has removed an item.
        self._askers: dict[str, str] = {}
        self._cancels: dict[str, tuple[Request, bool]] = {}

    # --- the steps

    @override
    def request(self, verdicts: Sequence[Verdict] = (), take: int = 0) -> Request:
        return self._seats.request(verdicts, take)

    @override
    async def send(self, request: Request) -> Turn:
        token = f"{request.seat.id}:{request.number}"
        lease = round(self.lease * 1_000_000)
        args: list[Argument] = [token, lease, self.max_attempts, request.take]
        for verdict in request.verdicts:
            args += [verdict.id.encode(), verdict.token, verdict.verb, verdict.span]
            args.append(verdict.text.encode())
        return _turn(await self._step("turn", self._turn_keys, args, request), token)

    @override
    async def _enqueue(self, items: list[NewItem]) -> None:
        if len(items) > _MOST_ITEMS:
            raise TooLarge(f"push at most {_MOST_ITEMS:,} items at once")
        args: list[Argument] = []
        keys = [self._jobs, self._ready, self._delayed, self._wake]
        for item in items:
            # Reversed, and of one width, so that the highest priority sorts first.
            args += [item.id.encode(), item.data, f"{HIGHEST_PRIORITY - item.priority:010d}"]
            args.append(item.delay)
            if item.dedup is None:
                args.append(_FRESH)
            else:
                keys.append(self._keys("dedup", item.id))
                args.append(-(-item.dedup // 1_000))
        await self._step("push", keys, args)

    async def _step(
        self,
        name: str,
        keys: Sequence[bytes],
        args: Sequence[Argument],
        request: Request | None = None,
    ) -> Any:
        """Run a script that remembers its request, and again if the reply was lost."""
        request = request or self._seats.request()
        keys = (*keys, self._seat + request.seat.id.encode())
        args = (request.number, _REMEMBERED, *args)
        reply = await self._insist(f"work_queue/{name}", keys, args)
        self._seats.free(request)
        return reply

    async def _insist(self, script: str, keys: Sequence[bytes], args: Sequence[Argument]) -> Any:
        """Run a script that has its effect once, up to three times, until a reply arrives."""
        lost: OutcomeUnknown | None = None
        for pause in (*_PAUSES, None):
            try:
                return await SCRIPTS.write(self.redis, script, keys, args)
            except OutcomeUnknown as error:
                lost = error
            except DataError as error:
                # This try has changed nothing, but the first one may have.
                if lost is None:
                    raise
                lost.__cause__ = error
            if pause is not None:
                await asyncio.sleep(pause)
        raise lost or AssertionError("unreachable")

    @override
    @asynccontextmanager
    async def wake_up(self) -> AsyncGenerator[AsyncBlockingPop]:
        pop = AsyncBlockingPop(self.redis, self._wake)
        try:
            yield pop
        finally:
            await pop.close()

    # --- the rest of the queue

    @override
    async def cancel(self, id: str) -> bool:
        check_name("an id", id)
        # If the reply to the caller's first try was lost, the second must not return False.
        earlier, found = self._cancels.pop(id, (None, False))
        if earlier is not None:
            found = await self._cancel(id, earlier, found, True)
        return await self._cancel(id, self._seats.request(), found, found)

    async def _cancel(self, id: str, request: Request, found: bool, keep: bool) -> bool:
        """Return whether this request or one before it has removed the item.

        If it fails, keep it for the next call: when told so, or when it may have had its effect.
        """
        keys = (self._jobs, self._ready, self._delayed, self._leases, self._dead)
        try:
            return await self._step("cancel", keys, [id.encode()], request) == 1 or found
        except BaseException as error:
            if keep or not isinstance(error, DataError) or isinstance(error, OutcomeUnknown):
                self._cancels[id] = request, found
            raise

    @override
    async def find(self, id: str) -> ItemState | None:
        keys = (self._jobs, self._delayed, self._dead)
        args = (check_name("an id", id).encode(),)
        reply = await SCRIPTS.read(self.redis, "work_queue/find", keys, args)
        return _state(id, *reply) if reply else None

    @override
    async def stats(self) -> QueueStats:
        keys = (self._jobs, self._ready, self._delayed, self._leases, self._dead)
        return QueueStats(*await SCRIPTS.read(self.redis, "work_queue/stats", keys))

    @override
    async def dead_letters(self, limit: int = 100) -> list[DeadLetter]:
        keys, args = (self._jobs, self._dead), (check_limit(limit),)
        letters = await SCRIPTS.read(self.redis, "work_queue/dead", keys, args)
        return [self._letter(*letter) for letter in letters]

    def _letter(
        self, id: bytes, data: bytes, attempts: int, error: bytes, pushed: int, died: int
    ) -> DeadLetter:
        item, text = self._items.show(data), error.decode()
        return DeadLetter(id.decode(), item, attempts, text, moment(pushed), moment(died))

    @override
    async def requeue_dead(self, ids: Iterable[str] | None = None) -> int:
        """Queue these dead letters (default: all) afresh and return how many there were.

        This takes steps of 1,000; items that become dead letters meanwhile may be among them.
        """
        keys = (self._jobs, self._ready, self._dead, self._wake)
        if ids is None:
            most = (await self.stats()).dead
            return await self._in_steps("requeue", keys, [(_CHUNK,)] * -(-most // _CHUNK))
        wanted = [check_name("an id", id).encode() for id in ids]
        parts = [wanted[at : at + _CHUNK] for at in range(0, len(wanted), _CHUNK)]
        return await self._in_steps("requeue", keys, [(0, *part) for part in parts])

    @override
    async def purge(self) -> int:
        """Remove every item that is not being worked on, and return how many there were.

        This takes steps of 1,000; items that are pushed meanwhile may be among them.
        """
        keys = (self._jobs, self._ready, self._delayed, self._dead)
        stats = await self.stats()
        most = stats.ready + stats.delayed + stats.dead
        return await self._in_steps("purge", keys, [(_CHUNK,)] * -(-most // _CHUNK))

    async def _in_steps(
        self, name: str, keys: Sequence[bytes], steps: Sequence[Sequence[Argument]]
    ) -> int:
        done = 0
        for args in steps:
            try:
                done += await self._step(name, keys, args)
            except DataError as error:
                if not done or isinstance(error, OutcomeUnknown):
                    raise
                raise OutcomeUnknown("only a part was done", data={"done": done}) from error
        return done

    @override
    async def pause(self) -> None:
        await self._step("pause", (self._jobs, self._ready, self._wake), ["1"])

    @override
    async def resume(self) -> None:
        await self._step("pause", (self._jobs, self._ready, self._wake), ["0"])

    @override
    async def once(self, key: str, ttl: Duration) -> bool:
        milliseconds = max(1, microseconds("ttl", ttl, positive=True) // 1_000)
        part = self._keys("once", check_name("a key", key))
        # If the reply to the caller's first try was lost, the second must not return False.
        asked = self._askers.pop(key, None)
        token = asked or uuid4().hex
        try:
            return await self._insist("work_queue/once", (part,), (token, milliseconds)) == 1
        except BaseException as error:
            if asked or not isinstance(error, DataError) or isinstance(error, OutcomeUnknown):
                self._askers[key] = token
            raise


class AsyncBlockingPop(AsyncWakeUp):
    """A connection of its own that blocks on the wake list; the first wait opens it."""

    def __init__(self, client: AsyncRedisClient, key: bytes) -> None:
        self._client, self._key = client, key
        self._connection: Any = None
        self._id = 0  # of the connection, to the server

    @override
    async def wait(self, seconds: float) -> None:
        """Return when a token comes, or after so many seconds; a failure only loses a hint."""
        try:
            with redis_errors():
                connection = self._connection or await self._connect()
                await connection.send_command("BLPOP", self._key, f"{seconds:.3f}")
                await connection.read_response(disable_decoding=True)
        except DataError:
            await self.close()
            await asyncio.sleep(min(seconds, 0.5))

    async def _connect(self) -> Any:
        connection = await own_connection(self._client, self._key, timeout=_SOCKET_TIMEOUT)
        self._connection = connection
        await connection.connect()
        await connection.send_command("CLIENT", "ID")
        self._id = await connection.read_response(disable_decoding=True)
        return connection

    @override
    async def wake(self) -> None:
        if self._id:
            with suppress(DataError):
                await write(self._client, "CLIENT", "UNBLOCK", self._id, key=self._key)

    async def close(self) -> None:
        """Disconnect."""
        connection, self._connection, self._id = self._connection, None, 0
        if connection is not None:
            with suppress(DataError), redis_errors():
                await connection.disconnect()


def _turn(reply: Any, token: str) -> Turn:
    outcomes, taken, back, pause = reply
    return Turn(
        [outcome.decode() for outcome in outcomes],
        [Taken(id.decode(), data, attempt, pushed, token) for id, data, attempt, pushed in taken],
        [TakenBack(id.decode(), attempt, dead == 1) for id, attempt, dead in back],
        seconds_until(pause),
    )


def _state(id: str, state: bytes, attempts: int, pushed: int, error: bytes, due: int) -> ItemState:
    due_at = moment(due) if due else None
    where = cast("State", state.decode())
    return ItemState(id, where, attempts, moment(pushed), error.decode(), due_at)
