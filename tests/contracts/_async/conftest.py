"""The targets of the conformance suite on LevelDB, in the async face."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from datapatterns.core.checks import escape
from datapatterns.level import AsyncLevel
from datapatterns.testing.conformance.aio import AsyncTarget


class AsyncLevelTarget(AsyncTarget):
    """A store on the directory `folder`, in `namespace`."""

    folder: Path
    namespace: str

    async def write_foreign_fields(
        self, collection: str, id: str, fields: Mapping[str, Any]
    ) -> None:
        """Merge the fields into the document's JSON."""
        async with await AsyncLevel.open(self.folder) as level:
            space = level.sublevel(escape(self.namespace)) if self.namespace else level
            documents = space.sublevel(escape(collection))
            await documents.put(id, {**await documents.get(id), **fields})


@pytest.fixture(params=["level-root", "level-sublevel"])
async def target(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[AsyncTarget]:
    """Yield a store that nothing has been written to, in the root or in a sublevel."""
    namespace = "" if request.param == "level-root" else f"test-{uuid.uuid4()}"
    folder = tmp_path / "data"
    async with AsyncLevelTarget.from_url(f"level:{folder}", namespace=namespace) as store:
        store.folder, store.namespace = folder, namespace
        yield store
