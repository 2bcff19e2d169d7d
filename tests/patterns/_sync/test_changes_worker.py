# Generated from tests/patterns/_async/test_changes_worker.py by scripts/unasync.py; do not edit.
"""The changes worker, over a feed in memory: order, watermark, stopping, failures."""

import random
import threading
import time
from collections import defaultdict
from datetime import timedelta
from typing import Any

import pytest
from patterns._sync.memory import (
    MemoryCheckpoints,
    MemoryFeed,
    Running,
)

from datapatterns.core.backoff import Backoff
from datapatterns.core.changes import Change
from datapatterns.core.shards import shard_of
from datapatterns.errors import Forbidden, InvalidArgument, NotFound, OutcomeUnknown, Unavailable
from datapatterns.patterns._sync.changes_worker import ChangesWorker
from datapatterns.patterns._sync.concurrency import Event
from datapatterns.testing.waiting import eventually

QUICK = Backoff(base=0.001, cap=0.01)
NEVER = 60.0


def ignore(change: Change[int]) -> None:
    """Do nothing."""


class Collect:
    """A handler that remembers the places of its changes."""

    def __init__(self) -> None:
        self.places: list[int] = []

    def __call__(self, change: Change[int]) -> None:
        """Remember the place of the change."""
        self.places.append(change.document)


def test_each_change_is_handled_once_in_the_order_of_its_id() -> None:
    """With eight lanes and random durations, no document sees its changes out of order."""
    feed = MemoryFeed(*(f"id{random.randrange(12)}" for _ in range(300)))
    seen: dict[str, list[int]] = defaultdict(list)
    inside: set[str] = set()
    done: set[int] = set()
    feed.watch(done)

    def handle(change: Change[int]) -> None:
        assert change.id not in inside
        inside.add(change.id)
        time.sleep(random.random() * 0.004)
        seen[change.id].append(change.document)
        done.add(change.document)
        inside.discard(change.id)
        if len(done) == 300:
            worker.stop()

    worker = ChangesWorker(
        feed, handle, name="w", parallel=8, max_attempts=1, checkpoint_every=(7, 0.02)
    )
    with Running(worker) as running:
        summary = running.end()
    assert (summary.handled, summary.dead) == (300, 0)
    assert feed.checkpoints.wrong == []
    assert feed.checkpoints.saved == {"w": feed.changes[-1].seq}
    for id, places in seen.items():
        assert places == [c.document for c in feed.changes if c.id == id]


def test_as_many_handlers_run_at_once_as_asked_for() -> None:
    """Three lanes are three handlers inside at the same time, and never a fourth."""
    feed = MemoryFeed(*"abcdefgh")
    inside, most, together = set[str](), [0], Event()

    def handle(change: Change[int]) -> None:
        inside.add(change.id)
        most[0] = max(most[0], len(inside))
        if len(inside) == 3:
            together.set()
        assert together.wait(NEVER)
        time.sleep(0.002)
        inside.discard(change.id)
        if change.id == "h":
            worker.stop()

    worker = ChangesWorker(feed, handle, name="w", parallel=3)
    with Running(worker) as running:
        assert (running.end()).handled == 8
    assert most == [3]


def test_reading_waits_for_the_handlers() -> None:
    """However long the feed is, only a few changes are held in memory."""
    feed = MemoryFeed(*(str(n) for n in range(1000)))
    go = Event()

    def handle(change: Change[int]) -> None:
        go.wait(NEVER)

    worker = ChangesWorker(feed, handle, name="w", parallel=2)
    with Running(worker) as running:
        eventually(lambda: feed.read_ahead >= 9)
        time.sleep(0.05)
        assert feed.read_ahead == 9  # 2 that run, 6 that wait, 1 in the reader's hand
        worker.stop()  # the reader must come out of its waiting
        eventually(lambda: feed.stops)
        go.set()
        assert (running.end()).handled == 8
    assert feed.place(feed.checkpoints.saved["w"]) == 8


