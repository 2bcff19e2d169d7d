"""Micro-batching: which calls share a request, and that no call fails for another's fault."""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from datapatterns import Conflict, DataError, InvalidArgument, Unavailable
from datapatterns.core.codecs import dumps
from datapatterns.couch import AsyncCouch
from datapatterns.couch._async.repository import AsyncRepository
from datapatterns.couch.database._async.batching import AsyncBatcher
from datapatterns.couch.database.bulk import MOST, MOST_BYTES, Sizes, again, parts
from datapatterns.errors import TooLarge
from datapatterns.testing.conformance.samples import Item
from datapatterns.testing.servers import couch_at_hand

Outcome = dict[str, Any] | DataError | None


class Fake:
    """Raw documents without a server: records the requests, and answers while its gate is open."""

    def __init__(self) -> None:
        self.sizes = Sizes()
        self.asked: list[Any] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.error: DataError | None = None
        self.refuses: set[str] = set()
        self.stored: dict[str, Any] = {}

    async def _come(self, what: Any) -> None:
        """Record the request and wait for the gate."""
        self.asked.append(what)
        await asyncio.sleep(0)  # as long as the shortest request takes
        await self.gate.wait()
        if self.error is not None:
            raise again(self.error)

    async def find(self, id: str) -> Outcome:
        """Return what was stored when the request came."""
        found = self.stored.get(id)
        await self._come(id)
        return {"_id": id, "value": found}

    async def find_some(self, ids: Sequence[str]) -> list[Outcome]:
        """Return what was stored when the request came, for many ids."""
        found = [{"_id": id, "value": self.stored.get(id)} for id in ids]
        await self._come(tuple(ids))
        return found

    revision, revisions = find, find_some

    async def write(self, id: str, data: bytes, *, new: bool) -> str:
        """Store a document, unless it is to be refused."""
        await self._come(id)
        if id in self.refuses:
            raise InvalidArgument("refused")
        self.stored[id] = data
        return f"1-{id}"

    async def write_some(self, items: Sequence[Any], *, new: Sequence[bool]) -> list[Any]:
        """Store all documents, or refuse all if one is to be refused."""
        await self._come(tuple(id for id, _ in items))
        if self.refuses & {id for id, _ in items}:
            raise TooLarge("all of it")
        return [await self._stored(*item) for item in items]

    async def _stored(self, id: str, data: bytes) -> str:
        self.stored[id] = data
        return f"1-{id}"


@pytest.fixture
async def fake() -> Fake:
    """Raw documents without a server."""
    return Fake()


@pytest.fixture
async def batcher(fake: Fake) -> AsyncBatcher:
    """A batcher over these documents."""
    documents: Any = fake
    return AsyncBatcher(documents)


async def start(*calls: Any) -> list[asyncio.Task[Any]]:
    """Start the calls, one after the other, each until it waits."""
    tasks: list[asyncio.Task[Any]] = []
    for call in calls:
        tasks.append(asyncio.ensure_future(call))
        for _ in range(3):
            await asyncio.sleep(0)
    return tasks


async def test_what_comes_meanwhile_goes_together(fake: Fake, batcher: AsyncBatcher) -> None:
    """The first two gets are sent alone; those that come before the answers share two requests."""
    fake.gate.clear()
    ids = ["a", "b", "c", "d", "c", "a", "e"]
    tasks = await start(*[batcher.find(id) for id in ids])
    assert fake.asked == ["a", "b"]
    fake.gate.set()
    found = await asyncio.gather(*tasks)
    assert [one["_id"] for one in found] == ids
    assert fake.asked == ["a", "b", ("c", "d"), ("a", "e")]
    await batcher.find("d")
    assert fake.asked[-1] == "d", "nothing was under way any more"


async def test_identical_gets_share_one_but_not_the_object(
    fake: Fake, batcher: AsyncBatcher
) -> None:
    """Equal gets share one answer, and each caller gets a copy that it may change."""
    fake.gate.clear()
    fake.stored["b"] = []
    tasks = await start(*[batcher.find(id) for id in ("a", "a", "b", "b")])
    fake.gate.set()
    *_, one, other = await asyncio.gather(*tasks)
    one["value"].append(1)
    assert other["value"] == []


async def test_a_get_never_joins_one_that_is_under_way(fake: Fake, batcher: AsyncBatcher) -> None:
    """A get is sent after its call, as an answer under way may be older than a known write."""
    fake.gate.clear()
    [early] = await start(batcher.find("a"))
    fake.stored["a"] = "new"
    [late] = await start(batcher.find("a"))
    fake.gate.set()
    assert (await early)["value"] is None
    assert (await late)["value"] == "new"


async def test_callers_that_ask_again_join_the_next_request(
    fake: Fake, batcher: AsyncBatcher
) -> None:
    """A hundred loops of gets settle to two or three requests a round, without any delay."""

    async def loop(n: int) -> None:
        for _ in range(10):
            await batcher.find(str(n))

    await asyncio.gather(*[loop(n) for n in range(100)])
    assert len(fake.asked) <= 32
    assert max(len(ids) for ids in fake.asked) >= 49


