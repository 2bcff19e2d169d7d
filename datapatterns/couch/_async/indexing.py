"""The indexes of a collection: each a view in a design document of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from datapatterns._async.concurrency import AsyncLock
from datapatterns.couch._async.database import AsyncDatabase
from datapatterns.couch._async.ensure import ensure_database, ensure_designs
from datapatterns.couch._async.views import AsyncViews
from datapatterns.couch.designs import DesignDocument
from datapatterns.couch.indexing import VIEW, design_of
from datapatterns.couch.paging import Range, Reading
from datapatterns.indexes import Index, declared
from datapatterns.pages import Page

Json = dict[str, Any]


class AsyncIndexing(AsyncViews):
    """The indexes that one repository declares, and the rows that they have.

    The server keeps them: a view is brought up to date when it is asked. A new one is built then,
    beside the old ones of other programs, whose readers wait for nothing.
    """

    def __init__(
        self, database: AsyncDatabase, indexes: Mapping[str, Index], *, ensure: bool
    ) -> None:
        self.couch, self.name, self.path = database.couch, database.name, database.path
        self._database = database
        self._indexes = indexes
        self._designs = {
            name: design_of(index, partitioned=database.partitioned)
            for name, index in indexes.items()
        }
        self._ready = not ensure
        self._lock = AsyncLock()

    def index(self, name: str) -> Index:
        """Return the index of that name; InvalidArgument if none is declared so."""
        return declared(self._indexes, name)

    async def prepare(self) -> None:
        """Prepare the database before the first operation."""
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
        path = self._view(self._designs[index].name, VIEW)
        reading = Reading(path, keys, limit=limit, after=after)
        await self.prepare()
        while not reading.done:
            body = {**reading.body(), "reduce": False, "include_docs": True}
            reading.take(await self._rows(path, body))
        return reading.page

    async def reduced(self, index: str, keys: Range, **options: Any) -> list[Json]:
        """Return the rows of a reduced query."""
        path = self._view(self._designs[index].name, VIEW)
        await self.prepare()
        return await self._rows(path, {**keys.ends(), **options, "reduce": True})

    async def build(self, documents: int, progress: Callable[[int, int], Any] | None) -> int:
        """Wait until the server has built every index, and return how many entries it had to."""
        total, seen = documents * len(self._designs), 0
        order = [design.name for design in self._designs.values()]

        def built(design: DesignDocument, done: int, of: int) -> None:
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
