# Generated from datapatterns/_async/contracts.py by scripts/unasync.py; do not edit.
"""The contracts: every pattern's methods and what they promise, on every backend that has it.

A pattern takes a client first, then its own name, then keyword-only options. For all of them:

- Names, subjects, ids, events, members and players are non-empty strings that can be encoded as
  UTF-8. Anything else is InvalidArgument and writes nothing. No name reaches another's state.
- OutcomeUnknown is the only error after which a mutating call may have taken effect. Any other
  error of this library means that nothing was changed.
- A call never reports its own lost effect as somebody else's.
- A duration is a number of seconds or a `timedelta`. Datetimes are UTC.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

from datapatterns.changes import Change, ChangesSummary, DeadChange
from datapatterns.checks import Duration
from datapatterns.decisions import Decision
from datapatterns.documents import Document
from datapatterns.errors import DataError
from datapatterns.pages import Page
from datapatterns.queues import DeadLetter, QueueStats, WorkSummary
from datapatterns.rankings import Ranked

D = TypeVar("D", bound=Document)
M = TypeVar("M")
M_co = TypeVar("M_co", covariant=True)


class Counter(Protocol):
    """A signed 64-bit integer that any number of callers change at once without losing a step."""

    def increment(self, by: int = 1, *, op_id: str | None = None) -> int:
        """Add and return the new value; the same `op_id` within its time to live adds once.

        A repeated call with an `op_id` returns what the first one returned. Raises InvalidArgument,
        changing nothing, when the result would leave 64 bits.
        """
        ...

    def decrement(self, by: int = 1, *, op_id: str | None = None) -> int:
        """Subtract and return the new value, under the rules of `increment`."""
        ...

    def value(self) -> int:
        """Return the value, 0 if there is none."""
        ...

    def reset(self) -> int:
        """Set 0 and return what was there, in one atomic step."""
        ...


class CalendarCounter(Protocol):
    """Counters by total, year, month, day and so on, all moved in one atomic step, in UTC.

    Keys read `total`, `2014`, `2014-01`, `2014-01-15`, `2014-01-15T09` (hour) and `01` (month of
    year). `keep` bounds how long a bucket is stored, without any job.
    """

    def add(
        self, subject: str, by: int = 1, *, at: datetime | None = None, op_id: str | None = None
    ) -> dict[str, int]:
        """Add to every bucket and return the new values by key; `at` defaults to the clock."""
        ...

    def read(self, subject: str, key: str) -> int:
        """Return one bucket's count by its key, 0 if nothing was counted."""
        ...

    def series(
        self, subject: str, bucket: str, start: datetime, end: datetime
    ) -> list[tuple[str, int]]:
        """Return every bucket from start to end, both included, with zeros filled in."""
        ...

    def forget(self, subject: str) -> None:
        """Remove all that was counted for the subject."""
        ...


class RateLimiter(Protocol):
    """Admits at most so much per window and subject, on the backend's clock.

    `sliding` (the default) never admits more than `limit` in any interval of length `window`.
    `fixed` admits up to twice that across a boundary. `gcra` paces, with a stated burst.
    A refused hit charges nothing. State expires by itself within three windows.
    """

    @classmethod
    def all_of(cls, limiters: Iterable[Self]) -> Self:
        """Return a limiter that charges all of these or none, and tells of the strictest."""
        ...

    def hit(self, subject: str, cost: int = 1) -> Decision:
        """Count if allowed and return the decision; InvalidArgument if cost exceeds the limit."""
        ...

    def peek(self, subject: str, cost: int = 1) -> Decision:
        """Return the decision that a hit would get, counting nothing.

        Its `remaining` is what would be left after that hit: 2 of 3 where none was counted yet.
        """
        ...

    def check(self, subject: str, cost: int = 1) -> Decision:
        """Like `hit`, but raise TooManyRequests with the decision when refused."""
        ...

    def wait(self, subject: str, cost: int = 1, *, timeout: Duration) -> Decision:
        """Wait until admitted; raise TooManyRequests when that cannot be within the timeout."""
        ...

    def reset(self, subject: str) -> None:
        """Forget what the subject has used."""
        ...


