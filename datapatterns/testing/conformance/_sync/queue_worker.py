# Generated from datapatterns/testing/conformance/_async/queue_worker.py by scripts/unasync.py; do not edit.
"""The tests of what a worker promises on every work queue."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, ClassVar

import pytest

from datapatterns import Store
from datapatterns.core.work_queue import QueueStats, WorkSummary
from datapatterns.errors import InvalidArgument
from datapatterns.patterns._sync.concurrency import Event
from datapatterns.patterns._sync.queue_worker import Worker
from datapatterns.testing._sync.concurrently import meanwhile
from datapatterns.testing.conformance._sync.queue_items import Poison
from datapatterns.testing.conformance._sync.work_queue import (
    SHORT,
    Mail,
    take,
)
from datapatterns.testing.waiting import PATIENCE, eventually, spans


class _Run:
    """A running worker, and its summary afterwards."""

    def __init__(self, worker: Worker[Any]) -> None:
        self.worker = worker
        self.summary: WorkSummary | None = None

    def work(self) -> None:
        """Run the worker."""
        self.summary = self.worker.run()


@contextmanager
def working(queue: Any, handler: Any, **options: Any) -> Generator[_Run]:
    """Run a worker beside the block; at the end stop it and wait for it."""
    run = _Run(Worker(queue, handler, signals=False, **options))
    with meanwhile(run.work):
        try:
            yield run
        finally:
            run.worker.stop()


class TestQueueWorker:
    """Tests `Worker` on `target.work_queue`."""

    pattern: ClassVar[str] = "work_queue"

    def test_it_handles_every_item(self, target: Store) -> None:
        """It handles old and new items, each once, and the summary counts them."""
        queue = target.work_queue("mail")
        queue.push_many(range(50))
        seen: list[int] = []

        def handle(item: int) -> None:
            seen.append(item)

        def all_seen() -> bool:
            return len(seen) == 100

        with working(queue, handle, parallel=4) as run:
            queue.push_many(range(50, 100))
            eventually(all_seen)
        assert sorted(seen) == list(range(100))
        assert run.summary == WorkSummary(acked=100)
        assert queue.stats() == QueueStats(0, 0, 0, 0, 0)

    def test_one_lane_keeps_the_order(self, target: Store) -> None:
        """With parallel 1 it handles items one by one, in the queue's order."""
        queue = target.work_queue("mail")
        queue.push_many(range(30))
        queue.push(99, priority=1)
        seen: list[int] = []

        def handle(item: int) -> None:
            seen.append(item)
            if len(seen) == 31:
                worker.stop()

        worker = Worker(queue, handle, signals=False)
        assert worker.run() == WorkSummary(acked=31)
        assert seen == [99, *range(30)]

    def test_it_wakes_for_a_push(self, target: Store) -> None:
        """An idle worker soon handles what is pushed, delayed items included."""
        queue = target.work_queue("mail")
        seen: list[str] = []

        def handle(item: str) -> None:
            seen.append(item)

        def both() -> bool:
            return sorted(seen) == ["later", "now"]

        with working(queue, handle, parallel=3):
            time.sleep(0.3)
            queue.push("later", delay=0.4)
            queue.push("now")
            eventually(both)

    def test_parallel_bounds_the_handlers(self, target: Store) -> None:
        """Up to `parallel` handlers run at a time, and that many do when there is enough to do."""
        queue = target.work_queue("mail")
        queue.push_many(range(30))
        lock = threading.Lock()
        running = most = done = 0
        together = Event()

        def handle(item: int) -> None:
            nonlocal running, most, done
            with lock:
                running += 1
                most = max(most, running)
            if most == 5:
                together.set()
            together.wait(PATIENCE)
            time.sleep(0.02)
            with lock:
                running -= 1
                done += 1

        def all_done() -> bool:
            return done == 30

        with working(queue, handle, parallel=5):
            eventually(all_done)
        assert most == 5

    def test_a_handler_may_want_the_delivery(self, target: Store) -> None:
        """A handler with a second parameter gets the delivery, and may settle it."""
        queue = target.work_queue("mail", Mail)
        queue.push(Mail(to="a"), id="a")
        queue.push(Mail(to="b"), id="b")
        queue.push(Mail(to="c"), id="c")
        seen: list[Any] = []

        def handle(mail: Mail, delivery: Any) -> None:
            seen.append((mail.to, delivery.id, delivery.attempt))
            if mail.to == "a":
                delivery.bury("not wanted")
            if mail.to == "b":
                delivery.ack()
                raise ZeroDivisionError

        def through() -> bool:
            return len(seen) == 3

        with working(queue, handle) as run:
            eventually(through)
        assert seen == [("a", "a", 1), ("b", "b", 1), ("c", "c", 1)]
        assert run.summary == WorkSummary(acked=2, buried=1)
        assert [letter.error for letter in queue.dead_letters()] == ["not wanted"]

    def test_a_plain_function_may_handle(self, target: Store) -> None:
        """A plain function works in the async face too; other parameters keep their defaults."""
        queue = target.work_queue("mail")
        queue.push("a")
        seen: list[Any] = []

        def handle(item: str, times: int = 2) -> None:
            seen.append(item * times)
            worker.stop()

        worker = Worker(queue, handle, signals=False)
        assert worker.run() == WorkSummary(acked=1)
        assert seen == ["aa"]

    def test_failures_are_tried_again(self, target: Store) -> None:
        """After the backoff, up to max_attempts, then the item is dead; the worker goes on."""
        queue = target.work_queue("mail", max_attempts=3, backoff=lambda attempt: 0.01)
        queue.push("bad", id="bad")
        queue.push("shaky")
        queue.push("good")
        attempts: list[tuple[str, int]] = []

        def handle(item: str, delivery: Any) -> None:
            attempts.append((item, delivery.attempt))
            if item == "bad" or (item == "shaky" and delivery.attempt == 1):
                raise ValueError(f"{item} {delivery.attempt}")

        def settled() -> bool:
            return queue.stats() == QueueStats(0, 0, 0, 1, 0)

        with working(queue, handle, parallel=2) as run:
            eventually(settled)
        bad = [("bad", 1), ("bad", 2), ("bad", 3)]
        assert sorted(attempts) == [*bad, ("good", 1), ("shaky", 1), ("shaky", 2)]
        [letter] = queue.dead_letters()
        assert (letter.id, letter.error, letter.attempts) == ("bad", "ValueError: bad 3", 3)
        assert run.summary == WorkSummary(acked=2, retried=3, buried=1)

    def test_what_does_not_fit_is_buried(self, target: Store) -> None:
        """An item that fails the model does not reach the handler, nor stop the worker."""
        target.work_queue("mail").push_many([{"to": ""}, {"to": "b"}])
        queue = target.work_queue("mail", Mail)
        seen: list[Mail] = []

        def handle(mail: Mail) -> None:
            seen.append(mail)
            worker.stop()

        worker = Worker(queue, handle, signals=False)
        assert worker.run() == WorkSummary(acked=1, buried=1)
        assert seen == [Mail(to="b")]
        assert (queue.stats()).dead == 1

    def test_a_poisoned_item_stops_no_other(self, target: Store) -> None:
        """A KeyError in a validator makes its item dead; others of the same take are handled."""
        target.work_queue("mail").push_many({"number": n} for n in (1, 13, 2, 13, 3, 4))
        queue = target.work_queue("mail", Poison)
        seen: list[int] = []

        def handle(item: Poison) -> None:
            seen.append(item.number)

        def settled() -> bool:
            return queue.stats() == QueueStats(0, 0, 0, 2, 0)

        with working(queue, handle, parallel=6) as run:
            eventually(settled)
        assert sorted(seen) == [1, 2, 3, 4]
        assert run.summary == WorkSummary(acked=4, buried=2)
        letters = queue.dead_letters()
        assert [letter.item for letter in letters] == [{"number": 13}] * 2
        assert all("KeyError" in letter.error for letter in letters)

    def test_a_cancelled_item_is_lost_to_its_handler(self, target: Store) -> None:
        """The delivery is `lost` from the next heartbeat on, and the outcome changes nothing."""
        queue = target.work_queue("mail", lease=2.0)
        queue.push("x", id="a")
        begun: list[Any] = []

        def handle(item: str, delivery: Any) -> None:
            begun.append(delivery)
            eventually(lambda: delivery.lost)

        def over() -> bool:
            return bool(begun) and begun[0].lost

        with working(queue, handle) as run:
            eventually(lambda: begun)
            assert queue.cancel("a") is True
            eventually(over)
            queue.push("x", id="b", delay=3600)
        assert run.summary == WorkSummary(lost=1)
        assert queue.stats() == QueueStats(0, 1, 0, 0, 0)

    def test_a_slow_handler_runs_once(self, target: Store) -> None:
        """The heartbeat extends the lease while the handler runs, for several leases' length."""
        for span in spans():
            with span:
                self._handle_slowly(target, span.seconds)

    def _handle_slowly(self, target: Store, lease: float) -> None:
        """Let a handler take two and a half leases; assert that it ran once."""
        queue = target.work_queue(f"mail {lease}", lease=lease)
        queue.push("x")
        runs: list[int] = []
        done = Event()

        def handle(item: str, delivery: Any) -> None:
            runs.append(delivery.attempt)
            time.sleep(2.5 * lease)
            done.set()

        with working(queue, handle, parallel=2), working(queue, handle) as other:
            assert done.wait(PATIENCE)
        assert runs == [1]
        assert other.summary is not None
        assert queue.stats() == QueueStats(0, 0, 0, 0, 0)

    def test_it_takes_over_from_a_lost_holder(self, target: Store) -> None:
        """An idle worker gets a lost item within the lease and a reaping interval."""
        holder = target.work_queue("mail", lease=SHORT)
        holder.push("x")
        take(holder)
        queue = target.work_queue("mail")
        seen: list[int] = []

        def handle(item: str, delivery: Any) -> None:
            seen.append(delivery.attempt)
            worker.stop()

        worker = Worker(queue, handle, signals=False)
        assert worker.run() == WorkSummary(acked=1)
        assert seen == [2]
        assert (queue.stats()).requeued == 1

    def test_stop_drains(self, target: Store) -> None:
        """After `stop` it finishes and acks what is under way, and takes nothing more."""
        queue = target.work_queue("mail")
        queue.push_many(range(10))
        begun: list[int] = []
        stopped = Event()

        def handle(item: int) -> None:
            begun.append(item)
            stopped.wait(PATIENCE)

        def two() -> bool:
            return len(begun) == 2

        run = _Run(Worker(queue, handle, parallel=2, signals=False))
        with meanwhile(run.work):
            try:
                eventually(two)
            finally:
                run.worker.stop()
                stopped.set()
        assert run.summary == WorkSummary(acked=2)
        assert queue.stats() == QueueStats(8, 0, 0, 0, 0)

    def test_what_is_not_drained_in_time_is_released(self, target: Store) -> None:
        """Such items return to their old places at once, and the attempt does not count."""
        queue = target.work_queue("mail", lease=600.0)
        queue.push_many(["a", "b"])
        begun, release = Event(), Event()

        def handle(item: str) -> None:
            begun.set()
            release.wait(PATIENCE)

        try:
            with working(queue, handle, drain_timeout=0.2) as run:
                assert begun.wait(PATIENCE)
            assert run.summary == WorkSummary(released=1)
            assert queue.stats() == QueueStats(2, 0, 0, 0, 0)
            delivery = take(queue)
            assert (delivery.item, delivery.attempt) == ("a", 1)
        finally:
            release.set()

    def test_a_second_stop_abandons(self, target: Store) -> None:
        """A second `stop` does not wait for handlers; their items can be taken again."""
        queue = target.work_queue("mail", lease=600.0)
        queue.push("a")
        begun, release = Event(), Event()

        def handle(item: str) -> None:
            begun.set()
            release.wait(PATIENCE)

        try:
            began = time.monotonic()
            with working(queue, handle, drain_timeout=600.0) as run:
                assert begun.wait(PATIENCE)
                run.worker.stop()
            assert time.monotonic() - began < PATIENCE
            assert run.summary == WorkSummary(released=1)
            assert (take(queue)).item == "a"
        finally:
            release.set()

    def test_a_paused_queue_lets_it_rest(self, target: Store) -> None:
        """It handles nothing until the queue is resumed."""
        queue = target.work_queue("mail")
        queue.pause()
        queue.push("a")
        seen: list[str] = []

        def handle(item: str) -> None:
            seen.append(item)

        def any_seen() -> bool:
            return bool(seen)

        with working(queue, handle):
            time.sleep(0.3)
            assert seen == []
            queue.resume()
            eventually(any_seen)

    def test_it_can_run_again(self, target: Store) -> None:
        """A stop ends one run; a stop before a run ends that run at once."""
        queue = target.work_queue("mail")
        seen: list[int] = []

        def handle(item: int) -> None:
            seen.append(item)
            worker.stop()

        worker = Worker(queue, handle, signals=False)
        for item in (1, 2):
            queue.push(item)
            assert worker.run() == WorkSummary(acked=1)
        assert seen == [1, 2]
        queue.push(3)
        worker.stop()
        assert worker.run() == WorkSummary()
        assert (queue.stats()).ready == 1

    def test_arguments_are_checked(self, target: Store) -> None:
        """Invalid options raise InvalidArgument."""
        queue: Any = target.work_queue("mail")
        for name, value in (("parallel", 0), ("parallel", 1.5), ("drain_timeout", -1)):
            options: dict[str, Any] = {name: value}
            with pytest.raises(InvalidArgument):
                Worker(queue, print, **options)
        nothing: Any = None
        with pytest.raises(InvalidArgument):
            Worker(queue, nothing)
        with pytest.raises(InvalidArgument):
            Worker(nothing, print)