@pytest.mark.parametrize("victims", [[0], [1], [2, 4], [0, 1, 2, 3, 4]])
async def test_cancelling_one_cancels_nobody_else(
    fake: Fake, batcher: AsyncBatcher, victims: list[int]
) -> None:
    """After cancelling first, waiting or all calls, the others and later ones are answered."""
    fake.gate.clear()
    tasks = await start(*[batcher.find(str(n)) for n in range(5)])
    for victim in victims:
        tasks[victim].cancel()
    await asyncio.sleep(0)
    fake.gate.set()
    done = await asyncio.gather(*tasks, return_exceptions=True)
    for n, outcome in enumerate(done):
        assert isinstance(outcome, asyncio.CancelledError) == (n in victims)
    assert await batcher.find("x") == {"_id": "x", "value": None}
    asked = {id for ids in fake.asked[2:] for id in ([ids] if isinstance(ids, str) else ids)}
    assert not asked & {str(victim) for victim in victims}, "a request for cancelled calls"


async def test_cancelled_while_its_batch_is_under_way(fake: Fake, batcher: AsyncBatcher) -> None:
    """Cancelling a call leaves its request to the others, and the write takes effect."""
    fake.gate.clear()
    tasks = await start(*[batcher.write(id, b"{}", new=True) for id in "abc"])
    fake.gate.set()
    await tasks[0]
    fake.gate.clear()
    await asyncio.sleep(0)
    tasks[1].cancel()
    await asyncio.sleep(0)
    fake.gate.set()
    assert await tasks[2] == "1-c"
    assert set(fake.stored) == {"a", "b", "c"}


async def test_writes_of_one_id_never_share_a_request(fake: Fake, batcher: AsyncBatcher) -> None:
    """Writes of one id go in order, one in each request, together with writes of other ids."""
    fake.gate.clear()
    sent = [("a", 0), ("a", 1), ("b", 2), ("a", 3), ("c", 4), ("b", 5)]
    calls = [batcher.write(id, dumps(n), new=False) for id, n in sent]
    tasks = await start(*calls)
    fake.gate.set()
    await asyncio.gather(*tasks)
    assert fake.asked == ["a", ("a", "b", "c"), ("a", "b")]
    assert fake.stored == {"a": b"3", "b": b"5", "c": b"4"}


async def test_a_refused_request_is_sent_one_by_one(fake: Fake, batcher: AsyncBatcher) -> None:
    """If a request is refused as a whole, only the faulty write fails."""
    fake.gate.clear()
    fake.refuses = {"bad"}
    ids = ["first", "a", "bad", "b"]
    tasks = await start(*[batcher.write(id, b"{}", new=True) for id in ids])
    fake.gate.set()
    first, a, bad, b = await asyncio.gather(*tasks, return_exceptions=True)
    assert (first, a, b) == ("1-first", "1-a", "1-b")
    assert isinstance(bad, InvalidArgument)


async def test_each_has_its_own_error(fake: Fake, batcher: AsyncBatcher) -> None:
    """An error of a whole request is raised in each call as a copy with its details."""
    fake.gate.clear()
    fake.error = Unavailable("gone", retry_after=5)
    fake.error.__cause__ = cause = OSError("why")
    tasks = await start(*[batcher.find(name) for name in ("a", "b", "c", "c", "d", "e")])
    fake.gate.set()
    errors = await asyncio.gather(*tasks, return_exceptions=True)
    assert len({id(error) for error in errors}) == 6
    for error in errors:
        assert isinstance(error, Unavailable)
        assert (error.detail, error.retry_after, error.__cause__) == ("gone", 5, cause)
    assert len(fake.asked) == 4


async def test_nothing_is_left_behind(fake: Fake, batcher: AsyncBatcher) -> None:
    """When all calls are answered, no task and no lock is left."""
    before = asyncio.all_tasks()
    await asyncio.gather(*[batcher.find(str(n)) for n in range(50)])
    async with batcher.lock("a"):
        pass
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before
    assert not batcher._loop.locks.held


