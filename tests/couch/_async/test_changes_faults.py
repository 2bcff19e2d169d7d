"""The changes feed on a real CouchDB whose connections, databases and processes break."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from datapatterns import (
    AsyncChangesWorker,
    Change,
    Conflict,
    DeadChange,
    DecodeFailed,
    Document,
    InvalidArgument,
    NotFound,
)
from datapatterns.couch import AsyncChangesFeed, AsyncCouch, AsyncDatabase
from datapatterns.patterns._async.concurrency import AsyncEvent, ending
from datapatterns.testing._async.concurrently import meanwhile
from datapatterns.testing.faults.proxy import FaultProxy
from datapatterns.testing.waiting import async_eventually

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


class AsyncFollower:
    """Follows a feed in another task or thread."""

    def __init__(self, feed: AsyncChangesFeed[Any], since: str | None = None) -> None:
        self.feed, self.since = feed, since
        self.seen: list[str] = []
        self.events: list[str] = []
        self.error: BaseException | None = None
        self.over = False
        feed.on_event(lambda name, details: self.events.append(name))

    async def run(self) -> None:
        """Record the changes until the feed is stopped or fails."""
        try:
            async with ending(self.feed.follow(self.since)) as changes:
                async for change in changes:
                    self.seen.append(change.id)
        except Exception as error:
            self.error = error
        self.over = True

    async def until(self, ready: Callable[[], object]) -> None:
        """Wait until `ready()` is true; stop the feed and fail after PATIENCE seconds."""
        try:
            await async_eventually(lambda: ready() or (self.over and not self.error))
            assert ready()
        except AssertionError as error:
            self.feed.stop()
            raise AssertionError(f"{self.events} {len(self.seen)} {self.error!r}") from error

    async def stop(self) -> float:
        """Stop the feed and return how long it took to end."""
        began = time.monotonic()
        self.feed.stop()
        await async_eventually(lambda: self.over)
        return time.monotonic() - began


async def put(database: AsyncDatabase, *ids: str, text: str = "") -> None:
    """Store new documents."""
    for id in ids:
        await database.put(id, {"text": text})


async def test_a_reset_in_the_middle_of_a_line(
    fault_proxy: MakeProxy, couch_server: Any, database: AsyncDatabase
) -> None:
    """A row that was cut off comes again, in a batch and in the continuous feed."""
    proxy, url = behind(fault_proxy, couch_server.url)
    await put(database, "a", "b", "c", text="x" * 500)
    proxy.cut_reply(b"feed=normal", after=1200)
    proxy.cut_reply(b"feed=continuous", after=900, how="close")
    async with AsyncCouch(url) as couch:
        follower = AsyncFollower(AsyncChangesFeed[Any](couch, database.name))
        async with meanwhile(follower.run):
            await follower.until(lambda: "caught_up" in follower.events)
            await put(database, "d", "e", "f", text="x" * 500)
            await follower.until(lambda: len(follower.seen) >= 6)
            await follower.stop()
    assert follower.seen == list("abcdef")
    assert follower.events.count("retry") == proxy.lost == 2


async def test_the_first_reply_under_now_is_dropped(
    fault_proxy: MakeProxy, couch_server: Any, database: AsyncDatabase
) -> None:
    """`now` is resolved before the first reply, so a change during its loss is not missed."""
    proxy, url = behind(fault_proxy, couch_server.url)
    await put(database, "before")
    proxy.lose_reply(b"/_changes")
    async with AsyncCouch(url) as couch:
        follower = AsyncFollower(AsyncChangesFeed[Any](couch, database.name), "now")
        async with meanwhile(follower.run):
            await follower.until(lambda: "confirm" in follower.events)
            await put(database, "after")
            await follower.until(lambda: follower.seen)
            await follower.stop()
    assert follower.seen == ["after"]
    assert proxy.lost == 1


@pytest.mark.parametrize("fault", ["half open", "swallowed heartbeats"])
async def test_a_connection_that_dies_in_silence(
    fault_proxy: MakeProxy, couch_server: Any, database: AsyncDatabase, fault: str
) -> None:
    """A connection without heartbeats is replaced by a new one, and no change is missed."""
    proxy, url = behind(fault_proxy, couch_server.url)
    first = ["a"] if fault == "half open" else []  # else it would arrive and end the silence
    async with AsyncCouch(url) as couch:
        feed = AsyncChangesFeed[Any](couch, database.name, heartbeat=0.2)
        follower = AsyncFollower(feed)
        async with meanwhile(follower.run):
            await follower.until(lambda: follower.events.count("heartbeat") >= 2)
            if fault == "half open":
                break_off = proxy.half_open
            else:
                proxy.swallow, break_off = HEARTBEAT, lambda: None
            break_off()
            await put(database, *first)
            # A feed that was held up for a heartbeat connects again without having missed one.
            await follower.until(lambda: break_off() or "retry" in follower.events)
            proxy.swallow = b""
            await put(database, "b")
            await follower.until(lambda: "b" in follower.seen)
            await follower.stop()
    assert follower.seen == [*first, "b"]


async def test_bytes_that_drip(
    fault_proxy: MakeProxy, couch_server: Any, database: AsyncDatabase
) -> None:
    """Single bytes, parts of characters too, are put together; U+2028 does not end a line."""
    proxy, url = behind(fault_proxy, couch_server.url)
    text = "\u2028 \u2029 \x85 \x0b \x1e \r\n \N{GRINNING FACE} é 中"
    proxy.drip = (1, 0.0)
    await put(database, "é\u2028\N{GRINNING FACE}", text=text)
    async with AsyncCouch(url) as couch:
        feed = AsyncChangesFeed[Note](couch, database.name, Note, heartbeat=0.5)
        found: list[Change[Note]] = []
        async for change in feed.follow():
            found.append(change)
            if len(found) == 1:
                await put(database, "next", text=text)
            else:
                feed.stop()
    assert [change.id for change in found] == ["é\u2028\N{GRINNING FACE}", "next"]
    assert [change.document.text for change in found if change.document] == [text, text]


async def test_nobody_listens_for_a_while(
    fault_proxy: MakeProxy, couch_server: Any, database: AsyncDatabase
) -> None:
    """Refused connections are tried again until the server listens, and no change is missed."""
    proxy, url = behind(fault_proxy, couch_server.url)
    async with AsyncCouch(url) as couch:
        follower = AsyncFollower(AsyncChangesFeed[Any](couch, database.name))
        async with meanwhile(follower.run):
            await follower.until(lambda: "caught_up" in follower.events)
            proxy.refuse()
            await put(database, "a")
            await follower.until(lambda: follower.events.count("retry") >= 3)
            proxy.listen()
            await follower.until(lambda: follower.seen)
            await follower.stop()
    assert follower.seen == ["a"]


@pytest.mark.parametrize("state", ["connecting", "black hole", "waiting", "paused"])
async def test_stop_interrupts_every_wait(
    fault_proxy: MakeProxy, couch_server: Any, database: AsyncDatabase, state: str
) -> None:
    """`stop` ends the feed whatever it waits for, and leaves no connection."""
    proxy, url = behind(fault_proxy, couch_server.url)
    if state == "connecting":
        proxy.refuse()
    proxy.black_hole(state == "black hole")
    async with AsyncCouch(url) as couch:
        feed = AsyncChangesFeed[Any](couch, database.name)
        follower = AsyncFollower(feed)
        async with meanwhile(follower.run):
            if state == "connecting":
                await follower.until(lambda: follower.events.count("retry") >= 4)
            elif state == "black hole":
                await follower.until(lambda: proxy.open)
            else:
                await follower.until(lambda: "caught_up" in follower.events)
                if state == "paused":
                    feed.pause()
                    await put(database, "a")
                await AsyncEvent().wait(0.1)
            assert await follower.stop() < SOON
        assert not follower.seen
        await follower_gone(proxy)


async def follower_gone(proxy: FaultProxy) -> None:
    """Wait until no connection is open, and no thread of ours is left."""

    def gone() -> bool:
        ours = (thread.name.startswith("datapatterns") for thread in threading.enumerate())
        return not proxy.open and not any(ours)

    await async_eventually(gone)


async def test_a_long_pause_lets_the_connection_go(
    fault_proxy: MakeProxy, couch_server: Any, database: AsyncDatabase
) -> None:
    """A pause longer than a heartbeat closes the connection, and no change is missed."""
    proxy, url = behind(fault_proxy, couch_server.url)
    async with AsyncCouch(url) as couch:
        feed = AsyncChangesFeed[Any](couch, database.name, heartbeat=0.3)
        follower = AsyncFollower(feed)
        async with meanwhile(follower.run):
            await follower.until(lambda: "caught_up" in follower.events)
            feed.pause()
            await put(database, "a")
            await follower.until(lambda: not proxy.open)
            await put(database, "b", "c")
            assert not follower.seen
            feed.resume()
            await follower.until(lambda: len(follower.seen) == 3)
            await follower.stop()
    assert follower.seen == ["a", "b", "c"]


async def test_a_deleted_database(couch: AsyncCouch, database: AsyncDatabase) -> None:
    """A deleted database is NotFound with the position reached, and is not created again."""
    await put(database, "a", "b")
    position = str((await database.info())["update_seq"])
    feed = AsyncChangesFeed[Any](couch, database.name)
    follower = AsyncFollower(feed)
    async with meanwhile(follower.run):
        await follower.until(lambda: "caught_up" in follower.events)
        await database.destroy()
        await follower.until(lambda: follower.error)
    assert isinstance(follower.error, NotFound)
    assert follower.error.data == {"last_seq": position}
    with pytest.raises(NotFound):
        await feed.read()


@pytest.mark.parametrize("policy", ["restart", "fail"])
async def test_a_database_deleted_and_made_again(
    couch: AsyncCouch, database: AsyncDatabase, policy: Any
) -> None:
    """A database that was created again is read from its beginning, or raises NotFound."""
    await put(database, "a", "b")
    feed = AsyncChangesFeed[Any](couch, database.name, on_recreated=policy)
    follower = AsyncFollower(feed)
    async with meanwhile(follower.run):
        await follower.until(lambda: "caught_up" in follower.events)
        feed.pause()  # so that it does not see the database absent
        await until_another_second(database)
        await database.destroy()
        await database.create()
        await put(database, "b", "c")
        feed.resume()
        if policy == "restart":
            await follower.until(lambda: len(follower.seen) == 4)
            await follower.stop()
        else:
            await follower.until(lambda: follower.error)
    if policy == "restart":
        assert follower.seen == ["a", "b", "b", "c"]
        assert follower.error is None
    else:
        assert isinstance(follower.error, NotFound)


async def until_another_second(database: AsyncDatabase) -> None:
    """Wait for the next second, since CouchDB gives times of creation in seconds."""
    made = int((await database.info())["instance_start_time"])
    while int(time.time()) <= made:
        await AsyncEvent().wait(0.05)


async def test_a_selector_is_applied_by_the_server(
    couch: AsyncCouch, database: AsyncDatabase
) -> None:
    """Changes that the selector rejects move the position, in a batch and in the live feed."""
    for n in range(10):
        await database.put(f"n{n}", {"n": n})
    feed = AsyncChangesFeed[Any](couch, database.name, filter={"n": {"$gte": 7}}, heartbeat=0.1)
    assert [change.id for change in await feed.read()] == ["n7", "n8", "n9"]
    passed: list[str] = []
    seen: list[str] = []
    async with ending(feed.follow(passed=passed.append)) as changes:
        async for change in changes:
            seen.append(change.id)
            if change.id == "n9":
                await database.put("m1", {"n": 1})
                feed.on_event(
                    lambda name, details: feed.stop() if name == "heartbeat" and passed else None
                )
    assert seen == ["n7", "n8", "n9"]
    assert passed == [str((await database.info())["update_seq"])]
    with pytest.raises(InvalidArgument):
        await AsyncChangesFeed[Any](couch, database.name, filter={"n": {"$no": 1}}).read()


async def test_design_documents_are_passed_over(couch: AsyncCouch, database: AsyncDatabase) -> None:
    """Design documents are not handed out, but they move the position."""
    await put(database, "a")
    await database.put("_design/x", {"views": {}})
    feed = AsyncChangesFeed[Any](couch, database.name)
    passed: list[str] = []
    feed.on_event(lambda name, details: feed.stop() if name == "caught_up" else None)
    assert [c.id async for c in feed.follow(passed=passed.append)] == ["a"]
    assert passed == [await feed.now()]
    assert [c.id for c in await feed.read()] == ["a"]


async def test_a_missing_database(couch: AsyncCouch, namespace: str) -> None:
    """A missing database is created at first use, or with `ensure=False` is NotFound."""
    strict = AsyncChangesFeed[Any](couch, namespace, ensure=False)
    for call in (strict.read, strict.now, strict.lag):
        with pytest.raises(NotFound):
            await call()
    assert await strict.checkpoints.load("w") is None
    assert await strict.graveyard.list("w", 10) == []
    assert await AsyncChangesFeed[Any](couch, namespace).read() == []
    assert await strict.read() == []
    await couch.database(namespace).destroy()


async def test_checkpoints_belong_to_their_database_and_selector(
    couch: AsyncCouch, database: AsyncDatabase
) -> None:
    """A checkpoint of another selector, or of an earlier database, does not count."""
    await put(database, "a")
    feed = AsyncChangesFeed[Any](couch, database.name)
    position = await feed.now()
    await feed.checkpoints.save("w", position)
    assert await feed.checkpoints.load("w") == position
    other = AsyncChangesFeed[Any](couch, database.name, filter={"text": "a"})
    assert await other.checkpoints.load("w") is None
    id = "_local/datapatterns.checkpoint.w"
    stored = await database.get(id)
    await database.put(id, {**stored, "instance": "1234567890"})  # as a restored copy may have it
    assert await feed.checkpoints.load("w") is None
    strict = AsyncChangesFeed[Any](couch, database.name, on_recreated="fail")
    with pytest.raises(NotFound):
        await strict.checkpoints.load("w")
    assert await feed.lag() == 1  # none of this is a change


async def test_of_two_workers_of_one_name_the_later_goes_on(
    couch: AsyncCouch, database: AsyncDatabase
) -> None:
    """The earlier worker's next save is a Conflict; loading alone does not take over."""
    await put(database, "a")
    one, two = (AsyncChangesFeed[Any](couch, database.name).checkpoints for _ in range(2))
    await one.save("w", "1-first")
    await two.load("w")
    await one.save("w", "2-first")
    await two.save("w", "1-second")
    with pytest.raises(Conflict) as caught:
        await one.save("w", "3-first")
    assert caught.value.reason == "lease_lost"
    assert await two.load("w") == "1-second"
    await two.save("w", "2-second")
    assert await one.load("w") == "2-second"  # a run that begins anew
    await one.save("w", "4-first")


