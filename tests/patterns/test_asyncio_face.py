"""What only the async face has: tasks, cancelling, sync handlers in threads."""

import asyncio
import contextvars
import threading
import time

import pytest
from patterns._async.memory import AsyncMemoryFeed, AsyncRunning

from datapatterns.core.changes import Change
from datapatterns.patterns._async import concurrency
from datapatterns.patterns._async.changes_worker import AsyncChangesWorker
from datapatterns.patterns._async.concurrency import (
    AsyncEvent,
    AsyncEvery,
    AsyncHandler,
    AsyncLanes,
)
from datapatterns.testing.waiting import PATIENCE, async_eventually


def alone() -> bool:
    """Return whether no task of ours is left in the loop."""
    return not any(task.get_name().startswith("datapatterns") for task in asyncio.all_tasks())


@pytest.mark.parametrize("stops", [1, 2])
async def test_no_task_is_left_after_run(stops: int) -> None:
    """Neither after draining nor after abandoning."""
    feed, hang, begun = AsyncMemoryFeed(*"abc"), AsyncEvent(), AsyncEvent()

    async def handle(change: Change[int]) -> None:
        assert not alone()
        begun.set()
        await hang.wait(60)

    worker = AsyncChangesWorker(feed, handle, name="w", parallel=2)
    task = asyncio.create_task(worker.run())
    assert await begun.wait(30)
    if stops == 1:
        hang.set()
    for _ in range(stops):
        worker.stop()
    await asyncio.wait_for(task, 30)
    assert alone()


async def test_cancelling_run_cancels_the_handlers() -> None:
    """CancelledError comes through, nothing is left, and nothing undone is in the checkpoint."""
    feed, begun, cancelled = AsyncMemoryFeed(*"abcdefgh"), AsyncEvent(), list[str]()

    async def handle(change: Change[int]) -> None:
        if change.id == "a":
            return
        begun.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.append(change.id)
            raise

    worker = AsyncChangesWorker(feed, handle, name="w", parallel=2, checkpoint_every=(1, 0.01))
    task = asyncio.create_task(worker.run())
    assert await begun.wait(30)
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 30)
    assert alone()
    assert sorted(cancelled) == ["b", "c"]
    assert feed.place(feed.checkpoints.saved.get("w")) <= 1
    async with AsyncRunning(worker) as running:  # it can run again
        await async_eventually(lambda: len(cancelled) == 2)
        worker.stop()
        worker.stop()
        await running.end()


async def test_cancelling_at_any_moment_leaves_nothing() -> None:
    """Two hundred cancellations from the first step on."""
    feed = AsyncMemoryFeed(*(str(n) for n in range(50)))
    done: set[int] = set()
    feed.watch(done)

    async def handle(change: Change[int]) -> None:
        await asyncio.sleep(0)
        done.add(change.document)

    worker = AsyncChangesWorker(feed, handle, name="w", parallel=3, checkpoint_every=(1, 0.001))
    for steps in range(200):
        task = asyncio.create_task(worker.run())
        for _ in range(steps % 70):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 30)
        assert alone()
    assert feed.checkpoints.wrong == []


async def test_a_handler_that_was_cancelled_from_within_has_failed() -> None:
    """It is tried again as after any failure; the lane does not die of it."""
    feed, calls = AsyncMemoryFeed("a", "b"), list[str]()

    async def handle(change: Change[int]) -> None:
        calls.append(change.id)
        if len(calls) == 1:
            inner = asyncio.ensure_future(asyncio.sleep(60))
            inner.cancel()
            await inner
        if change.id == "b":
            worker.stop()

    worker = AsyncChangesWorker(feed, handle, name="w", backoff=lambda attempt: 0.0)
    summary = await asyncio.wait_for(worker.run(), 30)
    assert (summary.handled, calls) == (2, ["a", "a", "b"])


async def test_a_job_that_was_cancelled_from_within_does_not_hang_the_lanes() -> None:
    """Its runner goes on."""
    errors: list[BaseException] = []

    async def job() -> None:
        raise asyncio.CancelledError

    async with AsyncLanes(1, on_error=errors.append) as lanes:
        await lanes.submit("a", job)
        assert await lanes.drain(30)
    assert len(errors) == 1


async def test_sync_handlers_run_beside_the_loop() -> None:
    """All `parallel` at a time, however few threads asyncio's own pool has."""
    feed = AsyncMemoryFeed(*(str(n) for n in range(40)))
    barrier = threading.Barrier(40)

    def handle(change: Change[int]) -> None:
        assert threading.current_thread() is not threading.main_thread()
        barrier.wait(60)

    worker = AsyncChangesWorker(feed, handle, name="w", parallel=40, max_attempts=1)
    async with AsyncRunning(worker) as running:
        await async_eventually(lambda: feed.checkpoints.saved)
        worker.stop()
        assert (await running.end()).handled == 40


async def test_threads_are_used_again_and_see_the_context() -> None:
    """A connection kept in a thread-local variable is not opened for each change."""
    variable = contextvars.ContextVar("variable", default="")
    threads: set[int] = set()

    def work() -> str:
        threads.add(threading.get_ident())
        return variable.get()

    async with AsyncHandler(work) as handler:
        for number in range(20):
            variable.set(str(number))
            assert await handler() == str(number)
    assert len(threads) == 1


async def test_a_sync_function_may_return_something_to_await() -> None:
    """Such as a lambda around an async function."""

    async def double(n: int) -> int:
        return 2 * n

    async with AsyncHandler(lambda n: double(n)) as handler:
        assert await handler(4) == 8


async def test_a_sync_handler_may_raise_stop_iteration() -> None:
    """A future would refuse to hold it, and its caller would wait for ever."""
    async with AsyncHandler(lambda: next(iter([]))) as handler:
        with pytest.raises(RuntimeError):
            await asyncio.wait_for(handler(), 30)


async def test_an_abandoned_thread_ends_with_its_call() -> None:
    """Cancelling does not wait for it; afterwards it goes, and its answer goes nowhere."""
    go = threading.Event()
    async with AsyncHandler(lambda: go.wait(60)) as handler:
        task = asyncio.create_task(handler())
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 30)
    go.set()

    def all_gone() -> bool:
        return not any(t.name == "datapatterns-handler" for t in threading.enumerate())

    await async_eventually(all_gone)


async def test_a_beat_is_cancelled_with_its_block(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cancelled block does not wait for a slow beat."""
    monkeypatch.setattr(concurrency, "_GRACE", PATIENCE)
    begun = AsyncEvent()

    async def beat() -> None:
        begun.set()
        await asyncio.sleep(2 * PATIENCE)

    async def block() -> None:
        async with AsyncEvery(0.001, beat):
            await asyncio.sleep(2 * PATIENCE)

    task = asyncio.create_task(block())
    assert await begun.wait(30)
    began = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 2 * PATIENCE)
    assert time.monotonic() - began < PATIENCE / 2
    assert alone()
