"""Adaptive micro-batching: what is asked for while requests are under way shares the next one.

A call that finds nothing under way goes out at once, as a plain GET or PUT, so that nobody ever
waits for company. What arrives meanwhile waits, and the next request carries it: gets as one
`_bulk_get`, writes as one `_bulk_docs`, at most 500 documents or about 4 MB. So the number in a
request follows the load by itself, without any delay to be set. On a server a hundred gets in one
request take little longer than one. Writes go one request after the other, in order. Of gets there
are two under way, each with half of what is asked for: while we read the answer to one, the server
works on the other.

Each caller has its own outcome. The request is nobody's: who is cancelled leaves it to the others.
A get joins only what is yet to be sent, since an answer under way may be older than a write that
the caller knows of. Writes of one id never share a request. When the server refuses a request as a
whole, its members are sent one by one.

# unasync: by hand
"""

from __future__ import annotations

import asyncio
import copy
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

from datapatterns.couch._async.database import AsyncDatabase
from datapatterns.couch._async.documents import AsyncDocuments
from datapatterns.couch.batches import MOST, MOST_BYTES, REFUSED, again
from datapatterns.errors import DataError

T = TypeVar("T")
W = TypeVar("W")

Raw = dict[str, Any] | None


class _Line:
    """Those who wait behind the requests that are under way, `most` of them at a time."""

    most = 1

    def __init__(self) -> None:
        self._under_way = 0
        self._tasks: set[asyncio.Task[None]] = (
            set()
        )  # kept here: a loop holds its tasks only weakly

    @property
    def _busy(self) -> bool:
        return self._under_way == self.most

    async def _alone(self, work: Awaitable[T]) -> T:
        """Do the work of a caller who need not wait, then let go who came meanwhile."""
        self._under_way += 1
        try:
            return await work
        finally:
            if self._waits():
                task = asyncio.ensure_future(self._drain())
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            else:
                self._under_way -= 1

    async def _drain(self) -> None:
        try:
            while self._waits():
                await self._send_some()
                # Who was just answered may ask again at once, and then belongs to the next request.
                await asyncio.sleep(0)
        finally:
            self._under_way -= 1

    def _waits(self) -> bool:
        raise NotImplementedError

    async def _send_some(self) -> None:
        raise NotImplementedError


