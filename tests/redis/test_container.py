"""The servers of the tests may also come from a container image."""

from __future__ import annotations

import os
from typing import Any

import pytest

from datapatterns import Store, TimedOut, Unavailable
from datapatterns.testing.plugin import REDIS_CONTAINER

IMAGE = os.environ.get(REDIS_CONTAINER)

pytestmark = pytest.mark.skipif(not IMAGE, reason=f"opt in with {REDIS_CONTAINER}=redis:7")


def use(url: str) -> None:
    """Use several patterns."""
    with Store.from_url(url) as store:
        assert store.counter("visits").increment() == 1
        assert store.rate_limiter("api", limit=1, window=60).hit("ann").allowed
        queue: Any = store.work_queue("mail")
        queue.push("hello")
        with queue.take(timeout=10) as delivery:
            assert delivery.item == "hello"


def test_a_container_is_a_server_like_any_other() -> None:
    """It starts, is killed, starts again at the URL it gives, and ends."""
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
    """The fixture of other tests starts its server from the image when asked to."""
    assert " in the container " in redis_server.version
    redis_server.ask("FLUSHALL")
    use(redis_server.url)
