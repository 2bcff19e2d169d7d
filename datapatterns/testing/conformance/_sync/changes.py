# Generated from datapatterns/testing/conformance/_async/changes.py by scripts/unasync.py; do not edit.
"""The tests of what every changes feed and changes worker promises."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import pytest

from datapatterns import (
    Change,
    ChangesWorker,
    DecodeFailed,
    Document,
    InvalidArgument,
    Store,
    TimedOut,
)
from datapatterns.patterns._sync.concurrency import Event, ending
from datapatterns.testing._sync.concurrently import concurrently, meanwhile
from datapatterns.testing.waiting import PATIENCE


class Note(Document):
    """A small document."""

    text: str = ""


class Stricter(Document):
    """The same collection read with a schema that the stored documents do not fit."""

    text: int


def first(changes: Iterator[Change[Any]], n: int) -> list[Change[Any]]:
    """Read the first `n` changes and leave the feed."""
    found: list[Change[Any]] = []
    with ending(changes) as open_changes:
        for change in open_changes:
            found.append(change)
            if len(found) == n:
                break
    return found


def write(target: Store, ids: list[str], text: str = "") -> None:
    """Store notes under the ids."""
    notes = target.repository("notes", Note)
    for id in ids:
        notes.create(Note(id=id, text=text))


class TestChangesFeed:
    """Tests `target.changes` on a backend that declares `changes`."""

    pattern: ClassVar[str] = "changes"

    def test_read_gives_every_change_in_order(self, target: Store) -> None:
        """From the beginning, each document's change comes with its rev and the document."""
        write(target, ["a", "b", "c"], "hello")
        changes = target.changes("notes", Note).read()
        assert [change.id for change in changes] == ["a", "b", "c"]
        for change in changes:
            assert change.document is not None
            assert (change.document.id, change.document.rev) == (change.id, change.rev)
            assert change.document.text == "hello"
            assert not change.deleted
            assert isinstance(change.seq, str)

    def test_read_goes_on_behind_a_position(self, target: Store) -> None:
        """`read` excludes `since`, obeys `limit`, and returns nothing at the end."""
        write(target, ["a", "b", "c"])
        feed = target.changes("notes", Note)
        begin = feed.read(limit=2)
        rest = feed.read(since=begin[-1].seq, limit=2)
        assert [change.id for change in begin + rest] == ["a", "b", "c"]
        assert feed.read(since=rest[-1].seq) == []
        assert feed.read(since="now") == []

    def test_an_update_moves_the_document_to_the_end(self, target: Store) -> None:
        """A changed document comes behind what was written before the change, as it is now."""
        write(target, ["a", "b"])
        target.repository("notes", Note).update("a", {"text": "new"})
        changes = target.changes("notes", Note).read()
        assert [change.id for change in changes] == ["b", "a"]
        last = changes[-1].document
        assert last is not None
        assert last.text == "new"

    def test_a_deletion_is_a_change(self, target: Store) -> None:
        """A deletion has no document; a document created again is a change with a document."""
        write(target, ["a", "b"])
        target.repository("notes", Note).destroy("a")
        feed = target.changes("notes", Note)
        deletion = (feed.read())[-1]
        assert (deletion.id, deletion.deleted, deletion.document) == ("a", True, None)
        write(target, ["a"])
        assert [(c.id, c.deleted) for c in feed.read()] == [("b", False), ("a", False)]

    def test_follow_gives_what_is_there_and_then_what_comes(self, target: Store) -> None:
        """`follow` leaves out no change between the stored ones and the new ones."""
        write(target, ["a", "b"])
        feed = target.changes("notes", Note)
        with meanwhile(write, target, [str(n) for n in range(20)]):
            found = first(feed.follow(), 22)
        assert [change.id for change in found] == ["a", "b", *(str(n) for n in range(20))]

    def test_follow_resumes_behind_a_position(self, target: Store) -> None:
        """A feed followed in parts gives each change exactly once."""
        write(target, [str(n) for n in range(10)])
        feed = target.changes("notes", Note)
        seen: list[str] = []
        since: str | None = None
        while len(seen) < 10:
            part = first(feed.follow(since), 3 if len(seen) < 9 else 1)
            seen += [change.id for change in part]
            since = part[-1].seq
        assert seen == [str(n) for n in range(10)]

    def test_two_followers_get_all(self, target: Store) -> None:
        """Followers do not take changes from one another."""
        write(target, ["a", "b", "c"])
        feed = target.changes("notes", Note)

        def follow() -> list[str]:
            return [change.id for change in first(feed.follow(), 3)]

        assert concurrently(follow, [(), ()]) == [["a", "b", "c"], ["a", "b", "c"]]

    def test_what_is_written_after_confirm_is_heard(self, target: Store) -> None:
        """The feed resolves `now` to a position before it begins to listen."""
        write(target, ["before"])
        feed = target.changes("notes", Note)
        confirmed = Event()
        feed.on_event(lambda name, _: confirmed.set() if name == "confirm" else None)

        def write_when_confirmed() -> None:
            assert confirmed.wait(PATIENCE)
            write(target, ["after"])

        with meanwhile(write_when_confirmed):
            found = first(feed.follow("now"), 1)
        assert [change.id for change in found] == ["after"]

    def test_a_filter_lets_through_what_it_accepts(self, target: Store) -> None:
        """The feed passes over rejected changes, and moves its position past them."""
        write(target, [str(n) for n in range(10)])
        feed = target.changes("notes", Note, filter=lambda change: int(change.id) % 3 == 0)
        assert [change.id for change in feed.read(limit=2)] == ["0", "3"]
        passed: list[str] = []
        found = first(feed.follow(passed=passed.append), 4)
        assert [change.id for change in found] == ["0", "3", "6", "9"]
        assert len(passed) == 6

    def test_without_documents(self, target: Store) -> None:
        """With `include_docs=False` changes have ids and revisions only."""
        write(target, ["a"])
        (change,) = target.changes("notes", Note, include_docs=False).read()
        assert change.id == "a"
        assert change.document is None
        assert not change.deleted

    def test_without_a_model_documents_are_mappings(self, target: Store) -> None:
        """The mappings have id and rev beside the stored fields."""
        write(target, ["a"], "hello")
        (change,) = target.changes("notes").read()
        assert change.document is not None
        assert change.document.items() >= {"text": "hello", "id": "a", "rev": change.rev}.items()

    def test_a_document_that_does_not_fit_stops_nobody(self, target: Store) -> None:
        """Reading the document raises DecodeFailed; the feed itself goes on."""
        write(target, ["a", "b"], "not a number")
        found = first(target.changes("notes", Stricter).follow(), 2)
        assert [change.id for change in found] == ["a", "b"]
        with pytest.raises(DecodeFailed):
            assert found[0].document

    def test_stop_in_the_loop_hands_over_nothing_more(self, target: Store) -> None:
        """After `stop()` the iteration ends although more is there; a new `follow` begins again."""
        write(target, ["a", "b", "c"])
        feed = target.changes("notes", Note)
        seen: list[str] = []
        for change in feed.follow():
            seen.append(change.id)
            feed.stop()
        assert seen == ["a"]
        assert len(first(feed.follow(), 3)) == 3

    def test_stop_ends_a_waiting_follow(self, target: Store) -> None:
        """`stop()` also ends a `follow` that has nothing to hand out."""
        feed = target.changes("notes", Note)
        feed.on_event(lambda name, _: feed.stop() if name == "caught_up" else None)
        assert [change for change in feed.follow()] == []

    def test_pause_and_resume_keep_order_and_lose_nothing(self, target: Store) -> None:
        """Changes during the pause are handed out behind those from before it."""
        write(target, ["a", "b"])
        feed = target.changes("notes", Note)
        seen: list[str] = []

        def write_and_resume() -> None:
            write(target, ["c", "d"])
            assert seen == ["a"]
            feed.resume()

        for change in feed.follow():
            seen.append(change.id)
            if change.id == "a":
                feed.pause()
                with meanwhile(write_and_resume):
                    pass
            if change.id == "d":
                feed.stop()
        assert seen == ["a", "b", "c", "d"]

    def test_a_paused_feed_hands_out_nothing(self, target: Store) -> None:
        """A paused feed hands out no change until another task resumes it."""
        write(target, ["a", "b"])
        feed = target.changes("notes", Note)
        seen: list[str] = []
        at_resume: list[int] = []
        feed.pause()

        def resume() -> None:
            Event().wait(0.3)  # long enough for a feed that does not pause to be seen
            at_resume.append(len(seen))
            feed.resume()

        with meanwhile(resume):
            for change in feed.follow():
                seen.append(change.id)
                if len(seen) == 2:
                    feed.stop()
        assert at_resume == [0]
        assert seen == ["a", "b"]

    def test_events_tell_what_the_feed_does(self, target: Store) -> None:
        """Each event comes in its turn: `caught_up` once, behind the change, and `stopped` last."""
        write(target, ["a"])
        feed = target.changes("notes", Note)
        told: list[str] = []

        def listen(name: str, details: Mapping[str, Any]) -> None:
            told.append(name)
            if name == "caught_up":
                feed.pause()
                feed.resume()
                feed.stop()

        feed.on_event(listen)
        for change in feed.follow():
            told.append(change.id)
        assert told == ["confirm", "connected", "a", "caught_up", "paused", "resumed", "stopped"]

    def test_a_failing_listener_harms_nobody(self, target: Store) -> None:
        """The feed logs what a listener raises, and goes on."""
        write(target, ["a"])
        feed = target.changes("notes", Note)

        def fail(name: str, details: Mapping[str, Any]) -> None:
            raise ValueError(name)

        feed.on_event(fail)
        assert len(first(feed.follow(), 1)) == 1

    def test_inactivity_raises_timed_out(self, target: Store) -> None:
        """`follow` gives the changes, and raises TimedOut after `inactivity` without another."""
        write(target, ["a"])
        for inactivity in (0.2, 2.0, 20.0):  # a busy server may take longer for the first change
            feed = target.changes("notes", Note, inactivity=inactivity)
            seen: list[str] = []
            with pytest.raises(TimedOut):
                for change in feed.follow():
                    seen.append(change.id)
            if seen:
                break
        assert seen == ["a"]

    def test_heartbeats_come_while_it_waits(self, target: Store) -> None:
        """A heartbeat comes after every `heartbeat` seconds without a change."""
        feed = target.changes("notes", Note, heartbeat=0.1)
        beats: list[str] = []

        def listen(name: str, details: Mapping[str, Any]) -> None:
            if name == "heartbeat":
                beats.append(name)
                if len(beats) == 3:
                    feed.stop()

        feed.on_event(listen)
        assert [change for change in feed.follow()] == []
        assert len(beats) == 3

    @pytest.mark.parametrize("since", ["", "no position", "-1", "1.5", "\ud800", "9" * 40, 7, b"1"])
    def test_a_bad_position_is_refused(self, target: Store, since: Any) -> None:
        """A value other than a position, `now` or None raises InvalidArgument at once."""
        feed = target.changes("notes", Note)
        with pytest.raises(InvalidArgument):
            feed.read(since)
        with pytest.raises(InvalidArgument):
            first(feed.follow(since), 1)

    @pytest.mark.parametrize("limit", [0, -1, 10**9, 1.5, True, None])
    def test_a_bad_limit_is_refused(self, target: Store, limit: Any) -> None:
        """A batch has from 1 to 10,000 changes."""
        with pytest.raises(InvalidArgument):
            target.changes("notes", Note).read(limit=limit)

    def test_now_and_lag_tell_where_it_stands(self, target: Store) -> None:
        """`lag` counts what is behind a position, and is never negative."""
        feed = target.changes("notes", Note)
        assert feed.lag() == 0
        write(target, ["a", "b"])
        begin = feed.now()
        write(target, ["c"])
        assert feed.lag() == 3
        assert feed.lag(begin) == 1
        assert feed.lag(feed.now()) == 0
        assert feed.lag("now") == 0

    def test_collections_do_not_mix(self, target: Store) -> None:
        """A feed has the changes of its own collection only."""
        write(target, ["a"])
        target.repository("other", Note).create(Note(id="x"))
        assert [change.id for change in target.changes("notes", Note).read()] == ["a"]
        assert [change.id for change in target.changes("other", Note).read()] == ["x"]


