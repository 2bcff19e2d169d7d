# Generated from datapatterns/contracts/_async/work_queue.py by scripts/unasync.py; do not edit.
"""The contracts of work queues, their deliveries and their workers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

from datapatterns.core.checks import Duration
from datapatterns.core.work_queue import DeadLetter, ItemState, QueueStats, WorkSummary

M = TypeVar("M")
M_co = TypeVar("M_co", covariant=True)


class Delivery(Protocol[M_co]):
    """An item of a queue, given to one holder for the time of a lease.

    Settle it once, by `ack`, `retry`, `bury` or `release`. As a context manager it acks at the end
    of the block, and retries if the block raises an exception; it releases the item if the block is
    cancelled. A worker passes it to a handler that takes a second parameter. Every call raises
    Conflict (`lease_lost`), and changes nothing, once the lease is lost: because its time is over,
    or because the item was cancelled. Repeating a call whose reply was lost has one effect and
    reports that one.
    """

    @property
    def id(self) -> str:
        """Return the id that `push` returned; it is the same at every attempt."""
        ...

    @property
    def item(self) -> M_co:
        """Return the item: an instance of the queue's model or, without a model, a JSON value."""
        ...

    @property
    def attempt(self) -> int:
        """Return how often the item was delivered, this time included: 1 at first."""
        ...

    @property
    def pushed_at(self) -> datetime:
        """Return when the item was pushed, in UTC."""
        ...

    @property
    def lost(self) -> bool:
        """Return whether the lease was lost, as the backend said or since its time is over.

        It becomes true at the first renewal, by a worker or by `extend`, after a `cancel`.
        """
        ...

    @property
    def settled(self) -> str | None:
        """Return how the item was settled: ack, retry, bury or release; None if it is not."""
        ...

    def ack(self) -> None:
        """Remove the item, whose work is done.

        Repeating this does no harm while the backend remembers the outcome.
        """
        ...

    def retry(self, delay: Duration | None = None, error: str | None = None) -> None:
        """Deliver the item again after the delay (default: the queue's backoff).

        After `max_attempts` it is buried instead, with the error as its reason.
        """
        ...

    def bury(self, reason: str) -> None:
        """Move the item to the dead letters, with the reason."""
        ...

    def release(self) -> None:
        """Put the item back as if it had not been delivered; this attempt does not count."""
        ...

    def extend(self, seconds: Duration) -> None:
        """Let the lease end so long from now."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None: ...


class WorkQueue(Protocol[M]):
    """Delivers every accepted item at least once, until it is acked or buried, whoever dies.

    Items with a higher priority come first; items of one priority come in the order of pushing. If
    a holder dies, its item is ready again after its lease and at most 5 s more, and never while the
    holder renews the lease. After `max_attempts` deliveries an item becomes a dead letter, with its
    last error.

    By default `lease` is 30 s, `max_attempts` is 5, and `backoff` is `Backoff(0.5, 60)`: a retry
    waits up to 0.5 s at first, doubled at each further attempt, and at most 60 s. The backoff may
    also be a duration, or a function from the failed attempt (1 at first) to seconds.
    """

    def push(
        self,
        item: M | Mapping[str, Any],
        *,
        id: str | None = None,
        delay: Duration = 0.0,
        priority: int = 0,
        dedup: Duration = 0.0,
    ) -> str:
        """Queue the item and return its id (default: a fresh one); it is ready after the delay.

        An id that is in the queue already is not queued twice: the call queues nothing and returns
        the id. An item is in the queue until it is acked, cancelled or purged; that includes dead
        letters. With `dedup` the id is also remembered for so long, by the backend's clock: until
        then no push queues it again, even when the item is done, cancelled or purged. A further
        push of the id does not prolong that time. `dedup` without an id raises InvalidArgument.

        With a model, the item is an instance of it, or a mapping that validates as one. InvalidData
        names the fields that do not validate, and those that would be delivered as another value,
        such as a masked secret. Without a model it is any value that JSON can hold, and is
        delivered as JSON: a datetime, a Decimal, a UUID or a Path as a string, a tuple as a list, a
        model as a dict from which it can be validated again, the keys of a dict as strings (see
        [codecs][datapatterns.core.codecs.dumps]). NaN, a secret, or a model that would be read back
        as another one raises InvalidData with the place; a set or bytes raises InvalidArgument.
        """
        ...

    def push_many(self, items: Iterable[M | Mapping[str, Any]]) -> list[str]:
        """Queue all of the items in their order, or none of them, and return their ids.

        An OutcomeUnknown has the ids in `data["ids"]`, for another try with `push`.
        """
        ...

    def take(self, timeout: Duration = 0.0) -> Delivery[M] | None:
        """Return the next delivery, or None if no item becomes ready within the timeout.

        Raise DecodeFailed for an item that does not fit the model, whatever its validators raise;
        it is a dead letter then.
        """
        ...

    def cancel(self, id: str) -> bool:
        """Remove the item, wherever it is, and return whether there was one.

        A ready, delayed or dead item is never delivered after that. The work on a leased item may
        be under way: its holder's delivery is `lost` from the next renewal on, and what it does
        with the item has no effect. Repeating a call whose outcome was unknown returns True if the
        first one has removed the item.
        """
        ...

    def find(self, id: str) -> ItemState | None:
        """Return where the item is, or None if there is no item of this id.

        A delayed item that is due counts as ready; one whose holder died is leased until it is
        taken back.
        """
        ...

    def stats(self) -> QueueStats:
        """Return how many items are ready, delayed, leased and dead, and how many were requeued.

        An item whose delay is over counts as ready.
        """
        ...

    def dead_letters(self, limit: int = 100) -> list[DeadLetter]:
        """Return at most `limit` dead letters, the oldest first.

        An item that does not fit the model is shown as its JSON value; one that is not JSON that
        can be read, as text.
        """
        ...

    def requeue_dead(self, ids: Iterable[str] | None = None) -> int:
        """Queue these dead letters (default: all) as new items and return how many there were."""
        ...

    def purge(self) -> int:
        """Remove every item that no holder works on, and return how many there were.

        Ids that were pushed with `dedup` are remembered all the same.
        """
        ...

    def pause(self) -> None:
        """Deliver nothing to any caller or worker until `resume`."""
        ...

    def resume(self) -> None:
        """End a pause."""
        ...

    def once(self, key: str, ttl: Duration) -> bool:
        """Return True for the first call with this key, and False for others within the `ttl`.

        A handler can use this so that an effect happens once although its item comes twice.
        """
        ...


class Worker(Protocol):
    """Takes items from a queue and calls a handler for them, `parallel` at a time."""

    def run(self) -> WorkSummary:
        """Work until `stop`, SIGINT or SIGTERM, and return a summary.

        When stopped, it finishes the items under way within `drain_timeout` and releases the
        others. Raise, after that, an error that cannot pass by itself.
        """
        ...

    def stop(self) -> None:
        """Take no more items; a second call abandons the handlers under way.

        Any thread and any signal handler may call this.
        """
        ...
