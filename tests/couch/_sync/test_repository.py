# Generated from tests/couch/_async/test_repository.py by scripts/unasync.py; do not edit.
"""The repository on CouchDB: its conformance classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from datapatterns import Store
from datapatterns.couch.paths import database_name
from datapatterns.testing.conformance._sync.indexes import IndexesConformance
from datapatterns.testing.conformance._sync.misfits import MisfitsConformance
from datapatterns.testing.conformance._sync.moments import MomentsConformance
from datapatterns.testing.conformance._sync.paging import PagesConformance
from datapatterns.testing.conformance._sync.repository import RepositoryConformance


# Every kind of client, but not every test over each of them.
@pytest.mark.parametrize("target", ["httpx2", "httpx"], indirect=True)
class TestRepository(RepositoryConformance):
    """Documents."""


class TestIndexes(IndexesConformance):
    """Indexes."""


class TestMoments(MomentsConformance):
    """Datetimes and dates in indexes."""


@pytest.mark.parametrize("target", ["httpx"], indirect=True)
class TestPages(PagesConformance):
    """Pages and cursors."""


class TestMisfits(MisfitsConformance):
    """What does not fit."""

    def plant(self, target: Store, name: str, id: str, fields: Mapping[str, Any]) -> None:
        """Write as a program without this library would."""
        backend: Any = target._backend
        database = backend.couch.database(database_name(backend._namespace, name))
        database.put(id, {**database.get(id), **fields})