class TestChangesWorker:
    """Tests `ChangesWorker` over the feed, checkpoints and dead letters of a backend."""

    pattern: ClassVar[str] = "changes"

    def _run(self, target: Store, name: str, handler: Any, **options: Any) -> ChangesWorker[Note]:
        """Run a worker until it has caught up."""
        feed = target.changes("notes", Note)
        worker = ChangesWorker(feed, handler, name=name, **options)
        feed.on_event(lambda name, _: worker.stop() if name == "caught_up" else None)
        worker.run()
        return worker

    def test_it_handles_each_change_and_goes_on_from_there(self, target: Store) -> None:
        """The next run begins after the checkpoint of the last one."""
        handled: list[str] = []
        write(target, ["a", "b"])
        worker = self._run(target, "w", lambda change: handled.append(change.id))
        assert worker.lag() == 0
        write(target, ["c"])
        assert worker.lag() == 1
        self._run(target, "w", lambda change: handled.append(change.id))
        assert handled == ["a", "b", "c"]

    def test_workers_of_other_names_have_positions_of_their_own(self, target: Store) -> None:
        """Workers of different names each handle every change."""
        handled: list[tuple[str, str]] = []
        write(target, ["a"])
        for name in ("one", "two!", "two%21", "one.1"):
            self._run(target, name, lambda change, n=name: handled.append((n, change.id)))
        assert handled == [("one", "a"), ("two!", "a"), ("two%21", "a"), ("one.1", "a")]

    def test_a_change_that_keeps_failing_becomes_a_dead_letter(self, target: Store) -> None:
        """The worker goes on; the dead letter has the change, its attempts and the last error."""
        handled: list[str] = []
        feed = target.changes("notes", Note)

        def handle(change: Change[Note]) -> None:
            if change.id == "b":
                raise ValueError("cannot do b")
            handled.append(change.id)
            if change.id == "c":  # one at a time: b has been given up by now
                worker.stop()

        write(target, ["a", "b", "c"])
        worker = ChangesWorker(feed, handle, name="w", max_attempts=2)
        worker.run()
        (letter,) = worker.dead_letters()
        assert handled == ["a", "c"]
        assert (letter.id, letter.attempts) == ("b", 2)
        assert "cannot do b" in letter.error
        assert worker.lag() == 0

    def test_order_is_kept_for_each_document(self, target: Store) -> None:
        """Whatever runs at once, a document's later change is handled after its earlier one."""
        texts: dict[str, list[str]] = {}

        def handle(change: Change[Note]) -> None:
            assert change.document is not None
            texts.setdefault(change.id, []).append(change.document.text)

        ids = [str(n) for n in range(8)]
        write(target, ids, "0")
        for text in ("1", "2", "3"):
            self._run(target, "w", handle, parallel=8)
            for id in ids:
                target.repository("notes", Note).update(id, {"text": text})
        self._run(target, "w", handle, parallel=8)
        assert texts == {id: ["0", "1", "2", "3"] for id in ids}

    def test_shards_handle_each_change_once_between_them(self, target: Store) -> None:
        """All shards together handle every id, and no two handle the same one."""
        handled: list[str] = []
        write(target, [str(n) for n in range(30)])
        for shard in range(3):
            self._run(target, "w", lambda change: handled.append(change.id), shard=(shard, 3))
        assert sorted(handled) == sorted(str(n) for n in range(30))

    def test_checkpoints_can_be_kept_elsewhere(self, target: Store) -> None:
        """A worker accepts any object with `load` and `save` for its checkpoints."""
        saved: dict[str, str] = {}

        class Elsewhere:
            def load(self, name: str) -> str | None:
                return saved.get(name)

            def save(self, name: str, seq: str) -> None:
                saved[name] = seq

        write(target, ["a", "b"])
        self._run(target, "w", lambda change: None, checkpoints=Elsewhere())
        assert saved == {"w": target.changes("notes", Note).now()}
        assert target.changes("notes", Note).checkpoints.load("w") is None
