"""The changes worker, over a feed in memory: order, watermark, stopping, failures."""

import asyncio
import random
import threading
import time
from collections import defaultdict
from datetime import timedelta
from typing import Any

import pytest
from patterns._async.memory import (
    AsyncMemoryCheckpoints,
    AsyncMemoryFeed,
    AsyncRunning,
)

from datapatterns.core.backoff import Backoff
from datapatterns.core.changes import Change
from datapatterns.core.shards import shard_of
from datapatterns.errors import Forbidden, InvalidArgument, NotFound, OutcomeUnknown, Unavailable
from datapatterns.patterns._async.changes_worker import AsyncChangesWorker
from datapatterns.patterns._async.concurrency import AsyncEvent
from datapatterns.testing.waiting import async_eventually

QUICK = Backoff(base=0.001, cap=0.01)
NEVER = 60.0


async def ignore(change: Change[int]) -> None:
    """Do nothing."""


class AsyncCollect:
    """A handler that remembers the places of its changes."""

    def __init__(self) -> None:
        self.places: list[int] = []

    async def __call__(self, change: Change[int]) -> None:
        """Remember the place of the change."""
        self.places.append(change.document)


async def test_each_change_is_handled_once_in_the_order_of_its_id() -> None:
    """With eight lanes and random durations, no document sees its changes out of order."""
    feed = AsyncMemoryFeed(*(f"id{random.randrange(12)}" for _ in range(300)))
    seen: dict[str, list[int]] = defaultdict(list)
    inside: set[str] = set()
    done: set[int] = set()
    feed.watch(done)

    async def handle(change: Change[int]) -> None:
        assert change.id not in inside
        inside.add(change.id)
        await asyncio.sleep(random.random() * 0.004)
        seen[change.id].append(change.document)
        done.add(change.document)
        inside.discard(change.id)
        if len(done) == 300:
            worker.stop()

    worker = AsyncChangesWorker(
        feed, handle, name="w", parallel=8, max_attempts=1, checkpoint_every=(7, 0.02)
    )
    async with AsyncRunning(worker) as running:
        summary = await running.end()
    assert (summary.handled, summary.dead) == (300, 0)
    assert feed.checkpoints.wrong == []
    assert feed.checkpoints.saved == {"w": feed.changes[-1].seq}
    for id, places in seen.items():
        assert places == [c.document for c in feed.changes if c.id == id]


async def test_as_many_handlers_run_at_once_as_asked_for() -> None:
    """Three lanes are three handlers inside at the same time, and never a fourth."""
    feed = AsyncMemoryFeed(*"abcdefgh")
    inside, most, together = set[str](), [0], AsyncEvent()

    async def handle(change: Change[int]) -> None:
        inside.add(change.id)
        most[0] = max(most[0], len(inside))
        if len(inside) == 3:
            together.set()
        assert await together.wait(NEVER)
        await asyncio.sleep(0.002)
        inside.discard(change.id)
        if change.id == "h":
            worker.stop()

    worker = AsyncChangesWorker(feed, handle, name="w", parallel=3)
    async with AsyncRunning(worker) as running:
        assert (await running.end()).handled == 8
    assert most == [3]


async def test_reading_waits_for_the_handlers() -> None:
    """However long the feed is, only a few changes are held in memory."""
    feed = AsyncMemoryFeed(*(str(n) for n in range(1000)))
    go = AsyncEvent()

    async def handle(change: Change[int]) -> None:
        await go.wait(NEVER)

    worker = AsyncChangesWorker(feed, handle, name="w", parallel=2)
    async with AsyncRunning(worker) as running:
        await async_eventually(lambda: feed.read_ahead >= 9)
        await asyncio.sleep(0.05)
        assert feed.read_ahead == 9  # 2 that run, 6 that wait, 1 in the reader's hand
        worker.stop()  # the reader must come out of its waiting
        await async_eventually(lambda: feed.stops)
        go.set()
        assert (await running.end()).handled == 8
    assert feed.place(feed.checkpoints.saved["w"]) == 8


async def test_a_poison_change_becomes_a_dead_letter_and_the_rest_goes_on() -> None:
    """Also the later changes of the same document are handled, in their order."""
    feed = AsyncMemoryFeed("a", "bad", "b", "bad", "c")
    calls: list[int] = []

    async def handle(change: Change[int]) -> None:
        calls.append(change.document)
        if change.document == 2:
            raise ValueError("no good")
        if len(set(calls)) == 5:
            worker.stop()

    worker = AsyncChangesWorker(feed, handle, name="w", parallel=4, max_attempts=3, backoff=QUICK)
    async with AsyncRunning(worker) as running:
        summary = await running.end()
    assert (summary.handled, summary.dead, calls.count(2)) == (4, 1, 3)
    assert max(i for i, c in enumerate(calls) if c == 2) < calls.index(4)
    (dead,) = await worker.dead_letters()
    assert (dead.id, dead.seq, dead.attempts) == ("bad", feed.changes[1].seq, 3)
    assert dead.error == "ValueError: no good"
    assert feed.checkpoints.saved["w"] == summary.checkpoint == feed.changes[-1].seq


