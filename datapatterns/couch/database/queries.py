"""Queries of a view that are answered in one piece, and the rows of a view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from datapatterns.couch.database.paging import within
from datapatterns.couch.http.errors import unexpected_answer
from datapatterns.couch.http.replies import readable
from datapatterns.errors import InvalidArgument

Json = dict[str, Any]
Update = bool | Literal["lazy"]


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a view.

    `id` is that of the document that emitted the row, None in a reduced row. `document` is given if
    the query asked for documents and this one still exists.
    """

    key: Any
    id: str | None
    value: Any
    document: Json | None = None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Row:
        """Return the row in a reply; raise BadGateway if key or value are missing.

        Raise DecodeFailed if its document is not JSON that can be read.
        """
        if "key" not in row or "value" not in row:
            raise unexpected_answer()
        document = readable(str(row.get("id")), row.get("doc"))
        return cls(row["key"], row.get("id"), row["value"], document)


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One query of a view, answered in one piece.

    `start` is included and `end` is excluded, in the direction of reading; None leaves that end
    open. `prefix` selects the array keys that begin with these elements; `start` and `end` are then
    values of the next element. `keys` selects exactly these keys, in their order; null may be one
    of them. With `sorted=False` the rows come in the order in which the cluster's nodes deliver
    them.

    `update=False` answers from the index as it is; `"lazy"` does the same and brings the index up
    to date afterwards. `stable=True` always asks the same copies of the index.
    """

    start: Any = None
    end: Any = None
    prefix: Sequence[Any] | None = None
    keys: Sequence[Any] | None = None
    descending: bool = False
    limit: int | None = None
    include_docs: bool = False
    sorted: bool = True
    update: Update = True
    stable: bool = False

    def body(self) -> Json:
        """Return the query as the server reads it; raise InvalidArgument if it makes no sense."""
        ranged = self.start is not None or self.end is not None or self.prefix is not None
        if self.keys is not None and ranged:
            raise InvalidArgument("give either keys, or any of start, end and prefix")
        if self.limit is not None:
            _check_number("limit", self.limit, 0)
        body = within(self.prefix, self.start, self.end, descending=self.descending).ends()
        if self.keys is not None:
            if not isinstance(cast("object", self.keys), (list, tuple)):
                raise InvalidArgument("keys must be a list of keys")
            body["keys"] = list(self.keys)
        if self.limit is not None:
            body["limit"] = self.limit
        if self.include_docs:
            body["include_docs"] = True
        if not self.sorted:
            body["sorted"] = False
        return body | freshness(self.update, self.stable)


def freshness(update: Update, stable: bool) -> Json:
    """Return how recent the index must be, as the server reads it."""
    if update not in (True, False, "lazy"):
        raise InvalidArgument("update must be True, False or 'lazy'")
    body: Json = {} if update is True else {"update": "lazy" if update == "lazy" else "false"}
    return body | {"stable": True} if stable else body


def grouping(level: int | None) -> Json:
    """Return how rows are grouped: by whole keys, or by the first `level` elements of keys."""
    if level is None:
        return {"group": True}
    _check_number("level", level, 1)
    return {"group_level": level}


def _check_number(what: str, value: object, least: int) -> None:
    """Raise InvalidArgument unless the value is a whole number and at least `least`."""
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise InvalidArgument(f"{what} must be a whole number, at least {least}")
