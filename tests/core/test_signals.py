"""The metrics of the patterns, with OpenTelemetry and without it."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from datapatterns import AsyncChangesWorker, AsyncStore, Document, Store, Worker
from datapatterns.core import signals
from datapatterns.core.decisions import Decision
from datapatterns.core.rate_limiter import degraded, make_policy
from datapatterns.testing.waiting import eventually


@pytest.fixture
def anyio_backend() -> str:
    """Return the only backend of the library."""
    return "asyncio"


class Collected:
    """What an OpenTelemetry SDK has been told."""

    def __init__(self, reader: InMemoryMetricReader) -> None:
        self._reader = reader

    def points(self, name: str) -> list[Any]:
        """Return the data points of the metric, and its unit."""
        data = self._reader.get_metrics_data()
        resources = data.resource_metrics if data is not None else []
        scopes = [scope for each in resources for scope in each.scope_metrics]
        metrics = [metric for scope in scopes for metric in scope.metrics]
        return [
            point for metric in metrics if metric.name == name for point in metric.data.data_points
        ]

    def tally(self, name: str, *attributes: str) -> dict[tuple[Any, ...], Any]:
        """Return the metric's numbers by these attributes."""
        return {
            tuple(point.attributes[attribute] for attribute in attributes): getattr(
                point, "count", getattr(point, "value", None)
            )
            for point in self.points(name)
        }


@pytest.fixture
def collected(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collected]:
    """Yield the metrics of an SDK of the test's own: the API's provider can be set only once."""
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    monkeypatch.setattr(signals, "_OURS", signals._Instruments(provider.get_meter("test")))
    yield Collected(reader)
    provider.shutdown()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Yield an open store."""
    with Store.from_url(f"level:{tmp_path}/data") as store:
        yield store


def test_waits_and_attempts_of_a_queue(store: Store, collected: Collected) -> None:
    """Each item has one wait, and each outcome one attempt, by OpenTelemetry's conventions."""
    queue = store.work_queue("mail", backoff=0.0, max_attempts=2)
    for verbs in (["ack"], ["retry", "release", "retry"], ["bury"]):
        queue.push("one")
        for verb in verbs:
            delivery = queue.take(timeout=5)
            assert delivery is not None
            getattr(delivery, verb)(*(["no"] if verb == "bury" else []))
    (wait,) = collected.points("datapatterns.queue.wait")
    assert (wait.count, 0 <= wait.sum < 60) == (3, True)
    assert dict(wait.attributes) == {
        "messaging.system": "datapatterns",
        "messaging.destination.name": "mail",
        "messaging.operation.type": "receive",
    }
    attempts = collected.tally("datapatterns.queue.attempts", "datapatterns.outcome")
    assert attempts == {("ack",): 1, ("retry",): 1, ("bury",): 2}


def test_a_worker_counts_each_delivery_once(store: Store, collected: Collected) -> None:
    """A delivery that its handler settled, or that was lost, counts once as well."""
    queue = store.work_queue("mail", lease=5.0, backoff=0.0)
    for item in ("handler", "worker", "lost"):
        queue.push(item)

    def handle(item: str, delivery: Any) -> None:
        if item == "handler":
            delivery.ack()
        elif item == "lost":
            worker.stop()

    worker = Worker(queue, handle, signals=False)
    worker.run()
    attempts = collected.tally("datapatterns.queue.attempts", "datapatterns.outcome")
    assert attempts == {("ack",): 3}
    queue.push("lost")
    held = store.work_queue("mail", lease=0.05).take()
    assert held is not None
    eventually(lambda: queue.take(timeout=1), "the lost item to be handed out again")
    for _ in range(2):
        with pytest.raises(Exception, match="lost"):
            held.ack()
    attempts = collected.tally("datapatterns.queue.attempts", "datapatterns.outcome")
    assert attempts == {("ack",): 3, ("lost",): 1}


async def test_decisions_of_a_limiter(tmp_path: Path, collected: Collected) -> None:
    """Hits count by outcome in both faces; a peek does not count."""
    async with AsyncStore.from_url(f"level:{tmp_path}/data") as opened:
        limiter = opened.rate_limiter("api", limit=2, window=60)
        await limiter.peek("ada")
        for _ in range(3):
            await limiter.hit("ada")
    with Store.from_url(f"level:{tmp_path}/data") as store:
        store.rate_limiter("api", limit=2, window=60).hit("eve")
        away = store.rate_limiter("api", limit=2, window=60, fail_open=True)
    away.hit("eve")
    tally = collected.tally(
        "datapatterns.limiter.decisions", "datapatterns.limiter", "datapatterns.outcome"
    )
    assert tally == {("api", "allowed"): 3, ("api", "refused"): 1, ("api", "degraded"): 1}


