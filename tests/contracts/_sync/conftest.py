# Generated from tests/contracts/_async/conftest.py by scripts/unasync.py; do not edit.
"""The targets of the conformance suite on LevelDB, in the async face."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from datapatterns.core.checks import escape
from datapatterns.level import Level
from datapatterns.testing.conformance import Target


class LevelTarget(Target):
    """A store on the directory `folder`, in `namespace`."""

    folder: Path
    namespace: str

    def write_foreign_fields(self, collection: str, id: str, fields: Mapping[str, Any]) -> None:
        """Merge the fields into the document's JSON."""
        with Level.open(self.folder) as level:
            space = level.sublevel(escape(self.namespace)) if self.namespace else level
            documents = space.sublevel(escape(collection))
            documents.put(id, {**documents.get(id), **fields})


@pytest.fixture(params=["level-root", "level-sublevel"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Target]:
    """Yield a store that nothing has been written to, in the root or in a sublevel."""
    namespace = "" if request.param == "level-root" else f"test-{uuid.uuid4()}"
    folder = tmp_path / "data"
    with LevelTarget.from_url(f"level:{folder}", namespace=namespace) as store:
        store.folder, store.namespace = folder, namespace
        yield store
