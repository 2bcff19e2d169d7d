"""Test your own application against real servers, and against a lost reply."""

import sys
from collections.abc import AsyncIterator, Callable

import pytest
import redis.asyncio as redis

from datapatterns import AsyncStore, OutcomeUnknown
from datapatterns.redis import AsyncCounter
from datapatterns.testing.faults.proxy import FaultProxy

pytestmark = pytest.mark.anyio  # AnyIO, of datapatterns[testing], runs async tests


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def register_visit(store: AsyncStore, user: str) -> int:
    """Your application."""
    return await store.counter(f"visits of {user}").increment()


@pytest.fixture(params=["level", "redis"])
async def store(request: pytest.FixtureRequest, tmp_path: object) -> AsyncIterator[AsyncStore]:
    """Run every test on both; `redis_url` starts a server, or uses $DATAPATTERNS_REDIS_URL."""
    redis = request.param == "redis"
    url = request.getfixturevalue("redis_url") if redis else f"level:{tmp_path}/data"
    async with AsyncStore.from_url(url, namespace=f"test-{tmp_path}") as store:
        yield store


async def test_visits_are_counted(store: AsyncStore) -> None:
    """Each visit is counted, for each user."""
    assert [await register_visit(store, "ada") for _ in range(3)] == [1, 2, 3]
    assert await register_visit(store, "charles") == 1


async def test_a_lost_reply(redis_url: str, fault_proxy: Callable[[str, int], FaultProxy]) -> None:
    """After a lost reply the caller gets OutcomeUnknown, and the hit is counted once."""
    async with redis.Redis.from_url(redis_url) as direct:
        server = direct.connection_pool.connection_kwargs
        proxy = fault_proxy(server["host"], server["port"])
        async with redis.Redis(host="127.0.0.1", port=proxy.port) as client:
            proxy.lose_reply(to=b"INCRBY")
            with pytest.raises(OutcomeUnknown):
                await AsyncCounter(client, "hits", namespace="own_tests").increment()
        assert await AsyncCounter(direct, "hits", namespace="own_tests").reset() == 1


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, "-q", "-p", "datapatterns.testing.plugin"]))