class Lease(Protocol):
    """A place held in a ConcurrencyLimiter, until it is released or expires."""

    def release(self) -> bool:
        """Give the place back; return False if it had expired."""
        ...

    def extend(self, seconds: Duration | None = None) -> None:
        """Hold it for that long from now (default: the limiter's lease).

        Raises Conflict (`lease_lost`), changing nothing, if it had expired or was given back.
        """
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class ConcurrencyLimiter(Protocol):
    """At most `limit` holders per subject at a time; a dead holder's place comes back."""

    def acquire(self, subject: str) -> Lease | None:
        """Return a lease, or None if all places are taken."""
        ...


class Delivery(Protocol[M_co]):
    """An item handed out under a lease. As a context manager: ack on success, retry on an error.

    It has the `id`, the `item`, the `attempt` and `pushed_at`. A worker's handler gets it as its
    second argument, if it takes one. Every call raises Conflict (`lease_lost`), changing nothing,
    once the lease was lost.
    """

    @property
    def id(self) -> str:
        """What `push` returned; the same at every attempt."""
        ...

    @property
    def item(self) -> M_co:
        """What was pushed: an instance of the queue's model or, without one, a JSON value."""
        ...

    @property
    def attempt(self) -> int:
        """1 at the first delivery."""
        ...

    @property
    def pushed_at(self) -> datetime:
        """When it was pushed, in UTC."""
        ...

    @property
    def lost(self) -> bool:
        """Whether the lease is known to be lost, or must be, since nothing renewed it in time."""
        ...

    @property
    def settled(self) -> str | None:
        """What became of it: ack, retry, bury or release; None before, and when it was lost."""
        ...

    def ack(self) -> None:
        """Done: the item is gone. Harmless when repeated while its outcome is remembered."""
        ...

    def retry(self, delay: Duration | None = None, error: str | None = None) -> None:
        """Hand it out again after the delay (default: the backoff), or bury it if used up."""
        ...

    def bury(self, reason: str) -> None:
        """Give up: move it to the dead letters."""
        ...

    def release(self) -> None:
        """Put it back where it was, as if it had not been handed out."""
        ...

    def extend(self, seconds: Duration) -> None:
        """Hold the lease for that long from now."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None: ...


class WorkQueue(Protocol[M]):
    """Hands out every accepted item at least once until it is acked or buried, whoever dies.

    Higher priority first; within one, the order of pushing. A dead holder's item comes back within
    its lease and one reaping interval (5 s at most), never while its holder renews. After
    `max_attempts` deliveries it goes to the dead letters with its last error.

    By default `lease` is 30 s, `max_attempts` 5, and `backoff` `Backoff(0.5, 60)`: a retry waits up
    to 0.5 s, doubled at each further attempt, at most 60 s. It may be a number of seconds, too, or
    a function from the failed attempt (1 at the first) to seconds.
    """

    def push(
        self, item: M, *, id: str | None = None, delay: Duration = 0.0, priority: int = 0
    ) -> str:
        """Queue the item and return its id; an id still in the queue is not queued twice.

        It is in the queue until it is acked or purged, also as a dead letter: a push with the id of
        a dead letter queues nothing and changes nothing, until `requeue_dead` or `purge`. `delay`
        is in seconds.

        With a model, the item is an instance of it, or a mapping that it validates; InvalidData if
        it does not. Without one it is whatever JSON can hold, and comes back as JSON: a datetime, a
        Decimal, a UUID or a Path as a string, a tuple as a list, a model as a dict, the keys of a
        dict as strings (see [codecs][datapatterns.codecs.dumps]). InvalidArgument for a set, bytes
        or NaN.
        """
        ...

    def push_many(self, items: Iterable[M]) -> list[str]:
        """Queue all of the items, in order, or none."""
        ...

    def take(self, timeout: Duration = 0.0) -> Delivery[M] | None:
        """Return the next delivery, waiting up to `timeout` for one, or None."""
        ...

    def stats(self) -> QueueStats:
        """Return how many items are where."""
        ...

    def dead_letters(self, limit: int = 100) -> list[DeadLetter]:
        """Return the dead letters, the oldest first."""
        ...

    def requeue_dead(self, ids: Iterable[str] | None = None) -> int:
        """Queue these dead letters (default: all) afresh and return how many there were."""
        ...

    def purge(self) -> int:
        """Remove every item that is not being worked on, and return how many there were."""
        ...

    def pause(self) -> None:
        """Hand out nothing, to nobody, until `resume`."""
        ...

    def resume(self) -> None:
        """Hand out again."""
        ...

    def once(self, key: str, ttl: Duration) -> bool:
        """Return True to the first caller with this key within `ttl` seconds, else False."""
        ...


class Worker(Protocol):
    """Takes from a queue and calls a handler, `parallel` at a time, until it is stopped."""

    def run(self) -> WorkSummary:
        """Work until `stop`, SIGINT or SIGTERM; then drain, release the rest, and sum up."""
        ...

    def stop(self) -> None:
        """Take nothing more; a second call abandons what is under way."""
        ...


class Emitter(Protocol):
    """Events between processes. `on` returns only when every later emit is sure to be heard.

    A listener is called with the payload; one of a pattern such as `user.*` also with the event.
    One that raises does not stop the others: its error goes to listeners of `error`, else to the
    log. What may have been missed is announced to listeners of `gap`.
    """

    def on(self, event: str, fn: Callable[..., Any]) -> None:
        """Call `fn` for every such event from now on."""
        ...

    def once(self, event: str, fn: Callable[..., Any]) -> None:
        """Call `fn` for the next such event only."""
        ...

    def off(self, event: str, fn: Callable[..., Any] | None = None) -> None:
        """Remove the listener, or all of the event's."""
        ...

    def emit(self, event: str, payload: Any = None) -> None:
        """Tell every listener of the event; the payload is a JSON value or a pydantic model.

        Listeners get JSON: a datetime, a Decimal, a UUID or a Path arrives as a string, a tuple as
        a list, a model as a dict, the keys of a dict as strings (see
        [codecs][datapatterns.codecs.dumps]). InvalidArgument for a set, bytes or NaN.
        """
        ...

    def wait_for(self, event: str, *, timeout: Duration) -> Any:
        """Return the next such event's payload; raise TimedOut if none comes in time."""
        ...

    def listeners(self, event: str) -> int:
        """Return how many listeners this emitter has for the event."""
        ...

    def close(self) -> None:
        """Listen no more."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class Groups(Protocol):
    """Named sets of members, and the groups that a member is in."""

    def add(self, group: str, *members: str) -> int:
        """Add the members and return how many were new."""
        ...

    def remove(self, group: str, *members: str) -> int:
        """Remove the members and return how many were there."""
        ...

    def contains(self, group: str, member: str) -> bool:
        """Return whether the member is in the group."""
        ...

    def members(self, group: str) -> Iterator[str]:
        """Iterate over the members, in no order; those there throughout come exactly once."""
        ...

    def size(self, group: str) -> int:
        """Return how many members the group has."""
        ...

    def groups_of(self, member: str) -> set[str]:
        """Return the groups that the member is in."""
        ...

    def intersection(self, *groups: str) -> set[str]:
        """Return the members of all the groups."""
        ...

    def union(self, *groups: str) -> set[str]:
        """Return the members of any of the groups."""
        ...

    def difference(self, *groups: str) -> set[str]:
        """Return the members of the first group that are in none of the others."""
        ...

    def intersection_size(self, *groups: str, at_most: int | None = None) -> int:
        """Return how many members are in all the groups, counting no further than `at_most`."""
        ...


class Leaderboard(Protocol):
    """Players by score, the highest first; of equal scores the one reached first ranks higher."""

    def add(self, player: str, points: float) -> float:
        """Add to the player's score and return the new one."""
        ...

    def set(self, player: str, score: float) -> None:
        """Set the player's score."""
        ...

    def score(self, player: str) -> float | None:
        """Return the player's score, None if unknown."""
        ...

    def rank(self, player: str) -> int | None:
        """Return the player's rank, 1 being the best, None if unknown."""
        ...

    def top(self, n: int, start: int = 0) -> list[Ranked]:
        """Return the best `n`, after skipping `start`."""
        ...

    def bottom(self, n: int) -> list[Ranked]:
        """Return the last `n`, the last one first."""
        ...

    def around(self, player: str, radius: int) -> list[Ranked]:
        """Return the player with up to `radius` neighbours on either side; NotFound if unknown."""
        ...

    def remove(self, player: str) -> bool:
        """Remove the player and return whether there was one."""
        ...

    def size(self) -> int:
        """Return how many players there are."""
        ...