def test_a_poison_change_becomes_a_dead_letter_and_the_rest_goes_on() -> None:
    """Also the later changes of the same document are handled, in their order."""
    feed = MemoryFeed("a", "bad", "b", "bad", "c")
    calls: list[int] = []

    def handle(change: Change[int]) -> None:
        calls.append(change.document)
        if change.document == 2:
            raise ValueError("no good")
        if len(set(calls)) == 5:
            worker.stop()

    worker = ChangesWorker(feed, handle, name="w", parallel=4, max_attempts=3, backoff=QUICK)
    with Running(worker) as running:
        summary = running.end()
    assert (summary.handled, summary.dead, calls.count(2)) == (4, 1, 3)
    assert max(i for i, c in enumerate(calls) if c == 2) < calls.index(4)
    (dead,) = worker.dead_letters()
    assert (dead.id, dead.seq, dead.attempts) == ("bad", feed.changes[1].seq, 3)
    assert dead.error == "ValueError: no good"
    assert feed.checkpoints.saved["w"] == summary.checkpoint == feed.changes[-1].seq


def test_a_handler_may_fail_now_and_then() -> None:
    """What succeeds before the attempts are used up is not a dead letter."""
    feed = MemoryFeed("a")
    calls: list[int] = []

    def handle(change: Change[int]) -> None:
        calls.append(1)
        if len(calls) < 3:
            raise Unavailable("not yet")
        worker.stop()

    worker = ChangesWorker(feed, handle, name="w", max_attempts=3, backoff=QUICK)
    with Running(worker) as running:
        assert (running.end()).handled == 1
    assert worker.dead_letters() == []


@pytest.mark.parametrize("backoff", [0, 0.001, timedelta(milliseconds=1), lambda attempt: 0.001])
def test_a_backoff_is_a_duration_or_a_function(backoff: Any) -> None:
    """Seconds, a timedelta, or a function of the failed attempt: the handler is called again."""
    feed = MemoryFeed("a")
    calls: list[int] = []

    def handle(change: Change[int]) -> None:
        calls.append(1)
        if len(calls) == 3:
            worker.stop()
        raise ValueError("no good")

    worker = ChangesWorker(feed, handle, name="w", max_attempts=3, backoff=backoff)
    with Running(worker) as running:
        assert (running.end()).dead == 1
    assert len(calls) == 3


def test_whenever_it_is_abandoned_the_next_worker_skips_nothing() -> None:
    """Forty times killed at random, with handlers that fail and dally: all is handled."""
    feed = MemoryFeed(*(f"id{random.randrange(9)}" for _ in range(120)))
    done: set[int] = set()
    feed.watch(done)

    def handle(change: Change[int]) -> None:
        time.sleep(random.choice([0, 0.001, 0.02]))
        if random.random() < 0.1:
            raise ValueError
        done.add(change.document)

    for round in range(41):
        worker = ChangesWorker(
            feed,
            handle,
            name="w",
            parallel=random.choice([1, 3, 8]),
            max_attempts=1000,
            backoff=QUICK,
            checkpoint_every=(3, 0.01),
        )
        with Running(worker) as running:
            if round < 40:
                time.sleep(random.random() * 0.03)
                worker.stop()
                worker.stop()
            else:
                saved, last = feed.checkpoints.saved, feed.changes[-1].seq
                eventually(lambda saved=saved, last=last: saved.get("w") == last)
                worker.stop()
            running.end()
        assert feed.checkpoints.wrong == []
    assert len(done) == 120
    places = [feed.place(seq) for seq in feed.checkpoints.history]
    assert places == sorted(places)


def test_stop_from_the_handler_reads_nothing_more() -> None:
    """What had been read is finished and saved, so a clean stop repeats nothing."""
    feed = MemoryFeed(*(str(n) for n in range(50)))
    calls: list[int] = []

    def handle(change: Change[int]) -> None:
        calls.append(change.document)
        if len(calls) == 3:
            worker.stop()

    worker = ChangesWorker(feed, handle, name="w", checkpoint_every=(1000, 1000))
    with Running(worker) as running:
        summary = running.end()
    assert 3 <= summary.handled == len(calls) <= 10
    assert feed.place(feed.checkpoints.saved["w"]) == len(calls)
    with Running(worker) as running:  # a worker can run again
        eventually(lambda: len(calls) == 50)
        worker.stop()
        running.end()
    assert calls == list(range(1, 51))


def test_stop_from_another_thread() -> None:
    """It wakes a worker that waits for changes."""
    feed = MemoryFeed("a")
    worker = ChangesWorker(feed, ignore, name="w", checkpoint_every=(1, 1000))
    with Running(worker) as running:
        eventually(lambda: feed.checkpoints.saved)
        thread = threading.Thread(target=worker.stop)
        thread.start()
        thread.join()
        assert (running.end()).handled == 1


