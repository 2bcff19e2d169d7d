"""Takes connections from a lent client, whatever kind of client it is.

# unasync: by hand

A client for one server, or for Sentinels, has one pool. The client of a cluster has connections
for each node, and the key decides which node; in the async face of redis-py a node has no pool but
methods to acquire and release a connection, which `NodePool` gives the shape of a pool.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Protocol, TypeAlias

from redis.asyncio import ConnectionPool, Redis, RedisCluster
from redis.asyncio.client import Pipeline
from redis.exceptions import RedisError

from datapatterns.redis.wire.closing import check_open

AsyncRedisClient: TypeAlias = Redis | RedisCluster
# The function that a caller gives to a transaction.
Step: TypeAlias = Callable[[Pipeline], Awaitable[object]]
Call: TypeAlias = Callable[[], Awaitable[Any]]


def _wants_a_name(get_connection: Any) -> bool:
    """Return whether `get_connection` requires a command's name: redis-py before 5.3 does."""
    name = inspect.signature(get_connection).parameters.get("command_name")
    return name is not None and name.default is inspect.Parameter.empty


_POOL: Any = ConnectionPool
POOL_ARGS = ("_",) if _wants_a_name(_POOL.get_connection) else ()


_hiredis: Any = import_module("hiredis") if find_spec("hiredis") else None


def pack(connection: Any, command: tuple[bytes | str | int, ...]) -> Any:
    """Return the command's bytes, packed by hiredis if it is installed; redis-py never uses it."""
    if _hiredis is None:
        return connection.pack_command(*command)
    return _hiredis.pack_command(command)


class Pool(Protocol):
    """A connection pool as this library uses it."""

    async def get_connection(self, *args: Any) -> Any:
        """Return a connection that is open and has nothing left to read."""
        ...

    async def release(self, connection: Any) -> None:
        """Take back a connection."""
        ...


class NodePool:
    """The connections of one cluster node, with the methods of a pool."""

    def __init__(self, node: Any) -> None:
        self.node = node

    async def get_connection(self, *_: Any) -> Any:
        """Return a connection that is open and has nothing left to read."""
        connection = self.node.acquire_connection()
        try:
            await connection.connect()
            # The node's own code would send over a connection that the server has closed.
            await _renew(connection)
        except BaseException:
            await self.release(connection)
            raise
        return connection

    async def release(self, connection: Any) -> None:
        """Take the connection back."""
        if hasattr(self.node, "release"):
            self.node.release(connection)
        else:  # redis-py 5
            self.node._free.append(connection)


async def take(pool: Pool) -> Any:
    """Return a connection of the pool that is open and has nothing left to read."""
    untyped: Any = pool
    connection = await untyped.get_connection(*POOL_ARGS)
    # redis-py 8 turns maintenance notifications on by default, and then its pool does not check
    # whether the server has closed the connection; no version checks whether it was reset.
    notified = getattr(pool, "maint_notifications_enabled", None)
    if _is_reset(connection) or (notified is not None and notified()):
        try:
            await _renew(connection)
        except BaseException:
            await pool.release(connection)
            raise
    return connection


async def _renew(connection: Any) -> None:
    """Connect again if there is data to read: the connection is closed, or out of step."""
    if await _has_data(connection):
        await connection.disconnect()
        await connection.connect()


async def _has_data(connection: Any) -> bool:
    """Return whether there is data to read, or the connection was closed."""
    # redis-py before 8 has only `can_read_destructive`.
    if _is_reset(connection):
        return True
    can_read = getattr(connection, "can_read", None) or connection.can_read_destructive
    try:
        return bool(await can_read())
    except (OSError, RedisError):
        return True


def _is_reset(connection: Any) -> bool:
    writer = getattr(connection, "_writer", None)
    return writer is not None and writer.is_closing()


async def pool_of(client: AsyncRedisClient, key: bytes) -> Pool:
    """Return the pool of connections to the server that has this key."""
    check_open(client)
    if not isinstance(client, RedisCluster):
        return client.connection_pool
    await client.initialize()
    untyped: Any = client  # the driver's type says str, but it takes bytes
    return NodePool(untyped.get_node_from_key(key))


async def learn_slots(client: RedisCluster) -> None:
    """Make a cluster's client ask which node has which slots, unless it knows that.

    Until it knows, redis-py sends commands to any node. After five redirections it closes the
    connections of all calls, so that writes that are under way lose their replies.
    """
    await client.initialize()


async def pools_of(client: AsyncRedisClient) -> list[Pool]:
    """Return the pools of all servers that have keys: one, or one for each cluster primary."""
    check_open(client)
    if not isinstance(client, RedisCluster):
        return [client.connection_pool]
    await client.initialize()
    untyped: Any = client
    return [NodePool(node) for node in untyped.get_primaries()]


async def pool_at(client: RedisCluster, asked: Any) -> Pool | None:
    """Return the pool of the node that an ASK names, or None if the client does not know it."""
    node = client.get_node(asked.host, asked.port)
    return None if node is None else NodePool(node)


async def learn(client: AsyncRedisClient) -> None:
    """Make a cluster's client ask the cluster again which node has which slots."""
    check_open(client)
    if isinstance(client, RedisCluster):
        await client.nodes_manager.initialize()


async def pipeline_of(client: AsyncRedisClient, key: bytes) -> Pipeline:
    """Return a pipeline to the server that has this key, for a transaction."""
    check_open(client)
    if not isinstance(client, RedisCluster):
        return client.pipeline()
    pool: Any = await pool_of(client, key)
    return Pipeline(pool, pool.node.response_callbacks, True, None)


async def own_connection(
    client: AsyncRedisClient, key: bytes, *, timeout: float, **others: Any
) -> Any:
    """Return a new connection, not yet open, to the server that has this key.

    It is for commands that block: it does not count in the pool, and its socket times out after
    `timeout` seconds, which must be longer than the server blocks. `others` replace options of the
    pool's connections. The caller closes it.
    """
    pool: Any = await pool_of(client, key)
    source = pool.node if isinstance(pool, NodePool) else pool
    return new_connection(source, socket_timeout=timeout, **others)


def new_connection(source: Any, **others: Any) -> Any:
    """Return a new connection, not yet open, with the pool's options, replaced by `others`."""
    # The options for maintenance notifications are left out: they concern the pool, and redis-py
    # refuses them with RESP2 and its Python parser.
    options = {name: it for name, it in source.connection_kwargs.items() if "maint" not in name}
    return source.connection_class(**{**options, **others})