async def test_a_handler_may_fail_now_and_then() -> None:
    """What succeeds before the attempts are used up is not a dead letter."""
    feed = AsyncMemoryFeed("a")
    calls: list[int] = []

    async def handle(change: Change[int]) -> None:
        calls.append(1)
        if len(calls) < 3:
            raise Unavailable("not yet")
        worker.stop()

    worker = AsyncChangesWorker(feed, handle, name="w", max_attempts=3, backoff=QUICK)
    async with AsyncRunning(worker) as running:
        assert (await running.end()).handled == 1
    assert await worker.dead_letters() == []


@pytest.mark.parametrize("backoff", [0, 0.001, timedelta(milliseconds=1), lambda attempt: 0.001])
async def test_a_backoff_is_a_duration_or_a_function(backoff: Any) -> None:
    """Seconds, a timedelta, or a function of the failed attempt: the handler is called again."""
    feed = AsyncMemoryFeed("a")
    calls: list[int] = []

    async def handle(change: Change[int]) -> None:
        calls.append(1)
        if len(calls) == 3:
            worker.stop()
        raise ValueError("no good")

    worker = AsyncChangesWorker(feed, handle, name="w", max_attempts=3, backoff=backoff)
    async with AsyncRunning(worker) as running:
        assert (await running.end()).dead == 1
    assert len(calls) == 3


async def test_whenever_it_is_abandoned_the_next_worker_skips_nothing() -> None:
    """Forty times killed at random, with handlers that fail and dally: all is handled."""
    feed = AsyncMemoryFeed(*(f"id{random.randrange(9)}" for _ in range(120)))
    done: set[int] = set()
    feed.watch(done)

    async def handle(change: Change[int]) -> None:
        await asyncio.sleep(random.choice([0, 0.001, 0.02]))
        if random.random() < 0.1:
            raise ValueError
        done.add(change.document)

    for round in range(41):
        worker = AsyncChangesWorker(
            feed,
            handle,
            name="w",
            parallel=random.choice([1, 3, 8]),
            max_attempts=1000,
            backoff=QUICK,
            checkpoint_every=(3, 0.01),
        )
        async with AsyncRunning(worker) as running:
            if round < 40:
                await asyncio.sleep(random.random() * 0.03)
                worker.stop()
                worker.stop()
            else:
                saved, last = feed.checkpoints.saved, feed.changes[-1].seq
                await async_eventually(lambda saved=saved, last=last: saved.get("w") == last)
                worker.stop()
            await running.end()
        assert feed.checkpoints.wrong == []
    assert len(done) == 120
    places = [feed.place(seq) for seq in feed.checkpoints.history]
    assert places == sorted(places)


async def test_stop_from_the_handler_reads_nothing_more() -> None:
    """What had been read is finished and saved, so a clean stop repeats nothing."""
    feed = AsyncMemoryFeed(*(str(n) for n in range(50)))
    calls: list[int] = []

    async def handle(change: Change[int]) -> None:
        calls.append(change.document)
        if len(calls) == 3:
            worker.stop()

    worker = AsyncChangesWorker(feed, handle, name="w", checkpoint_every=(1000, 1000))
    async with AsyncRunning(worker) as running:
        summary = await running.end()
    assert 3 <= summary.handled == len(calls) <= 10
    assert feed.place(feed.checkpoints.saved["w"]) == len(calls)
    async with AsyncRunning(worker) as running:  # a worker can run again
        await async_eventually(lambda: len(calls) == 50)
        worker.stop()
        await running.end()
    assert calls == list(range(1, 51))


async def test_stop_from_another_thread() -> None:
    """It wakes a worker that waits for changes."""
    feed = AsyncMemoryFeed("a")
    worker = AsyncChangesWorker(feed, ignore, name="w", checkpoint_every=(1, 1000))
    async with AsyncRunning(worker) as running:
        await async_eventually(lambda: feed.checkpoints.saved)
        thread = threading.Thread(target=worker.stop)
        thread.start()
        thread.join()
        assert (await running.end()).handled == 1