def test_a_stop_before_run_is_not_lost() -> None:
    """It ends the next run, and no other."""
    feed = MemoryFeed("a")
    collect = Collect()
    worker = ChangesWorker(feed, collect, name="w")
    worker.stop()
    with Running(worker) as running:
        assert (running.end()).handled == 0
    with Running(worker) as running:
        eventually(lambda: collect.places)
        worker.stop()
        assert (running.end()).handled == 1


def test_a_stop_that_the_feed_missed_is_said_again() -> None:
    """A feed that was about to start reading may not have heard it; the worker does not hang."""
    feed = MemoryFeed()
    worker = ChangesWorker(feed, ignore, name="w")
    feed.deaf = 1
    feed.before_follow = worker.stop
    with Running(worker) as running:
        assert (running.end()).handled == 0


def test_the_drain_ends_after_its_timeout() -> None:
    """A handler that hangs is left behind, and the checkpoint stays below its change."""
    feed = MemoryFeed("a", "stuck", "b")
    hang, done = Event(), set[str]()

    def handle(change: Change[int]) -> None:
        if change.id == "stuck":
            hang.wait(NEVER)
        done.add(change.id)

    worker = ChangesWorker(feed, handle, name="w", parallel=2, drain_timeout=0.05)
    with Running(worker) as running:
        eventually(lambda: len(done) == 2)
        worker.stop()
        summary = running.end()
    hang.set()
    assert feed.place(summary.checkpoint) == 1
    assert feed.checkpoints.saved["w"] == summary.checkpoint


def test_a_second_stop_abandons() -> None:
    """It does not wait for the drain timeout."""
    feed = MemoryFeed("stuck")
    hang, begun = Event(), Event()

    def handle(change: Change[int]) -> None:
        begun.set()
        hang.wait(NEVER)

    worker = ChangesWorker(feed, handle, name="w", drain_timeout=1000.0)
    with Running(worker) as running:
        assert begun.wait(30)
        worker.stop()
        time.sleep(0.02)
        worker.stop()
        summary = running.end()
    hang.set()
    assert (summary.handled, summary.checkpoint, feed.checkpoints.saved) == (0, None, {})


def test_what_waits_for_its_next_try_is_left_to_the_next_run() -> None:
    """A stop does not wait for a long back-off, and no later change overtakes the one left."""
    feed = MemoryFeed("a", "a", "b")
    calls: list[int] = []
    broken = [True]

    def handle(change: Change[int]) -> None:
        calls.append(change.document)
        if change.id == "a" and broken[0]:
            raise ValueError

    worker = ChangesWorker(
        feed, handle, name="w", parallel=2, backoff=lambda attempt: NEVER, drain_timeout=NEVER
    )
    began = time.monotonic()
    with Running(worker) as running:
        eventually(lambda: 3 in calls)
        worker.stop()
        summary = running.end()
    assert time.monotonic() - began < NEVER / 2
    assert (summary.handled, summary.dead, summary.checkpoint) == (1, 0, None)
    assert sorted(calls) == [1, 3]
    broken[0] = False
    with Running(worker) as running:
        eventually(lambda: len(calls) == 5)
        worker.stop()
        assert (running.end()).handled == 3
    assert calls.index(2) == len(calls) - 1 - calls[::-1].index(2)
    assert feed.place(feed.checkpoints.saved["w"]) == 3


def test_shards_share_the_ids_exactly() -> None:
    """Each id goes to one of three workers, and each of them reaches the end."""
    feed = MemoryFeed(*(f"user:{n % 40}" for n in range(120)))
    owners: dict[str, set[int]] = defaultdict(set)
    count = 0
    for shard in range(3):

        def handle(change: Change[int], shard: int = shard) -> None:
            owners[change.id].add(shard)

        worker = ChangesWorker(
            feed, handle, name="w", parallel=2, shard=(shard, 3), checkpoint_every=(9, 0.02)
        )
        place = f"w#{shard}/3"
        with Running(worker) as running:
            last = feed.changes[-1].seq
            saved = feed.checkpoints.saved
            eventually(lambda saved=saved, place=place, last=last: saved.get(place) == last)
            assert worker.lag() == 0
            worker.stop()
            count += (running.end()).handled
    assert count == 120
    assert owners == {f"user:{n}": {shard_of(f"user:{n}", 3)} for n in range(40)}
    assert {shard for owner in owners.values() for shard in owner} == {0, 1, 2}


