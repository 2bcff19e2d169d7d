"""What is read out of CouchDB's JSON replies.

A reply to a read that has another shape than CouchDB's is BadGateway. A reply to a write that has
another shape is OutcomeUnknown, since the write may have taken effect.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from datapatterns.couch.http.errors import existing, of_reply, unexpected_answer
from datapatterns.errors import Conflict, DataError, OutcomeUnknown

Json = dict[str, Any]

# The status that a row of _bulk_docs leaves out, by the error that it names.
_STATUS = {"conflict": 409, "forbidden": 403, "unauthorized": 401}


def object_of(reply: object) -> Json:
    """Return the reply; raise BadGateway unless it is a JSON object."""
    if not isinstance(reply, dict):
        raise unexpected_answer()
    return cast("Json", reply)


def rows_of(reply: object) -> list[Json]:
    """Return the rows of a reply; raise BadGateway if it has no list of objects there."""
    return _list_in(reply, "rows")


def results_of(reply: object, count: int) -> list[Json]:
    """Return the results of so many queries; raise BadGateway if their number differs."""
    results = _list_in(reply, "results")
    if len(results) != count:
        raise unexpected_answer()
    return results


def first_leaves(reply: object, count: int) -> list[Json]:
    """Return the first answer for each id of a `_bulk_get`; raise BadGateway for other replies."""
    try:
        return [result["docs"][0] for result in results_of(reply, count)]
    except (KeyError, TypeError, IndexError):
        raise unexpected_answer() from None


def document_in(answer: Json) -> Json | DataError | None:
    """Return the document in an answer of `_bulk_get`, None if it is absent, or its error."""
    document = answer.get("ok")
    if isinstance(document, dict):
        raw = cast("Json", document)
        return None if raw.get("_deleted") else raw
    if cast("Json", answer.get("error") or {}).get("error") == "not_found":
        return None
    return unexpected_answer()


def written_revision(reply: object) -> str:
    """Return the new revision in the reply to a write; raise OutcomeUnknown if it is missing."""
    rev = cast("Json", reply).get("rev") if isinstance(reply, dict) else None
    if not isinstance(rev, str):
        raise OutcomeUnknown("the server's reply does not say what became of the document")
    return rev


def bulk_rows(reply: object, count: int) -> list[Json]:
    """Return the rows of `_bulk_docs`; raise OutcomeUnknown unless there is one per document."""
    rows = cast("list[Json]", reply if isinstance(reply, list) else [])
    if len(rows) != count:
        raise OutcomeUnknown("the server's reply does not say what became of the documents")
    return rows


def bulk_outcome(row: Mapping[str, Any], *, new: bool) -> str | DataError:
    """Return the new revision or the error in a row of `_bulk_docs`."""
    if "error" not in row:
        return written_revision(row)
    error = of_reply(_STATUS.get(str(row["error"]), 500), row, {}, sent=True)
    return existing(error) if isinstance(error, Conflict) and new else error


def _list_in(reply: object, field: str) -> list[Json]:
    """Return the list of objects in that field of a reply; raise BadGateway if it is missing."""
    found = cast("Json", reply).get(field) if isinstance(reply, dict) else None
    if not isinstance(found, list):
        raise unexpected_answer()
    items = cast("list[object]", found)
    if not all(isinstance(item, dict) for item in items):
        raise unexpected_answer()
    return cast("list[Json]", items)
