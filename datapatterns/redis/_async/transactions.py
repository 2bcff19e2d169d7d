"""Optimistic transactions: WATCH, read, MULTI, EXEC, and again when another writer was faster."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from typing import Any

from redis.exceptions import ConnectionError as LostConnection
from redis.exceptions import MovedError, WatchError
from redis.exceptions import TimeoutError as LostReply

from datapatterns.checks import Duration, seconds
from datapatterns.errors import Conflict, InvalidArgument, OutcomeUnknown, Unavailable
from datapatterns.redis._async.commands import when_free
from datapatterns.redis._async.pools import AsyncRedisClient, Step, learn, pipeline_of
from datapatterns.redis.errors import DRIVER_ERRORS, redis_errors, translate

FIRST_WAIT, LONGEST_WAIT = 0.002, 0.25


async def async_transact(
    client: AsyncRedisClient,
    keys: Sequence[bytes | str],
    fn: Step,
    *,
    attempts: int = 100,
    deadline: Duration = 10.0,
) -> list[Any]:
    """Run `fn` in a transaction on the keys and return the results of EXEC, in order.

    1. WATCH the keys.
    2. `fn(pipe)` reads with `pipe.get(...)` and the like, calls `pipe.multi()`, and queues what is
       to be written. Nothing it queues has happened yet; it may be called many times.
    3. EXEC. If a watched key was changed since, nothing was done: from the start again, after a
       wait of random length that grows ("full jitter"), for up to `attempts` times or `deadline`
       seconds; then Conflict (`contention`).

    redis-py's own `transaction()` tries for ever, and takes a lost reply of EXEC for a changed key,
    so that it runs twice what may have gone through; here that is OutcomeUnknown. EXEC does not
    undo: if one of several queued commands fails, the others were executed, and that is
    OutcomeUnknown too. In a cluster all keys must be in one slot.
    """
    if not keys:
        raise InvalidArgument("a transaction watches at least one key")
    ends = time.monotonic() + seconds("deadline", deadline)
    lost: Exception | None = None
    for attempt in range(attempts):
        try:
            return await _attempt(client, keys, fn)
        except WatchError as error:
            lost = error
        except Unavailable as error:
            if not isinstance(error.__cause__, MovedError):
                raise
            lost = error.__cause__
            with redis_errors():
                await learn(client)
        wait = random.random() * min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(attempt, 10))
        if time.monotonic() + wait >= ends:
            break
        await asyncio.sleep(wait)
    if lost is not None and isinstance(lost.__context__, LostConnection | LostReply):
        raise Unavailable("the connection was lost before anything was sent") from lost
    raise Conflict("other writers were faster every time", reason="contention") from lost


async def _attempt(client: AsyncRedisClient, keys: Sequence[bytes | str], fn: Step) -> list[Any]:
    """Go through it once; WatchError if a key was changed meanwhile and nothing was done."""
    first = keys[0] if isinstance(keys[0], bytes) else keys[0].encode()
    with redis_errors():
        pipe: Any = await pipeline_of(client, first)
    try:
        with redis_errors():
            await when_free(lambda: pipe.watch(*keys))
        await _prepare(pipe, fn)
        return await _execute(pipe)
    finally:
        # Gives the connection back.
        with redis_errors():
            await pipe.reset()


async def _prepare(pipe: Any, fn: Step) -> None:
    """Let `fn` read and queue; only the driver's errors are translated."""
    try:
        await fn(pipe)
    except WatchError:
        raise
    except DRIVER_ERRORS as error:
        raise translate(error) from error
    if not pipe.watching:
        # Without a watch the driver would send EXEC again after a lost reply.
        raise InvalidArgument("the function of a transaction must not unwatch or execute")


async def _execute(pipe: Any) -> list[Any]:
    """EXEC, once; its results, unless a command in it failed."""
    try:
        with redis_errors(sent=True):
            results: list[Any] = await pipe.execute(raise_on_error=False)
    except Conflict as error:
        lost = error.__cause__
        if lost is None or not isinstance(lost.__context__, LostConnection | LostReply):
            raise (lost or error) from None
        raise OutcomeUnknown("the transaction was sent and its reply was lost") from lost
    failed = [result for result in results if isinstance(result, Exception)]
    if failed and len(failed) == len(results):
        raise translate(failed[0]) from failed[0]
    if failed:
        message = "the transaction was executed, but not all of its commands succeeded"
        raise OutcomeUnknown(message) from failed[0]
    return results
