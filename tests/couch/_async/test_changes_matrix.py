"""The changes feed against a server that fails as it is told: what is final, and what passes.

The matrix is that of IBM's ChangesFollower.
"""

from __future__ import annotations

import itertools
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from datapatterns import (
    Change,
    DataError,
    Document,
    Forbidden,
    InvalidArgument,
    NotFound,
    TimedOut,
    Unauthorized,
)
from datapatterns._async.concurrency import AsyncEvent, ending
from datapatterns.couch import AsyncChangesFeed, AsyncCouch
from datapatterns.testing._async.concurrently import meanwhile

sys.path.append(str(Path(__file__).parents[2]))  # last, so that no folder shadows a driver

from couch.scripted import ScriptedCouch, row

TERMINAL = {400: InvalidArgument, 401: Unauthorized, 403: Forbidden, 404: NotFound}
PASSING = [429, 500, 502, 504, "broken", "cut"]


@pytest.fixture
def server() -> Iterator[ScriptedCouch]:
    """A server with 1,000 changes, 200 a batch."""
    with ScriptedCouch(1000, batch=200) as server:
        yield server


@pytest.fixture
async def couch(server: ScriptedCouch) -> AsyncIterator[AsyncCouch]:
    """A client of it."""
    async with AsyncCouch(server.url) as couch:
        yield couch


async def stop_after(feed: AsyncChangesFeed[Any], seconds: float) -> None:
    """Stop it from elsewhere."""
    await AsyncEvent().wait(seconds)
    feed.stop()


async def collect(
    feed: AsyncChangesFeed[Any], count: int = 0, into: list[str] | None = None
) -> list[str]:
    """The ids of the changes until it is stopped, which the last one of so many does."""
    seen: list[str] = [] if into is None else into
    async for change in feed.follow():
        seen.append(change.id)
        if len(seen) == count:
            feed.stop()
    return seen


def until_closed(server: ScriptedCouch) -> None:
    """Wait until the server has seen every connection end, and no thread of ours is left."""
    deadline = time.monotonic() + 10
    while server.open or any(t.name.startswith("datapatterns") for t in threading.enumerate()):
        assert time.monotonic() < deadline, f"{server.open} connections are left"
        time.sleep(0.01)


ALL = [f"doc{n}" for n in range(1, 1001)]


@pytest.mark.parametrize("status", TERMINAL)
async def test_what_cannot_pass_is_raised_at_once(
    server: ScriptedCouch, couch: AsyncCouch, status: int
) -> None:
    """By `read`, and by `follow`, which asks once more only after a 401."""
    server.fault = lambda n, path: status
    feed = AsyncChangesFeed[Any](couch, "db", ensure=False)
    with pytest.raises(TERMINAL[status]):
        await feed.read()
    server.calls = 0
    with pytest.raises(TERMINAL[status]):
        await collect(feed)
    assert server.calls == (2 if status == 401 else 1)


@pytest.mark.parametrize("status", TERMINAL)
async def test_what_cannot_pass_is_raised_after_changes_too(
    server: ScriptedCouch, couch: AsyncCouch, status: int
) -> None:
    """Between two batches; NotFound then tells how far it was."""
    server.fault = lambda n, path: status if n >= 3 else None
    seen: list[str] = []
    with pytest.raises(TERMINAL[status]) as caught:
        await collect(AsyncChangesFeed[Any](couch, "db"), into=seen)
    assert len(seen) == 400
    if status == 404:
        assert caught.value.last_seq == caught.value.data["last_seq"] == "400-x"


@pytest.mark.parametrize("fault", PASSING)
async def test_what_may_pass_is_never_raised(
    server: ScriptedCouch, couch: AsyncCouch, fault: Any
) -> None:
    """And a server in trouble is asked rarely, also when it begins to answer each time."""
    server.fault = lambda n, path: fault if path.endswith("_changes") else None
    feed = AsyncChangesFeed[Any](couch, "db")
    attempts: list[int] = []
    feed.on_event(
        lambda name, details: attempts.append(details["attempt"]) if name == "retry" else None
    )
    async with meanwhile(stop_after, feed, 0.6):
        assert await collect(feed) == []
    assert attempts == list(range(1, len(attempts) + 1))  # the waiting time grows with them
    assert attempts
    assert server.calls <= 2 * 15  # each time the database is looked at first
    until_closed(server)


