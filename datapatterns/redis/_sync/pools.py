"""Where the connections of a lent client come from, whatever kind of client it is.

# unasync: by hand

A client for one server, and one that asks Sentinels, has one pool. In a cluster each node has its
own, and the key says which.
"""

from __future__ import annotations

import inspect
from typing import Any, Protocol, TypeAlias

from redis import ConnectionPool, Redis, RedisCluster
from redis.client import Pipeline

RedisClient: TypeAlias = Redis | RedisCluster


def _wants_a_name(get_connection: Any) -> bool:
    """Redis-py before 5.3 wants the command's name and makes nothing of it; later ones warn."""
    name = inspect.signature(get_connection).parameters.get("command_name")
    return name is not None and name.default is inspect.Parameter.empty


POOL_ARGS = ("_",) if _wants_a_name(ConnectionPool.get_connection) else ()


class Pool(Protocol):
    """What this library asks of a connection pool."""

    def get_connection(self, *args: Any) -> Any:
        """Return a connection that is connected and has nothing left to read."""
        ...

    def release(self, connection: Any) -> None:
        """Take the connection back."""
        ...


def _of_node(client: RedisCluster, node: Any) -> Any:
    return client.get_redis_connection(node)


def pool_of(client: RedisClient, key: bytes) -> Pool:
    """Return the pool of connections to the server that has this key."""
    if not isinstance(client, RedisCluster):
        return client.connection_pool
    return _of_node(client, client.get_node_from_key(key)).connection_pool


def pool_at(client: RedisCluster, host: str, port: int) -> Pool | None:
    """Return the pool of one of the cluster's nodes, None if the client does not know it."""
    node = client.get_node(host, port)
    return None if node is None else _of_node(client, node).connection_pool


def learn(client: RedisCluster) -> None:
    """Make the client ask the cluster anew which node has which slots."""
    client.nodes_manager.initialize()


def pipeline_of(client: RedisClient, key: bytes) -> Pipeline:
    """Return a pipeline to the server that has this key, for MULTI and EXEC there."""
    if not isinstance(client, RedisCluster):
        return client.pipeline()
    return _of_node(client, client.get_node_from_key(key)).pipeline()


def own_connection(client: RedisClient, key: bytes, *, timeout: float) -> Any:
    """Return a connection outside of the pool, not yet connected, to the server that has this key.

    For one that reads and blocks: it takes no place in the pool, and its socket waits for `timeout`
    seconds, which must be more than the server is told to block. The caller disconnects it.
    """
    source: Any = pool_of(client, key)
    options: dict[str, Any] = {**source.connection_kwargs, "socket_timeout": timeout}
    return source.connection_class(**options)
