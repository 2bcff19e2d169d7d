# Generated from datapatterns/couch/database/_async/ensure.py by scripts/unasync.py; do not edit.
"""Creates missing databases and stores design documents; many processes may do so at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import count
from typing import Any

from datapatterns.core.backoff import Backoff
from datapatterns.couch.database._sync.database import Database
from datapatterns.couch.database.designs import DesignDocument, check_designs
from datapatterns.couch.http.errors import reason_of, unexpected_answer
from datapatterns.couch.http.paths import document_path, quoted
from datapatterns.errors import (
    Conflict,
    DataError,
    InvalidArgument,
    NotFound,
    OutcomeUnknown,
    TimedOut,
)

Progress = Callable[[DesignDocument, int, int], object]

ATTEMPTS = 100
_backoff = Backoff(base=0.02, cap=1.0)
_POLL = 0.05  # seconds before the second look, growing with each one up to a second
_NEARLY = 500  # changes: an index catches up with that many within one request
_STARTING = 5  # looks at an index during which the server may not have begun to build it


def ensure_database(database: Database) -> bool:
    """Create the database if it is missing; return whether this call created it."""
    for attempt in range(1, ATTEMPTS + 1):
        # Look first: a user without the right to create databases may still use an existing one.
        try:
            database.info()
            return False
        except NotFound:
            pass
        try:
            return database.create()
        except OutcomeUnknown:  # up to 3.0 also the answer to two creators at once
            time.sleep(_backoff(attempt))
    raise Conflict("the database could not be created", reason="contention")


def ensure_designs(
    database: Database,
    designs: Sequence[DesignDocument],
    *,
    wait_built: bool = False,
    progress: Progress | None = None,
) -> None:
    """Store the design documents that are missing or differ; raise NotFound without a database.

    With `wait_built` the index of a changed design document is built under a second name first.
    """
    for design in check_designs(designs):
        if wait_built and design.views:
            _swap_in(database, design, progress)
        else:
            _store(database, design)


def _store(database: Database, design: DesignDocument) -> None:
    """Store the design document unless it is there; read again if another writer was faster."""
    for attempt in range(1, ATTEMPTS + 1):
        found = _find(database, design)
        if found is not None and design.is_in(found):
            return
        try:
            database.put(design.id, {**(found or {}), **design.stored()})
            return
        except (Conflict, OutcomeUnknown):
            time.sleep(_backoff(attempt))
        except InvalidArgument as error:
            raise _refused(design, error) from error.__cause__
    raise Conflict("other writers keep changing the design document", reason="contention")


def _find(database: Database, design: DesignDocument) -> dict[str, Any] | None:
    """Return the stored design document, None if absent; raise NotFound without a database."""
    try:
        return database.get(design.id)
    except NotFound as error:
        if "deleted" in (reason := reason_of(error)) or "missing" in reason:
            return None
        raise


def _refused(design: DesignDocument, error: DataError) -> InvalidArgument:
    """Return the error for a refused design document, naming the function that does not compile.

    The server names it in the reason of its reply; it has stored nothing then.
    """
    reason = reason_of(error)
    for name in design.views:
        for kind in ("map", "reduce"):
            if f"{kind} function in the '{name}' view" in reason:
                return InvalidArgument(f"the {kind} function of the view {name!r} does not compile")
    return InvalidArgument(f"the server refused the design document {design.name!r}")


# --- an index that is built before it is read


def _swap_in(database: Database, design: DesignDocument, progress: Progress | None) -> None:
    """Build the index under a second name, then store the design document under its own name.

    An index belongs to the functions that define it, not to a document's name. So readers of the
    view get answers from the old index until the new one is complete. The second document is
    removed only after a query under the first name, because the server drops the unwritten part of
    an index when the last document that it knows for it goes. Processes that do this at the same
    time share the second document.
    """
    aside, stored = design.aside(), False
    for attempt in range(1, ATTEMPTS + 1):
        found = _find(database, design)
        ours = found is not None and design.is_in(found)
        if stored and not ours:
            break  # another process has stored another version since
        try:
            if not ours:
                _store(database, aside)
                _build(database, aside, design, progress)
                _store(database, design)
                stored = True
            _build(database, design, design, None if stored else progress)
            break
        except NotFound:  # another process removed the second document, or changed the first
            database.info()
            time.sleep(_backoff(attempt))
    else:
        raise Conflict("other writers keep changing the design document", reason="contention")
    _remove(database, aside)


def _build(
    database: Database,
    stored: DesignDocument,
    shown: DesignDocument,
    progress: Progress | None,
) -> None:
    """Wait until the index of the stored design document is complete.

    Raise NotFound if that document is removed meanwhile. One query with `update=lazy` starts the
    server, which then builds without an open request; its own figures say how far it is.
    `progress` is told of the design document `shown`.
    """
    path, most = document_path(database.path, stored.id), 0
    view = f"{path}/_view/{quoted(next(iter(stored.views)))}"
    for attempt in count(1):
        database.couch.read("POST", view, body={"limit": 0, "update": "lazy"})
        pending, running = _state(database.couch.read("GET", f"{path}/_info"))
        most = max(most, pending)
        _tell(progress, shown, most - pending, most)
        if pending <= _NEARLY or (attempt > _STARTING and not running):
            with suppress(TimedOut):
                database.couch.read("POST", view, body={"limit": 0})
                _tell(progress, shown, most, most)
                return
        time.sleep(min(_POLL * attempt, 1.0))


def _state(info: Any) -> tuple[int, bool]:
    """Return how many changes an index lacks, and whether the server is working on it."""
    try:
        index: dict[str, Any] = info["view_index"]
        pending = int(index.get("updates_pending", {}).get("total", 0))
        return pending, bool(index.get("updater_running"))
    except (AttributeError, KeyError, TypeError, ValueError):
        raise unexpected_answer() from None


def _tell(progress: Progress | None, design: DesignDocument, done: int, total: int) -> None:
    """Call the function that shows the progress, if one is given."""
    if progress is not None:
        progress(design, done, total)


def _remove(database: Database, design: DesignDocument) -> None:
    """Remove the design document; other processes that use or remove it may go on."""
    with suppress(Conflict, NotFound, OutcomeUnknown):
        if (found := _find(database, design)) is not None:
            database.delete(design.id, found["_rev"])
