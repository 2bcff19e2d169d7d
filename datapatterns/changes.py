"""A change of a document: a plain value, the same on every backend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

M = TypeVar("M")


@dataclass(frozen=True, slots=True)
class Change(Generic[M]):
    """One change: `seq` is an opaque position in the feed, `document` None when it was deleted.

    `document` is the document as it is now, which may be later than the change itself.
    """

    id: str
    seq: str
    rev: str
    deleted: bool
    document: M | None = None


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
