"""The tests of what a worker promises on every work queue."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import pytest

from datapatterns import AsyncStore
from datapatterns.core.work_queue import QueueStats, WorkSummary
from datapatterns.errors import InvalidArgument
from datapatterns.patterns._async.concurrency import AsyncEvent
from datapatterns.patterns._async.queue_worker import AsyncWorker
from datapatterns.testing._async.concurrently import meanwhile
from datapatterns.testing.conformance._async.queue_items import Poison
from datapatterns.testing.conformance._async.work_queue import (
    SHORT,
    Mail,
    take,
)
from datapatterns.testing.waiting import PATIENCE, async_eventually, spans


class _Run:
    """A running worker, and its summary afterwards."""

    def __init__(self, worker: AsyncWorker[Any]) -> None:
        self.worker = worker
        self.summary: WorkSummary | None = None

    async def work(self) -> None:
        """Run the worker."""
        self.summary = await self.worker.run()


@asynccontextmanager
async def working(queue: Any, handler: Any, **options: Any) -> AsyncGenerator[_Run]:
    """Run a worker beside the block; at the end stop it and wait for it."""
    run = _Run(AsyncWorker(queue, handler, signals=False, **options))
    async with meanwhile(run.work):
        try:
            yield run
        finally:
            run.worker.stop()


class TestQueueWorker:
    """Tests `AsyncWorker` on `target.work_queue`."""

    pattern: ClassVar[str] = "work_queue"

    async def test_it_handles_every_item(self, target: AsyncStore) -> None:
        """It handles old and new items, each once, and the summary counts them."""
        queue = target.work_queue("mail")
        await queue.push_many(range(50))
        seen: list[int] = []

        async def handle(item: int) -> None:
            seen.append(item)

        async def all_seen() -> bool:
            return len(seen) == 100

        async with working(queue, handle, parallel=4) as run:
            await queue.push_many(range(50, 100))
            await async_eventually(all_seen)
        assert sorted(seen) == list(range(100))
        assert run.summary == WorkSummary(acked=100)
        assert await queue.stats() == QueueStats(0, 0, 0, 0, 0)

    async def test_one_lane_keeps_the_order(self, target: AsyncStore) -> None:
        """With parallel 1 it handles items one by one, in the queue's order."""
        queue = target.work_queue("mail")
        await queue.push_many(range(30))
        await queue.push(99, priority=1)
        seen: list[int] = []

        async def handle(item: int) -> None:
            seen.append(item)
            if len(seen) == 31:
                worker.stop()

        worker = AsyncWorker(queue, handle, signals=False)
        assert await worker.run() == WorkSummary(acked=31)
        assert seen == [99, *range(30)]

    async def test_it_wakes_for_a_push(self, target: AsyncStore) -> None:
        """An idle worker soon handles what is pushed, delayed items included."""
        queue = target.work_queue("mail")
        seen: list[str] = []

        async def handle(item: str) -> None:
            seen.append(item)

        async def both() -> bool:
            return sorted(seen) == ["later", "now"]

        async with working(queue, handle, parallel=3):
            await asyncio.sleep(0.3)
            await queue.push("later", delay=0.4)
            await queue.push("now")
            await async_eventually(both)

    async def test_parallel_bounds_the_handlers(self, target: AsyncStore) -> None:
        """Up to `parallel` handlers run at a time, and that many do when there is enough to do."""
        queue = target.work_queue("mail")
        await queue.push_many(range(30))
        lock = threading.Lock()
        running = most = done = 0
        together = AsyncEvent()

        async def handle(item: int) -> None:
            nonlocal running, most, done
            with lock:
                running += 1
                most = max(most, running)
            if most == 5:
                together.set()
            await together.wait(PATIENCE)
            await asyncio.sleep(0.02)
            with lock:
                running -= 1
                done += 1

        async def all_done() -> bool:
            return done == 30

        async with working(queue, handle, parallel=5):
            await async_eventually(all_done)
        assert most == 5

    async def test_a_handler_may_want_the_delivery(self, target: AsyncStore) -> None:
        """A handler with a second parameter gets the delivery, and may settle it."""
        queue = target.work_queue("mail", Mail)
        await queue.push(Mail(to="a"), id="a")
        await queue.push(Mail(to="b"), id="b")
        await queue.push(Mail(to="c"), id="c")
        seen: list[Any] = []

        async def handle(mail: Mail, delivery: Any) -> None:
            seen.append((mail.to, delivery.id, delivery.attempt))
            if mail.to == "a":
                await delivery.bury("not wanted")
            if mail.to == "b":
                await delivery.ack()
                raise ZeroDivisionError

        async def through() -> bool:
            return len(seen) == 3

        async with working(queue, handle) as run:
            await async_eventually(through)
        assert seen == [("a", "a", 1), ("b", "b", 1), ("c", "c", 1)]
        assert run.summary == WorkSummary(acked=2, buried=1)
        assert [letter.error for letter in await queue.dead_letters()] == ["not wanted"]

    async def test_a_plain_function_may_handle(self, target: AsyncStore) -> None:
        """A plain function works in the async face too; other parameters keep their defaults."""
        queue = target.work_queue("mail")
        await queue.push("a")
        seen: list[Any] = []

        def handle(item: str, times: int = 2) -> None:
            seen.append(item * times)
            worker.stop()

        worker = AsyncWorker(queue, handle, signals=False)
        assert await worker.run() == WorkSummary(acked=1)
        assert seen == ["aa"]

    async def test_failures_are_tried_again(self, target: AsyncStore) -> None:
        """After the backoff, up to max_attempts, then the item is dead; the worker goes on."""
        queue = target.work_queue("mail", max_attempts=3, backoff=lambda attempt: 0.01)
        await queue.push("bad", id="bad")
        await queue.push("shaky")
        await queue.push("good")
        attempts: list[tuple[str, int]] = []

        async def handle(item: str, delivery: Any) -> None:
            attempts.append((item, delivery.attempt))
            if item == "bad" or (item == "shaky" and delivery.attempt == 1):
                raise ValueError(f"{item} {delivery.attempt}")

        async def settled() -> bool:
            return await queue.stats() == QueueStats(0, 0, 0, 1, 0)

        async with working(queue, handle, parallel=2) as run:
            await async_eventually(settled)
        bad = [("bad", 1), ("bad", 2), ("bad", 3)]
        assert sorted(attempts) == [*bad, ("good", 1), ("shaky", 1), ("shaky", 2)]
        [letter] = await queue.dead_letters()
        assert (letter.id, letter.error, letter.attempts) == ("bad", "ValueError: bad 3", 3)
        assert run.summary == WorkSummary(acked=2, retried=3, buried=1)

    async def test_what_does_not_fit_is_buried(self, target: AsyncStore) -> None:
        """An item that fails the model does not reach the handler, nor stop the worker."""
        await target.work_queue("mail").push_many([{"to": ""}, {"to": "b"}])
        queue = target.work_queue("mail", Mail)
        seen: list[Mail] = []

        async def handle(mail: Mail) -> None:
            seen.append(mail)
            worker.stop()

        worker = AsyncWorker(queue, handle, signals=False)
        assert await worker.run() == WorkSummary(acked=1, buried=1)
        assert seen == [Mail(to="b")]
        assert (await queue.stats()).dead == 1

    async def test_a_poisoned_item_stops_no_other(self, target: AsyncStore) -> None:
        """A KeyError in a validator makes its item dead; others of the same take are handled."""
        await target.work_queue("mail").push_many({"number": n} for n in (1, 13, 2, 13, 3, 4))
        queue = target.work_queue("mail", Poison)
        seen: list[int] = []

        async def handle(item: Poison) -> None:
            seen.append(item.number)

        async def settled() -> bool:
            return await queue.stats() == QueueStats(0, 0, 0, 2, 0)

        async with working(queue, handle, parallel=6) as run:
            await async_eventually(settled)
        assert sorted(seen) == [1, 2, 3, 4]
        assert run.summary == WorkSummary(acked=4, buried=2)
        letters = await queue.dead_letters()
        assert [letter.item for letter in letters] == [{"number": 13}] * 2
        assert all("KeyError" in letter.error for letter in letters)

    async def test_a_cancelled_item_is_lost_to_its_handler(self, target: AsyncStore) -> None:
        """The delivery is `lost` from the next heartbeat on, and the outcome changes nothing."""
        queue = target.work_queue("mail", lease=2.0)
        await queue.push("x", id="a")
        begun: list[Any] = []

        async def handle(item: str, delivery: Any) -> None:
            begun.append(delivery)
            await async_eventually(lambda: delivery.lost)

        async def over() -> bool:
            return bool(begun) and begun[0].lost

        async with working(queue, handle) as run:
            await async_eventually(lambda: begun)
            assert await queue.cancel("a") is True
            await async_eventually(over)
            await queue.push("x", id="b", delay=3600)
        assert run.summary == WorkSummary(lost=1)
        assert await queue.stats() == QueueStats(0, 1, 0, 0, 0)

    async def test_a_slow_handler_runs_once(self, target: AsyncStore) -> None:
        """The heartbeat extends the lease while the handler runs, for several leases' length."""
        for span in spans():
            with span:
                await self._handle_slowly(target, span.seconds)

    async def _handle_slowly(self, target: AsyncStore, lease: float) -> None:
        """Let a handler take two and a half leases; assert that it ran once."""
        queue = target.work_queue(f"mail {lease}", lease=lease)
        await queue.push("x")
        runs: list[int] = []
        done = AsyncEvent()

        async def handle(item: str, delivery: Any) -> None:
            runs.append(delivery.attempt)
            await asyncio.sleep(2.5 * lease)
            done.set()

        async with working(queue, handle, parallel=2), working(queue, handle) as other:
            assert await done.wait(PATIENCE)
        assert runs == [1]
        assert other.summary is not None
        assert await queue.stats() == QueueStats(0, 0, 0, 0, 0)

    async def test_it_takes_over_from_a_lost_holder(self, target: AsyncStore) -> None:
        """An idle worker gets a lost item within the lease and a reaping interval."""
        holder = target.work_queue("mail", lease=SHORT)
        await holder.push("x")
        await take(holder)
        queue = target.work_queue("mail")
        seen: list[int] = []

        async def handle(item: str, delivery: Any) -> None:
            seen.append(delivery.attempt)
            worker.stop()

        worker = AsyncWorker(queue, handle, signals=False)
        assert await worker.run() == WorkSummary(acked=1)
        assert seen == [2]
        assert (await queue.stats()).requeued == 1

    async def test_stop_drains(self, target: AsyncStore) -> None:
        """After `stop` it finishes and acks what is under way, and takes nothing more."""
        queue = target.work_queue("mail")
        await queue.push_many(range(10))
        begun: list[int] = []
        stopped = AsyncEvent()

        async def handle(item: int) -> None:
            begun.append(item)
            await stopped.wait(PATIENCE)

        async def two() -> bool:
            return len(begun) == 2

        run = _Run(AsyncWorker(queue, handle, parallel=2, signals=False))
        async with meanwhile(run.work):
            try:
                await async_eventually(two)
            finally:
                run.worker.stop()
                stopped.set()
        assert run.summary == WorkSummary(acked=2)
        assert await queue.stats() == QueueStats(8, 0, 0, 0, 0)

    async def test_what_is_not_drained_in_time_is_released(self, target: AsyncStore) -> None:
        """Such items return to their old places at once, and the attempt does not count."""
        queue = target.work_queue("mail", lease=600.0)
        await queue.push_many(["a", "b"])
        begun, release = AsyncEvent(), AsyncEvent()

        async def handle(item: str) -> None:
            begun.set()
            await release.wait(PATIENCE)

        try:
            async with working(queue, handle, drain_timeout=0.2) as run:
                assert await begun.wait(PATIENCE)
            assert run.summary == WorkSummary(released=1)
            assert await queue.stats() == QueueStats(2, 0, 0, 0, 0)
            delivery = await take(queue)
            assert (delivery.item, delivery.attempt) == ("a", 1)
        finally:
            release.set()

    async def test_a_second_stop_abandons(self, target: AsyncStore) -> None:
        """A second `stop` does not wait for handlers; their items can be taken again."""
        queue = target.work_queue("mail", lease=600.0)
        await queue.push("a")
        begun, release = AsyncEvent(), AsyncEvent()

        async def handle(item: str) -> None:
            begun.set()
            await release.wait(PATIENCE)

        try:
            began = time.monotonic()
            async with working(queue, handle, drain_timeout=600.0) as run:
                assert await begun.wait(PATIENCE)
                run.worker.stop()
            assert time.monotonic() - began < PATIENCE
            assert run.summary == WorkSummary(released=1)
            assert (await take(queue)).item == "a"
        finally:
            release.set()

    async def test_a_paused_queue_lets_it_rest(self, target: AsyncStore) -> None:
        """It handles nothing until the queue is resumed."""
        queue = target.work_queue("mail")
        await queue.pause()
        await queue.push("a")
        seen: list[str] = []

        async def handle(item: str) -> None:
            seen.append(item)

        async def any_seen() -> bool:
            return bool(seen)

        async with working(queue, handle):
            await asyncio.sleep(0.3)
            assert seen == []
            await queue.resume()
            await async_eventually(any_seen)

    async def test_it_can_run_again(self, target: AsyncStore) -> None:
        """A stop ends one run; a stop before a run ends that run at once."""
        queue = target.work_queue("mail")
        seen: list[int] = []

        async def handle(item: int) -> None:
            seen.append(item)
            worker.stop()

        worker = AsyncWorker(queue, handle, signals=False)
        for item in (1, 2):
            await queue.push(item)
            assert await worker.run() == WorkSummary(acked=1)
        assert seen == [1, 2]
        await queue.push(3)
        worker.stop()
        assert await worker.run() == WorkSummary()
        assert (await queue.stats()).ready == 1

    async def test_arguments_are_checked(self, target: AsyncStore) -> None:
        """Invalid options raise InvalidArgument."""
        queue: Any = target.work_queue("mail")
        for name, value in (("parallel", 0), ("parallel", 1.5), ("drain_timeout", -1)):
            options: dict[str, Any] = {name: value}
            with pytest.raises(InvalidArgument):
                AsyncWorker(queue, print, **options)
        nothing: Any = None
        with pytest.raises(InvalidArgument):
            AsyncWorker(queue, nothing)
        with pytest.raises(InvalidArgument):
            AsyncWorker(nothing, print)