@pytest.mark.parametrize("name", ["w", "w#1/2", "../x", "a b+c%2B", "é\u2028!", "_x", "x" * 2000])
async def test_dead_letters_are_listed_oldest_first(
    couch: AsyncCouch, database: AsyncDatabase, name: str
) -> None:
    """Each position is listed once, for any worker's name, and appears in no feed."""
    feed = AsyncChangesFeed[Any](couch, database.name)
    letters = [DeadChange(f"id{n}", f"{n}-{'x' * n}", 5, "no") for n in (5, 3, 9, 1)]
    for letter in letters:
        await feed.graveyard.add(name, letter)
    again = DeadChange("id3", letters[1].seq, 6, "no again")
    await feed.graveyard.add(name, again)
    await feed.graveyard.add("another", DeadChange("x", "1-x", 1, ""))
    letters[1] = again
    assert await feed.graveyard.list(name, 10) == letters
    assert await feed.graveyard.list(name, 2) == letters[:2]
    await feed.checkpoints.save(name, "7-x")
    assert await feed.checkpoints.load(name) == "7-x"
    assert await feed.lag() == 0


async def test_documents_that_do_not_fit_are_told_by_looking(
    couch: AsyncCouch, database: AsyncDatabase
) -> None:
    """A document is validated when it is read, each time with the same result."""
    await database.put("a", {"text": ["no", "text"], "_attachments": {"f": {"data": "aGk="}}})
    (change,) = await AsyncChangesFeed[Note](couch, database.name, Note).read()
    for _ in range(2):
        with pytest.raises(DecodeFailed):
            assert change.document
    (plain,) = await AsyncChangesFeed[Any](couch, database.name).read()
    assert plain.document is plain.document
    assert plain.document == {"text": ["no", "text"], "id": "a", "rev": plain.rev}


