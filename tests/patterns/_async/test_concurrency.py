"""The primitives under the workers: lanes, beats, flags."""

import asyncio
import functools
import random
import threading
import time
from collections import defaultdict
from collections.abc import AsyncIterator

import pytest

from datapatterns.errors import InvalidArgument
from datapatterns.patterns._async.concurrency import (
    AsyncEvent,
    AsyncEvery,
    AsyncHandler,
    AsyncLanes,
    ending,
)
from datapatterns.testing.waiting import async_eventually


def unexpected(error: BaseException) -> None:
    """Fail loudly."""
    raise AssertionError from error


async def test_jobs_of_one_key_run_in_order_and_others_beside_them() -> None:
    """Never two of a key, never more than `parallel`, and all of them."""
    ran: dict[str, list[int]] = defaultdict(list)
    inside: list[str] = []
    most = [0]

    async def job(key: str, number: int) -> None:
        assert key not in inside
        inside.append(key)
        most[0] = max(most[0], len(inside))
        await asyncio.sleep(random.random() * 0.003)
        ran[key].append(number)
        inside.remove(key)

    async with AsyncLanes(4, on_error=unexpected, outstanding=50) as lanes:
        for number in range(300):
            key = str(random.randrange(9))
            assert await lanes.submit(key, functools.partial(job, key, number))
        assert await lanes.drain(60)
        assert not await lanes.submit("late", functools.partial(job, "late", 0))
    assert sorted(n for numbers in ran.values() for n in numbers) == list(range(300))
    assert all(numbers == sorted(numbers) for numbers in ran.values())
    assert most == [4]


async def test_one_busy_key_does_not_starve_the_others() -> None:
    """A free runner takes the lane that has waited longest."""
    order: list[str] = []

    async def job(key: str) -> None:
        order.append(key)
        await asyncio.sleep(0.001)

    async with AsyncLanes(1, on_error=unexpected, outstanding=50) as lanes:
        for key in ["a"] * 20 + ["b"]:
            await lanes.submit(key, functools.partial(job, key))
        assert await lanes.drain(60)
    assert order.index("b") < 20


async def test_submit_waits_for_room_and_close_lets_it_go() -> None:
    """Bounded memory: only so many jobs are held, and no more after closing."""
    go, taken = AsyncEvent(), [0]

    async def feed() -> None:
        while await lanes.submit(str(taken[0]), job):
            taken[0] += 1

    async def job() -> None:
        await go.wait(60)

    async with AsyncLanes(2, on_error=unexpected, outstanding=5) as lanes:
        async with AsyncLanes(1, on_error=unexpected) as beside:
            await beside.submit("feed", feed)
            await async_eventually(lambda: taken[0] == 5)
            await asyncio.sleep(0.02)
            assert taken[0] == 5
            lanes.close()
            assert await beside.drain(60)
        assert taken[0] == 5
        go.set()
        assert await lanes.drain(60)


async def test_drain_tells_what_it_did_not_reach() -> None:
    """After the timeout it returns False; what has not begun by then never does."""
    go, ran = AsyncEvent(), list[str]()

    async def job(key: str) -> None:
        ran.append(key)
        await go.wait(60)

    async with AsyncLanes(1, on_error=unexpected) as lanes:
        await lanes.submit("a", functools.partial(job, "a"))
        await lanes.submit("a", functools.partial(job, "a2"))
        await lanes.submit("b", functools.partial(job, "b"))
        await async_eventually(lambda: ran)
        assert not await lanes.drain(0.02)
    go.set()
    await asyncio.sleep(0.02)
    assert ran == ["a"]


async def test_abandon_ends_a_drain() -> None:
    """The second signal does not wait for the timeout of the first."""
    go, begun = AsyncEvent(), AsyncEvent()

    async def job() -> None:
        begun.set()
        await go.wait(60)

    async with AsyncLanes(1, on_error=unexpected) as lanes:
        await lanes.submit("a", job)
        assert await begun.wait(30)

        async def abandon() -> None:
            lanes.abandon()

        async with AsyncEvery(0.02, abandon):
            began = time.monotonic()
            assert not await lanes.drain(60)
            assert time.monotonic() - began < 30
    go.set()


