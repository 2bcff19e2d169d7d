"""The changes feed against a server that fails as scripted: which errors are final, which pass.

The matrix of errors is that of IBM's ChangesFollower.
"""

from __future__ import annotations

import itertools
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
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
from datapatterns.couch import AsyncChangesFeed, AsyncCouch
from datapatterns.patterns._async.concurrency import AsyncEvent, ending
from datapatterns.testing._async.concurrently import meanwhile
from datapatterns.testing.waiting import PATIENCE, async_eventually, eventually

sys.path.append(str(Path(__file__).parents[2]))  # last, so that no folder shadows a driver

from couch.scripted import ScriptedCouch, row

TERMINAL = {400: InvalidArgument, 401: Unauthorized, 403: Forbidden, 404: NotFound}
PASSING = [429, 500, 502, 504, "broken", "cut"]
SOON = 10.0  # seconds: much more than stopping takes, much less than a heartbeat of 30 s


@pytest.fixture
def server() -> Iterator[ScriptedCouch]:
    """A server with 1,000 changes, which sends 200 in a batch."""
    with ScriptedCouch(1000, batch=200) as server:
        yield server


@pytest.fixture
async def couch(server: ScriptedCouch) -> AsyncIterator[AsyncCouch]:
    """A client of that server."""
    async with AsyncCouch(server.url) as couch:
        yield couch


async def stop_after(
    feed: AsyncChangesFeed[Any], seconds: float, ready: Callable[[], object]
) -> None:
    """Stop the feed from another task or thread, after so long and when it is ready."""
    await AsyncEvent().wait(seconds)
    await async_eventually(ready)
    feed.stop()


async def collect(
    feed: AsyncChangesFeed[Any], count: int = 0, into: list[str] | None = None
) -> list[str]:
    """Return the ids of the changes until the feed is stopped, or of the first `count` changes."""
    seen: list[str] = [] if into is None else into
    async for change in feed.follow():
        seen.append(change.id)
        if len(seen) == count:
            feed.stop()
    return seen


def until_closed(server: ScriptedCouch) -> None:
    """Wait until the server has seen every connection end, and no thread of ours is left."""

    def closed() -> bool:
        ours = (thread.name.startswith("datapatterns") for thread in threading.enumerate())
        return not server.open and not any(ours)

    eventually(closed, "the end of every connection and thread")


ALL = [f"doc{n}" for n in range(1, 1001)]


@pytest.mark.parametrize("status", TERMINAL)
async def test_what_cannot_pass_is_raised_at_once(
    server: ScriptedCouch, couch: AsyncCouch, status: int
) -> None:
    """`read` and `follow` raise a final error; only after a 401 `follow` asks once more."""
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
    """A final error between two batches is raised too; NotFound carries the position reached."""
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
    """A passing error makes the feed ask again, rarely, even if each reply begins well."""
    server.fault = lambda n, path: fault if path.endswith("_changes") else None
    feed = AsyncChangesFeed[Any](couch, "db")
    attempts: list[int] = []
    feed.on_event(
        lambda name, details: attempts.append(details["attempt"]) if name == "retry" else None
    )
    async with meanwhile(stop_after, feed, 0.6, lambda: attempts):
        assert await collect(feed) == []
    assert attempts == list(range(1, len(attempts) + 1))  # the waiting time grows with them
    assert attempts
    assert server.calls <= 2 * 15  # each attempt reads the database's description first
    until_closed(server)


@pytest.mark.parametrize("fault", PASSING)
async def test_what_passes_costs_no_change(
    server: ScriptedCouch, couch: AsyncCouch, fault: Any
) -> None:
    """If every second request fails, each change still comes, once."""
    turns = itertools.cycle([None, fault])
    server.fault = lambda n, path: next(turns) if path.endswith("_changes") else None
    assert await collect(AsyncChangesFeed[Any](couch, "db"), 1000) == ALL
    assert server.calls >= 10


async def test_a_finite_read_gives_every_change(server: ScriptedCouch, couch: AsyncCouch) -> None:
    """`read` asks for further batches until it has as many changes as its limit."""
    feed = AsyncChangesFeed[Any](couch, "db")
    assert [change.id for change in await feed.read(limit=1000)] == ALL
    rest = await feed.read("990-x", limit=1000)
    assert [change.id for change in rest] == ALL[990:]


