"""Where the connections of a lent client come from, whatever kind of client it is.

# unasync: by hand

A client for one server, and one that asks Sentinels, has one pool. In a cluster each node has its
own, and the key says which.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

from redis import ConnectionPool, Redis, RedisCluster
from redis.client import Pipeline

from datapatterns.redis.closing import check_open

RedisClient: TypeAlias = Redis | RedisCluster
# What the caller of a transaction writes.
Step: TypeAlias = Callable[[Pipeline], object]
Call: TypeAlias = Callable[[], Any]


def _wants_a_name(get_connection: Any) -> bool:
    """Redis-py before 5.3 wants the command's name and makes nothing of it; later ones warn."""
    name = inspect.signature(get_connection).parameters.get("command_name")
    return name is not None and name.default is inspect.Parameter.empty


_POOL: Any = ConnectionPool
POOL_ARGS = ("_",) if _wants_a_name(_POOL.get_connection) else ()


def pack(connection: Any, command: tuple[bytes | str | int, ...]) -> Any:
    """Return the command as it travels."""
    return connection.pack_command(*command)


class Pool(Protocol):
    """What this library asks of a connection pool."""

    def get_connection(self, *args: Any) -> Any:
        """Return a connection that is connected and has nothing left to read."""
        ...

    def release(self, connection: Any) -> None:
        """Take the connection back."""
        ...


def take(pool: Pool) -> Any:
    """Return a connection of the pool that is connected and has nothing left to read."""
    return pool.get_connection(*POOL_ARGS)


def _node(client: Any, key: bytes) -> Any:
    """The driver's client for the node that has this key; its own types are incomplete."""
    return client.get_redis_connection(client.get_node_from_key(key))


def pool_of(client: RedisClient, key: bytes) -> Pool:
    """Return the pool of connections to the server that has this key; Closed if we closed it."""
    check_open(client)
    if not isinstance(client, RedisCluster):
        return client.connection_pool
    pool: Pool = _node(client, key).connection_pool
    return pool


def pools_of(client: RedisClient) -> list[Pool]:
    """Return the pools of all servers that have keys: one, or those of a cluster's primaries."""
    check_open(client)
    if not isinstance(client, RedisCluster):
        return [client.connection_pool]
    untyped: Any = client
    return [untyped.get_redis_connection(node).connection_pool for node in untyped.get_primaries()]


def pool_at(client: Any, asked: Any) -> Pool | None:
    """Return the pool of the node that an ASK names, None if the client does not know it."""
    node = client.get_node(asked.host, asked.port)
    return None if node is None else client.get_redis_connection(node).connection_pool


def learn(client: RedisClient) -> None:
    """Make a cluster's client ask anew which node has which slots."""
    check_open(client)
    if isinstance(client, RedisCluster):
        client.nodes_manager.initialize()


def pipeline_of(client: RedisClient, key: bytes) -> Pipeline:
    """Return a pipeline to the server that has this key, for MULTI and EXEC there."""
    check_open(client)
    one: Any = _node(client, key) if isinstance(client, RedisCluster) else client
    pipeline: Pipeline = one.pipeline()
    return pipeline


def own_connection(client: RedisClient, key: bytes, *, timeout: float, **others: Any) -> Any:
    """Return a connection outside of the pool, not yet connected, to the server that has this key.

    For one that reads and blocks: it takes no place in the pool, and its socket waits for `timeout`
    seconds, which must be more than the server is told to block. `others` replace options of the
    pool's connections. The caller disconnects it.
    """
    return new_connection(pool_of(client, key), socket_timeout=timeout, **others)


def new_connection(source: Any, **others: Any) -> Any:
    """Return a connection as the pool's own, not yet connected; `others` replace its options."""
    # Without notifications of maintenance, which concern the pool, and which the driver refuses to
    # make with RESP2 and its own parser.
    options = {name: it for name, it in source.connection_kwargs.items() if "maint" not in name}
    return source.connection_class(**{**options, **others})
