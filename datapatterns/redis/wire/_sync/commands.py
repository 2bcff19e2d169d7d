# Generated from datapatterns/redis/wire/_async/commands.py by scripts/unasync.py; do not edit.
"""Commands that change something are sent once; commands that read may be sent again.

A redis-py client sends a command again when it has lost the reply: with its defaults up to three
times (5.x to 7.x, in a cluster) or ten times (8.x). A counter then counts twice, and a list loses
two items. The lent client's options `retry`, `retry_on_error`, `retry_on_timeout` and
`cluster_error_retry_attempts` decide how often; they cannot be set for one command, and this
library does not change a client that it was lent. But the client's `execute_command` makes the
retries, not its connections. So `write` takes a connection from the client's own pool, sends the
command, reads one reply, and gives the connection back:

1. Taking a connection may wait for a free one, or connect, with the client's retries. If it fails,
   nothing was sent: Unavailable or TimedOut.
2. From the first byte of the command on, a lost reply is OutcomeUnknown.
3. An error reply means that the command was not run. So when a cluster answers that the key is on
   another node, the command is sent to that node, and still runs once.

Replies are bytes whatever `decode_responses` says, without the client's conversions. So use only
what is the same in RESP2 and RESP3: numbers, strings and arrays, which is what scripts return.

`read` leaves retries, and the cluster's redirections, to the client.
"""

from __future__ import annotations

import random
import time
from functools import partial
from typing import Any

from redis import RedisCluster
from redis import exceptions as driver

from datapatterns.errors import OutcomeUnknown, TimedOut, Unavailable
from datapatterns.patterns._sync.concurrency import heeding_cancellation
from datapatterns.redis.wire._sync.pools import (
    Call,
    Pool,
    RedisClient,
    learn,
    learn_slots,
    pack,
    pool_at,
    pool_of,
    take,
)
from datapatterns.redis.wire.closing import check_open
from datapatterns.redis.wire.errors import is_closed_transport, redis_errors

PATIENCE = 10.0  # seconds to wait for a free connection before the client is Unavailable
REDIRECTIONS = 5  # how often a cluster may redirect one command
LOSSES = 2  # how often a node may be out of reach meanwhile


def write(client: RedisClient, *command: bytes | str | int, key: bytes) -> Any:
    """Send a command about this key once and return its reply in bytes; raise a DataError."""
    check_open(client)
    with heeding_cancellation():
        if isinstance(client, RedisCluster):
            return _write_to_cluster(client, command, key)
        return _once(client.connection_pool, command)


def read(client: RedisClient, *command: bytes | str | int) -> Any:
    """Return the reply to a command that changes nothing, in bytes; raise a DataError."""
    untyped: Any = client  # the driver's own types are incomplete
    # When a cluster's client updates its slots, it closes connections that other calls are reading.
    tries = LOSSES if isinstance(client, RedisCluster) else 1
    with heeding_cancellation(), redis_errors():
        while True:
            check_open(client)
            tries -= 1
            try:
                if isinstance(client, RedisCluster):
                    learn_slots(client)
                # The option is the driver's own, for DUMP.
                return when_free(lambda: untyped.execute_command(*command, NEVER_DECODE=True))
            except (driver.ConnectionError, AttributeError, TypeError) as error:
                lost = isinstance(error, driver.ConnectionError) or is_closed_transport(error)
                if not lost or not tries:
                    raise


def when_free(call: Call) -> Any:
    """Return the result of a call that takes a connection; wait while none is free.

    The pools of redis-py raise when they have no free connection, from redis-py 8 on already for a
    hundred commands at once; nothing was sent then, so the call is simply made again.
    """
    ends = time.monotonic() + PATIENCE
    while True:
        try:
            return call()
        except driver.ConnectionError as error:
            if not _is_exhausted(error) or time.monotonic() > ends:
                raise
        time.sleep(random.uniform(0.001, 0.02))


def _is_exhausted(error: Exception) -> bool:
    # Some pools of redis-py before 6 raise a ConnectionError with this text instead.
    return isinstance(error, driver.MaxConnectionsError) or "Too many connections" in str(error)


def _once(pool: Pool, command: tuple[Any, ...], *, asking: bool = False) -> Any:
    """Send the command over one of the pool's connections and return its reply."""
    with redis_errors() as errors:
        connection = when_free(partial(take, pool))
        try:
            # Sends a PING if the client's `health_check_interval` asks for one. If the PING fails,
            # the command was not sent.
            connection.check_health()
            if asking:
                connection.send_command("ASKING")
                connection.read_response()
            errors.sent = True
            connection.send_packed_command(pack(connection, command), check_health=False)
            return connection.read_response(disable_decoding=True)
        finally:
            pool.release(connection)


def _write_to_cluster(client: RedisCluster, command: tuple[Any, ...], key: bytes) -> Any:
    """Send the command to the node that has the key, and on to another one when it has moved."""
    asked: Pool | None = None
    lost = 0
    for sent_on in range(REDIRECTIONS + 1):
        try:
            with redis_errors():
                pool = asked or pool_of(client, key)
            return _once(pool, command, asking=asked is not None)
        except OutcomeUnknown:
            raise
        except (Unavailable, TimedOut) as error:
            cause = error.__cause__
            lost += isinstance(cause, driver.ConnectionError | driver.TimeoutError)
            if not isinstance(cause, _ELSEWHERE) or lost == LOSSES or sent_on == REDIRECTIONS:
                raise
        asked = _redirected(client, cause)
    raise AssertionError("unreachable")


# Errors after which another node, or the same one a little later, may take the command.
_ELSEWHERE = (
    driver.AskError,
    driver.MovedError,
    driver.TryAgainError,
    driver.ReadOnlyError,
    driver.ConnectionError,
    driver.TimeoutError,
    AttributeError,  # as the next: see `is_closed_transport`
    TypeError,
)


def _redirected(client: RedisCluster, cause: BaseException | None) -> Pool | None:
    """Return the pool of the node that an ASK names, or None after updating the client's slots."""
    if isinstance(cause, driver.TryAgainError):
        time.sleep(0.05)
        return None
    if isinstance(cause, driver.AskError) and not isinstance(cause, driver.MovedError):
        pool = pool_at(client, cause)
        if pool is not None:
            return pool
    with redis_errors():
        learn(client)
    return None