def test_rejected_changes_move_the_checkpoint() -> None:
    """A filter that lets nothing through does not make the worker start from zero again."""
    feed = MemoryFeed(*(str(n) for n in range(40)))
    feed.rejects = lambda id: id != "5"
    worker = ChangesWorker(feed, ignore, name="w", checkpoint_every=(50, 0.02))
    with Running(worker) as running:
        eventually(lambda: feed.checkpoints.saved.get("w") == feed.changes[-1].seq)
        worker.stop()
        assert (running.end()).handled == 1


def test_rejected_changes_do_not_pass_one_that_is_unfinished() -> None:
    """The watermark waits for the oldest handler also when the rest was rejected."""
    feed = MemoryFeed("a", "slow", "x", "y")
    feed.rejects = lambda id: id in "xy"
    go = Event()

    def handle(change: Change[int]) -> None:
        if change.id == "slow":
            go.wait(NEVER)

    worker = ChangesWorker(feed, handle, name="w", checkpoint_every=(50, 0.01))
    with Running(worker) as running:
        eventually(lambda: feed.checkpoints.saved)
        time.sleep(0.05)
        assert feed.place(feed.checkpoints.saved["w"]) == 1
        assert worker.lag() == 3
        go.set()
        eventually(lambda: feed.place(feed.checkpoints.saved["w"]) == 4)
        worker.stop()
        running.end()


def test_checkpoints_come_by_count() -> None:
    """After so many changes the position is saved, however far the second is."""
    feed = MemoryFeed(*"abc")
    worker = ChangesWorker(feed, ignore, name="w", checkpoint_every=(3, 1000.0))
    with Running(worker) as running:
        eventually(lambda: feed.place(feed.checkpoints.saved.get("w")) == 3)
        feed.put("d")
        worker.stop()
        running.end()


def test_checkpoints_come_by_time() -> None:
    """On a quiet feed the last change is saved without another one coming."""
    feed = MemoryFeed(*"abc")
    worker = ChangesWorker(feed, ignore, name="w", checkpoint_every=(1000, 0.02))
    with Running(worker) as running:
        eventually(lambda: feed.place(feed.checkpoints.saved.get("w")) == 3)
        time.sleep(0.1)
        assert len(feed.checkpoints.history) <= 3  # what does not change is not saved again
        worker.stop()
        running.end()


def test_a_checkpoint_that_cannot_be_saved_for_now_is_saved_later() -> None:
    """The worker goes on meanwhile, also when it is not known whether it was saved."""
    feed = MemoryFeed(*"abc")
    begun = Event()

    def handle(change: Change[int]) -> None:
        begun.set()
        time.sleep(0.01)

    worker = ChangesWorker(feed, handle, name="w", checkpoint_every=(1, 0.01))
    with Running(worker) as running:
        assert begun.wait(30)
        feed.checkpoints.errors = [Unavailable("away"), OutcomeUnknown("lost"), Unavailable("x")]
        eventually(lambda: feed.place(feed.checkpoints.saved.get("w")) == 3)
        feed.checkpoints.errors = [Unavailable("away"), Unavailable("away")]
        feed.put("d")
        worker.stop()
        summary = running.end()
    assert feed.checkpoints.saved["w"] == summary.checkpoint


def test_a_checkpoint_that_can_never_be_saved_ends_the_run() -> None:
    """Going on would mean to repeat everything after each restart."""
    feed = MemoryFeed(*"abc")
    worker = ChangesWorker(feed, ignore, name="w", checkpoint_every=(1, 0.01))
    begun = Event()
    feed.before_follow = begun.set
    with Running(worker) as running:
        assert begun.wait(30)
        feed.checkpoints.errors = [Forbidden("no")] * 9
        feed.put("d")
        with pytest.raises(Forbidden):
            running.end()


def test_it_starts_when_the_checkpoint_can_be_loaded() -> None:
    """A worker that starts before its server waits for it, and can be stopped over that."""
    feed = MemoryFeed("a")
    feed.checkpoints.errors = [Unavailable("away"), Unavailable("away")]
    collect = Collect()
    worker = ChangesWorker(feed, collect, name="w")
    with Running(worker) as running:
        eventually(lambda: collect.places)
        worker.stop()
        assert (running.end()).handled == 1
    feed.checkpoints.errors = [Unavailable("away")] * 10_000
    with Running(worker) as running:
        worker.stop()
        assert (running.end()).handled == 0


