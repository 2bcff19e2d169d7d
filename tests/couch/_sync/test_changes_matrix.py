# Generated from tests/couch/_async/test_changes_matrix.py by scripts/unasync.py; do not edit.
"""The changes feed against a server that fails as scripted: which errors are final, which pass.

The matrix of errors is that of IBM's ChangesFollower.
"""

from __future__ import annotations

import itertools
import sys
import threading
import time
from collections.abc import Callable, Iterator
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
from datapatterns.couch import ChangesFeed, Couch
from datapatterns.patterns._sync.concurrency import Event, ending
from datapatterns.testing._sync.concurrently import meanwhile
from datapatterns.testing.waiting import PATIENCE, eventually

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
def couch(server: ScriptedCouch) -> Iterator[Couch]:
    """A client of that server."""
    with Couch(server.url) as couch:
        yield couch


def stop_after(feed: ChangesFeed[Any], seconds: float, ready: Callable[[], object]) -> None:
    """Stop the feed from another task or thread, after so long and when it is ready."""
    Event().wait(seconds)
    eventually(ready)
    feed.stop()


def collect(feed: ChangesFeed[Any], count: int = 0, into: list[str] | None = None) -> list[str]:
    """Return the ids of the changes until the feed is stopped, or of the first `count` changes."""
    seen: list[str] = [] if into is None else into
    for change in feed.follow():
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
def test_what_cannot_pass_is_raised_at_once(
    server: ScriptedCouch, couch: Couch, status: int
) -> None:
    """`read` and `follow` raise a final error; only after a 401 `follow` asks once more."""
    server.fault = lambda n, path: status
    feed = ChangesFeed[Any](couch, "db", ensure=False)
    with pytest.raises(TERMINAL[status]):
        feed.read()
    server.calls = 0
    with pytest.raises(TERMINAL[status]):
        collect(feed)
    assert server.calls == (2 if status == 401 else 1)


@pytest.mark.parametrize("status", TERMINAL)
def test_what_cannot_pass_is_raised_after_changes_too(
    server: ScriptedCouch, couch: Couch, status: int
) -> None:
    """A final error between two batches is raised too; NotFound carries the position reached."""
    server.fault = lambda n, path: status if n >= 3 else None
    seen: list[str] = []
    with pytest.raises(TERMINAL[status]) as caught:
        collect(ChangesFeed[Any](couch, "db"), into=seen)
    assert len(seen) == 400
    if status == 404:
        assert caught.value.last_seq == caught.value.data["last_seq"] == "400-x"


@pytest.mark.parametrize("fault", PASSING)
def test_what_may_pass_is_never_raised(server: ScriptedCouch, couch: Couch, fault: Any) -> None:
    """A passing error makes the feed ask again, rarely, even if each reply begins well."""
    server.fault = lambda n, path: fault if path.endswith("_changes") else None
    feed = ChangesFeed[Any](couch, "db")
    attempts: list[int] = []
    feed.on_event(
        lambda name, details: attempts.append(details["attempt"]) if name == "retry" else None
    )
    with meanwhile(stop_after, feed, 0.6, lambda: attempts):
        assert collect(feed) == []
    assert attempts == list(range(1, len(attempts) + 1))  # the waiting time grows with them
    assert attempts
    assert server.calls <= 2 * 15  # each attempt reads the database's description first
    until_closed(server)


@pytest.mark.parametrize("fault", PASSING)
def test_what_passes_costs_no_change(server: ScriptedCouch, couch: Couch, fault: Any) -> None:
    """If every second request fails, each change still comes, once."""
    turns = itertools.cycle([None, fault])
    server.fault = lambda n, path: next(turns) if path.endswith("_changes") else None
    assert collect(ChangesFeed[Any](couch, "db"), 1000) == ALL
    assert server.calls >= 10


def test_a_finite_read_gives_every_change(server: ScriptedCouch, couch: Couch) -> None:
    """`read` asks for further batches until it has as many changes as its limit."""
    feed = ChangesFeed[Any](couch, "db")
    assert [change.id for change in feed.read(limit=1000)] == ALL
    rest = feed.read("990-x", limit=1000)
    assert [change.id for change in rest] == ALL[990:]


def test_stop_after_1000_changes_ends_it_at_once(server: ScriptedCouch, couch: Couch) -> None:
    """`stop` ends a waiting feed and leaves no connection, thread or task behind."""
    feed = ChangesFeed[Any](couch, "db")
    came = Event()
    seen: list[str] = []
    ended: list[float] = []

    def follow() -> None:
        for change in feed.follow():
            seen.append(change.id)
            if len(seen) == 1000:
                came.set()
        ended.append(time.monotonic())

    with meanwhile(follow):
        assert came.wait(PATIENCE)
        # Then it waits for the next heartbeat, which is 30 s away.
        eventually(lambda: server.asked[-1]["feed"] == "continuous")
        stopped = time.monotonic()
        feed.stop()
    assert seen == ALL
    assert ended[0] - stopped < SOON
    until_closed(server)


def test_leaving_the_loop_leaves_nothing_behind(server: ScriptedCouch, couch: Couch) -> None:
    """Breaking off the iteration, in a batch or in the continuous feed, closes the connection."""
    feed = ChangesFeed[Any](couch, "db")
    for since, count in ((None, 50), ("999-x", 1)):
        with ending(feed.follow(since)) as changes:
            for _ in range(count):
                assert (next(changes)).id
    until_closed(server)


def test_refused_credentials_are_tried_once_more(server: ScriptedCouch, couch: Couch) -> None:
    """A single 401 makes the feed try again, which renews a session that has run out."""
    server.fault = lambda n, path: 401 if n in {0, 4} else None
    assert collect(ChangesFeed[Any](couch, "db"), 1000) == ALL


