"""Where the connections of a lent client come from, whatever kind of client it is.

# unasync: by hand

A client for one server, and one that asks Sentinels, has one pool. In a cluster each node has its
own, and the key says which; there the async driver gives a node no pool but two methods of its own.
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

from datapatterns.redis.closing import check_open

AsyncRedisClient: TypeAlias = Redis | RedisCluster
# What the caller of a transaction writes.
Step: TypeAlias = Callable[[Pipeline], Awaitable[object]]
Call: TypeAlias = Callable[[], Awaitable[Any]]


def _wants_a_name(get_connection: Any) -> bool:
    """Redis-py before 5.3 wants the command's name and makes nothing of it; later ones warn."""
    name = inspect.signature(get_connection).parameters.get("command_name")
    return name is not None and name.default is inspect.Parameter.empty


_POOL: Any = ConnectionPool
POOL_ARGS = ("_",) if _wants_a_name(_POOL.get_connection) else ()


_hiredis: Any = import_module("hiredis") if find_spec("hiredis") else None


def pack(connection: Any, command: tuple[bytes | str | int, ...]) -> Any:
    """Return the command as it travels; the async driver itself would make it in Python always."""
    if _hiredis is None:
        return connection.pack_command(*command)
    return _hiredis.pack_command(command)


class Pool(Protocol):
    """What this library asks of a connection pool."""

    async def get_connection(self, *args: Any) -> Any:
        """Return a connection that is connected and has nothing left to read."""
        ...

    async def release(self, connection: Any) -> None:
        """Take the connection back."""
        ...


class NodePool:
    """The connections of one cluster node, in the shape of a pool."""

    def __init__(self, node: Any) -> None:
        self.node = node

    async def get_connection(self, *_: Any) -> Any:
        """Return a connection that is connected and has nothing left to read."""
        connection = self.node.acquire_connection()
        try:
            await connection.connect()
            # The node's own code would send into a connection that the server has closed.
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
    """Return a connection of the pool that is connected and has nothing left to read."""
    untyped: Any = pool
    connection = await untyped.get_connection(*POOL_ARGS)
    # With maintenance notifications, which redis-py 8 turns on by itself, its pool does not look
    # for an end, and for a reset it never does.
    notified = getattr(pool, "maint_notifications_enabled", None)
    if _is_reset(connection) or (notified is not None and notified()):
        try:
            await _renew(connection)
        except BaseException:
            await pool.release(connection)
            raise
    return connection


async def _renew(connection: Any) -> None:
    """Connect anew if there is something to read: then it is closed, or out of step."""
    if await _has_data(connection):
        await connection.disconnect()
        await connection.connect()


async def _has_data(connection: Any) -> bool:
    """Whether there is something to read; a connection that was closed shows itself so as well."""
    # redis-py before 8 has the longer name only.
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
    """Return the pool of connections to the server that has this key; Closed if we closed it."""
    check_open(client)
    if not isinstance(client, RedisCluster):
        return client.connection_pool
    await client.initialize()
    untyped: Any = client  # the driver says str, and takes bytes
    return NodePool(untyped.get_node_from_key(key))


async def pools_of(client: AsyncRedisClient) -> list[Pool]:
    """Return the pools of all servers that have keys: one, or those of a cluster's primaries."""
    check_open(client)
    if not isinstance(client, RedisCluster):
        return [client.connection_pool]
    await client.initialize()
    untyped: Any = client
    return [NodePool(node) for node in untyped.get_primaries()]


async def pool_at(client: RedisCluster, asked: Any) -> Pool | None:
    """Return the pool of the node that an ASK names, None if the client does not know it."""
    node = client.get_node(asked.host, asked.port)
    return None if node is None else NodePool(node)


async def learn(client: AsyncRedisClient) -> None:
    """Make a cluster's client ask anew which node has which slots."""
    check_open(client)
    if isinstance(client, RedisCluster):
        await client.nodes_manager.initialize()


async def pipeline_of(client: AsyncRedisClient, key: bytes) -> Pipeline:
    """Return a pipeline to the server that has this key, for MULTI and EXEC there."""
    check_open(client)
    if not isinstance(client, RedisCluster):
        return client.pipeline()
    pool: Any = await pool_of(client, key)
    return Pipeline(pool, pool.node.response_callbacks, True, None)


async def own_connection(
    client: AsyncRedisClient, key: bytes, *, timeout: float, **others: Any
) -> Any:
    """Return a connection outside of the pool, not yet connected, to the server that has this key.

    For one that reads and blocks: it takes no place in the pool, and its socket waits for `timeout`
    seconds, which must be more than the server is told to block. `others` replace options of the
    pool's connections. The caller disconnects it.
    """
    pool: Any = await pool_of(client, key)
    source = pool.node if isinstance(pool, NodePool) else pool
    return new_connection(source, socket_timeout=timeout, **others)


def new_connection(source: Any, **others: Any) -> Any:
    """Return a connection as the pool's own, not yet connected; `others` replace its options."""
    # Without notifications of maintenance, which concern the pool, and which the driver refuses to
    # make with RESP2 and its own parser.
    options = {name: it for name, it in source.connection_kwargs.items() if "maint" not in name}
    return source.connection_class(**{**options, **others})
