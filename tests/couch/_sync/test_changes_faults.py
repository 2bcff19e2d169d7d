# Generated from tests/couch/_async/test_changes_faults.py by scripts/unasync.py; do not edit.
"""The changes feed on a real CouchDB whose connections, databases and processes break."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from datapatterns import (
    Change,
    ChangesWorker,
    Conflict,
    DeadChange,
    DecodeFailed,
    Document,
    InvalidArgument,
    NotFound,
)
from datapatterns.couch import ChangesFeed, Couch, Database
from datapatterns.patterns._sync.concurrency import Event, ending
from datapatterns.testing._sync.concurrently import meanwhile
from datapatterns.testing.faults.proxy import FaultProxy
from datapatterns.testing.waiting import eventually

pytestmark = pytest.mark.couchdb3

SOON = 10.0  # seconds: much more than stopping takes, much less than a heartbeat of 30 s
HEARTBEAT = b"1\r\n\n\r\n"
MakeProxy = Callable[[str, int], FaultProxy]


class Note(Document):
    """A small document."""

    text: str = ""


def behind(make: MakeProxy, url: str) -> tuple[FaultProxy, str]:
    """Return a proxy in front of the server at the URL, and the URL that leads through it."""
    parts = urlsplit(url)
    proxy = make(str(parts.hostname), parts.port or 80)
    return proxy, f"http://{parts.username}:{parts.password}@127.0.0.1:{proxy.port}"


class Follower:
    """Follows a feed in another task or thread."""

    def __init__(self, feed: ChangesFeed[Any], since: str | None = None) -> None:
        self.feed, self.since = feed, since
        self.seen: list[str] = []
        self.events: list[str] = []
        self.error: BaseException | None = None
        self.over = False
        feed.on_event(lambda name, details: self.events.append(name))

    def run(self) -> None:
        """Record the changes until the feed is stopped or fails."""
        try:
            with ending(self.feed.follow(self.since)) as changes:
                for change in changes:
                    self.seen.append(change.id)
        except Exception as error:
            self.error = error
        self.over = True

    def until(self, ready: Callable[[], object]) -> None:
        """Wait until `ready()` is true; stop the feed and fail after PATIENCE seconds."""
        try:
            eventually(lambda: ready() or (self.over and not self.error))
            assert ready()
        except AssertionError as error:
            self.feed.stop()
            raise AssertionError(f"{self.events} {len(self.seen)} {self.error!r}") from error

    def stop(self) -> float:
        """Stop the feed and return how long it took to end."""
        began = time.monotonic()
        self.feed.stop()
        eventually(lambda: self.over)
        return time.monotonic() - began


def put(database: Database, *ids: str, text: str = "") -> None:
    """Store new documents."""
    for id in ids:
        database.put(id, {"text": text})


def test_a_reset_in_the_middle_of_a_line(
    fault_proxy: MakeProxy, couch_server: Any, database: Database
) -> None:
    """A row that was cut off comes again, in a batch and in the continuous feed."""
    proxy, url = behind(fault_proxy, couch_server.url)
    put(database, "a", "b", "c", text="x" * 500)
    proxy.cut_reply(b"feed=normal", after=1200)
    proxy.cut_reply(b"feed=continuous", after=900, how="close")
    with Couch(url) as couch:
        follower = Follower(ChangesFeed[Any](couch, database.name))
        with meanwhile(follower.run):
            follower.until(lambda: "caught_up" in follower.events)
            put(database, "d", "e", "f", text="x" * 500)
            follower.until(lambda: len(follower.seen) >= 6)
            follower.stop()
    assert follower.seen == list("abcdef")
    assert follower.events.count("retry") == proxy.lost == 2


def test_the_first_reply_under_now_is_dropped(
    fault_proxy: MakeProxy, couch_server: Any, database: Database
) -> None:
    """`now` is resolved before the first reply, so a change during its loss is not missed."""
    proxy, url = behind(fault_proxy, couch_server.url)
    put(database, "before")
    proxy.lose_reply(b"/_changes")
    with Couch(url) as couch:
        follower = Follower(ChangesFeed[Any](couch, database.name), "now")
        with meanwhile(follower.run):
            follower.until(lambda: "confirm" in follower.events)
            put(database, "after")
            follower.until(lambda: follower.seen)
            follower.stop()
    assert follower.seen == ["after"]
    assert proxy.lost == 1


@pytest.mark.parametrize("fault", ["half open", "swallowed heartbeats"])
def test_a_connection_that_dies_in_silence(
    fault_proxy: MakeProxy, couch_server: Any, database: Database, fault: str
) -> None:
    """A connection without heartbeats is replaced by a new one, and no change is missed."""
    proxy, url = behind(fault_proxy, couch_server.url)
    first = ["a"] if fault == "half open" else []  # else it would arrive and end the silence
    with Couch(url) as couch:
        feed = ChangesFeed[Any](couch, database.name, heartbeat=0.2)
        follower = Follower(feed)
        with meanwhile(follower.run):
            follower.until(lambda: follower.events.count("heartbeat") >= 2)
            if fault == "half open":
                break_off = proxy.half_open
            else:
                proxy.swallow, break_off = HEARTBEAT, lambda: None
            break_off()
            put(database, *first)
            # A feed that was held up for a heartbeat connects again without having missed one.
            follower.until(lambda: break_off() or "retry" in follower.events)
            proxy.swallow = b""
            put(database, "b")
            follower.until(lambda: "b" in follower.seen)
            follower.stop()
    assert follower.seen == [*first, "b"]


def test_bytes_that_drip(fault_proxy: MakeProxy, couch_server: Any, database: Database) -> None:
    """Single bytes, parts of characters too, are put together; U+2028 does not end a line."""
    proxy, url = behind(fault_proxy, couch_server.url)
    text = "\u2028 \u2029 \x85 \x0b \x1e \r\n \N{GRINNING FACE} é 中"
    proxy.drip = (1, 0.0)
    put(database, "é\u2028\N{GRINNING FACE}", text=text)
    with Couch(url) as couch:
        feed = ChangesFeed[Note](couch, database.name, Note, heartbeat=0.5)
        found: list[Change[Note]] = []
        for change in feed.follow():
            found.append(change)
            if len(found) == 1:
                put(database, "next", text=text)
            else:
                feed.stop()
    assert [change.id for change in found] == ["é\u2028\N{GRINNING FACE}", "next"]
    assert [change.document.text for change in found if change.document] == [text, text]


def test_nobody_listens_for_a_while(
    fault_proxy: MakeProxy, couch_server: Any, database: Database
) -> None:
    """Refused connections are tried again until the server listens, and no change is missed."""
    proxy, url = behind(fault_proxy, couch_server.url)
    with Couch(url) as couch:
        follower = Follower(ChangesFeed[Any](couch, database.name))
        with meanwhile(follower.run):
            follower.until(lambda: "caught_up" in follower.events)
            proxy.refuse()
            put(database, "a")
            follower.until(lambda: follower.events.count("retry") >= 3)
            proxy.listen()
            follower.until(lambda: follower.seen)
            follower.stop()
    assert follower.seen == ["a"]


@pytest.mark.parametrize("state", ["connecting", "black hole", "waiting", "paused"])
def test_stop_interrupts_every_wait(
    fault_proxy: MakeProxy, couch_server: Any, database: Database, state: str
) -> None:
    """`stop` ends the feed whatever it waits for, and leaves no connection."""
    proxy, url = behind(fault_proxy, couch_server.url)
    if state == "connecting":
        proxy.refuse()
    proxy.black_hole(state == "black hole")
    with Couch(url) as couch:
        feed = ChangesFeed[Any](couch, database.name)
        follower = Follower(feed)
        with meanwhile(follower.run):
            if state == "connecting":
                follower.until(lambda: follower.events.count("retry") >= 4)
            elif state == "black hole":
                follower.until(lambda: proxy.open)
            else:
                follower.until(lambda: "caught_up" in follower.events)
                if state == "paused":
                    feed.pause()
                    put(database, "a")
                Event().wait(0.1)
            assert follower.stop() < SOON
        assert not follower.seen
        follower_gone(proxy)


def follower_gone(proxy: FaultProxy) -> None:
    """Wait until no connection is open, and no thread of ours is left."""

    def gone() -> bool:
        ours = (thread.name.startswith("datapatterns") for thread in threading.enumerate())
        return not proxy.open and not any(ours)

    eventually(gone)


def test_a_long_pause_lets_the_connection_go(
    fault_proxy: MakeProxy, couch_server: Any, database: Database
) -> None:
    """A pause longer than a heartbeat closes the connection, and no change is missed."""
    proxy, url = behind(fault_proxy, couch_server.url)
    with Couch(url) as couch:
        feed = ChangesFeed[Any](couch, database.name, heartbeat=0.3)
        follower = Follower(feed)
        with meanwhile(follower.run):
            follower.until(lambda: "caught_up" in follower.events)
            feed.pause()
            put(database, "a")
            follower.until(lambda: not proxy.open)
            put(database, "b", "c")
            assert not follower.seen
            feed.resume()
            follower.until(lambda: len(follower.seen) == 3)
            follower.stop()
    assert follower.seen == ["a", "b", "c"]


def test_a_deleted_database(couch: Couch, database: Database) -> None:
    """A deleted database is NotFound with the position reached, and is not created again."""
    put(database, "a", "b")
    position = str((database.info())["update_seq"])
    feed = ChangesFeed[Any](couch, database.name)
    follower = Follower(feed)
    with meanwhile(follower.run):
        follower.until(lambda: "caught_up" in follower.events)
        database.destroy()
        follower.until(lambda: follower.error)
    assert isinstance(follower.error, NotFound)
    assert follower.error.data == {"last_seq": position}
    with pytest.raises(NotFound):
        feed.read()


@pytest.mark.parametrize("policy", ["restart", "fail"])
def test_a_database_deleted_and_made_again(couch: Couch, database: Database, policy: Any) -> None:
    """A database that was created again is read from its beginning, or raises NotFound."""
    put(database, "a", "b")
    feed = ChangesFeed[Any](couch, database.name, on_recreated=policy)
    follower = Follower(feed)
    with meanwhile(follower.run):
        follower.until(lambda: "caught_up" in follower.events)
        feed.pause()  # so that it does not see the database absent
        until_another_second(database)
        database.destroy()
        database.create()
        put(database, "b", "c")
        feed.resume()
        if policy == "restart":
            follower.until(lambda: len(follower.seen) == 4)
            follower.stop()
        else:
            follower.until(lambda: follower.error)
    if policy == "restart":
        assert follower.seen == ["a", "b", "b", "c"]
        assert follower.error is None
    else:
        assert isinstance(follower.error, NotFound)


def until_another_second(database: Database) -> None:
    """Wait for the next second, since CouchDB gives times of creation in seconds."""
    made = int((database.info())["instance_start_time"])
    while int(time.time()) <= made:
        Event().wait(0.05)


def test_a_selector_is_applied_by_the_server(couch: Couch, database: Database) -> None:
    """Changes that the selector rejects move the position, in a batch and in the live feed."""
    for n in range(10):
        database.put(f"n{n}", {"n": n})
    feed = ChangesFeed[Any](couch, database.name, filter={"n": {"$gte": 7}}, heartbeat=0.1)
    assert [change.id for change in feed.read()] == ["n7", "n8", "n9"]
    passed: list[str] = []
    seen: list[str] = []
    with ending(feed.follow(passed=passed.append)) as changes:
        for change in changes:
            seen.append(change.id)
            if change.id == "n9":
                database.put("m1", {"n": 1})
                feed.on_event(
                    lambda name, details: feed.stop() if name == "heartbeat" and passed else None
                )
    assert seen == ["n7", "n8", "n9"]
    assert passed == [str((database.info())["update_seq"])]
    with pytest.raises(InvalidArgument):
        ChangesFeed[Any](couch, database.name, filter={"n": {"$no": 1}}).read()


def test_design_documents_are_passed_over(couch: Couch, database: Database) -> None:
    """Design documents are not handed out, but they move the position."""
    put(database, "a")
    database.put("_design/x", {"views": {}})
    feed = ChangesFeed[Any](couch, database.name)
    passed: list[str] = []
    feed.on_event(lambda name, details: feed.stop() if name == "caught_up" else None)
    assert [c.id for c in feed.follow(passed=passed.append)] == ["a"]
    assert passed == [feed.now()]
    assert [c.id for c in feed.read()] == ["a"]


def test_a_missing_database(couch: Couch, namespace: str) -> None:
    """A missing database is created at first use, or with `ensure=False` is NotFound."""
    strict = ChangesFeed[Any](couch, namespace, ensure=False)
    for call in (strict.read, strict.now, strict.lag):
        with pytest.raises(NotFound):
            call()
    assert strict.checkpoints.load("w") is None
    assert strict.graveyard.list("w", 10) == []
    assert ChangesFeed[Any](couch, namespace).read() == []
    assert strict.read() == []
    couch.database(namespace).destroy()


def test_checkpoints_belong_to_their_database_and_selector(
    couch: Couch, database: Database
) -> None:
    """A checkpoint of another selector, or of an earlier database, does not count."""
    put(database, "a")
    feed = ChangesFeed[Any](couch, database.name)
    position = feed.now()
    feed.checkpoints.save("w", position)
    assert feed.checkpoints.load("w") == position
    other = ChangesFeed[Any](couch, database.name, filter={"text": "a"})
    assert other.checkpoints.load("w") is None
    id = "_local/datapatterns.checkpoint.w"
    stored = database.get(id)
    database.put(id, {**stored, "instance": "1234567890"})  # as a restored copy may have it
    assert feed.checkpoints.load("w") is None
    strict = ChangesFeed[Any](couch, database.name, on_recreated="fail")
    with pytest.raises(NotFound):
        strict.checkpoints.load("w")
    assert feed.lag() == 1  # none of this is a change


def test_of_two_workers_of_one_name_the_later_goes_on(couch: Couch, database: Database) -> None:
    """The earlier worker's next save is a Conflict; loading alone does not take over."""
    put(database, "a")
    one, two = (ChangesFeed[Any](couch, database.name).checkpoints for _ in range(2))
    one.save("w", "1-first")
    two.load("w")
    one.save("w", "2-first")
    two.save("w", "1-second")
    with pytest.raises(Conflict) as caught:
        one.save("w", "3-first")
    assert caught.value.reason == "lease_lost"
    assert two.load("w") == "1-second"
    two.save("w", "2-second")
    assert one.load("w") == "2-second"  # a run that begins anew
    one.save("w", "4-first")


