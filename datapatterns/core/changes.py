"""Changes of documents as plain values, and the control of a feed: the same on every backend."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from datapatterns.core.checks import check_flag
from datapatterns.core.documents import Document, check_model
from datapatterns.errors import DataError, InvalidArgument

M = TypeVar("M")

logger = logging.getLogger("datapatterns.changes")


class Change(Generic[M]):
    """One change: `seq` is an opaque position in the feed, `document` None when it was deleted.

    `document` is the document as it is now, which may be later than the change itself. If it does
    not fit its model, reading the attribute raises DecodeFailed. The feed itself does not raise, so
    one bad document does not stop the others.
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
        """Return the document, None if it was deleted; raise DecodeFailed if it does not fit."""
        if isinstance(self._document, DataError):
            raise self._document
        return self._document

    def __repr__(self) -> str:
        return f"Change(id={self.id!r}, seq={self.seq!r}, deleted={self.deleted})"


@dataclass(frozen=True, slots=True)
class DeadChange:
    """A change whose handler failed at every attempt: how many there were, and the last error."""

    id: str
    seq: str
    attempts: int
    error: str


@dataclass(frozen=True, slots=True)
class ChangesSummary:
    """What a changes worker did in one run, and the position up to which everything is done."""

    handled: int = 0
    dead: int = 0
    checkpoint: str | None = None


class Follower(Protocol):
    """One `follow` under way. Both methods may be called from any thread and signal handler."""

    def wake(self) -> None:
        """Make the follower look at once whether the feed is paused."""
        ...

    def stop(self) -> None:
        """End the follower."""
        ...


class FeedControl:
    """What a feed and each `follow` on it share: the listeners, the pause, and who follows.

    A `follow` registers with `begun` when its iteration starts and with `ended` when it is over,
    looks at `paused` before it hands out a change, and reports events with `tell`. It takes no
    lock, since a signal handler may stop the feed while the code that it interrupts is in here.
    """

    def __init__(self, collection: str) -> None:
        self.paused = False
        self._collection = collection
        self._listeners: list[Callable[[str, Mapping[str, Any]], Any]] = []
        self._followers: list[Follower] = []

    def on_event(self, fn: Callable[[str, Mapping[str, Any]], Any]) -> None:
        """Call `fn(name, details)` for every event from now on."""
        self._listeners.append(fn)

    def tell(self, name: str, **details: Any) -> None:
        """Call the listeners; log what they raise."""
        for listener in tuple(self._listeners):
            try:
                listener(name, details)
            except Exception:
                about = {"collection": self._collection, "event": name}
                logger.exception("a listener of a changes feed failed", extra=about)

    def begun(self, follower: Follower) -> None:
        """Wake and stop this one, too, from now on."""
        self._followers.append(follower)

    def ended(self, follower: Follower) -> None:
        """Forget this follower, and tell that it has stopped."""
        self._followers.remove(follower)
        self.tell("stopped")

    def pause(self) -> None:
        """Have every `follow` hand out nothing, and tell that unless it is so already."""
        if not self.paused:
            self.paused = True
            self.tell("paused")

    def resume(self) -> None:
        """Have every `follow` hand out changes again, and tell that unless it is so already."""
        if self.paused:
            self.paused = False
            for follower in tuple(self._followers):
                follower.wake()
            self.tell("resumed")

    def stop(self) -> None:
        """End every `follow` that has begun; later ones are not affected."""
        for follower in tuple(self._followers):
            follower.stop()


def check_feed(model: object, filter: object, include_docs: object) -> None:
    """Raise InvalidArgument for an option of a feed that is of a wrong type.

    A mapping as the filter, a selector, is for CouchDB, whose feed takes it out first.
    """
    if model is not None:
        check_model("model", model, Document)
    if isinstance(filter, Mapping):
        raise InvalidArgument("filter must be a function; it can be a mapping on: couch")
    if filter is not None and not callable(filter):
        kind = type(filter).__name__
        raise InvalidArgument(f"filter must be a function of the change, not {kind}")
    check_flag("include_docs", include_docs)