class Repository(Protocol[D]):
    """Documents of one schema under ids, with indexes that change in one step with them.

    What others stored besides the model's fields survives `update`. A stored document that no
    longer validates raises DecodeFailed naming its id; `get_raw` still gives it. An index over what
    is no stored field of the model is InvalidArgument when the repository is made, unless the model
    allows extra fields.
    """

    def create(self, document: D) -> D:
        """Store a new document and return it with id and rev; Conflict (`exists`) if taken."""
        ...

    def create_many(self, documents: Iterable[D]) -> list[D | DataError]:
        """Store new documents and return, in order, each one's document or error."""
        ...

    def get(self, id: str) -> D:
        """Return the document; NotFound if there is none."""
        ...

    def find(self, id: str) -> D | None:
        """Return the document, None if there is none."""
        ...

    def get_raw(self, id: str) -> dict[str, Any]:
        """Return the stored fields unvalidated, with `id` and `rev`; NotFound if there are none."""
        ...

    def get_many(self, ids: Sequence[str]) -> list[D | None]:
        """Return the documents in the order of the ids, None where there is none."""
        ...

    def exists(self, id: str) -> bool:
        """Return whether there is such a document."""
        ...

    def replace(self, document: D) -> D:
        """Store the whole document over the revision it carries; a stale one is Conflict."""
        ...

    def update(
        self, id: str, changes: Mapping[str, Any], *, rev: str | None = None, attempts: int = 100
    ) -> D:
        """Change the named fields only and return the document.

        Without `rev` the last writer of a field wins, and Conflict (`contention`) comes only after
        `attempts`. With `rev` a stale one is Conflict (`stale_revision`) at once. Unknown and
        immutable fields are InvalidData before anything is sent, which lists wrong values of other
        fields too; NotFound if there is none.
        """
        ...

    def destroy(self, id: str, *, rev: str | None = None) -> None:
        """Remove the document; NotFound if there is none, Conflict if `rev` is stale."""
        ...

    def list(
        self, *, limit: int = 50, after: str | None = None, descending: bool = False
    ) -> Page[D]:
        """Return a page of documents by id; `after` takes any cursor of this same query."""
        ...

    def query(
        self,
        index: str,
        *prefix: Any,
        start: Any = None,
        end: Any = None,
        descending: bool = False,
        limit: int = 50,
        after: str | None = None,
    ) -> Page[D]:
        """Return a page by an index, within a prefix of its fields.

        `start` (included) and `end` (excluded) bound the next field, in the direction of reading;
        a tuple bounds several. The values are as they are stored, in JSON; an aware datetime means
        the text of a `UtcDatetime`, a naive one is InvalidArgument, and a date its ISO text.
        """
        ...

    def iterate(
        self,
        index: str | None = None,
        *prefix: Any,
        start: Any = None,
        end: Any = None,
        descending: bool = False,
    ) -> Iterator[D]:
        """Iterate over all that `list` or `query` gives, page by page."""
        ...

    def count(self, index: str | None = None, *prefix: Any) -> int:
        """Return how many documents there are, or how many are under a prefix of an index."""
        ...

    def counts(self, index: str, depth: int = 1) -> dict[Any, int]:
        """Return the number of documents by the index's first value, or first `depth` values."""
        ...

    def ensure(self) -> None:
        """Prepare what the backend needs; the first operation does it by itself."""
        ...

    def reindex(self, progress: Callable[[int, int], Any] | None = None) -> int:
        """Fill indexes that lack documents, resumably, and return how many were gone through."""
        ...


