# Generated from tests/redis/_async/test_repository.py by scripts/unasync.py; do not edit.
"""The repository on Redis: its conformance classes, and what is Redis's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from datapatterns import Store
from datapatterns.codecs import dumps
from datapatterns.redis.keys import Keys
from datapatterns.testing.conformance._sync.indexes import IndexesConformance
from datapatterns.testing.conformance._sync.misfits import MisfitsConformance
from datapatterns.testing.conformance._sync.moments import MomentsConformance
from datapatterns.testing.conformance._sync.paging import PagesConformance
from datapatterns.testing.conformance._sync.repository import RepositoryConformance


class TestRepository(RepositoryConformance):
    """Documents."""


class TestIndexes(IndexesConformance):
    """Indexes."""


class TestMoments(MomentsConformance):
    """Datetimes and dates in indexes."""


class TestPages(PagesConformance):
    """Pages and cursors."""


class TestMisfits(MisfitsConformance):
    """What does not fit."""

    def plant(self, target: Store, name: str, id: str, fields: Mapping[str, Any]) -> None:
        """Write as a program without this library would."""
        backend: Any = target._backend
        key = Keys.of(backend._namespace, "repository", name)("doc", id)
        backend.client.hset(key, mapping={field: dumps(value) for field, value in fields.items()})