@pytest.mark.parametrize("fault", PASSING)
async def test_what_passes_costs_no_change(
    server: ScriptedCouch, couch: AsyncCouch, fault: Any
) -> None:
    """Where every second request fails, each change comes, once."""
    turns = itertools.cycle([None, fault])
    server.fault = lambda n, path: next(turns) if path.endswith("_changes") else None
    assert await collect(AsyncChangesFeed[Any](couch, "db"), 1000) == ALL
    assert server.calls >= 10


async def test_a_finite_read_gives_every_change(server: ScriptedCouch, couch: AsyncCouch) -> None:
    """`read` asks for further batches until it has as many as it was asked for."""
    feed = AsyncChangesFeed[Any](couch, "db")
    assert [change.id for change in await feed.read(limit=1000)] == ALL
    rest = await feed.read("990-x", limit=1000)
    assert [change.id for change in rest] == ALL[990:]


async def test_stop_after_1000_changes_takes_no_second(
    server: ScriptedCouch, couch: AsyncCouch
) -> None:
    """And leaves no connection, thread or task behind."""
    feed = AsyncChangesFeed[Any](couch, "db")
    came = AsyncEvent()
    seen: list[str] = []
    ended: list[float] = []

    async def follow() -> None:
        async for change in feed.follow():
            seen.append(change.id)
            if len(seen) == 1000:
                came.set()
        ended.append(time.monotonic())

    async with meanwhile(follow):
        assert await came.wait(30)
        await AsyncEvent().wait(0.2)  # by then it waits for the next heartbeat, 30 s away
        stopped = time.monotonic()
        feed.stop()
    assert seen == ALL
    assert ended[0] - stopped < 1.0
    until_closed(server)


async def test_leaving_the_loop_leaves_nothing_behind(
    server: ScriptedCouch, couch: AsyncCouch
) -> None:
    """Neither in the middle of a batch nor in the continuous feed."""
    feed = AsyncChangesFeed[Any](couch, "db")
    for since, count in ((None, 50), ("999-x", 1)):
        async with ending(feed.follow(since)) as changes:
            for _ in range(count):
                assert (await anext(changes)).id
    until_closed(server)


async def test_refused_credentials_are_tried_once_more(
    server: ScriptedCouch, couch: AsyncCouch
) -> None:
    """A session that had run out is renewed so; the second 401 in a row is final."""
    server.fault = lambda n, path: 401 if n in {0, 4} else None
    assert await collect(AsyncChangesFeed[Any](couch, "db"), 1000) == ALL


async def test_a_feed_that_ends_in_good_order_goes_on(
    server: ScriptedCouch, couch: AsyncCouch
) -> None:
    """The database is looked at first; and one that ends at once every time is asked rarely."""
    server.rows, rest = server.rows[:50], server.rows[50:]
    server.fault = lambda n, path: "end"
    feed = AsyncChangesFeed[Any](couch, "db")
    events: list[str] = []
    feed.on_event(lambda name, details: events.append(name))

    async def write() -> None:
        await AsyncEvent().wait(0.6)
        assert server.calls <= 25
        server.rows.extend(rest)

    async with meanwhile(write):
        assert await collect(feed, 1000) == ALL
    assert "retry" in events
    assert events.count("caught_up") == 1


async def test_a_database_made_again_is_read_from_its_beginning(
    server: ScriptedCouch, couch: AsyncCouch
) -> None:
    """It is known by when it was made, whenever that is looked at next."""
    server.rows = server.rows[:5]
    feed = AsyncChangesFeed[Any](couch, "db")
    events: list[tuple[str, Any]] = []
    passed: list[str] = []
    feed.on_event(lambda name, details: events.append((name, details)))
    seen: list[str] = []
    async for change in feed.follow("2-x", passed=passed.append):
        seen.append(change.id)
        if seen == ["doc3", "doc4", "doc5"]:
            server.instance = "1800000000"
            server.fault = lambda n, path: "end"
        if seen.count("doc5") == 2:
            feed.stop()
    assert seen == ["doc3", "doc4", "doc5", "doc1", "doc2", "doc3", "doc4", "doc5"]
    assert ("recreated", {"last_seq": "5-x"}) in events
    assert "0" in passed


