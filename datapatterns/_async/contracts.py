"""The contracts: the methods of every pattern and their promises, the same on every backend.

A pattern takes a client first, then its own name, then keyword-only options. All of them keep these
rules:

- Names, subjects, ids, events, members and players are non-empty strings that can be encoded as
  UTF-8. Any other value raises InvalidArgument and writes nothing. No name can reach the state of
  another one.
- OutcomeUnknown is the only error after which a call may have changed something. Any other error
  of this library means that nothing was changed.
- If the reply to a call is lost and the call is repeated, the effect of the first one is never
  reported as another caller's.
- A duration is a number of seconds or a `timedelta`. Datetimes are in UTC.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
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


class AsyncCounter(Protocol):
    """A signed 64-bit integer that any number of callers change at once, with no change lost."""

    async def increment(self, by: int = 1, *, op_id: str | None = None) -> int:
        """Add to the counter and return the new value.

        With an `op_id`, a repetition within the counter's `op_ttl` adds nothing and returns the
        result of the first call. Raise InvalidArgument, and change nothing, if the result would
        need more than 64 bits.
        """
        ...

    async def decrement(self, by: int = 1, *, op_id: str | None = None) -> int:
        """Subtract from the counter and return the new value; see `increment`."""
        ...

    async def value(self) -> int:
        """Return the value, 0 for a counter that was never changed."""
        ...

    async def reset(self) -> int:
        """Set the value to 0 and return the former value, in one atomic step."""
        ...


class AsyncCalendarCounter(Protocol):
    """Counts of a subject by total, year, month, day and so on, in UTC.

    One atomic step adds to all buckets. The keys are `total`, `2014`, `2014-01`, `2014-01-15`,
    `2014-01-15T09` (hour) and `01` (month of the year). The option `keep` says for how long after
    its end a bucket is stored; no job is needed for that.
    """

    async def add(
        self, subject: str, by: int = 1, *, at: datetime | None = None, op_id: str | None = None
    ) -> dict[str, int]:
        """Add to every bucket of the moment `at` (default: now) and return the new values by key.

        A bucket whose time to be kept is over is not stored; its value is returned as 0. With an
        `op_id`, a repetition within `op_ttl` adds nothing and returns the result of the first call.
        Raise InvalidArgument, and change nothing, if a value would need more than 64 bits.
        """
        ...

    async def read(self, subject: str, key: str) -> int:
        """Return the count under the key, 0 if nothing was counted."""
        ...

    async def series(
        self, subject: str, bucket: str, start: datetime, end: datetime
    ) -> list[tuple[str, int]]:
        """Return the key and the count of every bucket from `start` to `end`, both included.

        Buckets without a count are there with 0. Raise InvalidArgument if `end` is before `start`,
        or for more than 100,000 buckets.
        """
        ...

    async def forget(self, subject: str) -> None:
        """Remove all counts of the subject."""
        ...


class AsyncRateLimiter(Protocol):
    """Admits at most `limit` per `window` for each subject, by the backend's clock.

    - `sliding` (the default) never admits more than `limit` in any interval of length `window`.
    - `fixed` counts in windows that begin at the first hit: up to twice the limit is admitted
      around the end of one.
    - `gcra` admits at a steady pace, and up to `burst` at once.

    A refused hit charges nothing. The state expires by itself within three windows. With
    `fail_open`, a hit is admitted while the backend cannot be reached, marked as `degraded`, and
    logged.
    """

    @classmethod
    def all_of(cls, limiters: Iterable[Self]) -> Self:
        """Return a limiter whose hits charge all of these limiters or none of them.

        Its decisions are those of the strictest one. The limiters share a client and a namespace,
        and have different names; else InvalidArgument is raised.
        """
        ...

    async def hit(self, subject: str, cost: int = 1) -> Decision:
        """Charge the cost if the limit allows it, and return the decision.

        Raise InvalidArgument if the cost is larger than the limit.
        """
        ...

    async def peek(self, subject: str, cost: int = 1) -> Decision:
        """Return the decision that a hit of this cost would get now, and charge nothing.

        Its `remaining` is what such a hit would leave: 2 of 3 where nothing was charged yet.
        """
        ...

    async def check(self, subject: str, cost: int = 1) -> Decision:
        """Charge the cost and return the decision; raise TooManyRequests if it is a refusal.

        The error carries the decision.
        """
        ...

    async def wait(self, subject: str, cost: int = 1, *, timeout: Duration) -> Decision:
        """Wait until the cost is admitted, charge it, and return the decision.

        Raise TooManyRequests as soon as it is certain that the timeout does not suffice.
        """
        ...

    async def reset(self, subject: str) -> None:
        """Remove all charges of the subject."""
        ...


class AsyncLease(Protocol):
    """The permission to run that a ConcurrencyLimiter gave; it ends when released or expired.

    As a context manager it releases itself at the end of the block. If that fails, the error is
    logged and not raised, since the lease expires by itself and the work of the block is done.
    """

    async def release(self) -> bool:
        """End the lease; return False if it had expired or was released before."""
        ...

    async def extend(self, seconds: Duration | None = None) -> None:
        """Let the lease end so long from now (default: the limiter's `lease`).

        Raise Conflict (`lease_lost`), and change nothing, if it has expired or was released.
        """
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class AsyncConcurrencyLimiter(Protocol):
    """Lets at most `limit` holders run at a time for each subject.

    A holder that dies loses its lease after `lease` seconds.
    """

    async def acquire(self, subject: str) -> AsyncLease | None:
        """Return a lease, or None if `limit` holders have one already."""
        ...


class AsyncDelivery(Protocol[M_co]):
    """An item of a queue, given to one holder for the time of a lease.

    Settle it once, by `ack`, `retry`, `bury` or `release`. As a context manager it acks at the end
    of the block, and retries if the block raises an exception; it releases the item if the block is
    cancelled. A worker passes it to a handler that takes a second parameter. Every call raises
    Conflict (`lease_lost`), and changes nothing, once the lease is lost. Repeating a call whose
    reply was lost has one effect and reports that one.
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
        """Return whether the lease was lost, as the backend said or since its time is over."""
        ...

    @property
    def settled(self) -> str | None:
        """Return how the item was settled: ack, retry, bury or release; None if it is not."""
        ...

    async def ack(self) -> None:
        """Remove the item, whose work is done.

        Repeating this does no harm while the backend remembers the outcome.
        """
        ...

    async def retry(self, delay: Duration | None = None, error: str | None = None) -> None:
        """Deliver the item again after the delay (default: the queue's backoff).

        After `max_attempts` it is buried instead, with the error as its reason.
        """
        ...

    async def bury(self, reason: str) -> None:
        """Move the item to the dead letters, with the reason."""
        ...

    async def release(self) -> None:
        """Put the item back as if it had not been delivered; this attempt does not count."""
        ...

    async def extend(self, seconds: Duration) -> None:
        """Let the lease end so long from now."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None: ...


class AsyncWorkQueue(Protocol[M]):
    """Delivers every accepted item at least once, until it is acked or buried, whoever dies.

    Items with a higher priority come first; items of one priority come in the order of pushing. If
    a holder dies, its item is ready again after its lease and at most 5 s more, and never while the
    holder renews the lease. After `max_attempts` deliveries an item becomes a dead letter, with its
    last error.

    By default `lease` is 30 s, `max_attempts` is 5, and `backoff` is `Backoff(0.5, 60)`: a retry
    waits up to 0.5 s at first, doubled at each further attempt, and at most 60 s. The backoff may
    also be a duration, or a function from the failed attempt (1 at first) to seconds.
    """

    async def push(
        self,
        item: M | Mapping[str, Any],
        *,
        id: str | None = None,
        delay: Duration = 0.0,
        priority: int = 0,
    ) -> str:
        """Queue the item and return its id (default: a fresh one); it is ready after the delay.

        An id that is in the queue already is not queued twice: the call changes nothing and returns
        the id. An item is in the queue until it is acked or purged; that includes dead letters.

        With a model, the item is an instance of it, or a mapping that validates as one; else
        InvalidData is raised. Without a model it is any value that JSON can hold, and is delivered
        as JSON: a datetime, a Decimal, a UUID or a Path as a string, a tuple as a list, a model as
        a dict, the keys of a dict as strings (see [codecs][datapatterns.codecs.dumps]). A set,
        bytes or NaN raises InvalidArgument.
        """
        ...

    async def push_many(self, items: Iterable[M | Mapping[str, Any]]) -> list[str]:
        """Queue all of the items in their order, or none of them, and return their ids.

        An OutcomeUnknown has the ids in `data["ids"]`, for another try with `push`.
        """
        ...

    async def take(self, timeout: Duration = 0.0) -> AsyncDelivery[M] | None:
        """Return the next delivery, or None if no item becomes ready within the timeout.

        Raise DecodeFailed for an item that does not fit the model; it is a dead letter then.
        """
        ...

    async def stats(self) -> QueueStats:
        """Return how many items are ready, delayed, leased and dead, and how many were requeued.

        An item whose delay is over counts as ready.
        """
        ...

    async def dead_letters(self, limit: int = 100) -> list[DeadLetter]:
        """Return at most `limit` dead letters, the oldest first."""
        ...

    async def requeue_dead(self, ids: Iterable[str] | None = None) -> int:
        """Queue these dead letters (default: all) as new items and return how many there were."""
        ...

    async def purge(self) -> int:
        """Remove every item that no holder works on, and return how many there were."""
        ...

    async def pause(self) -> None:
        """Deliver nothing to any caller or worker until `resume`."""
        ...

    async def resume(self) -> None:
        """End a pause."""
        ...

    async def once(self, key: str, ttl: Duration) -> bool:
        """Return True for the first call with this key, and False for others within the `ttl`.

        A handler can use this so that an effect happens once although its item comes twice.
        """
        ...


class AsyncWorker(Protocol):
    """Takes items from a queue and calls a handler for them, `parallel` at a time."""

    async def run(self) -> WorkSummary:
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


class AsyncEmitter(Protocol):
    """Events between processes: whatever is emitted after `on` has returned is heard.

    A listener is called with the payload; a listener of a pattern such as `user.*` also with the
    event. An exception in one listener does not stop the others: it is passed to the listeners of
    `error`, or logged if there are none. When messages may have been missed, the listeners of `gap`
    are told before later messages arrive. Close an emitter after use.
    """

    async def on(self, event: str, fn: Callable[..., Any]) -> None:
        """Call `fn` for every event of this name, or every one that matches this pattern.

        Return when every emit that starts from now on will be heard. Raise Unavailable or TimedOut
        if that cannot be confirmed.
        """
        ...

    async def once(self, event: str, fn: Callable[..., Any]) -> None:
        """Call `fn` for the next such event only; see `on`."""
        ...

    async def off(self, event: str, fn: Callable[..., Any] | None = None) -> None:
        """Remove the listener, or all listeners of the event, with messages not yet handled."""
        ...

    async def emit(self, event: str, payload: Any = None) -> None:
        """Send the event to every listener; the payload is a JSON value or a pydantic model.

        It arrives as JSON: a datetime, a Decimal, a UUID or a Path as a string, a tuple as a list,
        a model as a dict, the keys of a dict as strings (see [codecs][datapatterns.codecs.dumps]).
        A set, bytes or NaN raises InvalidArgument.
        """
        ...

    async def wait_for(self, event: str, *, timeout: Duration) -> Any:
        """Return the payload of the next such event; raise TimedOut if none comes in time."""
        ...

    def listeners(self, event: str) -> int:
        """Return how many listeners this emitter has for exactly this event or pattern."""
        ...

    async def close(self) -> None:
        """End all listeners, those under way included, and close the emitter's connection."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class AsyncGroups(Protocol):
    """Named sets of members, and the groups that a member is in."""

    async def add(self, group: str, *members: str) -> int:
        """Add the members and return how many were new."""
        ...

    async def remove(self, group: str, *members: str) -> int:
        """Remove the members and return how many were there."""
        ...

    async def contains(self, group: str, member: str) -> bool:
        """Return whether the member is in the group."""
        ...

    def members(self, group: str) -> AsyncIterator[str]:
        """Iterate over the members, in no order.

        A member that is in the group throughout comes exactly once.
        """
        ...

    async def size(self, group: str) -> int:
        """Return how many members the group has."""
        ...

    async def groups_of(self, member: str) -> set[str]:
        """Return the groups that the member is in."""
        ...

    async def intersection(self, *groups: str) -> set[str]:
        """Return the members that are in all of the groups.

        This and the next three raise InvalidArgument if no group is given.
        """
        ...

    async def union(self, *groups: str) -> set[str]:
        """Return the members that are in any of the groups."""
        ...

    async def difference(self, *groups: str) -> set[str]:
        """Return the members of the first group that are in none of the others."""
        ...

    async def intersection_size(self, *groups: str, at_most: int | None = None) -> int:
        """Return how many members are in all of the groups, and count no further than `at_most`."""
        ...


class AsyncLeaderboard(Protocol):
    """Players by their score, the highest first; among equal scores, who reached it first."""

    async def add(self, player: str, points: float) -> float:
        """Add to the player's score, 0 at first, and return the new score."""
        ...

    async def set(self, player: str, score: float) -> None:
        """Set the player's score."""
        ...

    async def score(self, player: str) -> float | None:
        """Return the player's score, None for a player without one."""
        ...

    async def rank(self, player: str) -> int | None:
        """Return the player's rank (1 is the best), None for a player without a score."""
        ...

    async def top(self, n: int, start: int = 0) -> list[Ranked]:
        """Return the `n` best players behind the first `start`."""
        ...

    async def bottom(self, n: int) -> list[Ranked]:
        """Return the `n` last players, the last one first."""
        ...

    async def around(self, player: str, radius: int) -> list[Ranked]:
        """Return the player with up to `radius` others on either side, in the order of ranks.

        Raise NotFound for a player without a score.
        """
        ...

    async def remove(self, player: str) -> bool:
        """Remove the player; return False if the player had no score."""
        ...

    async def size(self) -> int:
        """Return how many players there are."""
        ...


class AsyncRepository(Protocol[D]):
    """Documents of one schema, each under an id, with indexes that change in the same step.

    Stored fields that the model does not know survive `update`. A stored document that does not
    validate raises DecodeFailed with its id; `get_raw` returns it all the same. An index on a field
    that the model does not store raises InvalidArgument when the repository is made, unless the
    model allows extra fields.
    """

    async def create(self, document: D) -> D:
        """Store a new document and return it with its id and revision.

        Raise Conflict (`exists`) if the id is taken, or the values of a unique index.
        """
        ...

    async def create_many(self, documents: Iterable[D]) -> list[D | DataError]:
        """Store new documents and return, in their order, each one as stored, or its error.

        The documents are stored in steps; each has an outcome of its own.
        """
        ...

    async def get(self, id: str) -> D:
        """Return the document; raise NotFound if it does not exist."""
        ...

    async def find(self, id: str) -> D | None:
        """Return the document, None if it does not exist."""
        ...

    async def get_raw(self, id: str) -> dict[str, Any]:
        """Return the stored fields without validation, with `id` and `rev`; else raise NotFound."""
        ...

    async def get_many(self, ids: Sequence[str]) -> list[D | None]:
        """Return the documents in the order of the ids, None for those that do not exist."""
        ...

    async def exists(self, id: str) -> bool:
        """Return whether a document with this id exists."""
        ...

    async def replace(self, document: D) -> D:
        """Store the whole document in place of the revision that it carries.

        Raise Conflict (`stale_revision`) if the stored revision is another, or there is none.
        """
        ...

    async def update(
        self, id: str, changes: Mapping[str, Any], *, rev: str | None = None, attempts: int = 100
    ) -> D:
        """Change the named fields only, and return the document.

        Without `rev` the last writer of a field wins: when another writer was faster the update
        starts over, and raises Conflict (`contention`) after so many attempts. With `rev` it raises
        Conflict (`stale_revision`) if the stored revision is another. Unknown and immutable fields
        raise InvalidData before anything is sent; its list includes wrong values of other fields.
        Raise NotFound if the document does not exist.
        """
        ...

    async def destroy(self, id: str, *, rev: str | None = None) -> None:
        """Remove the document; raise NotFound if it does not exist.

        With `rev`, raise Conflict (`stale_revision`) if the stored revision is another.
        """
        ...

    async def list(
        self, *, limit: int = 50, after: str | None = None, descending: bool = False
    ) -> Page[D]:
        """Return a page of documents in the order of their ids.

        `after` is the `next` or `previous` cursor of another page of this query.
        """
        ...

    async def query(
        self,
        index: str,
        *prefix: Any,
        start: Any = None,
        end: Any = None,
        descending: bool = False,
        limit: int = 50,
        after: str | None = None,
    ) -> Page[D]:
        """Return a page of documents in the order of an index, within a prefix of its fields.

        `start` (included) and `end` (excluded) bound the field behind the prefix, in the direction
        of reading; a tuple bounds several fields. Values are given as JSON stores them; an aware
        datetime stands for the text of a `UtcDatetime`, a date for its ISO text, and a naive
        datetime raises InvalidArgument.
        """
        ...

    def iterate(
        self,
        index: str | None = None,
        *prefix: Any,
        start: Any = None,
        end: Any = None,
        descending: bool = False,
    ) -> AsyncIterator[D]:
        """Iterate over all documents of `list` or, with an index, of `query`, page by page."""
        ...

    async def count(self, index: str | None = None, *prefix: Any) -> int:
        """Return the number of documents, or of those under a prefix of an index."""
        ...

    async def counts(self, index: str, depth: int = 1) -> dict[Any, int]:
        """Return the number of documents for each first value of the index.

        With a `depth` above 1, for each tuple of the first `depth` values.
        """
        ...

    async def ensure(self) -> None:
        """Prepare what the backend needs; unless `ensure=False`, the first operation does this."""
        ...

    async def reindex(self, progress: Callable[[int, int], Any] | None = None) -> int:
        """Fill every index, in steps that can be resumed, and return the number of documents read.

        After each step `progress` is called with the number done and the total.
        """
        ...


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
        """Return the position saved under the name, None if there is none."""
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
