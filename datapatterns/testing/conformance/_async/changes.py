"""The tests of what every changes feed and changes worker promises."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, ClassVar

import pytest

from datapatterns import (
    AsyncChangesWorker,
    AsyncStore,
    Change,
    DecodeFailed,
    Document,
    InvalidArgument,
    TimedOut,
)
from datapatterns.patterns._async.concurrency import AsyncEvent, ending
from datapatterns.testing._async.concurrently import concurrently, meanwhile
from datapatterns.testing.waiting import PATIENCE


class Note(Document):
    """A small document."""

    text: str = ""


class Stricter(Document):
    """The same collection read with a schema that the stored documents do not fit."""

    text: int


async def first(changes: AsyncIterator[Change[Any]], n: int) -> list[Change[Any]]:
    """Read the first `n` changes and leave the feed."""
    found: list[Change[Any]] = []
    async with ending(changes) as open_changes:
        async for change in open_changes:
            found.append(change)
            if len(found) == n:
                break
    return found


async def write(target: AsyncStore, ids: list[str], text: str = "") -> None:
    """Store notes under the ids."""
    notes = target.repository("notes", Note)
    for id in ids:
        await notes.create(Note(id=id, text=text))


class TestChangesFeed:
    """Tests `target.changes` on a backend that declares `changes`."""

    pattern: ClassVar[str] = "changes"

    async def test_read_gives_every_change_in_order(self, target: AsyncStore) -> None:
        """From the beginning, each document's change comes with its rev and the document."""
        await write(target, ["a", "b", "c"], "hello")
        changes = await target.changes("notes", Note).read()
        assert [change.id for change in changes] == ["a", "b", "c"]
        for change in changes:
            assert change.document is not None
            assert (change.document.id, change.document.rev) == (change.id, change.rev)
            assert change.document.text == "hello"
            assert not change.deleted
            assert isinstance(change.seq, str)

    async def test_read_goes_on_behind_a_position(self, target: AsyncStore) -> None:
        """`read` excludes `since`, obeys `limit`, and returns nothing at the end."""
        await write(target, ["a", "b", "c"])
        feed = target.changes("notes", Note)
        begin = await feed.read(limit=2)
        rest = await feed.read(since=begin[-1].seq, limit=2)
        assert [change.id for change in begin + rest] == ["a", "b", "c"]
        assert await feed.read(since=rest[-1].seq) == []
        assert await feed.read(since="now") == []

    async def test_an_update_moves_the_document_to_the_end(self, target: AsyncStore) -> None:
        """A changed document comes behind what was written before the change, as it is now."""
        await write(target, ["a", "b"])
        await target.repository("notes", Note).update("a", {"text": "new"})
        changes = await target.changes("notes", Note).read()
        assert [change.id for change in changes] == ["b", "a"]
        last = changes[-1].document
        assert last is not None
        assert last.text == "new"

    async def test_a_deletion_is_a_change(self, target: AsyncStore) -> None:
        """A deletion has no document; a document created again is a change with a document."""
        await write(target, ["a", "b"])
        await target.repository("notes", Note).destroy("a")
        feed = target.changes("notes", Note)
        deletion = (await feed.read())[-1]
        assert (deletion.id, deletion.deleted, deletion.document) == ("a", True, None)
        await write(target, ["a"])
        assert [(c.id, c.deleted) for c in await feed.read()] == [("b", False), ("a", False)]

    async def test_follow_gives_what_is_there_and_then_what_comes(self, target: AsyncStore) -> None:
        """`follow` leaves out no change between the stored ones and the new ones."""
        await write(target, ["a", "b"])
        feed = target.changes("notes", Note)
        async with meanwhile(write, target, [str(n) for n in range(20)]):
            found = await first(feed.follow(), 22)
        assert [change.id for change in found] == ["a", "b", *(str(n) for n in range(20))]

    async def test_follow_resumes_behind_a_position(self, target: AsyncStore) -> None:
        """A feed followed in parts gives each change exactly once."""
        await write(target, [str(n) for n in range(10)])
        feed = target.changes("notes", Note)
        seen: list[str] = []
        since: str | None = None
        while len(seen) < 10:
            part = await first(feed.follow(since), 3 if len(seen) < 9 else 1)
            seen += [change.id for change in part]
            since = part[-1].seq
        assert seen == [str(n) for n in range(10)]

    async def test_two_followers_get_all(self, target: AsyncStore) -> None:
        """Followers do not take changes from one another."""
        await write(target, ["a", "b", "c"])
        feed = target.changes("notes", Note)

        async def follow() -> list[str]:
            return [change.id for change in await first(feed.follow(), 3)]

        assert await concurrently(follow, [(), ()]) == [["a", "b", "c"], ["a", "b", "c"]]

    async def test_what_is_written_after_confirm_is_heard(self, target: AsyncStore) -> None:
        """The feed resolves `now` to a position before it begins to listen."""
        await write(target, ["before"])
        feed = target.changes("notes", Note)
        confirmed = AsyncEvent()
        feed.on_event(lambda name, _: confirmed.set() if name == "confirm" else None)

        async def write_when_confirmed() -> None:
            assert await confirmed.wait(PATIENCE)
            await write(target, ["after"])

        async with meanwhile(write_when_confirmed):
            found = await first(feed.follow("now"), 1)
        assert [change.id for change in found] == ["after"]

    async def test_a_filter_lets_through_what_it_accepts(self, target: AsyncStore) -> None:
        """The feed passes over rejected changes, and moves its position past them."""
        await write(target, [str(n) for n in range(10)])
        feed = target.changes("notes", Note, filter=lambda change: int(change.id) % 3 == 0)
        assert [change.id for change in await feed.read(limit=2)] == ["0", "3"]
        passed: list[str] = []
        found = await first(feed.follow(passed=passed.append), 4)
        assert [change.id for change in found] == ["0", "3", "6", "9"]
        assert len(passed) == 6

    async def test_without_documents(self, target: AsyncStore) -> None:
        """With `include_docs=False` changes have ids and revisions only."""
        await write(target, ["a"])
        (change,) = await target.changes("notes", Note, include_docs=False).read()
        assert change.id == "a"
        assert change.document is None
        assert not change.deleted

    async def test_without_a_model_documents_are_mappings(self, target: AsyncStore) -> None:
        """The mappings have id and rev beside the stored fields."""
        await write(target, ["a"], "hello")
        (change,) = await target.changes("notes").read()
        assert change.document is not None
        assert change.document.items() >= {"text": "hello", "id": "a", "rev": change.rev}.items()

    async def test_a_document_that_does_not_fit_stops_nobody(self, target: AsyncStore) -> None:
        """Reading the document raises DecodeFailed; the feed itself goes on."""
        await write(target, ["a", "b"], "not a number")
        found = await first(target.changes("notes", Stricter).follow(), 2)
        assert [change.id for change in found] == ["a", "b"]
        with pytest.raises(DecodeFailed):
            assert found[0].document

    async def test_stop_in_the_loop_hands_over_nothing_more(self, target: AsyncStore) -> None:
        """After `stop()` the iteration ends although more is there; a new `follow` begins again."""
        await write(target, ["a", "b", "c"])
        feed = target.changes("notes", Note)
        seen: list[str] = []
        async for change in feed.follow():
            seen.append(change.id)
            feed.stop()
        assert seen == ["a"]
        assert len(await first(feed.follow(), 3)) == 3

    async def test_stop_ends_a_waiting_follow(self, target: AsyncStore) -> None:
        """`stop()` also ends a `follow` that has nothing to hand out."""
        feed = target.changes("notes", Note)
        feed.on_event(lambda name, _: feed.stop() if name == "caught_up" else None)
        assert [change async for change in feed.follow()] == []

    async def test_pause_and_resume_keep_order_and_lose_nothing(self, target: AsyncStore) -> None:
        """Changes during the pause are handed out behind those from before it."""
        await write(target, ["a", "b"])
        feed = target.changes("notes", Note)
        seen: list[str] = []

        async def write_and_resume() -> None:
            await write(target, ["c", "d"])
            assert seen == ["a"]
            feed.resume()

        async for change in feed.follow():
            seen.append(change.id)
            if change.id == "a":
                feed.pause()
                async with meanwhile(write_and_resume):
                    pass
            if change.id == "d":
                feed.stop()
        assert seen == ["a", "b", "c", "d"]

    async def test_a_paused_feed_hands_out_nothing(self, target: AsyncStore) -> None:
        """A paused feed hands out no change until another task resumes it."""
        await write(target, ["a", "b"])
        feed = target.changes("notes", Note)
        seen: list[str] = []
        at_resume: list[int] = []
        feed.pause()

        async def resume() -> None:
            await AsyncEvent().wait(0.3)  # long enough for a feed that does not pause to be seen
            at_resume.append(len(seen))
            feed.resume()

        async with meanwhile(resume):
            async for change in feed.follow():
                seen.append(change.id)
                if len(seen) == 2:
                    feed.stop()
        assert at_resume == [0]
        assert seen == ["a", "b"]

    async def test_events_tell_what_the_feed_does(self, target: AsyncStore) -> None:
        """Each event comes in its turn: `caught_up` once, behind the change, and `stopped` last."""
        await write(target, ["a"])
        feed = target.changes("notes", Note)
        told: list[str] = []

        def listen(name: str, details: Mapping[str, Any]) -> None:
            told.append(name)
            if name == "caught_up":
                feed.pause()
                feed.resume()
                feed.stop()

        feed.on_event(listen)
        async for change in feed.follow():
            told.append(change.id)
        assert told == ["confirm", "connected", "a", "caught_up", "paused", "resumed", "stopped"]

    async def test_a_failing_listener_harms_nobody(self, target: AsyncStore) -> None:
        """The feed logs what a listener raises, and goes on."""
        await write(target, ["a"])
        feed = target.changes("notes", Note)

        def fail(name: str, details: Mapping[str, Any]) -> None:
            raise ValueError(name)

        feed.on_event(fail)
        assert len(await first(feed.follow(), 1)) == 1

    async def test_inactivity_raises_timed_out(self, target: AsyncStore) -> None:
        """`follow` gives the changes, and raises TimedOut after `inactivity` without another."""
        await write(target, ["a"])
        for inactivity in (0.2, 2.0, 20.0):  # a busy server may take longer for the first change
            feed = target.changes("notes", Note, inactivity=inactivity)
            seen: list[str] = []
            with pytest.raises(TimedOut):
                async for change in feed.follow():
                    seen.append(change.id)
            if seen:
                break
        assert seen == ["a"]

    async def test_heartbeats_come_while_it_waits(self, target: AsyncStore) -> None:
        """A heartbeat comes after every `heartbeat` seconds without a change."""
        feed = target.changes("notes", Note, heartbeat=0.1)
        beats: list[str] = []

        def listen(name: str, details: Mapping[str, Any]) -> None:
            if name == "heartbeat":
                beats.append(name)
                if len(beats) == 3:
                    feed.stop()

        feed.on_event(listen)
        assert [change async for change in feed.follow()] == []
        assert len(beats) == 3

    @pytest.mark.parametrize("since", ["", "no position", "-1", "1.5", "\ud800", "9" * 40, 7, b"1"])
    async def test_a_bad_position_is_refused(self, target: AsyncStore, since: Any) -> None:
        """A value other than a position, `now` or None raises InvalidArgument at once."""
        feed = target.changes("notes", Note)
        with pytest.raises(InvalidArgument):
            await feed.read(since)
        with pytest.raises(InvalidArgument):
            await first(feed.follow(since), 1)

    @pytest.mark.parametrize("limit", [0, -1, 10**9, 1.5, True, None])
    async def test_a_bad_limit_is_refused(self, target: AsyncStore, limit: Any) -> None:
        """A batch has from 1 to 10,000 changes."""
        with pytest.raises(InvalidArgument):
            await target.changes("notes", Note).read(limit=limit)

    async def test_now_and_lag_tell_where_it_stands(self, target: AsyncStore) -> None:
        """`lag` counts what is behind a position, and is never negative."""
        feed = target.changes("notes", Note)
        assert await feed.lag() == 0
        await write(target, ["a", "b"])
        begin = await feed.now()
        await write(target, ["c"])
        assert await feed.lag() == 3
        assert await feed.lag(begin) == 1
        assert await feed.lag(await feed.now()) == 0
        assert await feed.lag("now") == 0

    async def test_collections_do_not_mix(self, target: AsyncStore) -> None:
        """A feed has the changes of its own collection only."""
        await write(target, ["a"])
        await target.repository("other", Note).create(Note(id="x"))
        assert [change.id for change in await target.changes("notes", Note).read()] == ["a"]
        assert [change.id for change in await target.changes("other", Note).read()] == ["x"]


