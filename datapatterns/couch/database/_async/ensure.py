"""Creates missing databases and stores design documents; many processes may do so at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import count
from typing import Any

from datapatterns.core.backoff import Backoff
from datapatterns.couch.database._async.database import AsyncDatabase
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


async def ensure_database(database: AsyncDatabase) -> bool:
    """Create the database if it is missing; return whether this call created it."""
    for attempt in range(1, ATTEMPTS + 1):
        # Look first: a user without the right to create databases may still use an existing one.
        try:
            await database.info()
            return False
        except NotFound:
            pass
        try:
            return await database.create()
        except OutcomeUnknown:  # up to 3.0 also the answer to two creators at once
            await asyncio.sleep(_backoff(attempt))
    raise Conflict("the database could not be created", reason="contention")


async def ensure_designs(
    database: AsyncDatabase,
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
            await _swap_in(database, design, progress)
        else:
            await _store(database, design)


async def _store(database: AsyncDatabase, design: DesignDocument) -> None:
    """Store the design document unless it is there; read again if another writer was faster."""
    for attempt in range(1, ATTEMPTS + 1):
        found = await _find(database, design)
        if found is not None and design.is_in(found):
            return
        try:
            await database.put(design.id, {**(found or {}), **design.stored()})
            return
        except (Conflict, OutcomeUnknown):
            await asyncio.sleep(_backoff(attempt))
        except InvalidArgument as error:
            raise _refused(design, error) from error.__cause__
    raise Conflict("other writers keep changing the design document", reason="contention")


async def _find(database: AsyncDatabase, design: DesignDocument) -> dict[str, Any] | None:
    """Return the stored design document, None if absent; raise NotFound without a database."""
    try:
        return await database.get(design.id)
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


async def _swap_in(
    database: AsyncDatabase, design: DesignDocument, progress: Progress | None
) -> None:
    """Build the index under a second name, then store the design document under its own name.

    An index belongs to the functions that define it, not to a document's name. So readers of the
    view get answers from the old index until the new one is complete. The second document is
    removed only after a query under the first name, because the server drops the unwritten part of
    an index when the last document that it knows for it goes. Processes that do this at the same
    time share the second document.
    """
    aside, stored = design.aside(), False
    for attempt in range(1, ATTEMPTS + 1):
        found = await _find(database, design)
        ours = found is not None and design.is_in(found)
        if stored and not ours:
            break  # another process has stored another version since
        try:
            if not ours:
                await _store(database, aside)
                await _build(database, aside, design, progress)
                await _store(database, design)
                stored = True
            await _build(database, design, design, None if stored else progress)
            break
        except NotFound:  # another process removed the second document, or changed the first
            await database.info()
            await asyncio.sleep(_backoff(attempt))
    else:
        raise Conflict("other writers keep changing the design document", reason="contention")
    await _remove(database, aside)


async def _build(
    database: AsyncDatabase,
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
        await database.couch.read("POST", view, body={"limit": 0, "update": "lazy"})
        pending, running = _state(await database.couch.read("GET", f"{path}/_info"))
        most = max(most, pending)
        _tell(progress, shown, most - pending, most)
        if pending <= _NEARLY or (attempt > _STARTING and not running):
            with suppress(TimedOut):
                await database.couch.read("POST", view, body={"limit": 0})
                _tell(progress, shown, most, most)
                return
        await asyncio.sleep(min(_POLL * attempt, 1.0))


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


async def _remove(database: AsyncDatabase, design: DesignDocument) -> None:
    """Remove the design document; other processes that use or remove it may go on."""
    with suppress(Conflict, NotFound, OutcomeUnknown):
        if (found := await _find(database, design)) is not None:
            await database.delete(design.id, found["_rev"])
