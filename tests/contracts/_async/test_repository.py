"""The repository's conformance classes, and how others write into each backend's documents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from datapatterns import AsyncStore
from datapatterns.checks import escape
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
        await WRITERS[target.capabilities.backend](backend, name, id, fields)


async def _into_level(backend: Any, name: str, id: str, fields: Mapping[str, Any]) -> None:
    documents = backend._client.sublevel(escape(name))
    await documents.put(id, {**await documents.get(id), **fields})


WRITERS = {"level": _into_level}
