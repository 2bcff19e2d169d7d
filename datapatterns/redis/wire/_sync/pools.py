"""Takes connections from a lent client, whatever kind of client it is.

# unasync: by hand

A client for one server, or for Sentinels, has one pool. The client of a cluster has a pool for each
node, and the key decides which node.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

from redis import ConnectionPool, Redis, RedisCluster
from redis.client import Pipeline

from datapatterns.redis.wire.closing import check_open

RedisClient: TypeAlias = Redis | RedisCluster
# The function that a caller gives to a transaction.
Step: TypeAlias = Callable[[Pipeline], object]
Call: TypeAlias = Callable[[], Any]


def _wants_a_name(get_connection: Any) -> bool:
    """Return whether `get_connection` requires a command's name: redis-py before 5.3 does."""
    name = inspect.signature(get_connection).parameters.get("command_name")
    return name is not None and name.default is inspect.Parameter.empty


_POOL: Any = ConnectionPool
POOL_ARGS = ("_",) if _wants_a_name(_POOL.get_connection) else ()


def pack(connection: Any, command: tuple[bytes | str | int, ...]) -> Any:
    """Return the command's bytes."""
    return connection.pack_command(*command)


class Pool(Protocol):
    """A connection pool as this library uses it."""

    def get_connection(self, *args: Any) -> Any:
        """Return a connection that is open and has nothing left to read."""
        ...

    def release(self, connection: Any) -> None:
        """Take back a connection."""
        ...


def take(pool: Pool) -> Any:
    """Return a connection of the pool that is open and has nothing left to read."""
    return pool.get_connection(*POOL_ARGS)


def _node(client: Any, key: bytes) -> Any:
    """Return the driver's client for the node that has this key."""
    return client.get_redis_connection(client.get_node_from_key(key))


def pool_of(client: RedisClient, key: bytes) -> Pool:
    """Return the pool of connections to the server that has this key."""
    check_open(client)
    if not isinstance(client, RedisCluster):
        return client.connection_pool
    pool: Pool = _node(client, key).connection_pool
    return pool


def learn_slots(client: RedisCluster) -> None:
    """Do nothing: the client has asked its cluster when it was made."""


def pools_of(client: RedisClient) -> list[Pool]:
    """Return the pools of all servers that have keys: one, or one for each cluster primary."""
    check_open(client)
    if not isinstance(client, RedisCluster):
        return [client.connection_pool]
    untyped: Any = client
    return [untyped.get_redis_connection(node).connection_pool for node in untyped.get_primaries()]


def pool_at(client: Any, asked: Any) -> Pool | None:
    """Return the pool of the node that an ASK names, or None if the client does not know it."""
    node = client.get_node(asked.host, asked.port)
    return None if node is None else client.get_redis_connection(node).connection_pool


def learn(client: RedisClient) -> None:
    """Make a cluster's client ask the cluster again which node has which slots."""
    check_open(client)
    if isinstance(client, RedisCluster):
        client.nodes_manager.initialize()


def pipeline_of(client: RedisClient, key: bytes) -> Pipeline:
    """Return a pipeline to the server that has this key, for a transaction."""
    check_open(client)
    one: Any = _node(client, key) if isinstance(client, RedisCluster) else client
    pipeline: Pipeline = one.pipeline()
    return pipeline


def own_connection(client: RedisClient, key: bytes, *, timeout: float, **others: Any) -> Any:
    """Return a new connection, not yet open, to the server that has this key.

    It is for commands that block: it does not count in the pool, and its socket times out after
    `timeout` seconds, which must be longer than the server blocks. `others` replace options of the
    pool's connections. The caller closes it.
    """
    return new_connection(pool_of(client, key), socket_timeout=timeout, **others)


def new_connection(source: Any, **others: Any) -> Any:
    """Return a new connection, not yet open, with the pool's options, replaced by `others`."""
    # The options for maintenance notifications are left out: they concern the pool, and redis-py
    # refuses them with RESP2 and its Python parser.
    options = {name: it for name, it in source.connection_kwargs.items() if "maint" not in name}
    return source.connection_class(**{**options, **others})
