# Generated from datapatterns/patterns/_async/repository_upkeep.py by scripts/unasync.py; do not edit.
"""Keeping the documents of a repository in order: expiry, rewriting, checking."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

from typing_extensions import override

from datapatterns.core import revisions
from datapatterns.core.documents import Document, absent, utc_text
from datapatterns.core.indexes import EXPIRY
from datapatterns.core.revisions import Revise, Revised
from datapatterns.core.schema import Stored
from datapatterns.errors import Conflict, DataError, DecodeFailed, InvalidArgument, NotFound
from datapatterns.patterns._sync.repository_storage import STEP, BaseStorage

D = TypeVar("D", bound=Document)

_SWEEP_EVERY = 1.0  # seconds between the sweeps that writes make


class BaseUpkeep(BaseStorage[D]):
    """Goes through the stored documents: removes expired ones, rewrites them, checks them."""

    _next_sweep = 0.0  # of the monotonic clock

    # --- expiry

    @override
    def sweep(self) -> int:
        if self._schema.expires is None:
            raise InvalidArgument("sweep needs a repository that was made with `expires`")
        now = self._now()
        removed, after = self._remove_expired(now, after=None)
        while after is not None:
            more, after = self._remove_expired(now, after)
            removed += more
        return removed

    def _sweep_sometimes(self) -> None:
        """Remove some expired documents, at most once a second."""
        if (now := time.monotonic()) < self._next_sweep:
            return
        self._next_sweep = now + _SWEEP_EVERY
        self._remove_expired(self._now(), after=None)

    def _remove_expired(self, now: datetime, after: str | None) -> tuple[int, str | None]:
        """Remove expired documents of one page; return how many, and where the next one begins."""
        page = self._page(
            EXPIRY,
            (),
            start="",
            end=utc_text(now + timedelta(microseconds=1)),
            descending=False,
            limit=STEP,
            after=after,
        )
        removed = self._remove_some([one for one in page if self._is_over(one, now)])
        return removed, page.next

    def _remove_some(self, rows: Sequence[Stored]) -> int:
        """Remove the documents that still have these revisions; return how many."""
        removed = 0
        for stored in rows:
            try:
                self._destroy(stored.id, stored.rev)
                removed += 1
            except (NotFound, Conflict):
                pass  # another caller has removed it or given it more time
        return removed

    def _has_expired(self, stored: Stored) -> bool:
        return self._schema.expires is not None and self._is_over(stored, self._now())

    def _is_over(self, stored: Stored, now: datetime) -> bool:
        try:
            fields = self._schema.parsed(stored.id, stored.fields)
        except DecodeFailed:
            return False
        return self._schema.expired(fields, now)

    def _unless_expired(self, revise: Revise[D], now: datetime) -> Revise[D]:
        def unless_expired(id: str, rev: str, fields: Mapping[str, Any]) -> Revised[D] | None:
            if self._schema.expired(fields, now):
                raise absent()
            return revise(id, rev, fields)

        return unless_expired

    # --- rewriting and checking

    @override
    def rewrite(
        self,
        progress: Callable[[int, int], Any] | None = None,
        *,
        on_bad: Callable[[DataError], Any] | None = None,
    ) -> int:
        revise, total = revisions.rewrite(self._schema), self._count(None, ())
        rewritten = done = 0
        bad: list[DataError] = []
        take = bad.append if on_bad is None else on_bad
        for page in self._pages():
            for stored in page:
                rewritten += self._rewrite(stored, revise, take)
            done += len(page.items)
            if progress is not None:
                progress(done, max(done, total))
        if bad:
            raise bad[0]
        return rewritten

    def _rewrite(
        self, stored: Stored, revise: Revise[D], on_bad: Callable[[DataError], Any]
    ) -> int:
        """Store the document as the model has it now; return 1 if that changed it, else 0."""
        try:
            if revise(stored.id, stored.rev, self._schema.parsed(stored.id, stored.fields)) is None:
                return 0
            return int(self._update(stored.id, revise, None, 100) is not None)
        except NotFound:
            return 0  # it was removed meanwhile
        except DataError as error:
            if error.retryable:
                raise
            on_bad(error)
            return 0

    @override
    def check(self) -> list[DataError]:
        problems: list[DataError] = []
        for page in self._pages():
            for stored in page:
                problems += self._problems_of(stored)
        return problems

    def _problems_of(self, stored: Stored) -> list[DataError]:
        try:
            self._load(stored)
            fields = self._schema.parsed(stored.id, stored.fields)
        except DecodeFailed as error:
            return [error]
        problems: list[DataError] = []
        for index in self._indexes.values():
            try:
                index.values(fields)
            except DataError as error:
                message = f"the index {index.name!r} leaves out the document {stored.id!r}: {error}"
                data = {"id": stored.id, "index": index.name}
                problems.append(DecodeFailed(message, data=data))
        return problems
