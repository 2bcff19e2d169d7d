"""Test your own application against real servers, and against a lost reply."""

import sys
from collections.abc import Callable, Iterator

import pytest
import redis

from datapatterns import OutcomeUnknown, Store
from datapatterns.redis import Counter
from datapatterns.testing.faults.proxy import FaultProxy


def register_visit(store: Store, user: str) -> int:
    """Your application."""
    return store.counter(f"visits of {user}").increment()


@pytest.fixture(params=["level", "redis"])
def store(request: pytest.FixtureRequest, tmp_path: object) -> Iterator[Store]:
    """Run every test on both; `redis_url` starts a server, or uses $DATAPATTERNS_REDIS_URL."""
    redis = request.param == "redis"
    url = request.getfixturevalue("redis_url") if redis else f"level:{tmp_path}/data"
    with Store.from_url(url, namespace=f"test-{tmp_path}") as store:
        yield store


def test_visits_are_counted(store: Store) -> None:
    """Each visit is counted, for each user."""
    assert [register_visit(store, "ada") for _ in range(3)] == [1, 2, 3]
    assert register_visit(store, "charles") == 1


def test_a_lost_reply(redis_url: str, fault_proxy: Callable[[str, int], FaultProxy]) -> None:
    """After a lost reply the caller gets OutcomeUnknown, and the hit is counted once."""
    with redis.Redis.from_url(redis_url) as direct:
        server = direct.connection_pool.connection_kwargs
        proxy = fault_proxy(server["host"], server["port"])
        with redis.Redis(host="127.0.0.1", port=proxy.port) as client:
            proxy.lose_reply(to=b"INCRBY")
            with pytest.raises(OutcomeUnknown):
                Counter(client, "hits", namespace="own_tests").increment()
        assert Counter(direct, "hits", namespace="own_tests").reset() == 1


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, "-q", "-p", "datapatterns.testing.plugin"]))
