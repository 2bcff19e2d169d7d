"""A change of a document: a plain value, the same on every backend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from datapatterns.checks import seconds
from datapatterns.errors import DataError

M = TypeVar("M")


class Change(Generic[M]):
    """One change: `seq` is an opaque position in the feed, `document` None when it was deleted.

    `document` is the document as it is now, which may be later than the change itself. One that no
    longer fits its model raises DecodeFailed when it is looked at, not out of the feed: so one bad
    document never stops the others.
    """

    __slots__ = ("_document", "deleted", "id", "rev", "seq")

    def __init__(
        self, id: str, seq: str, rev: str, deleted: bool, document: M | DataError | None = None
    ) -> None:
        self.id = id
        self.seq = seq
        self.rev = rev
        self.deleted = deleted
        self._document = document

    @property
    def document(self) -> M | None:
        """The document as it is now, None when it was deleted; DecodeFailed if it does not fit."""
        if isinstance(self._document, DataError):
            raise self._document
        return self._document

    def __repr__(self) -> str:
        return f"Change(id={self.id!r}, seq={self.seq!r}, deleted={self.deleted})"


@dataclass(frozen=True, slots=True)
class DeadChange:
    """A change that its handler kept failing on: after how many attempts, and why."""

    id: str
    seq: str
    attempts: int
    error: str


@dataclass(frozen=True, slots=True)
class ChangesSummary:
    """What a changes worker did in one run, and the position up to which all is done."""

    handled: int = 0
    dead: int = 0
    checkpoint: str | None = None


def check_pace(what: str, duration: object) -> float:
    """Return the duration in seconds; raise InvalidArgument unless it is above 0."""
    return seconds(what, duration, least=0.001)
