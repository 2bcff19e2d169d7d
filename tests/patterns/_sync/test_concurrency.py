# Generated from tests/patterns/_async/test_concurrency.py by scripts/unasync.py; do not edit.
"""The primitives under the workers: lanes, beats, flags."""

import functools
import random
import threading
import time
from collections import defaultdict
from collections.abc import Iterator

import pytest

from datapatterns.errors import InvalidArgument
from datapatterns.patterns._sync.concurrency import (
    Event,
    Every,
    Handler,
    Lanes,
    ending,
)
from datapatterns.testing.waiting import eventually


def unexpected(error: BaseException) -> None:
    """Fail loudly."""
    raise AssertionError from error


def test_jobs_of_one_key_run_in_order_and_others_beside_them() -> None:
    """Never two of a key, never more than `parallel`, and all of them."""
    ran: dict[str, list[int]] = defaultdict(list)
    inside: list[str] = []
    most = [0]

    def job(key: str, number: int) -> None:
        assert key not in inside
        inside.append(key)
        most[0] = max(most[0], len(inside))
        time.sleep(random.random() * 0.003)
        ran[key].append(number)
        inside.remove(key)

    with Lanes(4, on_error=unexpected, outstanding=50) as lanes:
        for number in range(300):
            key = str(random.randrange(9))
            assert lanes.submit(key, functools.partial(job, key, number))
        assert lanes.drain(60)
        assert not lanes.submit("late", functools.partial(job, "late", 0))
    assert sorted(n for numbers in ran.values() for n in numbers) == list(range(300))
    assert all(numbers == sorted(numbers) for numbers in ran.values())
    assert most == [4]


def test_one_busy_key_does_not_starve_the_others() -> None:
    """A free runner takes the lane that has waited longest."""
    order: list[str] = []

    def job(key: str) -> None:
        order.append(key)
        time.sleep(0.001)

    with Lanes(1, on_error=unexpected, outstanding=50) as lanes:
        for key in ["a"] * 20 + ["b"]:
            lanes.submit(key, functools.partial(job, key))
        assert lanes.drain(60)
    assert order.index("b") < 20


def test_submit_waits_for_room_and_close_lets_it_go() -> None:
    """Bounded memory: only so many jobs are held, and no more after closing."""
    go, taken = Event(), [0]

    def feed() -> None:
        while lanes.submit(str(taken[0]), job):
            taken[0] += 1

    def job() -> None:
        go.wait(60)

    with Lanes(2, on_error=unexpected, outstanding=5) as lanes:
        with Lanes(1, on_error=unexpected) as beside:
            beside.submit("feed", feed)
            eventually(lambda: taken[0] == 5)
            time.sleep(0.02)
            assert taken[0] == 5
            lanes.close()
            assert beside.drain(60)
        assert taken[0] == 5
        go.set()
        assert lanes.drain(60)


def test_drain_tells_what_it_did_not_reach() -> None:
    """After the timeout it returns False; what has not begun by then never does."""
    go, ran = Event(), list[str]()

    def job(key: str) -> None:
        ran.append(key)
        go.wait(60)

    with Lanes(1, on_error=unexpected) as lanes:
        lanes.submit("a", functools.partial(job, "a"))
        lanes.submit("a", functools.partial(job, "a2"))
        lanes.submit("b", functools.partial(job, "b"))
        eventually(lambda: ran)
        assert not lanes.drain(0.02)
    go.set()
    time.sleep(0.02)
    assert ran == ["a"]


def test_abandon_ends_a_drain() -> None:
    """The second signal does not wait for the timeout of the first."""
    go, begun = Event(), Event()

    def job() -> None:
        begun.set()
        go.wait(60)

    with Lanes(1, on_error=unexpected) as lanes:
        lanes.submit("a", job)
        assert begun.wait(30)

        def abandon() -> None:
            lanes.abandon()

        with Every(0.02, abandon):
            began = time.monotonic()
            assert not lanes.drain(60)
            assert time.monotonic() - began < 30
    go.set()


def test_a_job_that_raises_is_told_and_its_lane_goes_on() -> None:
    """Even SystemExit neither ends the runner nor gets lost."""
    errors: list[BaseException] = []
    ran: list[int] = []

    def fail(error: BaseException) -> None:
        raise error

    def job() -> None:
        ran.append(1)

    with Lanes(1, on_error=errors.append) as lanes:
        lanes.submit("a", functools.partial(fail, ValueError()))
        lanes.submit("a", functools.partial(fail, SystemExit(1)))
        lanes.submit("a", job)
        assert lanes.drain(60)
    assert [type(error) for error in errors] == [ValueError, SystemExit]
    assert ran == [1]


def test_every_beats_until_the_block_is_left() -> None:
    """An error is logged and the beat goes on; afterwards nothing beats."""
    beats: list[float] = []

    def beat() -> None:
        beats.append(time.monotonic())
        if len(beats) == 2:
            raise ValueError

    with Every(0.01, beat):
        eventually(lambda: len(beats) >= 5)
    count = len(beats)
    time.sleep(0.05)
    assert len(beats) == count
    assert beats[4] - beats[0] >= 0.035


def test_every_can_be_hurried_from_a_thread() -> None:
    """`now` does not wait for the next beat."""
    beaten = Event()

    def beat() -> None:
        beaten.set()

    with Every(1000.0, beat) as every:
        thread = threading.Thread(target=every.now)
        thread.start()
        assert beaten.wait(30)
        thread.join()


def test_every_finishes_what_it_is_doing() -> None:
    """Leaving the block does not cut a beat in half."""
    begun, finished = Event(), list[int]()

    def beat() -> None:
        begun.set()
        time.sleep(0.05)
        finished.append(1)

    with Every(0.001, beat):
        assert begun.wait(30)
    assert finished


def test_an_event_wakes_those_who_wait() -> None:
    """From another thread too; and without it the wait ends after its timeout."""
    event = Event()
    assert not event.wait(0.01)
    timer = threading.Timer(0.02, event.set)
    timer.start()
    assert event.wait(30)
    timer.join()
    assert event.wait()
    event.clear()
    assert not event.is_set()
    assert not event.wait(0)


def test_an_iterator_is_closed_with_its_block() -> None:
    """A generator's `finally` runs when the block is left, not when memory is tidied up."""
    closed: list[int] = []

    def numbers() -> Iterator[int]:
        try:
            yield 1
            yield 2
        finally:
            closed.append(1)

    with ending(numbers()) as iterator:
        for number in iterator:
            assert number == 1
            break
        assert closed == []
    assert closed == [1]


def test_a_handler_returns_and_raises_what_its_function_does() -> None:
    """Called with whatever it is called with."""

    def add(a: int, b: int) -> int:
        return a + b

    def fail() -> None:
        raise KeyError("x")

    class Callable:
        def __call__(self, a: int) -> int:
            return -a

    with Handler(add) as handler:
        assert handler(1, 2) == 3
    with Handler(functools.partial(add, 3)) as handler:
        assert handler(4) == 7
    with Handler(Callable()) as handler:
        assert handler(5) == -5
    with Handler(fail) as handler:
        with pytest.raises(KeyError):
            handler()


def test_what_would_never_run_is_no_handler() -> None:
    """Calling a generator function runs nothing, so it is refused."""

    def generator(change: object) -> Iterator[int]:
        yield 1

    for wrong in (generator, lambda change: (yield), None, 3):
        with pytest.raises(InvalidArgument):
            Handler(wrong)