class Note(Document):
    """What changes."""

    text: str = ""


async def test_the_lag_of_a_worker(
    tmp_path: Path, collected: Collected, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lag is measured when the checkpoint is saved, and 0 once everything is done."""
    monkeypatch.setattr(signals, "LAG_EVERY", 0.0)
    async with AsyncStore.from_url(f"level:{tmp_path}/data") as store:
        notes = store.repository("notes", Note)
        for number in range(3):
            await notes.create(Note(text=str(number)))
        go, told = asyncio.Event(), asyncio.Event()
        lags: list[int] = []
        real = signals.behind

        def behind(worker: str, changes: int) -> None:
            lags.append(changes)
            real(worker, changes)
            told.set()

        monkeypatch.setattr(signals, "behind", behind)

        async def handle(change: Any) -> None:
            await go.wait()

        feed = store.changes("notes", Note)
        worker = AsyncChangesWorker(
            feed, handle, name="mailer", signals=False, checkpoint_every=(1, 0.01)
        )
        running = asyncio.create_task(worker.run())
        await told.wait()
        assert collected.tally("datapatterns.feed.lag", "datapatterns.worker") == {("mailer",): 3}
        go.set()
        while lags[-1]:
            told.clear()
            await told.wait()
        worker.stop()
        await running
    assert collected.tally("datapatterns.feed.lag", "datapatterns.worker") == {("mailer",): 0}


async def test_a_lag_that_is_not_known_stops_nothing(
    tmp_path: Path,
    collected: Collected,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """If the lag cannot be measured, the worker goes on and logs nothing."""
    monkeypatch.setattr(signals, "LAG_EVERY", 0.0)
    async with AsyncStore.from_url(f"level:{tmp_path}/data") as store:
        notes = store.repository("notes", Note)
        await notes.create(Note())
        feed = store.changes("notes", Note)
        asked, done = asyncio.Event(), asyncio.Event()

        async def fails(since: str | None = None) -> int:
            asked.set()
            raise RuntimeError("no idea")

        async def handle(change: Any) -> None:
            done.set()

        monkeypatch.setattr(feed, "lag", fails)
        worker = AsyncChangesWorker(
            feed, handle, name="w", signals=False, checkpoint_every=(1, 0.01)
        )
        running = asyncio.create_task(worker.run())
        await asyncio.gather(asked.wait(), done.wait())
        worker.stop()
        assert (await running).handled == 1
    assert not caplog.records
    assert collected.points("datapatterns.feed.lag") == []


ABSENT = """
import sys
sys.modules["opentelemetry"] = None
from datapatterns import Store, Worker
from datapatterns.core import signals
assert not signals.ON
with Store.from_url("level:./data") as store:
    queue = store.work_queue("mail")
    queue.push("one")
    worker = Worker(queue, lambda item: worker.stop(), signals=False)
    assert worker.run().acked == 1
    assert store.rate_limiter("api", limit=1, window=60).hit("ada").allowed
assert not [name for name in sys.modules if name.startswith("opentelemetry.")]
"""


@pytest.mark.parametrize("older", [False, True], ids=["absent", "older"])
def test_without_it_nothing_happens(tmp_path: Path, older: bool) -> None:
    """Without OpenTelemetry, or with a version that has no gauge, the patterns work."""
    program = ABSENT
    if older:
        (tmp_path / "opentelemetry").mkdir()
        (tmp_path / "opentelemetry" / "__init__.py").write_text("")
        (tmp_path / "opentelemetry" / "metrics.py").write_text(
            "class Meter:\n    def create_histogram(self, name, unit, description): ...\n"
            "def get_meter(name): return Meter()\n"
        )
        program = ABSENT.replace('sys.modules["opentelemetry"] = None', 'sys.path.insert(0, ".")')
        program = program[: program.index("assert not [")]
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr


def test_a_decision_comes_back_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """A decision is returned unchanged, with metrics and without."""
    decision = degraded(make_policy("api", 2, 60))
    assert signals.decided(decision) is decision
    monkeypatch.setattr(signals, "_OURS", None)
    assert signals.decided(decision) is decision
    assert isinstance(decision, Decision)


def test_records_of_the_log_say_which(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    """A log record has the names as members, for programs that read logs."""
    queue = store.work_queue("mail", backoff=0.0, max_attempts=1)
    id = queue.push("one")

    def fails(item: str) -> None:
        worker.stop()
        raise RuntimeError("no")

    worker = Worker(queue, fails, signals=False)
    with caplog.at_level(logging.WARNING, "datapatterns"):
        worker.run()
    (record,) = [each for each in caplog.records if each.name == "datapatterns.work_queue"]
    about = {name: vars(record)[name] for name in ("queue", "item_id", "attempt")}
    assert about == {"queue": "mail", "item_id": id, "attempt": 1}