async def test_a_stop_before_run_is_not_lost() -> None:
    """It ends the next run, and no other."""
    feed = AsyncMemoryFeed("a")
    collect = AsyncCollect()
    worker = AsyncChangesWorker(feed, collect, name="w")
    worker.stop()
    async with AsyncRunning(worker) as running:
        assert (await running.end()).handled == 0
    async with AsyncRunning(worker) as running:
        await async_eventually(lambda: collect.places)
        worker.stop()
        assert (await running.end()).handled == 1


async def test_a_stop_that_the_feed_missed_is_said_again() -> None:
    """A feed that was about to start reading may not have heard it; the worker does not hang."""
    feed = AsyncMemoryFeed()
    worker = AsyncChangesWorker(feed, ignore, name="w")
    feed.deaf = 1
    feed.before_follow = worker.stop
    async with AsyncRunning(worker) as running:
        assert (await running.end()).handled == 0


async def test_the_drain_ends_after_its_timeout() -> None:
    """A handler that hangs is left behind, and the checkpoint stays below its change."""
    feed = AsyncMemoryFeed("a", "stuck", "b")
    hang, done = AsyncEvent(), set[str]()

    async def handle(change: Change[int]) -> None:
        if change.id == "stuck":
            await hang.wait(NEVER)
        done.add(change.id)

    worker = AsyncChangesWorker(feed, handle, name="w", parallel=2, drain_timeout=0.05)
    async with AsyncRunning(worker) as running:
        await async_eventually(lambda: len(done) == 2)
        worker.stop()
        summary = await running.end()
    hang.set()
    assert feed.place(summary.checkpoint) == 1
    assert feed.checkpoints.saved["w"] == summary.checkpoint


async def test_a_second_stop_abandons() -> None:
    """It does not wait for the drain timeout."""
    feed = AsyncMemoryFeed("stuck")
    hang, begun = AsyncEvent(), AsyncEvent()

    async def handle(change: Change[int]) -> None:
        begun.set()
        await hang.wait(NEVER)

    worker = AsyncChangesWorker(feed, handle, name="w", drain_timeout=1000.0)
    async with AsyncRunning(worker) as running:
        assert await begun.wait(30)
        worker.stop()
        await asyncio.sleep(0.02)
        worker.stop()
        summary = await running.end()
    hang.set()
    assert (summary.handled, summary.checkpoint, feed.checkpoints.saved) == (0, None, {})


async def test_what_waits_for_its_next_try_is_left_to_the_next_run() -> None:
    """A stop does not wait for a long back-off, and no later change overtakes the one left."""
    feed = AsyncMemoryFeed("a", "a", "b")
    calls: list[int] = []
    broken = [True]

    async def handle(change: Change[int]) -> None:
        calls.append(change.document)
        if change.id == "a" and broken[0]:
            raise ValueError

    worker = AsyncChangesWorker(
        feed, handle, name="w", parallel=2, backoff=lambda attempt: NEVER, drain_timeout=NEVER
    )
    began = time.monotonic()
    async with AsyncRunning(worker) as running:
        await async_eventually(lambda: 3 in calls)
        worker.stop()
        summary = await running.end()
    assert time.monotonic() - began < NEVER / 2
    assert (summary.handled, summary.dead, summary.checkpoint) == (1, 0, None)
    assert sorted(calls) == [1, 3]
    broken[0] = False
    async with AsyncRunning(worker) as running:
        await async_eventually(lambda: len(calls) == 5)
        worker.stop()
        assert (await running.end()).handled == 3
    assert calls.index(2) == len(calls) - 1 - calls[::-1].index(2)
    assert feed.place(feed.checkpoints.saved["w"]) == 3


async def test_shards_share_the_ids_exactly() -> None:
    """Each id goes to one of three workers, and each of them reaches the end."""
    feed = AsyncMemoryFeed(*(f"user:{n % 40}" for n in range(120)))
    owners: dict[str, set[int]] = defaultdict(set)
    count = 0
    for shard in range(3):

        async def handle(change: Change[int], shard: int = shard) -> None:
            owners[change.id].add(shard)

        worker = AsyncChangesWorker(
            feed, handle, name="w", parallel=2, shard=(shard, 3), checkpoint_every=(9, 0.02)
        )
        place = f"w#{shard}/3"
        async with AsyncRunning(worker) as running:
            last = feed.changes[-1].seq
            saved = feed.checkpoints.saved
            await async_eventually(
                lambda saved=saved, place=place, last=last: saved.get(place) == last
            )
            assert await worker.lag() == 0
            worker.stop()
            count += (await running.end()).handled
    assert count == 120
    assert owners == {f"user:{n}": {shard_of(f"user:{n}", 3)} for n in range(40)}
    assert {shard for owner in owners.values() for shard in owner} == {0, 1, 2}


