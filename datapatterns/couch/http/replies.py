"""What is read out of CouchDB's JSON replies.

A reply to a read that has another shape than CouchDB's is BadGateway. A reply to a write that has
another shape is OutcomeUnknown, since the write may have taken effect.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, cast

from datapatterns.couch.http.errors import existing, of_reply, unexpected_answer
from datapatterns.errors import Conflict, DataError, DecodeFailed, OutcomeUnknown

Json = dict[str, Any]
T = TypeVar("T")

# How CouchDB begins a document: with its id, its revision and whether it is removed.
_HEAD = re.compile(rb'\{"_id":"(?:[^"\\]|\\.)*","_rev":"([^"]*)"(,"_deleted":true)?')

# The status that a row of _bulk_docs leaves out, by the error that it names.
_STATUS = {"conflict": 409, "forbidden": 403, "unauthorized": 401}


def document_of(reply: object) -> Json | bytes:
    """Return the document that is the reply; raise BadGateway unless it is a JSON object."""
    if not isinstance(reply, dict | bytes):
        raise unexpected_answer()
    return cast("Json | bytes", reply)


def readable(id: str, raw: T | bytes) -> T:
    """Return the document unless it stayed text (see `salvaged`); then raise DecodeFailed."""
    if isinstance(raw, bytes):
        message = f"the stored document {id!r} is not JSON that can be read"
        raise DecodeFailed(message, data={"id": id})
    return raw


def rows_of(reply: object) -> list[Json]:
    """Return the rows of a reply; raise BadGateway if it has no list of objects there.

    Raise DecodeFailed for a key or value that cannot be parsed.
    """
    rows = _list_in(reply, "rows")
    for row in rows:
        if isinstance(row.get("key"), bytes) or isinstance(row.get("value"), bytes):
            message = f"the row of the document {row.get('id')!r} is not JSON that can be read"
            raise DecodeFailed(message, data={"id": row.get("id")})
    return rows


def results_of(reply: object, count: int) -> list[Json]:
    """Return the results of so many queries; raise BadGateway if their number differs."""
    results = _list_in(reply, "results")
    if len(results) != count:
        raise unexpected_answer()
    return results


def leaves_of(reply: object, count: int) -> list[list[Json]]:
    """Return the answers for each id of a `_bulk_get`; raise BadGateway for other replies.

    There is one for each open revision of a document, also for removed ones.
    """
    try:
        return [_answers(result["docs"]) for result in results_of(reply, count)]
    except (KeyError, TypeError):
        raise unexpected_answer() from None


def _answers(answers: list[Json]) -> list[Json]:
    """Return the answers; raise TypeError unless there is one, and all are objects."""
    if not answers or not all(isinstance(answer, dict) for answer in answers):  # pyright: ignore[reportUnnecessaryIsInstance] - it is a server's reply
        raise TypeError
    return answers


def winner_of(answers: Sequence[Json]) -> Json | bytes | DataError | None:
    """Return the document that CouchDB shows of these open revisions, None if it is absent."""
    found = [answer["ok"] for answer in answers if isinstance(answer.get("ok"), dict | bytes)]
    if open_ones := [document for document in found if not _removed(document)]:
        return max(open_ones, key=_precedence)
    if found or cast("Json", answers[0].get("error") or {}).get("error") == "not_found":
        return None
    return unexpected_answer()


def revision_in(document: Mapping[str, Any] | bytes) -> str:
    """Return the revision in a document; raise BadGateway if it has none."""
    if isinstance(document, bytes):
        head = _HEAD.match(document)
        rev: object = None if head is None else head[1].decode()
    else:
        rev = document.get("_rev")
    if not isinstance(rev, str):
        raise unexpected_answer()
    return rev


def _removed(document: Json | bytes) -> bool:
    if isinstance(document, bytes):
        head = _HEAD.match(document)
        return head is not None and head[2] is not None
    return bool(document.get("_deleted"))


def _precedence(document: Json | bytes) -> tuple[int, str]:
    """Return what CouchDB orders open revisions by: their number, then their digest."""
    number, _, digest = revision_in(document).partition("-")
    return (int(number) if number.isdecimal() else 0), digest


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
