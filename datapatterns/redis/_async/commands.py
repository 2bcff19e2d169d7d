"""Commands that change something are sent once; those that read go the client's usual way.

A redis-py client sends a command again when it has lost the reply: with its defaults up to three
times (5.x to 7.x, in a cluster) or ten times (8.x). A counter then counts twice, and a list loses
two items. How often is up to the lent client's `retry`, `retry_on_error`, `retry_on_timeout` and
`cluster_error_retry_attempts`, and none of them can be set for one command, nor is the client ours
to change. But the retries live in the client's `execute_command`, not in its connections. So
`write` takes a connection from the client's own pool, sends, reads one reply, and gives it back:

1. Taking it may wait for a free one, or connect, and retry that as the client was told. If this
   fails nothing was sent: Unavailable or TimedOut.
2. From the first byte of the command on, a lost reply is OutcomeUnknown.
3. An error reply means that the command was not run. So where a cluster answers that the key is
   elsewhere, the command is sent there: still it runs once.

Replies come as bytes whatever `decode_responses` says, and as the server sent them, without the
client's conversions, so give bytes and look only for what is alike in RESP2 and RESP3: numbers,
strings and arrays, as scripts return them.

`read` may repeat: it leaves the retries, and the cluster's redirections, to the client.
"""

from __future__ import annotations

import asyncio
import random
import time
from functools import partial
from typing import Any

from redis import exceptions as driver
from redis.asyncio import RedisCluster

from datapatterns._async.concurrency import heeding_cancellation
from datapatterns.errors import OutcomeUnknown, TimedOut, Unavailable
from datapatterns.redis._async.pools import (
    AsyncRedisClient,
    Call,
    Pool,
    learn,
    pack,
    pool_at,
    pool_of,
    take,
)
from datapatterns.redis.closing import check_open
from datapatterns.redis.errors import is_closed_transport, redis_errors

PATIENCE = 10.0  # seconds until a client without a free connection is called unavailable
REDIRECTIONS = 5  # how often one command may be sent on within a cluster
LOSSES = 2  # and how often a node may be out of reach meanwhile


async def write(client: AsyncRedisClient, *command: bytes | str | int, key: bytes) -> Any:
    """Send a command about this key once and return its reply, or raise one of our errors."""
    check_open(client)
    with heeding_cancellation():
        if isinstance(client, RedisCluster):
            return await _write_to_cluster(client, command, key)
        return await _once(client.connection_pool, command)


async def read(client: AsyncRedisClient, *command: bytes | str | int) -> Any:
    """Return the reply to a command that changes nothing, in bytes, or raise one of our errors."""
    untyped: Any = client  # the driver's own types are incomplete
    # A cluster's client that learns the slots anew closes connections that others are reading from.
    tries = LOSSES if isinstance(client, RedisCluster) else 1
    with heeding_cancellation(), redis_errors():
        while True:
            check_open(client)
            tries -= 1
            try:
                # The option is the driver's own, for DUMP.
                return await when_free(lambda: untyped.execute_command(*command, NEVER_DECODE=True))
            except (driver.ConnectionError, AttributeError, TypeError) as error:
                lost = isinstance(error, driver.ConnectionError) or is_closed_transport(error)
                if not lost or not tries:
                    raise


async def when_free(call: Call) -> Any:
    """Make a call for which the client may have no connection free just now; wait for one then.

    The drivers' pools raise instead (from redis-py 8 on already for a hundred commands at once),
    and nothing was sent yet.
    """
    ends = time.monotonic() + PATIENCE
    while True:
        try:
            return await call()
        except driver.ConnectionError as error:
            if not _is_exhausted(error) or time.monotonic() > ends:
                raise
        await asyncio.sleep(random.uniform(0.001, 0.02))


def _is_exhausted(error: Exception) -> bool:
    # redis-py before 6 has a text for some of its pools and no class.
    return isinstance(error, driver.MaxConnectionsError) or "Too many connections" in str(error)


async def _once(pool: Pool, command: tuple[Any, ...], *, asking: bool = False) -> Any:
    """Send the command over one of the pool's connections and return its reply."""
    with redis_errors() as errors:
        connection = await when_free(partial(take, pool))
        try:
            # A PING, if the client wants one after idling; here its failure proves that the
            # command was not sent.
            await connection.check_health()
            if asking:
                await connection.send_command("ASKING")
                await connection.read_response()
            errors.sent = True
            await connection.send_packed_command(pack(connection, command), check_health=False)
            return await connection.read_response(disable_decoding=True)
        finally:
            await pool.release(connection)


async def _write_to_cluster(client: RedisCluster, command: tuple[Any, ...], key: bytes) -> Any:
    """Send the command to the node that has the key, following it when it has moved."""
    asked: Pool | None = None
    lost = 0
    for sent_on in range(REDIRECTIONS + 1):
        try:
            with redis_errors():
                pool = asked or await pool_of(client, key)
            return await _once(pool, command, asking=asked is not None)
        except OutcomeUnknown:
            raise
        except (Unavailable, TimedOut) as error:
            cause = error.__cause__
            lost += isinstance(cause, driver.ConnectionError | driver.TimeoutError)
            if not isinstance(cause, _ELSEWHERE) or lost == LOSSES or sent_on == REDIRECTIONS:
                raise
        asked = await _redirected(client, cause)
    raise AssertionError("unreachable")


# Why a node refuses what another one, or the same one a little later, will take.
_ELSEWHERE = (
    driver.AskError,
    driver.MovedError,
    driver.TryAgainError,
    driver.ReadOnlyError,
    driver.ConnectionError,
    driver.TimeoutError,
    AttributeError,  # these two of a closed transport
    TypeError,
)


async def _redirected(client: RedisCluster, cause: BaseException | None) -> Pool | None:
    """The node that was named for this once, or None after learning where everything is now."""
    if isinstance(cause, driver.TryAgainError):
        await asyncio.sleep(0.05)
        return None
    if isinstance(cause, driver.AskError) and not isinstance(cause, driver.MovedError):
        pool = await pool_at(client, cause)
        if pool is not None:
            return pool
    with redis_errors():
        await learn(client)
    return None