async def test_a_job_that_raises_is_told_and_its_lane_goes_on() -> None:
    """Even SystemExit neither ends the runner nor gets lost."""
    errors: list[BaseException] = []
    ran: list[int] = []

    async def fail(error: BaseException) -> None:
        raise error

    async def job() -> None:
        ran.append(1)

    async with AsyncLanes(1, on_error=errors.append) as lanes:
        await lanes.submit("a", functools.partial(fail, ValueError()))
        await lanes.submit("a", functools.partial(fail, SystemExit(1)))
        await lanes.submit("a", job)
        assert await lanes.drain(60)
    assert [type(error) for error in errors] == [ValueError, SystemExit]
    assert ran == [1]


async def test_every_beats_until_the_block_is_left() -> None:
    """An error is logged and the beat goes on; afterwards nothing beats."""
    beats: list[float] = []

    async def beat() -> None:
        beats.append(time.monotonic())
        if len(beats) == 2:
            raise ValueError

    async with AsyncEvery(0.01, beat):
        await async_eventually(lambda: len(beats) >= 5)
    count = len(beats)
    await asyncio.sleep(0.05)
    assert len(beats) == count
    assert beats[4] - beats[0] >= 0.035


async def test_every_can_be_hurried_from_a_thread() -> None:
    """`now` does not wait for the next beat."""
    beaten = AsyncEvent()

    async def beat() -> None:
        beaten.set()

    async with AsyncEvery(1000.0, beat) as every:
        thread = threading.Thread(target=every.now)
        thread.start()
        assert await beaten.wait(30)
        thread.join()


async def test_every_finishes_what_it_is_doing() -> None:
    """Leaving the block does not cut a beat in half."""
    begun, finished = AsyncEvent(), list[int]()

    async def beat() -> None:
        begun.set()
        await asyncio.sleep(0.05)
        finished.append(1)

    async with AsyncEvery(0.001, beat):
        assert await begun.wait(30)
    assert finished


async def test_an_event_wakes_those_who_wait() -> None:
    """From another thread too; and without it the wait ends after its timeout."""
    event = AsyncEvent()
    assert not await event.wait(0.01)
    timer = threading.Timer(0.02, event.set)
    timer.start()
    assert await event.wait(30)
    timer.join()
    assert await event.wait()
    event.clear()
    assert not event.is_set()
    assert not await event.wait(0)


async def test_an_iterator_is_closed_with_its_block() -> None:
    """A generator's `finally` runs when the block is left, not when memory is tidied up."""
    closed: list[int] = []

    async def numbers() -> AsyncIterator[int]:
        try:
            yield 1
            yield 2
        finally:
            closed.append(1)

    async with ending(numbers()) as iterator:
        async for number in iterator:
            assert number == 1
            break
        assert closed == []
    assert closed == [1]


async def test_a_handler_returns_and_raises_what_its_function_does() -> None:
    """Called with whatever it is called with."""

    async def add(a: int, b: int) -> int:
        return a + b

    async def fail() -> None:
        raise KeyError("x")

    class Callable:
        async def __call__(self, a: int) -> int:
            return -a

    async with AsyncHandler(add) as handler:
        assert await handler(1, 2) == 3
    async with AsyncHandler(functools.partial(add, 3)) as handler:
        assert await handler(4) == 7
    async with AsyncHandler(Callable()) as handler:
        assert await handler(5) == -5
    async with AsyncHandler(fail) as handler:
        with pytest.raises(KeyError):
            await handler()


async def test_what_would_never_run_is_no_handler() -> None:
    """Calling a generator function runs nothing, so it is refused."""

    async def generator(change: object) -> AsyncIterator[int]:
        yield 1

    for wrong in (generator, lambda change: (yield), None, 3):
        with pytest.raises(InvalidArgument):
            AsyncHandler(wrong)