async def test_a_request_has_so_many_and_so_much(fake: Fake, batcher: AsyncBatcher) -> None:
    """A request has at most 500 documents and 4 MB, by the sizes seen so far for gets."""
    await asyncio.gather(*[batcher.write(str(n), b"{}", new=True) for n in range(1_102)])
    assert [len(ids) for ids in fake.asked[1:]] == [MOST, MOST, 101]
    fake.asked.clear()
    large = b"x" * (MOST_BYTES // 3)
    await asyncio.gather(*[batcher.write(str(n), large, new=True) for n in range(8)])
    assert [len(ids) for ids in fake.asked[1:]] == [3, 3, 1]
    fake.asked.clear()
    fake.sizes.saw(MOST_BYTES, 4)
    await asyncio.gather(*[batcher.find(str(n)) for n in range(12)])
    assert [len(ids) for ids in fake.asked[2:4]] == [4, 4]


def test_sizes_and_parts() -> None:
    """Large documents make requests small at once; small documents make them larger slowly."""
    sizes = Sizes()
    sizes.saw(0, 0)
    assert 0 < sizes.at_once <= MOST
    sizes.saw(10 * MOST_BYTES, 1)
    assert sizes.at_once == 1
    for _ in range(60):
        sizes.saw(500, 10)
    assert sizes.at_once == MOST
    assert list(parts([])) == []
    for length in (1, 10, MOST_BYTES // 2, MOST_BYTES, 2 * MOST_BYTES):
        data = b"x" * length
        items = [(n, data) for n in range(2 * MOST if length == 1 else 5)]
        found = list(parts(items))
        assert [item for part in found for item in part] == items
        assert all(len(part) <= MOST for part in found)
        assert all(len(part) == 1 or length * len(part) <= MOST_BYTES for part in found)


async def test_each_loop_has_its_own(fake: Fake, batcher: AsyncBatcher) -> None:
    """Calls in an event loop of another thread share no request with this loop's calls."""
    fake.gate.clear()
    [here] = await start(batcher.find("a"))
    done = threading.Event()

    def run() -> None:
        async def main() -> None:
            fake.gate = asyncio.Event()
            fake.gate.set()
            await batcher.find("b")
            done.set()

        asyncio.run(main())

    gate = fake.gate
    await asyncio.to_thread(run)
    assert done.is_set()
    gate.set()
    await here
    assert fake.asked == ["a", "b"]


# --- on the server


@pytest.fixture
async def items(couch_server: couch_at_hand.Couch) -> AsyncIterator[AsyncRepository[Item]]:
    """A repository on a new database, over at most ten connections."""
    async with AsyncCouch(couch_server.url, max_connections=10) as couch:
        repository = AsyncRepository(couch, f"batching-{uuid.uuid4().hex[:12]}", Item)
        await repository.ensure()
        yield repository
        await repository.database.destroy()


async def test_many_callers_have_their_outcomes(items: AsyncRepository[Item]) -> None:
    """Creates, gets and updates of a hundred tasks give each task its own outcome."""
    made = await asyncio.gather(*[items.create(Item(id=str(n), value=n)) for n in range(100)])
    assert [one.value for one in made] == list(range(100))
    calls = [items.create(Item(id=str(n), value="again")) for n in range(95, 105)]
    again = await asyncio.gather(*calls, return_exceptions=True)
    for n, outcome in enumerate(again):
        assert isinstance(outcome, Conflict) == (n < 5)
        if isinstance(outcome, Conflict):
            assert outcome.reason == "exists"
    found = await asyncio.gather(*[items.find(str(n)) for n in range(-5, 95)])
    assert [one and one.value for one in found] == [None] * 5 + list(range(95))
    await asyncio.gather(*[items.update(str(n), {"value": -n}) for n in range(95)])
    assert [one and one.value for one in await items.get_many(["1", "94"])] == [-1, -94]
    gone = await asyncio.gather(*[items.destroy(str(n)) for n in range(105)])
    assert gone == [None] * 105
    assert await items.count() == 0


@pytest.mark.couchdb3  # the stand-in runs no validate_doc_update
async def test_the_server_refuses_one_of_many(couch_server: couch_at_hand.Couch) -> None:
    """A document that the server refuses fails for its own caller only."""
    async with AsyncCouch(couch_server.url) as couch:
        database = couch.database(f"refused-{uuid.uuid4().hex[:12]}")
        await database.create()
        rule = "function (n) { if (n.value === 'bad') throw({forbidden: 'no'}); }"
        await database.put("_design/rule", {"validate_doc_update": rule})
        items = AsyncRepository(couch, database.name, Item)
        calls = [items.create(Item(id=str(n), value="bad" if n == 7 else n)) for n in range(20)]
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert [n for n, one in enumerate(outcomes) if not isinstance(one, Item)] == [7]
        await database.destroy()


async def test_after_many_cancelled_calls_all_are_answered(items: AsyncRepository[Item]) -> None:
    """After thirty cancelled tasks, forty calls over the ten connections are answered."""
    await items.create_many([Item(id=str(n), value=n) for n in range(40)])
    for pause in (0.0, 0.002, 0.01):
        tasks = [asyncio.ensure_future(items.get(str(n))) for n in range(15)]
        tasks += [asyncio.ensure_future(items.list(limit=40)) for _ in range(15)]
        await asyncio.sleep(pause)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        async with asyncio.timeout(60):
            calls = [items.get(str(n)) if n % 2 else items.list(limit=n + 1) for n in range(40)]
            assert len(await asyncio.gather(*calls)) == 40
