# Generated from datapatterns/couch/database/_async/views.py by scripts/unasync.py; do not edit.
"""The queries of a database's views."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

from datapatterns.core.backoff import Backoff
from datapatterns.core.checks import check_name
from datapatterns.core.pages import Page
from datapatterns.couch.database.paging import PageReader, within
from datapatterns.couch.database.queries import Query, Row, Update, freshness, grouping
from datapatterns.couch.http._sync.client import CouchClient
from datapatterns.couch.http.errors import reason_of
from datapatterns.couch.http.paths import document_path, quoted
from datapatterns.couch.http.replies import results_of, rows_of
from datapatterns.couch.http.salvage import ROW
from datapatterns.errors import DataError, InvalidArgument, NotFound

_ATTEMPTS = 10
_CHANGED = "Design document was updated or deleted"
_EMPTY = "No rows can match"  # because `start` lies behind `end`
_backoff = Backoff(base=0.02, cap=0.25)


class Views:
    """The views of a database: pages of rows, all rows of a query, and reduced rows.

    A query is a POST, since the length of a URL is limited and that of a key is not. The server
    brings the index up to date before it answers. While a design document is being replaced, the
    server may refuse a query that waits for the old index; such a query is sent again. NotFound
    means that the database, the design document or the view does not exist.
    """

    couch: CouchClient
    name: str
    path: str

    def view(
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
        """Return a page of rows from `start` up to `end`, which is excluded.

        `after` is a page's `next` or `previous`. None leaves an end open; for the rows of a null
        key, ask `rows` with `keys=[None]`. `prefix` selects array keys that begin with these
        elements; `start` and `end` are then values of the next element. A next element that is an
        object whose first field's name begins with U+FFFF is not found by a prefix.
        """
        path = self._view_path(design, view)
        bounds = within(prefix, start, end, descending=descending)
        fixed = freshness(update, stable) | {"reduce": False, "include_docs": include_docs}
        reader = PageReader(path, bounds, limit=limit, after=after)
        while not reader.done:
            reader.take(self._rows(path, reader.body() | fixed))
        return reader.page.map(Row.of)

    def each_row(
        self,
        design: str,
        view: str,
        *,
        start: Any = None,
        end: Any = None,
        prefix: Sequence[Any] | None = None,
        descending: bool = False,
        limit: int = 1_000,
        include_docs: bool = False,
        update: Update = True,
        stable: bool = False,
    ) -> Iterator[Row]:
        """Iterate over all rows that `view` gives with these options, `limit` rows a request."""
        after: str | None = None
        while True:
            page = self.view(
                design,
                view,
                start=start,
                end=end,
                prefix=prefix,
                descending=descending,
                limit=limit,
                after=after,
                include_docs=include_docs,
                update=update,
                stable=stable,
            )
            for row in page:
                yield row
            if (after := page.next) is None:
                return

    def rows(self, design: str, view: str, query: Query | None = None) -> list[Row]:
        """Return all rows of the query."""
        body = (query or Query()).body() | {"reduce": False}
        return [Row.of(row) for row in self._rows(self._view_path(design, view), body)]

    def queries(self, design: str, view: str, queries: Sequence[Query]) -> list[list[Row]]:
        """Return the rows of several queries, in their order, from one request."""
        bodies = [query.body() | {"reduce": False} for query in queries]
        if not bodies:
            return []
        path = self._view_path(design, view)
        try:
            reply = self.couch.write("POST", f"{path}/queries", body={"queries": bodies})
        except DataError:
            # The server breaks off when one query has its start behind its end. So all are sent
            # together once, then one by one, and each gets its own answer or error.
            return [self.rows(design, view, query) for query in queries]
        results = results_of(reply, len(bodies))
        return [[Row.of(row) for row in rows_of(result)] for result in results]

    def reduce(self, design: str, view: str, query: Query | None = None) -> Any:
        """Return the reduced value of all rows of the query, None if it has no rows."""
        body = (query or Query()).body() | {"reduce": True}
        if "keys" in body:
            raise InvalidArgument(
                "reduce cannot take several keys; call groups for one value for each key"
            )
        rows = self._rows(self._view_path(design, view), body)
        return Row.of(rows[0]).value if rows else None

    def groups(
        self, design: str, view: str, query: Query | None = None, *, level: int | None = None
    ) -> list[Row]:
        """Return one reduced row for each key, or for each first `level` elements of array keys."""
        body = (query or Query()).body() | {"reduce": True} | grouping(level)
        return [Row.of(row) for row in self._rows(self._view_path(design, view), body)]

    def _view_path(self, design: str, view: str) -> str:
        """Return the path of a view; raise InvalidArgument for names that cannot be."""
        check_name("a design document's name", design)
        path = document_path(self.path, f"_design/{design}")
        return f"{path}/_view/{quoted(check_name('a view', view))}"

    def _rows(self, path: str, body: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the rows of a query; none where its start lies behind its end."""
        try:
            return rows_of(self._ask(path, body))
        except InvalidArgument as error:
            if reason_of(error).startswith(_EMPTY):
                return []
            raise

    def _ask(self, path: str, body: dict[str, Any]) -> Any:
        """Return the reply; ask again if the design document was replaced meanwhile."""
        for attempt in range(1, _ATTEMPTS):
            try:
                return self.couch.read("POST", path, body=body, documents=ROW)
            except NotFound as error:
                if _CHANGED not in reason_of(error):
                    raise
            time.sleep(_backoff(attempt))
        return self.couch.read("POST", path, body=body, documents=ROW)
