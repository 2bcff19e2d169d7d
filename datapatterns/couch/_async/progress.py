"""What a changes worker remembers in CouchDB: its position, and the changes it gave up.

Both lie in `_local/` documents of the collection's own database: these wake no feed, are not
replicated, need no right that a writer of the collection does not have, and go with the database.
"""

from __future__ import annotations

import json
import logging
import time
from dataclasses import asdict
from hashlib import blake2b
from typing import Any

from datapatterns.changes import DeadChange
from datapatterns.couch._async.couch import Params
from datapatterns.couch._async.database import AsyncDatabase
from datapatterns.couch._async.place import AsyncPlace
from datapatterns.couch.feeds import Gone, Raw, Reading, instance_of
from datapatterns.couch.queries import rows_of
from datapatterns.documents import new_id
from datapatterns.errors import Conflict, DataCorrupted, NotFound
from datapatterns.names import check_name, escape

logger = logging.getLogger("datapatterns.couch")

_CHECKPOINT = "_local/datapatterns.checkpoint."
_DEAD = "_local/datapatterns.dead."
_TRIES = 5


class AsyncCheckpoints:
    """The positions of workers, each with the one it belongs to.

    Beside `seq` stand when the database was made and what its feed's selector was: a position from
    before the database was made again, or of another selector, is none, so the worker starts at the
    beginning. A predicate in Python cannot be told from another.

    `save` reads first. `owner` is this object and `epoch` grows with each new owner: whoever finds
    a later owner than itself gets Conflict (`lease_lost`), so of two workers under one name the one
    that began last goes on. That is no fence: CouchDB does not compare the revisions of `_local`
    documents, so a save can still fall between another's reading and writing. Then some changes
    are handled twice; none is skipped, since either position is one that its writer had reached.
    """

    def __init__(self, place: AsyncPlace, reading: Reading[Any]) -> None:
        self._place = place
        self._reading = reading
        self._owner = new_id()
        self._epochs: dict[str, int] = {}  # of the names that are ours

    async def load(self, name: str) -> str | None:
        """Return what was saved under the name, None if nothing was that still holds."""
        id = _id(_CHECKPOINT, name)
        async with self._place.database() as database:
            stored = await _find(database, id)
            self._epochs.pop(name, None)  # a run begins: its first save makes it the owner
            if stored is None:
                return None
            self._place.instance = instance_of(await database.info())
        seq = stored.get("seq")
        if not isinstance(seq, str):
            raise DataCorrupted("a checkpoint has no position")
        made = stored.get("instance", "")
        if made and self._place.instance and made != self._place.instance:
            if self._reading.on_recreated == "fail":
                raise Gone("the collection was deleted and made again", seq)
            about = {"collection": self._place.name, "checkpoint": name}
            message = "a checkpoint is older than its collection; it starts at the beginning"
            logger.warning(message, extra=about)
            return None
        if stored.get("filter", "") != self._reading.filter_hash:
            about = {"collection": self._place.name, "checkpoint": name}
            message = "a checkpoint is of another selector; it starts at the beginning"
            logger.warning(message, extra=about)
            return None
        return seq

    async def save(self, name: str, seq: str) -> None:
        """Save the position under the name; Conflict if a later worker goes by that name."""
        id = _id(_CHECKPOINT, name)
        async with self._place.database() as database:
            if not self._place.instance:
                self._place.instance = instance_of(await database.info())
            for _ in range(_TRIES):
                stored = await _find(database, id) or {}
                epoch = self._epoch(name, stored)
                document = {
                    "seq": check_name("a position", seq),
                    "instance": self._place.instance,
                    "filter": self._reading.filter_hash,
                    "owner": self._owner,
                    "epoch": epoch,
                }
                if await _put(database, id, document, stored):
                    self._epochs[name] = epoch
                    return
        raise Conflict("others write the same checkpoint", reason="contention")

    def _epoch(self, name: str, stored: Raw) -> int:
        ours, theirs = self._epochs.get(name), int(stored.get("epoch", 0))
        if stored.get("owner") == self._owner:
            return theirs
        if ours is None:
            return theirs + 1
        if theirs >= ours:
            raise Conflict("a later worker goes by this name", reason="lease_lost")
        return ours


class AsyncGraveyard:
    """The changes that workers gave up, one `_local` document each, named after its position."""

    def __init__(self, place: AsyncPlace) -> None:
        self._place = place

    async def add(self, name: str, dead: DeadChange) -> None:
        """Keep a change that the worker gave up; again, it replaces the former record."""
        digest = blake2b(dead.seq.encode(), digest_size=16).hexdigest()
        id = f"{_id(_DEAD, name)}.{digest}"
        document: dict[str, Any] = asdict(dead)
        async with self._place.database() as database:
            for _ in range(_TRIES):
                stored = await _find(database, id) or {}
                document["buried_at"] = stored.get("buried_at", time.time())
                if await _put(database, id, document, stored):
                    return
        raise Conflict("others bury the same change", reason="contention")

    async def list(self, name: str, limit: int) -> list[DeadChange]:
        """Return the worker's given-up changes, the oldest first."""
        prefix = f"{_id(_DEAD, name)}."
        params: Params = {
            "startkey": json.dumps(prefix),
            "endkey": json.dumps(f"{prefix}g"),  # behind every hexadecimal digit
            "include_docs": True,
        }
        async with self._place.database() as database:
            path = f"{database.path}/_local_docs"
            try:
                rows = rows_of(await database.couch.read("GET", path, params=params))
            except NotFound:
                return []
        graves = sorted((row["doc"] for row in rows), key=lambda doc: doc["buried_at"])
        return [
            DeadChange(doc["id"], doc["seq"], doc["attempts"], doc["error"])
            for doc in graves[:limit]
        ]


def _id(kind: str, name: str) -> str:
    return kind + escape(check_name("a worker's name", name))


async def _find(database: AsyncDatabase, id: str) -> dict[str, Any] | None:
    try:
        return await database.get(id)
    except NotFound:
        return None


async def _put(database: AsyncDatabase, id: str, document: Raw, stored: Raw) -> bool:
    """Return whether it is stored; a server that compares `_local` revisions may have refused."""
    try:
        await database.put(id, {**document, "_rev": stored["_rev"]} if stored else document)
    except Conflict:
        return False
    return True