@pytest.mark.parametrize("name", ["w", "w#1/2", "../x", "a b+c%2B", "é\u2028!", "_x", "x" * 2000])
def test_dead_letters_are_listed_oldest_first(couch: Couch, database: Database, name: str) -> None:
    """Each position is listed once, for any worker's name, and appears in no feed."""
    feed = ChangesFeed[Any](couch, database.name)
    letters = [DeadChange(f"id{n}", f"{n}-{'x' * n}", 5, "no") for n in (5, 3, 9, 1)]
    for letter in letters:
        feed.graveyard.add(name, letter)
    again = DeadChange("id3", letters[1].seq, 6, "no again")
    feed.graveyard.add(name, again)
    feed.graveyard.add("another", DeadChange("x", "1-x", 1, ""))
    letters[1] = again
    assert feed.graveyard.list(name, 10) == letters
    assert feed.graveyard.list(name, 2) == letters[:2]
    feed.checkpoints.save(name, "7-x")
    assert feed.checkpoints.load(name) == "7-x"
    assert feed.lag() == 0


def test_documents_that_do_not_fit_are_told_by_looking(couch: Couch, database: Database) -> None:
    """A document is validated when it is read, each time with the same result."""
    database.put("a", {"text": ["no", "text"], "_attachments": {"f": {"data": "aGk="}}})
    (change,) = ChangesFeed[Note](couch, database.name, Note).read()
    for _ in range(2):
        with pytest.raises(DecodeFailed):
            assert change.document
    (plain,) = ChangesFeed[Any](couch, database.name).read()
    assert plain.document is plain.document
    assert plain.document == {"text": ["no", "text"], "id": "a", "rev": plain.rev}


def test_the_server_moves_to_another_port(start_couch: Callable[[], Any], namespace: str) -> None:
    """A killed server that starts again, on the same or another port, is found again."""
    server = start_couch()
    feed = ChangesFeed[Any](lambda: server.url, namespace, heartbeat=2.0)
    follower = Follower(feed)
    handled: list[str] = []
    worked = ChangesFeed[Any](lambda: server.url, namespace, heartbeat=2.0)
    worker = ChangesWorker(worked, lambda change: handled.append(change.id), name="w")
    with meanwhile(worker.run), meanwhile(follower.run):
        follower.until(lambda: "caught_up" in follower.events)
        for number, restart in enumerate([server.start, server.move, server.start]):
            with Couch(server.url) as couch:
                put(couch.database(namespace), f"{number}a", f"{number}b")
            server.kill()
            restart()
        follower.until(lambda: len(follower.seen) >= 6 and len(set(handled)) == 6)
        follower.stop()
        worker.stop()
    assert follower.seen == ["0a", "0b", "1a", "1b", "2a", "2b"]
    with Couch(server.url) as couch:
        feed = ChangesFeed[Any](couch, namespace)
        assert feed.checkpoints.load("w") == feed.now()
