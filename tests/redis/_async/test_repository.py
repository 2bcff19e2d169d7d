"""The repository on Redis: its conformance classes, and what is Redis's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from datapatterns import AsyncStore
from datapatterns.codecs import dumps
from datapatterns.redis.keys import Keys
from datapatterns.testing.conformance._async.indexes import AsyncIndexesConformance
from datapatterns.testing.conformance._async.misfits import AsyncMisfitsConformance
from datapatterns.testing.conformance._async.moments import AsyncMomentsConformance
from datapatterns.testing.conformance._async.paging import AsyncPagesConformance
from datapatterns.testing.conformance._async.repository import AsyncRepositoryConformance


class TestRepository(AsyncRepositoryConformance):
    """Documents."""


class TestIndexes(AsyncIndexesConformance):
    """Indexes."""


class TestMoments(AsyncMomentsConformance):
    """Datetimes and dates in indexes."""


class TestPages(AsyncPagesConformance):
    """Pages and cursors."""


class TestMisfits(AsyncMisfitsConformance):
    """What does not fit."""

    async def plant(
        self, target: AsyncStore, name: str, id: str, fields: Mapping[str, Any]
    ) -> None:
        """Write as a program without this library would."""
        backend: Any = target._backend
        key = Keys.of(backend._namespace, "repository", name)("doc", id)
        await backend.client.hset(
            key, mapping={field: dumps(value) for field, value in fields.items()}
        )
