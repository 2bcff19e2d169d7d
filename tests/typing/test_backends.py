"""The backends of the library implement the protocol that a backend of your own implements."""

from __future__ import annotations

from datapatterns import couch, level, redis
from datapatterns.couch import backend as on_couch
from datapatterns.level import backend as on_level
from datapatterns.redis import backend as on_redis
from datapatterns.store import AsyncBackend, AsyncHasTransfer, Backend, HasTransfer

SYNC: list[type[Backend]] = [on_level.Backend, on_redis.Backend, on_couch.Backend]
ASYNC: list[type[AsyncBackend]] = [
    on_level.AsyncBackend,
    on_redis.AsyncBackend,
    on_couch.AsyncBackend,
]
MOVABLE: list[type[HasTransfer]] = [on_level.Backend, on_redis.Backend, on_couch.Backend]
ASYNC_MOVABLE: list[type[AsyncHasTransfer]] = [
    on_level.AsyncBackend,
    on_redis.AsyncBackend,
    on_couch.AsyncBackend,
]


def test_each_backend_makes_its_own_classes() -> None:
    """A table has the public classes of the backend's package."""
    for package, module in ((level, on_level), (redis, on_redis), (couch, on_couch)):
        for backend in (module.Backend, module.AsyncBackend):
            for kind in backend.patterns.values():
                assert getattr(package, getattr(kind, "__name__", "")) is kind
