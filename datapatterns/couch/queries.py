"""What to ask of a view besides pages, and the rows that come back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from datapatterns.couch.paging import within
from datapatterns.errors import BadGateway, InvalidArgument

Json = dict[str, Any]
_STRANGE = "the server answered something that CouchDB does not"
Update = bool | Literal["lazy"]


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a view: `id` is of the document it comes from, None where rows were reduced.

    `document` is there if it was asked for and still exists.
    """

    key: Any
    id: str | None
    value: Any
    document: Json | None = None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Row:
        """The row as the server wrote it; BadGateway if it is none."""
        if "key" not in row or "value" not in row:
            raise BadGateway(_STRANGE)
        return cls(row["key"], row.get("id"), row["value"], row.get("doc"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One query of a view, answered in one piece.

    `start` is in and `end` is out, in the direction of reading; None is open. `prefix` takes the
    array keys that begin so, `start` and `end` being values of the element behind it. `keys` takes
    exactly these keys, in their order, null among them. `sorted=False` takes the rows as the
    cluster's nodes have them ready.

    `update=False` answers from the index as it is, `"lazy"` so too and brings it up to date
    afterwards; `stable=True` always asks the same copies of the index.
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
        """The query as the server reads it."""
        ranged = self.start is not None or self.end is not None or self.prefix is not None
        if self.keys is not None and ranged:
            raise InvalidArgument("keys leave nothing for start, end and prefix to say")
        if self.limit is not None:
            _check_number("limit", self.limit, 0)
        body = within(self.prefix, self.start, self.end, descending=self.descending).ends()
        if self.keys is not None:
            if not isinstance(cast("object", self.keys), (list, tuple)):
                raise InvalidArgument("keys are a list of keys")
            body["keys"] = list(self.keys)
        if self.limit is not None:
            body["limit"] = self.limit
        if self.include_docs:
            body["include_docs"] = True
        if not self.sorted:
            body["sorted"] = False
        return body | freshness(self.update, self.stable)


def freshness(update: Update, stable: bool) -> Json:
    """How new the index shall be, as the server reads it."""
    if update not in (True, False, "lazy"):
        raise InvalidArgument("update is True, False or 'lazy'")
    body: Json = {} if update is True else {"update": "lazy" if update == "lazy" else "false"}
    return body | {"stable": True} if stable else body


def grouping(level: int | None) -> Json:
    """By whole keys, or by so many first elements of array keys."""
    if level is None:
        return {"group": True}
    _check_number("level", level, 1)
    return {"group_level": level}


def _check_number(what: str, value: object, least: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise InvalidArgument(f"{what} must be a whole number from {least}")


def rows_of(reply: object) -> list[Json]:
    """The rows of a view's reply; BadGateway if it has none."""
    return _list_in(reply, "rows")


def results_of(reply: object, count: int) -> list[Json]:
    """The results of so many queries; BadGateway if they are others."""
    results = _list_in(reply, "results")
    if len(results) != count:
        raise BadGateway(_STRANGE)
    return results


def _list_in(reply: object, field: str) -> list[Json]:
    found = cast("Json", reply).get(field) if isinstance(reply, dict) else None
    if not isinstance(found, list):
        raise BadGateway(_STRANGE)
    items = cast("list[object]", found)
    if not all(isinstance(item, dict) for item in items):
        raise BadGateway(_STRANGE)
    return cast("list[Json]", items)