async def test_stop_after_1000_changes_ends_it_at_once(
    server: ScriptedCouch, couch: AsyncCouch
) -> None:
    """`stop` ends a waiting feed and leaves no connection, thread or task behind."""
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
        assert await came.wait(PATIENCE)
        # Then it waits for the next heartbeat, which is 30 s away.
        await async_eventually(lambda: server.asked[-1]["feed"] == "continuous")
        stopped = time.monotonic()
        feed.stop()
    assert seen == ALL
    assert ended[0] - stopped < SOON
    until_closed(server)


async def test_leaving_the_loop_leaves_nothing_behind(
    server: ScriptedCouch, couch: AsyncCouch
) -> None:
    """Breaking off the iteration, in a batch or in the continuous feed, closes the connection."""
    feed = AsyncChangesFeed[Any](couch, "db")
    for since, count in ((None, 50), ("999-x", 1)):
        async with ending(feed.follow(since)) as changes:
            for _ in range(count):
                assert (await anext(changes)).id
    until_closed(server)


async def test_refused_credentials_are_tried_once_more(
    server: ScriptedCouch, couch: AsyncCouch
) -> None:
    """A single 401 makes the feed try again, which renews a session that has run out."""
    server.fault = lambda n, path: 401 if n in {0, 4} else None
    assert await collect(AsyncChangesFeed[Any](couch, "db"), 1000) == ALL


async def test_a_feed_that_ends_in_good_order_goes_on(
    server: ScriptedCouch, couch: AsyncCouch
) -> None:
    """A feed that the server ends goes on; if it ends at once every time, it is asked rarely."""
    server.rows, rest = server.rows[:50], server.rows[50:]
    server.fault = lambda n, path: "end"
    feed = AsyncChangesFeed[Any](couch, "db")
    events: list[str] = []
    feed.on_event(lambda name, details: events.append(name))

    async def write() -> None:
        await AsyncEvent().wait(0.6)
        await async_eventually(lambda: "retry" in events)
        assert server.calls <= 25
        server.rows.extend(rest)

    async with meanwhile(write):
        assert await collect(feed, 1000) == ALL
    assert "retry" in events
    assert events.count("caught_up") == 1


async def test_a_database_made_again_is_read_from_its_beginning(
    server: ScriptedCouch, couch: AsyncCouch
) -> None:
    """A database created again is known by its time of creation, and is read from the start."""
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
    """With `on_recreated="fail"` the feed raises NotFound with the position reached before."""
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
    """If the server leaves positions out (`seq_interval`), the last one given is used."""
    server.rows = [row(n, seq=f"{n}-x" if n % 3 == 0 else None) for n in range(1, 11)]
    seen: list[tuple[str, str]] = []
    feed = AsyncChangesFeed[Any](couch, "db")
    async for change in feed.follow():
        seen.append((change.id, change.seq))
        if len(seen) == 10:
            feed.stop()
    assert seen[:4] == [("doc1", "0"), ("doc2", "0"), ("doc3", "3-x"), ("doc4", "3-x")]


async def test_the_function_that_gives_the_url_is_asked_each_time(server: ScriptedCouch) -> None:
    """The function is called for each connection, even if it fails or names a dead server."""
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
    """`inactivity` counts the time without a change, whether or not the server answers."""
    server.fault = lambda n, path: 503
    began = time.monotonic()
    with pytest.raises(TimedOut):
        await collect(AsyncChangesFeed[Any](couch, "db", inactivity=0.5))
    assert 0.5 <= time.monotonic() - began < PATIENCE


async def test_a_slow_consumer_is_read_in_small_batches(
    server: ScriptedCouch, couch: AsyncCouch
) -> None:
    """After a consumer's long pause the feed closes its connection and asks for fewer changes."""
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
    """Bad options raise InvalidArgument before a request is sent."""
    with pytest.raises(InvalidArgument):
        AsyncChangesFeed[Any](couch, "db", **options)


async def test_what_cannot_be_decoded_stops_nobody(
    server: ScriptedCouch, couch: AsyncCouch
) -> None:
    """A document that our JSON parser refuses, nested 300 deep, does not stop the feed."""
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
