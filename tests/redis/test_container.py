"""The servers of the tests may come from an image as well, for those who ask for it."""

from __future__ import annotations

import os
from typing import Any

import pytest

from datapatterns import Store, TimedOut, Unavailable
from datapatterns.testing.plugin import REDIS_CONTAINER

IMAGE = os.environ.get(REDIS_CONTAINER)

pytestmark = pytest.mark.skipif(not IMAGE, reason=f"opt in with {REDIS_CONTAINER}=redis:7")


def use(url: str) -> None:
    """A little of several patterns."""
    with Store.from_url(url) as store:
        assert store.counter("visits").increment() == 1
        assert store.rate_limiter("api", limit=1, window=60).hit("ann").allowed
        queue: Any = store.work_queue("mail")
        queue.push("hello")
        with queue.take(timeout=10) as delivery:
            assert delivery.item == "hello"


def test_a_container_is_a_server_like_any_other() -> None:
    """It starts, ends, is killed and starts again, each time where its URL says; then it ends."""
    from datapatterns.testing.servers.redis_container import RedisContainer

    with RedisContainer(IMAGE or "") as server:
        assert " in the container " in server.version
        for end in (server.stop, server.kill):
            server.ask("FLUSHALL")
            use(server.url)
            end()
            server.start()
        server.pause()
        with Store.from_url(f"{server.url}?socket_timeout=0.3") as store, pytest.raises(TimedOut):
            store.counter("visits").value()
        server.resume()
        assert server.ask("PING") == "+PONG"
        url = server.url
    with Store.from_url(url) as store, pytest.raises(Unavailable):
        store.counter("visits").value()


def test_the_fixture_is_the_container(redis_server: Any) -> None:
    """What other tests ask for is started from the image."""
    assert " in the container " in redis_server.version
    redis_server.ask("FLUSHALL")
    use(redis_server.url)
