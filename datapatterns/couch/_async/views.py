"""What a database answers from its views."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any

from datapatterns.backoff import Backoff
from datapatterns.couch.errors import reason_of
from datapatterns.couch.paging import Reading, within
from datapatterns.couch.paths import document_path, quoted
from datapatterns.couch.queries import Query, Row, Update, freshness, grouping, results_of, rows_of
from datapatterns.errors import DataError, InvalidArgument, NotFound
from datapatterns.names import check_name
from datapatterns.pages import Page

if TYPE_CHECKING:
    from datapatterns.couch._async.couch import AsyncCouch

_ATTEMPTS = 10
_CHANGED = "Design document was updated or deleted"
_EMPTY = "No rows can match"  # `start` lies behind `end`
_backoff = Backoff(base=0.02, cap=0.25)


class AsyncViews:
    """The views of a database: pages of rows, all rows of a query, and reduced ones.

    A query is a POST, since only there a key may be as long as it likes. The server answers from
    the index after it has brought it up to date. While a design document is being replaced it may
    refuse a query that waits for the old index; that one is sent again. NotFound means that there
    is no such database, design document or view.
    """

    couch: AsyncCouch
    name: str
    path: str

    async def view(
        self,
        design: str,
        view: str,
        *,
        start: Any = None,
        end: Any = None,
        prefix: Sequence[Any] | None = None,
        descending: bool = False,
        limit: int = 50,
        after: str | None = None,
        include_docs: bool = False,
        update: Update = True,
        stable: bool = False,
    ) -> Page[Row]:
        """Return a page of rows from `start` on, up to but not `end`; `after` takes any cursor.

        None is open; for the rows of a null key ask `rows` for `keys=[None]`. With `prefix`, the
        keys are arrays that begin so, and `start` and `end` are values of the element behind it;
        an element that is an object whose first field's name begins with U+FFFF is not found so.
        """
        path = self._view(design, view)
        bounds = within(prefix, start, end, descending=descending)
        fixed = freshness(update, stable) | {"reduce": False, "include_docs": include_docs}
        reading = Reading(path, bounds, limit=limit, after=after)
        while not reading.done:
            reading.take(await self._rows(path, reading.body() | fixed))
        return reading.page.map(Row.of)

    async def each_row(
        self, design: str, view: str, *, limit: int = 1_000, **options: Any
    ) -> AsyncIterator[Row]:
        """Iterate over all that `view` gives with the same options, `limit` rows a request."""
        after: str | None = None
        while True:
            page = await self.view(design, view, limit=limit, after=after, **options)
            for row in page:
                yield row
            if (after := page.next) is None:
                return

    async def rows(self, design: str, view: str, query: Query | None = None) -> list[Row]:
        """Return all rows of the query."""
        body = (query or Query()).body() | {"reduce": False}
        return [Row.of(row) for row in await self._rows(self._view(design, view), body)]

    async def queries(self, design: str, view: str, queries: Sequence[Query]) -> list[list[Row]]:
        """Return the rows of several queries, in their order, from one request."""
        bodies = [query.body() | {"reduce": False} for query in queries]
        if not bodies:
            return []
        path = self._view(design, view)
        try:
            reply = await self.couch.write("POST", f"{path}/queries", body={"queries": bodies})
        except DataError:
            # The server breaks off when one of them has its start behind its end. Sent once, then
            # one by one, each query gets its own answer or error.
            return [await self.rows(design, view, query) for query in queries]
        results = results_of(reply, len(bodies))
        return [[Row.of(row) for row in rows_of(result)] for result in results]

    async def reduce(self, design: str, view: str, query: Query | None = None) -> Any:
        """Return the reduced value of all rows of the query, None if there is no row."""
        body = (query or Query()).body() | {"reduce": True}
        if "keys" in body:
            raise InvalidArgument("several keys are reduced one by one: ask for groups")
        rows = await self._rows(self._view(design, view), body)
        return Row.of(rows[0]).value if rows else None

    async def groups(
        self, design: str, view: str, query: Query | None = None, *, level: int | None = None
    ) -> list[Row]:
        """Return one row for each key, or for so many first elements of array keys, reduced."""
        body = (query or Query()).body() | {"reduce": True} | grouping(level)
        return [Row.of(row) for row in await self._rows(self._view(design, view), body)]

    def _view(self, design: str, view: str) -> str:
        check_name("a design document's name", design)
        path = document_path(self.path, f"_design/{design}")
        return f"{path}/_view/{quoted(check_name('a view', view))}"

    async def _rows(self, path: str, body: dict[str, Any]) -> list[dict[str, Any]]:
        try:
            return rows_of(await self._ask(path, body))
        except InvalidArgument as error:
            if reason_of(error).startswith(_EMPTY):
                return []
            raise

    async def _ask(self, path: str, body: dict[str, Any]) -> Any:
        """Return the reply; ask again where the design document changed while we waited."""
        for attempt in range(1, _ATTEMPTS):
            try:
                return await self.couch.read("POST", path, body=body)
            except NotFound as error:
                if _CHANGED not in reason_of(error):
                    raise
            await asyncio.sleep(_backoff(attempt))
        return await self.couch.read("POST", path, body=body)