async def test_a_database_made_again_can_be_final(server: ScriptedCouch, couch: AsyncCouch) -> None:
    """With `on_recreated="fail"`, and the error tells how far the former one was read."""
    server.rows = server.rows[:5]
    feed = AsyncChangesFeed[Any](couch, "db", on_recreated="fail")

    def make_again(name: str, details: Any) -> None:
        if name == "caught_up":
            server.instance = "1800000000"
            server.fault = lambda n, path: "end"

    feed.on_event(make_again)
    with pytest.raises(NotFound) as caught:
        await collect(feed)
    assert caught.value.data == {"last_seq": "5-x"}


async def test_rows_without_a_position(server: ScriptedCouch, couch: AsyncCouch) -> None:
    """A server may leave some out (`seq_interval`): the last real one stands in."""
    server.rows = [row(n, seq=f"{n}-x" if n % 3 == 0 else None) for n in range(1, 11)]
    seen: list[tuple[str, str]] = []
    feed = AsyncChangesFeed[Any](couch, "db")
    async for change in feed.follow():
        seen.append((change.id, change.seq))
        if len(seen) == 10:
            feed.stop()
    assert seen[:4] == [("doc1", "0"), ("doc2", "0"), ("doc3", "3-x"), ("doc4", "3-x")]


async def test_the_function_that_gives_the_url_is_asked_each_time(server: ScriptedCouch) -> None:
    """Also when it fails for a while, or names a place where nobody is."""
    answers: Iterator[Any] = iter([OSError("no DNS"), "http://127.0.0.1:9", server.url, server.url])

    def url() -> str:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert await collect(AsyncChangesFeed[Any](url, "db"), 1000) == ALL


async def test_inactivity_counts_while_the_server_is_down(
    server: ScriptedCouch, couch: AsyncCouch
) -> None:
    """It is about changes, not about the connection."""
    server.fault = lambda n, path: 503
    began = time.monotonic()
    with pytest.raises(TimedOut):
        await collect(AsyncChangesFeed[Any](couch, "db", inactivity=0.5))
    assert 0.5 <= time.monotonic() - began < 5


async def test_a_slow_consumer_is_read_in_small_batches(
    server: ScriptedCouch, couch: AsyncCouch
) -> None:
    """Held longer than a heartbeat, the feed lets its connection go and asks again, for less."""
    feed = AsyncChangesFeed[Any](couch, "db", heartbeat=0.05)
    seen: list[str] = []
    server.rows = [row(n, doc={"text": str(n), "fill": "x" * 20_000}) for n in range(1, 101)]
    async for change in feed.follow():
        seen.append(change.id)
        if len(seen) < 4 or len(seen) > 97:
            await AsyncEvent().wait(0.1)
        if len(seen) == 100:
            feed.stop()
    assert seen == ALL[:100]
    assert len(server.asked) >= 2
    assert min(int(query.get("limit", 100_000)) for query in server.asked) < 1000


@pytest.mark.parametrize("options", [{"heartbeat": 0}, {"inactivity": -1}, {"on_recreated": "no"}])
async def test_bad_options_are_refused(couch: AsyncCouch, options: Any) -> None:
    """With InvalidArgument, before anything is sent."""
    with pytest.raises(InvalidArgument):
        AsyncChangesFeed[Any](couch, "db", **options)


async def test_what_cannot_be_decoded_stops_nobody(
    server: ScriptedCouch, couch: AsyncCouch
) -> None:
    """A document that CouchDB takes and our JSON reader does not, nested 300 deep."""
    deep: Any = 1
    for _ in range(300):
        deep = [deep]
    server.rows = [row(1), row(2, doc={"text": "2", "deep": deep}), row(3)]
    changes: list[Change[Document]] = []
    feed = AsyncChangesFeed[Document](couch, "db")
    async for change in feed.follow():
        changes.append(change)
        if len(changes) == 3:
            feed.stop()
    with pytest.raises(DataError):
        assert changes[1].document
    assert changes[2].document
    assert [change.id for change in await feed.read()] == ["doc1", "doc2", "doc3"]
