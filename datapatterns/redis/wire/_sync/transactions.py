# Generated from datapatterns/redis/wire/_async/transactions.py by scripts/unasync.py; do not edit.
"""Optimistic transactions: WATCH, read, MULTI, EXEC; repeated when a watched key was changed."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from typing import Any

from redis.exceptions import ConnectionError as LostConnection
from redis.exceptions import MovedError, WatchError
from redis.exceptions import TimeoutError as LostReply

from datapatterns.core.checks import Duration, seconds
from datapatterns.errors import Conflict, InvalidArgument, OutcomeUnknown, Unavailable
from datapatterns.redis.wire._sync.commands import when_free
from datapatterns.redis.wire._sync.pools import RedisClient, Step, learn, pipeline_of
from datapatterns.redis.wire.errors import DRIVER_ERRORS, redis_errors, translate

FIRST_WAIT, LONGEST_WAIT = 0.002, 0.25


def transact(
    client: RedisClient,
    keys: Sequence[bytes | str],
    fn: Step,
    *,
    attempts: int = 100,
    deadline: Duration = 10.0,
) -> list[Any]:
    """Run `fn` in a transaction on the keys and return the results of EXEC, in order.

    1. WATCH the keys.
    2. `fn(pipe)` reads with `pipe.get(...)` and the like, calls `pipe.multi()`, and queues the
       commands that write. They are not executed yet; `fn` may be called many times.
    3. EXEC. If a watched key was changed since step 1, nothing was executed: begin again, after a
       random wait that grows ("full jitter"). After `attempts` attempts or `deadline` seconds,
       raise Conflict (`contention`).

    A lost reply of EXEC is OutcomeUnknown; `transaction()` of redis-py takes it for a changed key
    and runs the commands twice, and has no bound of attempts. EXEC does not undo: if some of the
    queued commands fail, the others were executed, and that is OutcomeUnknown too. In a cluster all
    keys must be in one slot.
    """
    if not keys:
        raise InvalidArgument("keys must name at least one key to watch")
    ends = time.monotonic() + seconds("deadline", deadline)
    lost: Exception | None = None
    for attempt in range(attempts):
        try:
            return _attempt(client, keys, fn)
        except WatchError as error:
            lost = error
        except Unavailable as error:
            if not isinstance(error.__cause__, MovedError):
                raise
            lost = error.__cause__
            with redis_errors():
                learn(client)
        wait = random.random() * min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(attempt, 10))
        if time.monotonic() + wait >= ends:
            break
        time.sleep(wait)
    if lost is not None and isinstance(lost.__context__, LostConnection | LostReply):
        raise Unavailable("the connection was lost before EXEC was sent") from lost
    message = "other writers changed a watched key during every attempt"
    raise Conflict(message, reason="contention") from lost


def _attempt(client: RedisClient, keys: Sequence[bytes | str], fn: Step) -> list[Any]:
    """Try once; raise WatchError if a watched key was changed and nothing was executed."""
    first = keys[0] if isinstance(keys[0], bytes) else keys[0].encode()
    with redis_errors():
        pipe: Any = pipeline_of(client, first)
    try:
        with redis_errors():
            when_free(lambda: pipe.watch(*keys))
        _prepare(pipe, fn)
        return _execute(pipe)
    finally:
        with redis_errors():
            pipe.reset()  # gives the connection back


def _prepare(pipe: Any, fn: Step) -> None:
    """Call `fn`, which reads and queues commands; translate only the driver's errors."""
    try:
        fn(pipe)
    except WatchError:
        raise
    except DRIVER_ERRORS as error:
        raise translate(error) from error
    if not pipe.watching:
        # Without a watch redis-py would send EXEC again after a lost reply.
        raise InvalidArgument("the function of a transaction must not call unwatch or execute")


def _execute(pipe: Any) -> list[Any]:
    """Send EXEC once and return its results; raise an error if a command in it failed."""
    try:
        with redis_errors(sent=True):
            results: list[Any] = pipe.execute(raise_on_error=False)
    except Conflict as error:
        lost = error.__cause__
        if lost is None or not isinstance(lost.__context__, LostConnection | LostReply):
            raise (lost or error) from None
        raise OutcomeUnknown("the transaction was sent and its reply was lost") from lost
    failed = [result for result in results if isinstance(result, Exception)]
    if failed and len(failed) == len(results):
        raise translate(failed[0]) from failed[0]
    if failed:
        message = "the transaction was executed, but some of its commands failed"
        raise OutcomeUnknown(message) from failed[0]
    return results