def test_an_error_of_the_feed_is_raised_after_draining() -> None:
    """Whatever the feed raises cannot pass; what was read is finished and saved first."""
    feed = MemoryFeed(*"abc")
    feed.error = NotFound("deleted", data={"last_seq": "7"})
    done: list[str] = []

    def handle(change: Change[int]) -> None:
        time.sleep(0.02)
        done.append(change.id)

    worker = ChangesWorker(feed, handle, name="w", parallel=2)
    with Running(worker) as running:
        with pytest.raises(NotFound) as caught:
            running.end()
    assert caught.value is feed.error
    assert sorted(done) == ["a", "b", "c"]
    assert feed.place(feed.checkpoints.saved["w"]) == 3


def test_a_dead_letter_that_cannot_be_stored_for_now_is_stored_later() -> None:
    """Until then its change is not done."""
    feed = MemoryFeed("bad")
    feed.graveyard.errors = [Unavailable("away"), OutcomeUnknown("lost")]

    def handle(change: Change[int]) -> None:
        raise ValueError

    worker = ChangesWorker(feed, handle, name="w", max_attempts=1, checkpoint_every=(1, 9.0))
    with Running(worker) as running:
        eventually(lambda: feed.checkpoints.saved)
        worker.stop()
        assert (running.end()).dead == 1
    assert len(worker.dead_letters(limit=1)) == 1


def test_a_dead_letter_that_can_never_be_stored_ends_the_run() -> None:
    """The change stays undone."""
    feed = MemoryFeed("bad", "bad")
    feed.graveyard.errors = [Forbidden("no")]
    calls: list[int] = []

    def handle(change: Change[int]) -> None:
        calls.append(change.document)
        raise ValueError

    worker = ChangesWorker(feed, handle, name="w", max_attempts=1)
    with Running(worker) as running:
        with pytest.raises(Forbidden):
            running.end()
    assert (calls, feed.checkpoints.saved) == ([1], {})


def test_a_handler_that_exits_ends_the_run() -> None:
    """SystemExit is neither retried nor lost; its change is not done."""
    feed = MemoryFeed("a", "exit", "exit")

    def handle(change: Change[int]) -> None:
        if change.id == "exit":
            raise SystemExit(3)

    worker = ChangesWorker(feed, handle, name="w")
    with Running(worker) as running:
        with pytest.raises(SystemExit):
            running.end()
    assert feed.place(feed.checkpoints.saved["w"]) == 1


def test_a_second_run_at_once_is_refused() -> None:
    """And does not disturb the first."""
    feed = MemoryFeed("a")
    collect = Collect()
    worker = ChangesWorker(feed, collect, name="w")
    with Running(worker) as running:
        eventually(lambda: collect.places)
        with pytest.raises(InvalidArgument, match="already running"):
            worker.run()
        feed.put("b")
        eventually(lambda: len(collect.places) == 2)
        worker.stop()
        assert (running.end()).handled == 2


def test_lag_is_never_negative() -> None:
    """It counts from the saved checkpoint when the worker does not run."""
    feed = MemoryFeed(*"abc")
    feed.checkpoints.saved["w"] = feed.changes[0].seq
    worker = ChangesWorker(feed, ignore, name="w")
    assert worker.lag() == 2
    feed.checkpoints.saved["w"] = feed.changes[2].seq
    feed.changes.clear()
    assert worker.lag() == 0


def test_checkpoints_of_ones_own() -> None:
    """Any object that loads and saves will do, and the feed's is left alone."""
    feed, own = MemoryFeed(*"abc"), MemoryCheckpoints()
    own.saved["w"] = feed.changes[1].seq
    collect = Collect()
    worker = ChangesWorker(feed, collect, name="w", checkpoints=own)
    with Running(worker) as running:
        eventually(lambda: collect.places)
        worker.stop()
        assert (running.end()).handled == 1
    assert (own.saved["w"], feed.checkpoints.saved) == (feed.changes[2].seq, {})


@pytest.mark.parametrize(
    "options",
    [
        {"name": ""},
        {"parallel": 0},
        {"max_attempts": 0},
        {"shard": (2, 2)},
        {"shard": (-1, 2)},
        {"drain_timeout": -1.0},
        {"drain_timeout": float("nan")},
        {"drain_timeout": "1"},
        {"backoff": -1},
        {"backoff": "1"},
        {"backoff": None},
        {"checkpoint_every": (0, 1.0)},
        {"checkpoint_every": (50, 0.0)},
        {"handler": None},
        {"handler": lambda change: (yield)},
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, object]) -> None:
    """At construction, before anything is read."""
    handler = options.pop("handler", ignore)
    with pytest.raises(InvalidArgument):
        ChangesWorker(MemoryFeed(), handler, **{"name": "w", **options})