class ChangesFeed(Protocol[M]):
    """Notifies of every change, and never fails for what may pass.

    `since` is a `seq`, `"now"`, or None for the beginning.
    """

    def follow(self, since: str | None = None) -> Iterator[Change[M]]:
        """Iterate over every change, waiting for the next, until stopped.

        Raises TimedOut after `inactivity` seconds without a change, NotFound with `last_seq` when
        the data is gone, and errors that cannot pass by themselves; never one that may pass.
        """
        ...

    def read(self, since: str | None = None, limit: int = 100) -> list[Change[M]]:
        """Return one batch of changes, without waiting."""
        ...

    def now(self) -> str:
        """Return the position of the latest change."""
        ...

    def lag(self, since: str | None = None) -> int:
        """Return how many changes there are after the position."""
        ...

    def pause(self) -> None:
        """Hand out nothing until `resume`."""
        ...

    def resume(self) -> None:
        """Hand out again."""
        ...

    def stop(self) -> None:
        """End every `follow` within a second, leaving nothing behind."""
        ...

    def on_event(self, fn: Callable[[str, Mapping[str, Any]], Any]) -> None:
        """Call `fn(name, details)` for confirm, connected, heartbeat, caught_up, retry, paused,
        resumed and stopped."""
        ...


class Checkpoints(Protocol):
    """Where a worker remembers its position."""

    def load(self, name: str) -> str | None:
        """Return what was saved under the name, None if nothing was."""
        ...

    def save(self, name: str, seq: str) -> None:
        """Save the position under the name."""
        ...


