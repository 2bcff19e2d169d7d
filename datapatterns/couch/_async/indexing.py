"""The indexes of a repository, each a view in a design document of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from datapatterns.core.indexes import Index
from datapatterns.core.pages import Page
from datapatterns.couch.database._async.database import AsyncDatabase
from datapatterns.couch.database._async.ensure import ensure_database, ensure_designs
from datapatterns.couch.database._async.views import AsyncViews
from datapatterns.couch.database.designs import DesignDocument
from datapatterns.couch.database.paging import PageReader, Range
from datapatterns.couch.indexing import VIEW, design_of
from datapatterns.patterns._async.concurrency import AsyncLock

Json = dict[str, Any]


class AsyncIndexing(AsyncViews):
    """The indexes that one repository declares, and queries of their rows.

    The server brings a view up to date when it is asked, and builds a new one then. Views that
    other programs declare under other names go on answering meanwhile.
    """

    def __init__(
        self, database: AsyncDatabase, indexes: Mapping[str, Index], *, ensure: bool
    ) -> None:
        self.couch, self.name, self.path = database.couch, database.name, database.path
        self._database = database
        self._designs = {
            name: design_of(index, partitioned=database.partitioned)
            for name, index in indexes.items()
        }
        self._ready = not ensure
        self._lock = AsyncLock()

    async def prepare(self) -> None:
        """Create what is missing, before the first operation only."""
        if not self._ready:
            async with self._lock:
                if not self._ready:
                    await self.ensure()

    async def ensure(self) -> None:
        """Create the database and the design documents that are missing."""
        await ensure_database(self._database)
        await ensure_designs(self._database, list(self._designs.values()))
        self._ready = True

    async def page(self, index: str, keys: Range, limit: int, after: str | None) -> Page[Json]:
        """Return a page of rows with their documents."""
        path = self._view_path(self._designs[index].name, VIEW)
        reader = PageReader(path, keys, limit=limit, after=after)
        await self.prepare()
        while not reader.done:
            body = {**reader.body(), "reduce": False, "include_docs": True}
            reader.take(await self._rows(path, body))
        return reader.page

    async def reduced(self, index: str, keys: Range, **options: Any) -> list[Json]:
        """Return the rows of a reduced query."""
        path = self._view_path(self._designs[index].name, VIEW)
        await self.prepare()
        return await self._rows(path, {**keys.ends(), **options, "reduce": True})

    async def build(self, documents: int, progress: Callable[[int, int], Any] | None) -> int:
        """Wait until the server has built every index; return the documents times the indexes."""
        total, seen = documents * len(self._designs), 0
        order = [design.name for design in self._designs.values()]

        def built(design: DesignDocument, done: int, of: int) -> None:
            """Turn the progress of one index into that of all."""
            nonlocal seen
            part = documents if not of else documents * done // of
            seen = max(seen, order.index(design.name) * documents + part)
            if progress is not None:
                progress(seen, total)

        await ensure_database(self._database)
        await ensure_designs(
            self._database, list(self._designs.values()), wait_built=True, progress=built
        )
        return total
