"""The patterns on Redis and Valkey: one server, Sentinels or a cluster, sync and async."""

try:
    import redis as redis_py
except ModuleNotFoundError as error:
    if error.name != "redis":
        raise
    message = "datapatterns.redis needs redis-py: pip install 'datapatterns[redis]'"
    raise ModuleNotFoundError(message, name="redis") from None

from datapatterns.redis._async.scripts import AsyncScripts
from datapatterns.redis._async.transactions import async_transact
from datapatterns.redis._sync.scripts import Scripts
from datapatterns.redis._sync.transactions import transact

DRIVER_VERSION: str = redis_py.__version__

__all__ = ["DRIVER_VERSION", "AsyncScripts", "Scripts", "async_transact", "transact"]