def test_a_feed_that_ends_in_good_order_goes_on(server: ScriptedCouch, couch: Couch) -> None:
    """A feed that the server ends goes on; if it ends at once every time, it is asked rarely."""
    server.rows, rest = server.rows[:50], server.rows[50:]
    server.fault = lambda n, path: "end"
    feed = ChangesFeed[Any](couch, "db")
    events: list[str] = []
    feed.on_event(lambda name, details: events.append(name))

    def write() -> None:
        Event().wait(0.6)
        eventually(lambda: "retry" in events)
        assert server.calls <= 25
        server.rows.extend(rest)

    with meanwhile(write):
        assert collect(feed, 1000) == ALL
    assert "retry" in events
    assert events.count("caught_up") == 1


def test_a_database_made_again_is_read_from_its_beginning(
    server: ScriptedCouch, couch: Couch
) -> None:
    """A database created again is known by its time of creation, and is read from the start."""
    server.rows = server.rows[:5]
    feed = ChangesFeed[Any](couch, "db")
    events: list[tuple[str, Any]] = []
    passed: list[str] = []
    feed.on_event(lambda name, details: events.append((name, details)))
    seen: list[str] = []
    for change in feed.follow("2-x", passed=passed.append):
        seen.append(change.id)
        if seen == ["doc3", "doc4", "doc5"]:
            server.instance = "1800000000"
            server.fault = lambda n, path: "end"
        if seen.count("doc5") == 2:
            feed.stop()
    assert seen == ["doc3", "doc4", "doc5", "doc1", "doc2", "doc3", "doc4", "doc5"]
    assert ("recreated", {"last_seq": "5-x"}) in events
    assert "0" in passed


def test_a_database_made_again_can_be_final(server: ScriptedCouch, couch: Couch) -> None:
    """With `on_recreated="fail"` the feed raises NotFound with the position reached before."""
    server.rows = server.rows[:5]
    feed = ChangesFeed[Any](couch, "db", on_recreated="fail")

    def make_again(name: str, details: Any) -> None:
        if name == "caught_up":
            server.instance = "1800000000"
            server.fault = lambda n, path: "end"

    feed.on_event(make_again)
    with pytest.raises(NotFound) as caught:
        collect(feed)
    assert caught.value.data == {"last_seq": "5-x"}


def test_rows_without_a_position(server: ScriptedCouch, couch: Couch) -> None:
    """If the server leaves positions out (`seq_interval`), the last one given is used."""
    server.rows = [row(n, seq=f"{n}-x" if n % 3 == 0 else None) for n in range(1, 11)]
    seen: list[tuple[str, str]] = []
    feed = ChangesFeed[Any](couch, "db")
    for change in feed.follow():
        seen.append((change.id, change.seq))
        if len(seen) == 10:
            feed.stop()
    assert seen[:4] == [("doc1", "0"), ("doc2", "0"), ("doc3", "3-x"), ("doc4", "3-x")]


def test_the_function_that_gives_the_url_is_asked_each_time(server: ScriptedCouch) -> None:
    """The function is called for each connection, even if it fails or names a dead server."""
    answers: Iterator[Any] = iter([OSError("no DNS"), "http://127.0.0.1:9", server.url, server.url])

    def url() -> str:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert collect(ChangesFeed[Any](url, "db"), 1000) == ALL


def test_inactivity_counts_while_the_server_is_down(server: ScriptedCouch, couch: Couch) -> None:
    """`inactivity` counts the time without a change, whether or not the server answers."""
    server.fault = lambda n, path: 503
    began = time.monotonic()
    with pytest.raises(TimedOut):
        collect(ChangesFeed[Any](couch, "db", inactivity=0.5))
    assert 0.5 <= time.monotonic() - began < PATIENCE


def test_a_slow_consumer_is_read_in_small_batches(server: ScriptedCouch, couch: Couch) -> None:
    """After a consumer's long pause the feed closes its connection and asks for fewer changes."""
    feed = ChangesFeed[Any](couch, "db", heartbeat=0.05)
    seen: list[str] = []
    server.rows = [row(n, doc={"text": str(n), "fill": "x" * 20_000}) for n in range(1, 101)]
    for change in feed.follow():
        seen.append(change.id)
        if len(seen) < 4 or len(seen) > 97:
            Event().wait(0.1)
        if len(seen) == 100:
            feed.stop()
    assert seen == ALL[:100]
    assert len(server.asked) >= 2
    assert min(int(query.get("limit", 100_000)) for query in server.asked) < 1000


@pytest.mark.parametrize("options", [{"heartbeat": 0}, {"inactivity": -1}, {"on_recreated": "no"}])
def test_bad_options_are_refused(couch: Couch, options: Any) -> None:
    """Bad options raise InvalidArgument before a request is sent."""
    with pytest.raises(InvalidArgument):
        ChangesFeed[Any](couch, "db", **options)


def test_what_cannot_be_decoded_stops_nobody(server: ScriptedCouch, couch: Couch) -> None:
    """A document that our JSON parser refuses, nested 300 deep, does not stop the feed."""
    deep: Any = 1
    for _ in range(300):
        deep = [deep]
    server.rows = [row(1), row(2, doc={"text": "2", "deep": deep}), row(3)]
    changes: list[Change[Document]] = []
    feed = ChangesFeed[Document](couch, "db")
    for change in feed.follow():
        changes.append(change)
        if len(changes) == 3:
            feed.stop()
    with pytest.raises(DataError):
        assert changes[1].document
    assert changes[2].document
    assert [change.id for change in feed.read()] == ["doc1", "doc2", "doc3"]
