"""The repository on CouchDB: its conformance classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from datapatterns import AsyncStore
from datapatterns.couch.paths import database_name
from datapatterns.testing.conformance._async.indexes import AsyncIndexesConformance
from datapatterns.testing.conformance._async.misfits import AsyncMisfitsConformance
from datapatterns.testing.conformance._async.moments import AsyncMomentsConformance
from datapatterns.testing.conformance._async.paging import AsyncPagesConformance
from datapatterns.testing.conformance._async.repository import AsyncRepositoryConformance


# Every kind of client, but not every test over each of them.
@pytest.mark.parametrize("target", ["httpx2", "httpx"], indirect=True)
class TestRepository(AsyncRepositoryConformance):
    """Documents."""


class TestIndexes(AsyncIndexesConformance):
    """Indexes."""


class TestMoments(AsyncMomentsConformance):
    """Datetimes and dates in indexes."""


@pytest.mark.parametrize("target", ["httpx"], indirect=True)
class TestPages(AsyncPagesConformance):
    """Pages and cursors."""


class TestMisfits(AsyncMisfitsConformance):
    """What does not fit."""

    async def plant(
        self, target: AsyncStore, name: str, id: str, fields: Mapping[str, Any]
    ) -> None:
        """Write as a program without this library would."""
        backend: Any = target._backend
        database = backend.couch.database(database_name(backend._namespace, name))
        await database.put(id, {**await database.get(id), **fields})
