"""The contracts of changes feeds, and of what a changes worker needs of one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Protocol, TypeVar

from datapatterns.core.changes import Change, ChangesSummary, DeadChange

M = TypeVar("M")


class AsyncChangesFeed(Protocol[M]):
    """Notifies of every change of a collection, and retries after every failure that may pass.

    `since` is the `seq` of a change, `"now"`, or None for the beginning.
    """

    def follow(self, since: str | None = None) -> AsyncIterator[Change[M]]:
        """Iterate over every change after `since`, and wait for further ones, until stopped.

        Raise TimedOut after `inactivity` seconds without a change, NotFound with `last_seq` if the
        collection is gone, and any error that cannot pass by itself; never one that may pass.
        """
        ...

    async def read(self, since: str | None = None, limit: int = 100) -> list[Change[M]]:
        """Return at most `limit` changes after `since`, without waiting.

        Changes that the filter rejects are passed over.
        """
        ...

    async def now(self) -> str:
        """Return the position of the latest change."""
        ...

    async def lag(self, since: str | None = None) -> int:
        """Return the number of changes after `since`."""
        ...

    def pause(self) -> None:
        """Stop the changes until `resume`, in every `follow`."""
        ...

    def resume(self) -> None:
        """End a pause."""
        ...

    def stop(self) -> None:
        """End every `follow` under way within a second; no task, thread or socket is left."""
        ...

    def on_event(self, fn: Callable[[str, Mapping[str, Any]], Any]) -> None:
        """Call `fn(name, details)` for each event of the feed.

        The events are `confirm` (whatever is written from now on will be heard), `connected`,
        `heartbeat`, `caught_up`, `retry`, `recreated`, `paused`, `resumed` and `stopped`.
        """
        ...


class AsyncCheckpoints(Protocol):
    """Stores the positions of changes workers."""

    async def load(self, name: str) -> str | None:
        """Return the position saved under the name, or None."""
        ...

    async def save(self, name: str, seq: str) -> None:
        """Save the position under the name."""
        ...


class AsyncGraveyard(Protocol):
    """Stores the changes that workers have given up, since their handlers kept failing."""

    async def add(self, name: str, dead: DeadChange) -> None:
        """Store the change under the name; a record of the same `seq` is replaced."""
        ...

    async def list(self, name: str, limit: int) -> list[DeadChange]:
        """Return at most `limit` changes stored under the name, the oldest first."""
        ...


class AsyncWorkerFeed(AsyncChangesFeed[M], Protocol[M]):
    """A feed that a worker can follow, since it has a place for the worker's state."""

    @property
    def checkpoints(self) -> AsyncCheckpoints:
        """Return the checkpoints in the feed's own backend."""
        ...

    @property
    def graveyard(self) -> AsyncGraveyard:
        """Return the given-up changes in the feed's own backend."""
        ...

    def follow(
        self, since: str | None = None, *, passed: Callable[[str], object] | None = None
    ) -> AsyncIterator[Change[M]]:
        """Iterate over every change after `since`, and wait for further ones, until stopped.

        `passed(seq)` is called when changes that the filter rejects move the position. The calls
        come between the changes, in their order, while the next one is asked for; so a checkpoint
        moves although the filter lets nothing through.

        Raise TimedOut after `inactivity` seconds without a change, NotFound with `last_seq` if the
        collection is gone, and any error that cannot pass by itself; never one that may pass.
        """
        ...


class AsyncChangesWorker(Protocol):
    """Handles each change of a feed at least once, in order for each document, and skips none.

    The checkpoint is the highest position below which all changes are handled. A change whose
    handler keeps failing becomes a dead letter, and the worker goes on.
    """

    async def run(self) -> ChangesSummary:
        """Work until `stop`, SIGINT or SIGTERM, and return a summary.

        When stopped, it finishes the changes under way within `drain_timeout` and saves the
        checkpoint. Raise, after that, an error that cannot pass by itself.
        """
        ...

    def stop(self) -> None:
        """Read no more changes; a second call abandons the handlers under way.

        Any thread and any signal handler may call this.
        """
        ...

    async def lag(self) -> int:
        """Return how many changes the feed has after the checkpoint, never less than 0."""
        ...

    async def dead_letters(self, limit: int = 100) -> list[DeadChange]:
        """Return at most `limit` changes that were given up, the oldest first."""
        ...
