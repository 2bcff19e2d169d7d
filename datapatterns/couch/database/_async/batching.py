"""Adaptive micro-batching: calls that come while requests are under way share the next request.

A call that finds no request under way is sent at once, as a plain GET or PUT, so that a single call
is never delayed. Calls that come meanwhile wait, and the next request carries them: gets as one
`_bulk_get`, writes as one `_bulk_docs`, at most 500 documents or about 4 MB. So the size of a
request follows the load by itself, without any configured delay. A server answers a hundred gets in
one request almost as fast as one. Writes go one request after the other, in order. For gets two
requests are under way, each with half of the waiting calls: while we read the answer to one, the
server works on the other.

Each caller gets its own outcome. A request belongs to no caller: cancelling one leaves it to the
others. A get joins only a request that is still to be sent, since an answer under way may be older
than a write that the caller knows of. Writes of one id never share a request. When the server
refuses a request as a whole, its members are sent one by one.

# unasync: by hand
"""

from __future__ import annotations

import asyncio
import copy
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

from typing_extensions import override

from datapatterns.couch.database._async.raw_documents import AsyncRawDocuments
from datapatterns.couch.database._async.update_locks import AsyncUpdateLock, AsyncUpdateLocks
from datapatterns.couch.database.bulk import MOST, MOST_BYTES, REFUSED, again
from datapatterns.couch.http._async.client import AsyncCouchClient
from datapatterns.errors import DataError

T = TypeVar("T")
W = TypeVar("W")

Raw = dict[str, Any] | bytes | None


class _Batcher(ABC):
    """Keeps at most `most` requests under way; calls that come meanwhile wait for the next one."""

    most = 1

    def __init__(self) -> None:
        self._under_way = 0
        self._tasks = set[asyncio.Task[None]]()  # a loop holds its tasks only weakly

    @property
    def _busy(self) -> bool:
        """Return whether as many requests are under way as may be."""
        return self._under_way == self.most

    async def _alone(self, work: Awaitable[T]) -> T:
        """Send a single call at once, then start a task for the calls that came meanwhile."""
        self._under_way += 1
        try:
            return await work
        finally:
            if self._any_waiting():
                task = asyncio.ensure_future(self._drain())
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            else:
                self._under_way -= 1

    async def _drain(self) -> None:
        """Send requests until no call waits."""
        try:
            while self._any_waiting():
                await self._send_some()
                # The callers just answered may call again at once; the next request takes them too.
                await asyncio.sleep(0)
        finally:
            self._under_way -= 1

    @abstractmethod
    def _any_waiting(self) -> bool:
        """Return whether calls wait."""

    @abstractmethod
    async def _send_some(self) -> None:
        """Send one request for calls that wait, and answer them."""


