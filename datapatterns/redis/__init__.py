"""The patterns on Redis and Valkey: one server, Sentinels or a cluster, sync and async."""

try:
    import redis as _driver  # noqa: F401 - asked for here, so that its absence is told in one line
except ModuleNotFoundError as error:
    if error.name != "redis":
        raise
    message = "datapatterns.redis needs redis-py: pip install 'datapatterns[redis]'"
    raise ModuleNotFoundError(message, name="redis") from None

from datapatterns.redis._async.scripts import AsyncScripts
from datapatterns.redis._async.transactions import async_transact
from datapatterns.redis._sync.scripts import Scripts
from datapatterns.redis._sync.transactions import transact

__all__ = ["AsyncScripts", "Scripts", "async_transact", "transact"]
