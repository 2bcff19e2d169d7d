"""Documents with several open revisions, merged into one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from datapatterns.backoff import Backoff
from datapatterns.couch._async.couch import AsyncCouch, async_couch_of
from datapatterns.couch._async.ensure import ensure_designs
from datapatterns.couch.designs import DesignDocument, View
from datapatterns.couch.documents import check_document_id, loaded, merged
from datapatterns.couch.drivers import AsyncHttpClient
from datapatterns.documents import Document, Schema
from datapatterns.errors import BadGateway, Conflict, DataError, NotFound
from datapatterns.pages import Page

D = TypeVar("D", bound=Document)

_MAP = "function (doc) { if (doc._conflicts) { emit(doc._conflicts.length, null); } }"
_DESIGN = DesignDocument("conflicts", {"conflicts": View(_MAP, "_count")})
_PAGE = 100  # documents that resolve_all looks for in one request
_WAIT = Backoff(0.01, 0.5)


class AsyncConflictResolver(Generic[D]):
    """Merges what replication, or a cluster's nodes, have stored side by side under one id.

    `AsyncConflictResolver(couch, "users", User, merge)`, where `merge` is given the document's open
    revisions, CouchDB's winner first, and returns the document that shall be. It may be called
    again, and on other machines, for the same revisions: let it depend on nothing else.

    The winner is read with the names of its rivals (`conflicts=true`), the rivals with one
    `_bulk_get`. Then the merged document is written over the winner, and only then are the rivals
    deleted, in one `_bulk_docs`: that request is not atomic, so whoever ends in between leaves
    rivals to be merged again, and never loses one. Whatever is overtaken by another writer starts
    over. Fields that the model does not know are the winner's, or else of the first rival that has
    them, and so are attachments, by their names.

    `conflicted` and `resolve_all` find the documents by a view, in the design document
    `conflicts`, which they store at first. Errors: NotFound, Conflict (`contention`), DecodeFailed
    for a revision that does not fit the model, OutcomeUnknown; and what `merge` raises.

    Source: "Conflict management" in CouchDB's guide on replication.
    """

    def __init__(
        self,
        client: AsyncCouch | AsyncHttpClient,
        name: str,
        model: type[D],
        merge: Callable[[list[D]], D],
    ) -> None:
        self._schema = Schema(model)
        self._merge = merge
        self.database = async_couch_of(client).database(name)

    async def read(self, id: str) -> list[D]:
        """Return the document's open revisions, CouchDB's winner first; NotFound if none."""
        leaves = await self._leaves(check_document_id(id))
        return [loaded(self._schema.model, id, raw) for raw in leaves]

    async def resolve(self, id: str, *, attempts: int = 20) -> D:
        """Merge the document's revisions into one and return that; Conflict after `attempts`."""
        check_document_id(id)
        for attempt in range(1, attempts + 1):
            leaves = await self._leaves(id)
            documents = [loaded(self._schema.model, id, raw) for raw in leaves]
            if len(leaves) == 1:
                return documents[0]
            made = self._merge(documents)
            try:
                await self._store(id, leaves, made)
            except Conflict:
                await asyncio.sleep(_WAIT(attempt))
        raise Conflict("other writers were faster every time", reason="contention")

    async def _store(self, id: str, leaves: Sequence[dict[str, Any]], made: D) -> None:
        """Write what was made of the leaves, then delete all but the first."""
        _, fields = self._schema.checked(made)
        document = merged(leaves, fields)
        document["_attachments"] = await self._attachments(id, leaves)
        if not document["_attachments"]:
            del document["_attachments"]
        if document != leaves[0]:
            await self.database.put(id, document)
        rivals = [{"_id": id, "_rev": leaf["_rev"], "_deleted": True} for leaf in leaves[1:]]
        for outcome in await self.database.bulk(rivals):
            if isinstance(outcome, DataError):
                raise outcome

    async def _leaves(self, id: str) -> list[dict[str, Any]]:
        """The winner and its rivals as they are stored."""
        winner = await self.database.get(id, conflicts=True)
        revs: list[str] = winner.pop("_conflicts", [])
        if not revs:
            return [winner]
        path, body = f"{self.database.path}/_bulk_get", [{"id": id, "rev": rev} for rev in revs]
        reply = await self.database.couch.read("POST", path, body={"docs": body})
        try:
            rows = [result["docs"][0] for result in reply["results"]]
            # One that was deleted since is no rival any more.
            found = [row["ok"] for row in rows if "ok" in row]
            return [winner, *[raw for raw in found if not raw.get("_deleted")]]
        except (KeyError, TypeError, IndexError):
            raise BadGateway("the server answered something that CouchDB does not") from None

    async def _attachments(self, id: str, leaves: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """The winner's attachments as stubs, and those that only rivals have, in full."""
        kept: dict[str, Any] = dict(leaves[0].get("_attachments", {}))
        for leaf in leaves[1:]:
            if missing := set(leaf.get("_attachments", {})) - set(kept):
                whole = await self.database.get(id, rev=leaf["_rev"], attachments=True)
                kept |= {name: whole["_attachments"][name] for name in sorted(missing)}
        return kept

    async def conflicted(self, *, limit: int = 50, after: str | None = None) -> Page[str]:
        """Return a page of the ids of documents that have rivals."""
        options: dict[str, Any] = {"limit": limit, "after": after}
        try:
            page = await self.database.view("conflicts", "conflicts", **options)
        except NotFound:
            await ensure_designs(self.database, [_DESIGN])
            page = await self.database.view("conflicts", "conflicts", **options)
        return page.map(lambda row: str(row.id))

    async def resolve_all(self) -> int:
        """Resolve every document that has rivals now, and return how many these were."""
        after, resolved = None, 0
        while True:
            page = await self.conflicted(limit=_PAGE, after=after)
            for id in page:
                await self.resolve(id)
            resolved += len(page)
            if (after := page.next) is None:
                return resolved