async def test_the_server_moves_to_another_port(
    start_couch: Callable[[], Any], namespace: str
) -> None:
    """A killed server that starts again, on the same or another port, is found again."""
    server = start_couch()
    feed = AsyncChangesFeed[Any](lambda: server.url, namespace, heartbeat=2.0)
    follower = AsyncFollower(feed)
    handled: list[str] = []
    worked = AsyncChangesFeed[Any](lambda: server.url, namespace, heartbeat=2.0)
    worker = AsyncChangesWorker(worked, lambda change: handled.append(change.id), name="w")
    async with meanwhile(worker.run), meanwhile(follower.run):
        await follower.until(lambda: "caught_up" in follower.events)
        for number, restart in enumerate([server.start, server.move, server.start]):
            async with AsyncCouch(server.url) as couch:
                await put(couch.database(namespace), f"{number}a", f"{number}b")
            server.kill()
            restart()
        await follower.until(lambda: len(follower.seen) >= 6 and len(set(handled)) == 6)
        await follower.stop()
        worker.stop()
    assert follower.seen == ["0a", "0b", "1a", "1b", "2a", "2b"]
    async with AsyncCouch(server.url) as couch:
        feed = AsyncChangesFeed[Any](couch, namespace)
        assert await feed.checkpoints.load("w") == await feed.now()