class _ReadBatcher(_Batcher, Generic[T]):
    """Batches reads of one kind; waiting reads of the same id share one answer."""

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
        self._asked = 0  # documents that requests under way ask for

    async def read(self, id: str) -> T:
        """Return what the read of that id gives."""
        if not self._busy:
            return await self._alone(self._one(id))
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(id, []).append(future)
        found: T = _result(await future)
        return found

    @override
    def _any_waiting(self) -> bool:
        return bool(self._waiting)

    @override
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
            for future in futures[1:]:  # a copy for each caller, who may change it
                _answer(future, again(found) if _is_error(found) else copy.deepcopy(found))

    def _taken(self) -> dict[str, list[asyncio.Future[Any]]]:
        """Take the ids of the next request, with their futures: half of what is asked for."""
        share = -(-(len(self._waiting) + self._asked) // self.most)
        taken: dict[str, list[asyncio.Future[Any]]] = {}
        for id in list(self._waiting)[: min(share, self._at_once())]:
            # The future of a cancelled call is done.
            if wanted := [future for future in self._waiting.pop(id) if not future.done()]:
                taken[id] = wanted
        return taken


@dataclass(slots=True)
class _Write:
    """A write that waits."""

    id: str
    data: bytes
    new: bool
    future: asyncio.Future[Any]


class _WriteBatcher(_Batcher):
    """Batches writes, in the order of the calls."""

    def __init__(self, documents: AsyncRawDocuments) -> None:
        super().__init__()
        self._documents = documents
        self._waiting: deque[_Write] = deque()

    async def write(self, id: str, data: bytes, *, new: bool) -> str:
        """Store the document and return its revision."""
        if not self._busy:
            return await self._alone(self._documents.write(id, data, new=new))
        write = _Write(id, data, new, asyncio.get_running_loop().create_future())
        self._waiting.append(write)
        rev: str = _result(await write.future)
        return rev

    @override
    def _any_waiting(self) -> bool:
        return bool(self._waiting)

    def _taken(self) -> list[_Write]:
        """Take the writes of the next request: no id twice; the others stay, in their order."""
        taken: dict[str, _Write] = {}
        left: deque[_Write] = deque()
        size = 0
        while self._waiting and len(taken) < MOST:
            write = self._waiting.popleft()
            if write.future.done():  # the call was cancelled before the write was sent
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

    @override
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
    """Return each member's outcome or error, from one request if the server accepts it."""
    try:
        if len(members) > 1:
            return await together()
    except REFUSED:
        pass
    except Exception as error:
        return [again(error) for _ in members]
    return await asyncio.gather(*map(alone, members), return_exceptions=True)


def _answer(future: asyncio.Future[Any], outcome: Any) -> None:
    """Give a waiting call its outcome.

    An error is given as a value: asyncio would log an exception that no caller retrieves.
    """
    if not future.done():
        future.set_result(outcome)


def _is_error(outcome: Any) -> bool:
    """Return whether the outcome is an error."""
    return isinstance(outcome, BaseException)


def _result(outcome: Any) -> Any:
    """Return the outcome; raise it if it is an error."""
    if _is_error(outcome):
        raise outcome
    return outcome


class _Loop:
    """What belongs to one event loop."""

    def __init__(self, documents: AsyncRawDocuments) -> None:
        sizes = documents.sizes
        self.finds = _ReadBatcher(documents.find, documents.find_some, lambda: sizes.at_once)
        self.revisions = _ReadBatcher(documents.revision, documents.revisions, lambda: MOST)
        self.writes = _WriteBatcher(documents)
        self.locks = AsyncUpdateLocks()


class AsyncBatcher:
    """Batches the gets and writes of a database, for all its repositories over one client."""

    def __init__(self, documents: AsyncRawDocuments) -> None:
        self.documents = documents
        self._loops: WeakKeyDictionary[asyncio.AbstractEventLoop, _Loop] = WeakKeyDictionary()

    @property
    def _loop(self) -> _Loop:
        """Return what belongs to the running loop."""
        loop = asyncio.get_running_loop()
        found = self._loops.get(loop)
        if found is None:
            found = self._loops[loop] = _Loop(self.documents)
        return found

    async def find(self, id: str) -> Raw:
        """Return the document, as bytes if it cannot be parsed, None if it does not exist."""
        return await self._loop.finds.read(id)

    async def revision(self, id: str) -> str | None:
        """Return the document's present revision, None if it does not exist."""
        return await self._loop.revisions.read(id)

    async def write(self, id: str, data: bytes, *, new: bool) -> str:
        """Store the document and return its revision; raise Conflict, `exists` if it is new."""
        return await self._loop.writes.write(id, data, new=new)

    def lock(self, id: str) -> AbstractAsyncContextManager[AsyncUpdateLock]:
        """Wait for the document's lock among the updates in this process, and hold it."""
        return self._loop.locks.hold(id)


def async_batcher_of(couch: AsyncCouchClient, database: str) -> AsyncBatcher:
    """Return the one batcher of that client and database."""
    shared: dict[str, AsyncBatcher] = couch.batchers
    if database not in shared:
        shared.setdefault(database, AsyncBatcher(AsyncRawDocuments(couch, database)))
    return shared[database]