class Graveyard(Protocol):
    """Where a worker buries the changes that its handler keeps failing on."""

    def add(self, name: str, dead: DeadChange) -> None:
        """Bury the change under the name; the same `seq` again replaces the former record."""
        ...

    def list(self, name: str, limit: int) -> list[DeadChange]:
        """Return what was buried under the name, the oldest first, at most so many."""
        ...


class WorkerFeed(ChangesFeed[M], Protocol[M]):
    """A feed that a worker can follow: it brings the places where the worker keeps its state."""

    @property
    def checkpoints(self) -> Checkpoints:
        """Checkpoints in the feed's own backend."""
        ...

    @property
    def graveyard(self) -> Graveyard:
        """Dead letters in the feed's own backend."""
        ...

    def follow(
        self, since: str | None = None, *, passed: Callable[[str], object] | None = None
    ) -> Iterator[Change[M]]:
        """Iterate as any feed, and call `passed(seq)` when rejected changes moved the position.

        It is called in between the changes, in their order, while the iterator is asked for the
        next one; so a checkpoint can follow a filter that lets nothing through.
        """
        ...


class ChangesWorker(Protocol):
    """Handles each change at least once, in order for each document, and skips none.

    The checkpoint is the highest position below which everything is done. A change whose handler
    keeps failing becomes a dead letter, and the worker goes on.
    """

    def run(self) -> ChangesSummary:
        """Work until `stop`, SIGINT or SIGTERM; then drain, save and sum up."""
        ...

    def stop(self) -> None:
        """Read nothing more; a second call abandons what is under way."""
        ...

    def lag(self) -> int:
        """Return how many changes it is behind."""
        ...

    def dead_letters(self, limit: int = 100) -> list[DeadChange]:
        """Return the changes given up, the oldest first."""
        ...


Handler = Callable[[Any], Awaitable[Any] | Any]
