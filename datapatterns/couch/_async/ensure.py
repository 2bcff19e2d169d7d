"""Databases and design documents as they shall be, however many processes see to it at once.

await couch.ensure(databases=["users"], designs={"users": [DesignDocument("by_age", views)]})
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING, Any

from datapatterns.backoff import Backoff
from datapatterns.couch.designs import DesignDocument, check_designs
from datapatterns.couch.errors import reason_of
from datapatterns.couch.paths import document_path, quoted
from datapatterns.errors import (
    BadGateway,
    Conflict,
    DataError,
    InvalidArgument,
    NotFound,
    OutcomeUnknown,
    TimedOut,
)

if TYPE_CHECKING:
    from datapatterns.couch._async.couch import AsyncCouch
    from datapatterns.couch._async.database import AsyncDatabase

Progress = Callable[[DesignDocument, int, int], object]

ATTEMPTS = 100
_backoff = Backoff(base=0.02, cap=1.0)
_POLL = 0.05  # seconds, more at each look until it is one
_NEARLY = 500  # changes: so few an index catches up with within one request
_STARTING = 5  # looks: in these the server may not have begun yet


async def ensure(
    couch: AsyncCouch,
    databases: Iterable[str] = (),
    designs: Mapping[str, Iterable[DesignDocument]] | None = None,
    *,
    wait_built: bool = False,
    progress: Progress | None = None,
) -> None:
    """Create what is missing of the databases, and those of the designs, and store the designs."""
    if isinstance(databases, str):
        raise InvalidArgument("databases are a list of names")
    wanted = {name: check_designs(each) for name, each in (designs or {}).items()}
    places = {name: couch.database(name) for name in dict.fromkeys([*databases, *wanted])}
    for database in places.values():
        await ensure_database(database)
    for name, each in wanted.items():
        await ensure_designs(places[name], each, wait_built=wait_built, progress=progress)


async def ensure_database(database: AsyncDatabase) -> bool:
    """Return whether it was made here; a database that others make at the same time is fine."""
    for attempt in range(1, ATTEMPTS + 1):
        # Looking first: a user who may not create databases may well use one.
        try:
            await database.info()
            return False
        except NotFound:
            pass
        try:
            return await database.create()
        except OutcomeUnknown:  # up to 3.0 also what two creators at once may get
            await asyncio.sleep(_backoff(attempt))
    raise Conflict("the database could not be made", reason="contention")


async def ensure_designs(
    database: AsyncDatabase,
    designs: Sequence[DesignDocument],
    *,
    wait_built: bool = False,
    progress: Progress | None = None,
) -> None:
    """Store those designs that the database has not as they are; NotFound without a database.

    With `wait_built` a changed design is built under a second name first.
    """
    for design in check_designs(designs):
        if wait_built and design.views:
            await _swap_in(database, design, progress)
        else:
            await _store(database, design)


async def _store(database: AsyncDatabase, design: DesignDocument) -> None:
    """Read, compare, write over what was read; read again if another writer was faster."""
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
    raise Conflict("others keep changing the design document", reason="contention")


async def _find(database: AsyncDatabase, design: DesignDocument) -> dict[str, Any] | None:
    try:
        return await database.get(design.id)
    except NotFound as error:
        if "deleted" in (said := reason_of(error)) or "missing" in said:
            return None
        raise


def _refused(design: DesignDocument, error: DataError) -> InvalidArgument:
    """Which function does not compile: the server says so in words, before it stores anything."""
    said = reason_of(error)
    for name in design.views:
        for kind in ("map", "reduce"):
            if f"{kind} function in the '{name}' view" in said:
                return InvalidArgument(f"the {kind} function of the view {name!r} does not compile")
    return InvalidArgument(f"the server refused the design document {design.name!r}")


# --- built before it is read


async def _swap_in(
    database: AsyncDatabase, design: DesignDocument, progress: Progress | None
) -> None:
    """Build the index under a second name, then give it the design's own.

    An index belongs to the functions that define it, not to a document's name. So whoever reads the
    view gets answers from the old index until the new one is complete. The second name goes only
    after a query under the first: the server drops what it has not yet written of an index whose
    last known document goes. Several processes at once share the second name.
    """
    aside, stored = design.aside(), False
    for attempt in range(1, ATTEMPTS + 1):
        found = await _find(database, design)
        ours = found is not None and design.is_in(found)
        if stored and not ours:
            break  # another version came after this one
        try:
            if not ours:
                await _store(database, aside)
                await _build(database, aside, design, progress)
                await _store(database, design)
                stored = True
            await _build(database, design, design, None if stored else progress)
            break
        except NotFound:  # another process was through first, or changed it while we asked
            await database.info()
            await asyncio.sleep(_backoff(attempt))
    else:
        raise Conflict("others keep changing the design document", reason="contention")
    await _remove(database, aside)


async def _build(
    database: AsyncDatabase,
    stored: DesignDocument,
    shown: DesignDocument,
    progress: Progress | None,
) -> None:
    """Return when the index of the stored design is complete; NotFound if the design went away.

    The server builds by itself once it was asked: nobody waits for a reply meanwhile. It goes on
    for as long as the server says that it does.
    """
    path, most = document_path(database.path, stored.id), 0
    view = f"{path}/_view/{quoted(next(iter(stored.views)))}"
    for attempt in count(1):
        await database.couch.read("POST", view, body={"limit": 0, "update": "lazy"})
        info = await database.couch.read("GET", f"{path}/_info")
        try:
            index: dict[str, Any] = info["view_index"]
            pending = int(index.get("updates_pending", {}).get("total", 0))
        except (AttributeError, KeyError, TypeError, ValueError):
            raise BadGateway("the server answered something that CouchDB does not") from None
        most = max(most, pending)
        _tell(progress, shown, most - pending, most)
        if pending <= _NEARLY or (attempt > _STARTING and not index.get("updater_running")):
            with suppress(TimedOut):
                await database.couch.read("POST", view, body={"limit": 0})
                _tell(progress, shown, most, most)
                return
        await asyncio.sleep(min(_POLL * attempt, 1.0))


def _tell(progress: Progress | None, design: DesignDocument, done: int, total: int) -> None:
    if progress is not None:
        progress(design, done, total)


async def _remove(database: AsyncDatabase, design: DesignDocument) -> None:
    """Remove the design; who else removes it or is about to use it loses nothing."""
    with suppress(Conflict, NotFound, OutcomeUnknown):
        if (found := await _find(database, design)) is not None:
            await database.delete(design.id, found["_rev"])