async def test_rejected_changes_move_the_checkpoint() -> None:
    """A filter that lets nothing through does not make the worker start from zero again."""
    feed = AsyncMemoryFeed(*(str(n) for n in range(40)))
    feed.rejects = lambda id: id != "5"
    worker = AsyncChangesWorker(feed, ignore, name="w", checkpoint_every=(50, 0.02))
    async with AsyncRunning(worker) as running:
        await async_eventually(lambda: feed.checkpoints.saved.get("w") == feed.changes[-1].seq)
        worker.stop()
        assert (await running.end()).handled == 1


async def test_rejected_changes_do_not_pass_one_that_is_unfinished() -> None:
    """The watermark waits for the oldest handler also when the rest was rejected."""
    feed = AsyncMemoryFeed("a", "slow", "x", "y")
    feed.rejects = lambda id: id in "xy"
    go = AsyncEvent()

    async def handle(change: Change[int]) -> None:
        if change.id == "slow":
            await go.wait(NEVER)

    worker = AsyncChangesWorker(feed, handle, name="w", checkpoint_every=(50, 0.01))
    async with AsyncRunning(worker) as running:
        await async_eventually(lambda: feed.checkpoints.saved)
        await asyncio.sleep(0.05)
        assert feed.place(feed.checkpoints.saved["w"]) == 1
        assert await worker.lag() == 3
        go.set()
        await async_eventually(lambda: feed.place(feed.checkpoints.saved["w"]) == 4)
        worker.stop()
        await running.end()


async def test_checkpoints_come_by_count() -> None:
    """After so many changes the position is saved, however far the second is."""
    feed = AsyncMemoryFeed(*"abc")
    worker = AsyncChangesWorker(feed, ignore, name="w", checkpoint_every=(3, 1000.0))
    async with AsyncRunning(worker) as running:
        await async_eventually(lambda: feed.place(feed.checkpoints.saved.get("w")) == 3)
        feed.put("d")
        worker.stop()
        await running.end()


async def test_checkpoints_come_by_time() -> None:
    """On a quiet feed the last change is saved without another one coming."""
    feed = AsyncMemoryFeed(*"abc")
    worker = AsyncChangesWorker(feed, ignore, name="w", checkpoint_every=(1000, 0.02))
    async with AsyncRunning(worker) as running:
        await async_eventually(lambda: feed.place(feed.checkpoints.saved.get("w")) == 3)
        await asyncio.sleep(0.1)
        assert len(feed.checkpoints.history) <= 3  # what does not change is not saved again
        worker.stop()
        await running.end()


async def test_a_checkpoint_that_cannot_be_saved_for_now_is_saved_later() -> None:
    """The worker goes on meanwhile, also when it is not known whether it was saved."""
    feed = AsyncMemoryFeed(*"abc")
    begun = AsyncEvent()

    async def handle(change: Change[int]) -> None:
        begun.set()
        await asyncio.sleep(0.01)

    worker = AsyncChangesWorker(feed, handle, name="w", checkpoint_every=(1, 0.01))
    async with AsyncRunning(worker) as running:
        assert await begun.wait(30)
        feed.checkpoints.errors = [Unavailable("away"), OutcomeUnknown("lost"), Unavailable("x")]
        await async_eventually(lambda: feed.place(feed.checkpoints.saved.get("w")) == 3)
        feed.checkpoints.errors = [Unavailable("away"), Unavailable("away")]
        feed.put("d")
        worker.stop()
        summary = await running.end()
    assert feed.checkpoints.saved["w"] == summary.checkpoint


async def test_a_checkpoint_that_can_never_be_saved_ends_the_run() -> None:
    """Going on would mean to repeat everything after each restart."""
    feed = AsyncMemoryFeed(*"abc")
    worker = AsyncChangesWorker(feed, ignore, name="w", checkpoint_every=(1, 0.01))
    begun = AsyncEvent()
    feed.before_follow = begun.set
    async with AsyncRunning(worker) as running:
        assert await begun.wait(30)
        feed.checkpoints.errors = [Forbidden("no")] * 9
        feed.put("d")
        with pytest.raises(Forbidden):
            await running.end()


async def test_it_starts_when_the_checkpoint_can_be_loaded() -> None:
    """A worker that starts before its server waits for it, and can be stopped over that."""
    feed = AsyncMemoryFeed("a")
    feed.checkpoints.errors = [Unavailable("away"), Unavailable("away")]
    collect = AsyncCollect()
    worker = AsyncChangesWorker(feed, collect, name="w")
    async with AsyncRunning(worker) as running:
        await async_eventually(lambda: collect.places)
        worker.stop()
        assert (await running.end()).handled == 1
    feed.checkpoints.errors = [Unavailable("away")] * 10_000
    async with AsyncRunning(worker) as running:
        worker.stop()
        assert (await running.end()).handled == 0


