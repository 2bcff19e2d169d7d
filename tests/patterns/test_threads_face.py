"""What only the sync face has: threads that cannot be cancelled, async handlers refused."""

import threading

import pytest
from patterns._sync.memory import MemoryFeed, Running

from datapatterns.core.changes import Change
from datapatterns.errors import InvalidArgument
from datapatterns.patterns._sync.changes_worker import ChangesWorker
from datapatterns.patterns._sync.concurrency import Handler, Lanes
from datapatterns.testing.waiting import eventually


def ours() -> list[str]:
    """Return the names of our threads."""
    names = (thread.name for thread in threading.enumerate())
    return [name for name in names if name.startswith("datapatterns")]


def test_no_thread_is_left_after_run() -> None:
    """When run returns, all that it started has ended, also the signals' thread."""
    feed = MemoryFeed(*"abc")

    def handle(change: Change[int]) -> None:
        assert ours()
        if change.id == "c":
            worker.stop()

    worker = ChangesWorker(feed, handle, name="w", parallel=3)
    assert worker.run().handled == 3
    assert ours() == []


def test_an_abandoned_handler_changes_nothing_later() -> None:
    """It ends in its thread; neither the checkpoint nor another run hears of it."""
    feed, hang, begun = MemoryFeed("a", "b"), threading.Event(), threading.Event()
    calls: list[str] = []

    def handle(change: Change[int]) -> None:
        calls.append(change.id)
        if len(calls) == 1:
            begun.set()
            hang.wait(60)
            raise ValueError("and it is not tried again")

    worker = ChangesWorker(
        feed, handle, name="w", backoff=lambda attempt: 0.0, checkpoint_every=(1, 0.01)
    )
    with Running(worker) as running:
        assert begun.wait(30)
        worker.stop()
        worker.stop()
        assert running.end().checkpoint is None
    with Running(worker) as running:
        eventually(lambda: feed.place(feed.checkpoints.saved.get("w")) == 2)
        hang.set()
        eventually(lambda: ours().count("datapatterns-lane") == 2)  # the runner's and ours
        worker.stop()
        assert running.end().handled == 2
    assert calls == ["a", "a", "b"]


async def coroutine(change: object) -> None:
    """Do nothing."""


class AsyncCallable:
    """Its call is async."""

    async def __call__(self, change: object) -> None:
        """Do nothing."""


@pytest.mark.parametrize("handler", [coroutine, AsyncCallable()], ids=["function", "object"])
def test_an_async_handler_is_refused(handler: object) -> None:
    """At construction, and not change by change."""
    with pytest.raises(InvalidArgument, match="async"):
        ChangesWorker(MemoryFeed(), handler, name="w")


def test_a_coroutine_that_nobody_awaits_is_a_failure() -> None:
    """A lambda hides that it is async until it is called; it must not pass as done."""
    with Handler(lambda: coroutine(None)) as handler:
        with pytest.raises(InvalidArgument, match="async"):
            handler()


def test_a_thread_that_lingers_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads come and go with the work, and no job waits for one that is gone."""
    monkeypatch.setattr("datapatterns.patterns._sync.concurrency._LINGER", 0.0)
    ran: list[int] = []
    with Lanes(2, on_error=lambda error: None, outstanding=3) as lanes:
        for number in range(2000):
            assert lanes.submit(str(number), lambda number=number: ran.append(number))
        assert lanes.drain(60)
    assert sorted(ran) == list(range(2000))


def test_two_jobs_at_once_wake_two_threads() -> None:
    """One idle thread cannot take both, so another is started."""
    errors: list[BaseException] = []
    for _ in range(30):
        meeting = threading.Barrier(2)
        with Lanes(2, on_error=errors.append) as lanes:
            lanes.submit("first", lambda: None)
            eventually(lambda lanes=lanes: lanes._idle == 1)
            lanes.submit("a", lambda meeting=meeting: meeting.wait(20))
            lanes.submit("b", lambda meeting=meeting: meeting.wait(20))
            assert lanes.drain(60)
        assert errors == []
