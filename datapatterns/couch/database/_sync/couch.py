# Generated from datapatterns/couch/database/_async/couch.py by scripts/unasync.py; do not edit.
"""A CouchDB server: its databases, and the design documents in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from datapatterns.couch.database._sync.database import Database
from datapatterns.couch.database._sync.ensure import Progress, ensure_database, ensure_designs
from datapatterns.couch.database.designs import DesignDocument, check_designs
from datapatterns.couch.http._sync.client import CouchClient
from datapatterns.errors import InvalidArgument


class Couch(CouchClient):
    """A CouchDB server, over one HTTP client.

    `Couch("http://user:password@127.0.0.1:5984")` opens an HTTP client and closes it.
    `Couch(client)` uses a lent `httpx2` or `httpx` client, with its `base_url` and `auth`, and
    leaves it open. The patterns take either a Couch or a lent client; those that share a Couch
    share its connections and its batching. See `CouchClient` for requests and options.
    """

    def database(self, name: str, *, partitioned: bool = False) -> Database:
        """Return the database of that name, which need not exist yet."""
        return Database(self, name, partitioned=partitioned)

    def ensure(
        self,
        databases: Iterable[str] = (),
        designs: Mapping[str, Iterable[DesignDocument]] | None = None,
        *,
        wait_built: bool = False,
        progress: Progress | None = None,
    ) -> None:
        """Create the databases and store the design documents that are missing or differ.

        The databases that `designs` names are created too. Any number of processes may call this at
        once, even with different versions of a design document; the database then ends with one of
        them. With `wait_built` a new index is complete before a reader meets it, and
        `progress(design, done, total)` is called with the number of changes indexed so far.
        """
        if isinstance(databases, str):
            raise InvalidArgument("databases must be a list of names")
        wanted = {name: check_designs(each) for name, each in (designs or {}).items()}
        found = {name: self.database(name) for name in dict.fromkeys([*databases, *wanted])}
        for database in found.values():
            ensure_database(database)
        for name, each in wanted.items():
            ensure_designs(found[name], each, wait_built=wait_built, progress=progress)
