"""Documents with several open revisions, merged into one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Generic, TypeVar

from datapatterns.core.backoff import Backoff
from datapatterns.core.documents import Document, contention
from datapatterns.core.pages import Page
from datapatterns.core.schema import Schema
from datapatterns.couch.database._async.database import AsyncDatabase
from datapatterns.couch.database._async.ensure import ensure_designs
from datapatterns.couch.database.designs import DesignDocument, View
from datapatterns.couch.database.raw_documents import check_document_id, loaded, merged
from datapatterns.couch.http._async.client import AsyncCouchClient, async_client_of
from datapatterns.couch.http.drivers import AsyncHttpClient
from datapatterns.couch.http.replies import leaves_of, readable
from datapatterns.couch.http.salvage import LEAF
from datapatterns.errors import Conflict, DataError, NotFound
from datapatterns.patterns._async.repository import AsyncTries

D = TypeVar("D", bound=Document)

_MAP = "function (doc) { if (doc._conflicts) { emit(doc._conflicts.length, null); } }"
_DESIGN = DesignDocument("conflicts", {"conflicts": View(_MAP, "_count")})
_PAGE = 100  # documents that resolve_all looks for in one request
_WAIT = Backoff(0.01, 0.5)


class AsyncConflictResolver(Generic[D]):
    """Merges the revisions that replication, or a cluster's nodes, have stored under one id.

    `AsyncConflictResolver(couch, "users", User, merge)`: `merge` receives the open revisions of a
    document, the one that CouchDB shows (the winner) first, and returns the document to store. It
    may be called again for the same revisions, on other machines too, so its result must depend on
    nothing else.

    1. Read the winner with the names of the other open revisions, its rivals (`conflicts=true`).
    2. Read the rivals with one `_bulk_get`.
    3. Write the merged document over the winner.
    4. Delete the rivals in one `_bulk_docs`. That request is not atomic: a process that ends after
       3 leaves rivals, which are merged again the next time, and none is lost.

    After a Conflict it starts over. Fields that the model does not know are taken from the winner,
    or else from the first rival that has them; attachments too, by their names.

    `conflicted` and `resolve_all` find the documents by a view, in the design document `conflicts`,
    which they store when they first need it. Errors: NotFound, Conflict (`contention`),
    DecodeFailed for a revision that does not fit the model, OutcomeUnknown; and what `merge`
    raises.

    Source: "Conflict management" in CouchDB's guide on replication.
    """

    def __init__(
        self,
        client: AsyncCouchClient | AsyncHttpClient,
        name: str,
        model: type[D],
        merge: Callable[[list[D]], D],
    ) -> None:
        self._schema = Schema(model)
        self._merge = merge
        self.database = AsyncDatabase(async_client_of(client), name)

    async def read(self, id: str) -> list[D]:
        """Return the document's open revisions, the winner first; raise NotFound if absent."""
        leaves = await self._leaves(check_document_id(id))
        return [loaded(self._schema, id, raw) for raw in leaves]

    async def resolve(self, id: str, *, attempts: int = 20) -> D:
        """Merge the document's revisions and return the result; raise Conflict after `attempts`."""
        check_document_id(id)
        async for _ in AsyncTries(attempts, _WAIT):
            leaves = await self._leaves(id)
            documents = [loaded(self._schema, id, raw) for raw in leaves]
            if len(leaves) == 1:
                return documents[0]
            document = self._merge(documents)
            with suppress(Conflict):
                await self._store(id, leaves, document)
        raise contention()

    async def _store(self, id: str, leaves: Sequence[dict[str, Any]], document: D) -> None:
        """Write the merged document over the first leaf, then delete the other leaves."""
        raw = merged(self._schema, leaves, self._schema.new(document).fields)
        if attachments := await self._attachments(id, leaves):
            raw["_attachments"] = attachments
        if raw != leaves[0]:
            await self.database.put(id, raw)
        rivals = [{"_id": id, "_rev": leaf["_rev"], "_deleted": True} for leaf in leaves[1:]]
        for outcome in await self.database.bulk(rivals):
            if isinstance(outcome, DataError):
                raise outcome

    async def _leaves(self, id: str) -> list[dict[str, Any]]:
        """Return the winner and its rivals as raw documents."""
        winner = await self.database.get(id, conflicts=True)
        revs: list[str] = winner.pop("_conflicts", [])
        if not revs:
            return [winner]
        path, body = f"{self.database.path}/_bulk_get", [{"id": id, "rev": rev} for rev in revs]
        couch = self.database.couch
        reply = await couch.read("POST", path, body={"docs": body}, documents=LEAF)
        # A rival that was deleted meanwhile is not open any more.
        found = [
            readable(id, answer["ok"])
            for answers in leaves_of(reply, len(revs))
            for answer in answers
            if "ok" in answer
        ]
        return [winner, *[raw for raw in found if not raw.get("_deleted")]]

    async def _attachments(self, id: str, leaves: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Return the winner's attachments as stubs, and those that only rivals have in full."""
        kept: dict[str, Any] = dict(leaves[0].get("_attachments", {}))
        for leaf in leaves[1:]:
            if missing := set(leaf.get("_attachments", {})) - set(kept):
                whole = await self.database.get(id, rev=leaf["_rev"], attachments=True)
                kept |= {name: whole["_attachments"][name] for name in sorted(missing)}
        return kept

    async def conflicted(self, *, limit: int = 50, after: str | None = None) -> Page[str]:
        """Return a page of the ids of documents with rivals."""
        options: dict[str, Any] = {"limit": limit, "after": after}
        try:
            page = await self.database.view("conflicts", "conflicts", **options)
        except NotFound:
            await ensure_designs(self.database, [_DESIGN])
            page = await self.database.view("conflicts", "conflicts", **options)
        return page.map(lambda row: str(row.id))

    async def resolve_all(self) -> int:
        """Resolve every document that has rivals now; return how many these were."""
        after, resolved = None, 0
        while True:
            page = await self.conflicted(limit=_PAGE, after=after)
            for id in page:
                await self.resolve(id)
            resolved += len(page)
            if (after := page.next) is None:
                return resolved