class TestChangesWorker:
    """Tests `AsyncChangesWorker` over the feed, checkpoints and dead letters of a backend."""

    pattern: ClassVar[str] = "changes"

    async def _run(
        self, target: AsyncStore, name: str, handler: Any, **options: Any
    ) -> AsyncChangesWorker[Note]:
        """Run a worker until it has caught up."""
        feed = target.changes("notes", Note)
        worker = AsyncChangesWorker(feed, handler, name=name, **options)
        feed.on_event(lambda name, _: worker.stop() if name == "caught_up" else None)
        await worker.run()
        return worker

    async def test_it_handles_each_change_and_goes_on_from_there(self, target: AsyncStore) -> None:
        """The next run begins after the checkpoint of the last one."""
        handled: list[str] = []
        await write(target, ["a", "b"])
        worker = await self._run(target, "w", lambda change: handled.append(change.id))
        assert await worker.lag() == 0
        await write(target, ["c"])
        assert await worker.lag() == 1
        await self._run(target, "w", lambda change: handled.append(change.id))
        assert handled == ["a", "b", "c"]

    async def test_workers_of_other_names_have_positions_of_their_own(
        self, target: AsyncStore
    ) -> None:
        """Workers of different names each handle every change."""
        handled: list[tuple[str, str]] = []
        await write(target, ["a"])
        for name in ("one", "two!", "two%21", "one.1"):
            await self._run(target, name, lambda change, n=name: handled.append((n, change.id)))
        assert handled == [("one", "a"), ("two!", "a"), ("two%21", "a"), ("one.1", "a")]

    async def test_a_change_that_keeps_failing_becomes_a_dead_letter(
        self, target: AsyncStore
    ) -> None:
        """The worker goes on; the dead letter has the change, its attempts and the last error."""
        handled: list[str] = []
        feed = target.changes("notes", Note)

        def handle(change: Change[Note]) -> None:
            if change.id == "b":
                raise ValueError("cannot do b")
            handled.append(change.id)
            if change.id == "c":  # one at a time: b has been given up by now
                worker.stop()

        await write(target, ["a", "b", "c"])
        worker = AsyncChangesWorker(feed, handle, name="w", max_attempts=2)
        await worker.run()
        (letter,) = await worker.dead_letters()
        assert handled == ["a", "c"]
        assert (letter.id, letter.attempts) == ("b", 2)
        assert "cannot do b" in letter.error
        assert await worker.lag() == 0

    async def test_order_is_kept_for_each_document(self, target: AsyncStore) -> None:
        """Whatever runs at once, a document's later change is handled after its earlier one."""
        texts: dict[str, list[str]] = {}

        def handle(change: Change[Note]) -> None:
            assert change.document is not None
            texts.setdefault(change.id, []).append(change.document.text)

        ids = [str(n) for n in range(8)]
        await write(target, ids, "0")
        for text in ("1", "2", "3"):
            await self._run(target, "w", handle, parallel=8)
            for id in ids:
                await target.repository("notes", Note).update(id, {"text": text})
        await self._run(target, "w", handle, parallel=8)
        assert texts == {id: ["0", "1", "2", "3"] for id in ids}

    async def test_shards_handle_each_change_once_between_them(self, target: AsyncStore) -> None:
        """All shards together handle every id, and no two handle the same one."""
        handled: list[str] = []
        await write(target, [str(n) for n in range(30)])
        for shard in range(3):
            await self._run(target, "w", lambda change: handled.append(change.id), shard=(shard, 3))
        assert sorted(handled) == sorted(str(n) for n in range(30))

    async def test_checkpoints_can_be_kept_elsewhere(self, target: AsyncStore) -> None:
        """A worker accepts any object with `load` and `save` for its checkpoints."""
        saved: dict[str, str] = {}

        class Elsewhere:
            async def load(self, name: str) -> str | None:
                return saved.get(name)

            async def save(self, name: str, seq: str) -> None:
                saved[name] = seq

        await write(target, ["a", "b"])
        await self._run(target, "w", lambda change: None, checkpoints=Elsewhere())
        assert saved == {"w": await target.changes("notes", Note).now()}
        assert await target.changes("notes", Note).checkpoints.load("w") is None
