# Generated from datapatterns/couch/_async/changes_worker.py by scripts/unasync.py; do not edit.
"""What a changes worker stores in CouchDB: its position, and the changes that it gave up.

Both are `_local/` documents of the collection's own database. These do not appear in a changes
feed, are not replicated, need no right beyond writing to the collection, and are removed with the
database.
"""

from __future__ import annotations

import json
import logging
import time
from dataclasses import asdict
from hashlib import blake2b
from typing import Any

from typing_extensions import override

from datapatterns import contracts
from datapatterns.core.changes import DeadChange
from datapatterns.core.checks import check_name, escape
from datapatterns.core.documents import new_id
from datapatterns.couch.changes import FeedOptions, Gone, Raw, instance_of
from datapatterns.couch.database._sync.database import Database
from datapatterns.couch.database._sync.locator import Locator
from datapatterns.couch.http._sync.client import Params
from datapatterns.couch.http.replies import rows_of
from datapatterns.errors import Conflict, DataCorrupted, NotFound

logger = logging.getLogger("datapatterns.couch")

_CHECKPOINT = "_local/datapatterns.checkpoint."
_DEAD = "_local/datapatterns.dead."
_TRIES = 5


class Checkpoints(contracts.Checkpoints):
    """The positions of workers, one `_local` document for each worker's name.

    The document holds `seq`, when the database was created, and a digest of the feed's selector. A
    position from before the database was created again, or of another selector, does not count, and
    the worker starts at the beginning. Predicates in Python have no digest and count as equal.

    `save` reads the document before it writes. `owner` names this object, and `epoch` grows with
    each new owner. An owner that finds a later one in the document gets Conflict (`lease_lost`), so
    of two workers under one name the later one goes on. This is no fence: CouchDB does not compare
    the revisions of `_local` documents, so a save may still come between the reading and the
    writing of another. Some changes are handled twice then; none is skipped, since each worker
    saves only positions that it has reached.
    """

    def __init__(self, locator: Locator, options: FeedOptions[Any]) -> None:
        self._locator = locator
        self._options = options
        self._owner = new_id()
        self._epochs: dict[str, int] = {}  # of the names that this object owns

    @override
    def load(self, name: str) -> str | None:
        """Return the position saved under the name, None without one that still counts.

        Raise NotFound if the database was created again since and `on_recreated` is `"fail"`.
        """
        id = _id(_CHECKPOINT, name)
        with self._locator.database() as database:
            stored = _find(database, id)
            self._epochs.pop(name, None)  # a new run begins; its first save makes it the owner
            if stored is None:
                return None
            self._locator.instance = instance_of(database.info())
        seq = stored.get("seq")
        if not isinstance(seq, str):
            raise DataCorrupted("a stored checkpoint has no position")
        created = stored.get("instance", "")
        if created and self._locator.instance and created != self._locator.instance:
            if self._options.on_recreated == "fail":
                raise Gone("the collection was deleted and created again", seq)
            self._starts_over(name, "a checkpoint is older than its collection")
            return None
        if stored.get("filter", "") != self._options.filter_hash:
            self._starts_over(name, "a checkpoint belongs to another selector")
            return None
        return seq

    def _starts_over(self, name: str, why: str) -> None:
        """Log that a checkpoint does not count."""
        about = {"collection": self._locator.name, "checkpoint": name}
        logger.warning("%s; the worker starts at the beginning", why, extra=about)

    @override
    def save(self, name: str, seq: str) -> None:
        """Save the position; raise Conflict (`lease_lost`) if a later worker has the same name."""
        id = _id(_CHECKPOINT, name)
        with self._locator.database() as database:
            if not self._locator.instance:
                self._locator.instance = instance_of(database.info())
            for _ in range(_TRIES):
                stored = _find(database, id) or {}
                epoch = self._epoch(name, stored)
                document = {
                    "seq": check_name("a position", seq),
                    "instance": self._locator.instance,
                    "filter": self._options.filter_hash,
                    "owner": self._owner,
                    "epoch": epoch,
                }
                if _put(database, id, document, stored):
                    self._epochs[name] = epoch
                    return
        raise Conflict("other workers keep writing the same checkpoint", reason="contention")

    def _epoch(self, name: str, stored: Raw) -> int:
        """Return the epoch to save; raise Conflict if the stored one belongs to a later owner."""
        ours, theirs = self._epochs.get(name), int(stored.get("epoch", 0))
        if stored.get("owner") == self._owner:
            return theirs
        if ours is None:
            return theirs + 1
        if theirs >= ours:
            raise Conflict("a later worker of the same name has taken over", reason="lease_lost")
        return ours


class Graveyard(contracts.Graveyard):
    """The changes that workers gave up, one `_local` document each, named after its position."""

    def __init__(self, locator: Locator) -> None:
        self._locator = locator

    @override
    def add(self, name: str, dead: DeadChange) -> None:
        digest = blake2b(dead.seq.encode(), digest_size=16).hexdigest()
        id = f"{_id(_DEAD, name)}.{digest}"
        document: dict[str, Any] = asdict(dead)
        with self._locator.database() as database:
            for _ in range(_TRIES):
                stored = _find(database, id) or {}
                document["buried_at"] = stored.get("buried_at", time.time())
                if _put(database, id, document, stored):
                    return
        raise Conflict("other workers keep writing the same dead letter", reason="contention")

    @override
    def list(self, name: str, limit: int) -> list[DeadChange]:
        prefix = f"{_id(_DEAD, name)}."
        params: Params = {
            "startkey": json.dumps(prefix),
            "endkey": json.dumps(f"{prefix}g"),  # behind every hexadecimal digit
            "include_docs": True,
        }
        with self._locator.database() as database:
            path = f"{database.path}/_local_docs"
            try:
                rows = rows_of(database.couch.read("GET", path, params=params))
            except NotFound:
                return []
        documents = sorted((row["doc"] for row in rows), key=lambda doc: doc["buried_at"])
        return [
            DeadChange(doc["id"], doc["seq"], doc["attempts"], doc["error"])
            for doc in documents[:limit]
        ]


def _id(kind: str, name: str) -> str:
    """Return the id of a worker's document; raise InvalidArgument for a bad name."""
    return kind + escape(check_name("a worker's name", name))


def _find(database: Database, id: str) -> dict[str, Any] | None:
    """Return the document, None if it or the database does not exist."""
    try:
        return database.get(id)
    except NotFound:
        return None


def _put(database: Database, id: str, document: Raw, stored: Raw) -> bool:
    """Store the document; return False if the server compared the `_local` revision and refused."""
    try:
        database.put(id, {**document, "_rev": stored["_rev"]} if stored else document)
    except Conflict:
        return False
    return True