class _Reads(_Line, Generic[T]):
    """Reads of one kind; the identical ones that wait share one."""

    most = 2

    def __init__(
        self,
        one: Callable[[str], Awaitable[T]],
        some: Callable[[list[str]], Awaitable[Sequence[T | DataError]]],
        at_once: Callable[[], int],
    ) -> None:
        super().__init__()
        self._one, self._some, self._at_once = one, some, at_once
        self._waiting: dict[str, list[asyncio.Future[Any]]] = {}
        self._asked = 0  # documents that requests under way are for

    async def read(self, id: str) -> T:
        """Return what there is of that id."""
        if not self._busy:
            return await self._alone(self._one(id))
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(id, []).append(future)
        found: T = _given(await future)
        return found

    def _waits(self) -> bool:
        return bool(self._waiting)

    async def _send_some(self) -> None:
        taken = self._taken()
        ids = list(taken)
        self._asked += len(ids)
        try:
            outcomes = await _outcomes(ids, lambda: self._some(ids), self._one)
        finally:
            self._asked -= len(ids)
        for futures, found in zip(taken.values(), outcomes, strict=True):
            _answer(futures[0], found)
            for future in futures[1:]:  # each its own, which it may change
                _answer(future, again(found) if _failed(found) else copy.deepcopy(found))

    def _taken(self) -> dict[str, list[asyncio.Future[Any]]]:
        """What goes into the next request: its share of all that is asked for, if there is room."""
        share = -(-(len(self._waiting) + self._asked) // self.most)
        taken: dict[str, list[asyncio.Future[Any]]] = {}
        for id in list(self._waiting)[: min(share, self._at_once())]:
            # Whoever was cancelled is done.
            if wanted := [future for future in self._waiting.pop(id) if not future.done()]:
                taken[id] = wanted
        return taken


@dataclass(slots=True)
class _Write:
    id: str
    data: bytes
    new: bool
    future: asyncio.Future[Any]


class _Writes(_Line):
    """Writes, in the order of their coming."""

    def __init__(self, documents: AsyncDocuments) -> None:
        super().__init__()
        self._documents = documents
        self._waiting: deque[_Write] = deque()

    async def write(self, id: str, data: bytes, *, new: bool) -> str:
        """Store the document and return its revision."""
        if not self._busy:
            return await self._alone(self._documents.write(id, data, new=new))
        write = _Write(id, data, new, asyncio.get_running_loop().create_future())
        self._waiting.append(write)
        rev: str = _given(await write.future)
        return rev

    def _waits(self) -> bool:
        return bool(self._waiting)

    def _taken(self) -> list[_Write]:
        """What goes into the next request: no id twice, and what does not fit stays in order."""
        taken: dict[str, _Write] = {}
        left: deque[_Write] = deque()
        size = 0
        while self._waiting and len(taken) < MOST:
            write = self._waiting.popleft()
            if write.future.done():  # cancelled before it was sent
                continue
            if write.id in taken:
                left.append(write)
                continue
            if taken and size + len(write.data) > MOST_BYTES:
                left.append(write)
                break
            taken[write.id] = write
            size += len(write.data)
        self._waiting.extendleft(reversed(left))
        return list(taken.values())

    async def _send_some(self) -> None:
        writes = self._taken()
        items, new = [(one.id, one.data) for one in writes], [one.new for one in writes]
        outcomes = await _outcomes(
            writes,
            lambda: self._documents.write_some(items, new=new),
            lambda one: self._documents.write(one.id, one.data, new=one.new),
        )
        for write, outcome in zip(writes, outcomes, strict=True):
            _answer(write.future, outcome)


async def _outcomes(
    members: list[W],
    together: Callable[[], Awaitable[Sequence[Any]]],
    alone: Callable[[W], Awaitable[Any]],
) -> Sequence[Any]:
    """Each member's outcome or error, of one request if the server takes it."""
    try:
        if len(members) > 1:
            return await together()
    except REFUSED:
        pass
    except Exception as error:
        return [again(error) for _ in members]
    return await asyncio.gather(*map(alone, members), return_exceptions=True)


def _answer(future: asyncio.Future[Any], outcome: Any) -> None:
    """Errors go as values: one that nobody is left to take would be complained of in the log."""
    if not future.done():
        future.set_result(outcome)


def _failed(outcome: Any) -> bool:
    return isinstance(outcome, BaseException)


def _given(outcome: Any) -> Any:
    if _failed(outcome):
        raise outcome
    return outcome


@dataclass(slots=True)
class Turn:
    """One's turn at a document: what the one before stored, if that is known, and its revision."""

    seen: tuple[str, bytes] | None = None


@dataclass(slots=True)
class _Queue:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    turn: Turn = field(default_factory=Turn)
    users: int = 0


class _Loop:
    """What belongs to one event loop."""

    def __init__(self, documents: AsyncDocuments) -> None:
        sizes = documents.sizes
        self.reads = _Reads(documents.read, documents.read_some, lambda: sizes.at_once)
        self.revisions = _Reads(documents.revision, documents.revisions, lambda: MOST)
        self.writes = _Writes(documents)
        self.queues: dict[str, _Queue] = {}


class AsyncBatching:
    """A database's gets and writes, those of all its repositories over one `AsyncCouch`."""

    def __init__(self, documents: AsyncDocuments) -> None:
        self.documents = documents
        self._loops: WeakKeyDictionary[asyncio.AbstractEventLoop, _Loop] = WeakKeyDictionary()

    @property
    def _loop(self) -> _Loop:
        loop = asyncio.get_running_loop()
        found = self._loops.get(loop)
        if found is None:
            found = self._loops[loop] = _Loop(self.documents)
        return found

    async def read(self, id: str) -> Raw:
        """Return the document, None if there is none."""
        return await self._loop.reads.read(id)

    async def revision(self, id: str) -> str | None:
        """Return the document's present revision, None if there is none."""
        return await self._loop.revisions.read(id)

    async def write(self, id: str, data: bytes, *, new: bool) -> str:
        """Store the document and return its revision; Conflict: `exists` for a new one."""
        return await self._loop.writes.write(id, data, new=new)

    @asynccontextmanager
    async def turn(self, id: str) -> AsyncGenerator[Turn, None]:
        """Wait for one's turn at the document among the callers in this process."""
        queues = self._loop.queues
        queue = queues.setdefault(id, _Queue())
        queue.users += 1
        try:
            async with queue.lock:
                yield queue.turn
        finally:
            queue.users -= 1
            if not queue.users:
                del queues[id]


def async_batching_of(database: AsyncDatabase) -> AsyncBatching:
    """The batching of that database, one for each server and name."""
    shared: dict[str, AsyncBatching] = database.couch.batching
    if database.name not in shared:
        shared.setdefault(database.name, AsyncBatching(AsyncDocuments(database)))
    return shared[database.name]
