# Generated from tests/contracts/_async/test_repository.py by scripts/unasync.py; do not edit.
"""The repository's conformance classes, and how others write into each backend's documents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from datapatterns import Store
from datapatterns.checks import escape
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
        WRITERS[target.capabilities.backend](backend, name, id, fields)


def _into_level(backend: Any, name: str, id: str, fields: Mapping[str, Any]) -> None:
    documents = backend._client.sublevel(escape(name))
    documents.put(id, {**documents.get(id), **fields})


WRITERS = {"level": _into_level}