async def test_an_error_of_the_feed_is_raised_after_draining() -> None:
    """Whatever the feed raises cannot pass; what was read is finished and saved first."""
    feed = AsyncMemoryFeed(*"abc")
    feed.error = NotFound("deleted", data={"last_seq": "7"})
    done: list[str] = []

    async def handle(change: Change[int]) -> None:
        await asyncio.sleep(0.02)
        done.append(change.id)

    worker = AsyncChangesWorker(feed, handle, name="w", parallel=2)
    async with AsyncRunning(worker) as running:
        with pytest.raises(NotFound) as caught:
            await running.end()
    assert caught.value is feed.error
    assert sorted(done) == ["a", "b", "c"]
    assert feed.place(feed.checkpoints.saved["w"]) == 3


async def test_a_dead_letter_that_cannot_be_stored_for_now_is_stored_later() -> None:
    """Until then its change is not done."""
    feed = AsyncMemoryFeed("bad")
    feed.graveyard.errors = [Unavailable("away"), OutcomeUnknown("lost")]

    async def handle(change: Change[int]) -> None:
        raise ValueError

    worker = AsyncChangesWorker(feed, handle, name="w", max_attempts=1, checkpoint_every=(1, 9.0))
    async with AsyncRunning(worker) as running:
        await async_eventually(lambda: feed.checkpoints.saved)
        worker.stop()
        assert (await running.end()).dead == 1
    assert len(await worker.dead_letters(limit=1)) == 1


async def test_a_dead_letter_that_can_never_be_stored_ends_the_run() -> None:
    """The change stays undone."""
    feed = AsyncMemoryFeed("bad", "bad")
    feed.graveyard.errors = [Forbidden("no")]
    calls: list[int] = []

    async def handle(change: Change[int]) -> None:
        calls.append(change.document)
        raise ValueError

    worker = AsyncChangesWorker(feed, handle, name="w", max_attempts=1)
    async with AsyncRunning(worker) as running:
        with pytest.raises(Forbidden):
            await running.end()
    assert (calls, feed.checkpoints.saved) == ([1], {})


async def test_a_handler_that_exits_ends_the_run() -> None:
    """SystemExit is neither retried nor lost; its change is not done."""
    feed = AsyncMemoryFeed("a", "exit", "exit")

    async def handle(change: Change[int]) -> None:
        if change.id == "exit":
            raise SystemExit(3)

    worker = AsyncChangesWorker(feed, handle, name="w")
    async with AsyncRunning(worker) as running:
        with pytest.raises(SystemExit):
            await running.end()
    assert feed.place(feed.checkpoints.saved["w"]) == 1


async def test_a_second_run_at_once_is_refused() -> None:
    """And does not disturb the first."""
    feed = AsyncMemoryFeed("a")
    collect = AsyncCollect()
    worker = AsyncChangesWorker(feed, collect, name="w")
    async with AsyncRunning(worker) as running:
        await async_eventually(lambda: collect.places)
        with pytest.raises(InvalidArgument, match="already running"):
            await worker.run()
        feed.put("b")
        await async_eventually(lambda: len(collect.places) == 2)
        worker.stop()
        assert (await running.end()).handled == 2


async def test_lag_is_never_negative() -> None:
    """It counts from the saved checkpoint when the worker does not run."""
    feed = AsyncMemoryFeed(*"abc")
    feed.checkpoints.saved["w"] = feed.changes[0].seq
    worker = AsyncChangesWorker(feed, ignore, name="w")
    assert await worker.lag() == 2
    feed.checkpoints.saved["w"] = feed.changes[2].seq
    feed.changes.clear()
    assert await worker.lag() == 0


async def test_checkpoints_of_ones_own() -> None:
    """Any object that loads and saves will do, and the feed's is left alone."""
    feed, own = AsyncMemoryFeed(*"abc"), AsyncMemoryCheckpoints()
    own.saved["w"] = feed.changes[1].seq
    collect = AsyncCollect()
    worker = AsyncChangesWorker(feed, collect, name="w", checkpoints=own)
    async with AsyncRunning(worker) as running:
        await async_eventually(lambda: collect.places)
        worker.stop()
        assert (await running.end()).handled == 1
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
        AsyncChangesWorker(AsyncMemoryFeed(), handler, **{"name": "w", **options})
