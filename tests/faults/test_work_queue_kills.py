"""Workers that are really killed and really stopped: nothing that was accepted is lost."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from datapatterns.core.work_queue import QueueStats
from datapatterns.level import Level
from datapatterns.level import WorkQueue as LevelQueue
from datapatterns.patterns._sync.queue_worker import Worker
from datapatterns.redis._sync.work_queue import WorkQueue
from datapatterns.testing.servers.redis import RedisServer
from datapatterns.testing.waiting import PATIENCE, eventually, spans

PROGRAMS = Path(__file__).parent / "queue_programs.py"
OPTIONS: Any = {"lease": 5.0, "max_attempts": 50, "backoff": 0.02}
Figures = Callable[..., None]


def start(*arguments: object) -> subprocess.Popen[str]:
    """Start one of the programs."""
    command = [sys.executable, "-W", "error", str(PROGRAMS), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def line(process: subprocess.Popen[str]) -> str:
    """Read one line of the program's output."""
    assert process.stdout is not None
    said = process.stdout.readline()
    assert said, "the program ended early"
    return said.strip()


def rest_of(process: subprocess.Popen[str]) -> str:
    """Read what it has said and nobody has read, and wait for its end.

    communicate() would leave out what readline() has read ahead.
    """
    assert process.stdout is not None
    rest = "" if process.stdout.closed else process.stdout.read()
    process.stdout.close()
    process.wait(PATIENCE)
    return rest


def end(process: subprocess.Popen[str], number: signal.Signals = signal.SIGKILL) -> str:
    """Send a signal and return the rest of the output."""
    if process.poll() is None:
        process.send_signal(signal.SIGCONT)
        process.send_signal(number)
    return rest_of(process)


def effects_in(path: Path) -> Counter[str]:
    """Return how often each id was done."""
    return Counter(line.split()[0] for line in path.read_text().splitlines())


@pytest.mark.slow
@pytest.mark.parametrize("program", ["redis_worker", "async_redis_worker"])
def test_killed_workers_lose_nothing(
    program: str, redis_server: RedisServer, tmp_path: Path, figures: Figures
) -> None:
    """SIGKILL of three workers at random moments: every item is done, twice only if a holder died.

    Exactly: what was accepted is done or dead; each doing beyond the first of an item is one that a
    dead holder had not acked, so there are at most as many as items taken back.
    """
    client = Redis(port=redis_server.port)
    name, path = f"kills-{uuid.uuid4()}", tmp_path / "effects"
    queue: WorkQueue[Any] = WorkQueue(client, name, **OPTIONS)
    accepted = set(queue.push_many(range(600)))
    workers = [start(program, redis_server.port, name, path) for _ in range(3)]
    kills = 0
    try:
        while kills < 15:
            time.sleep(random.random() * 0.15)
            at = random.randrange(3)
            assert line(workers[at]) == "ready"
            time.sleep(random.random() * 0.1)
            end(workers[at])
            kills += 1
            workers[at] = start(program, redis_server.port, name, path)
            accepted |= set(queue.push_many(range(300)))
        eventually(lambda: not _left(queue), "all to be done")
        assert [line(worker) for worker in workers] == ["ready"] * 3
        summaries = [_summary(end(worker, signal.SIGTERM)) for worker in workers]
    finally:
        for worker in workers:
            end(worker)
    done, stats = effects_in(path), queue.stats()
    assert set(done) == accepted
    assert stats == QueueStats(0, 0, 0, 0, stats.requeued)
    extra = sum(done.values()) - len(done)
    assert extra <= stats.requeued
    assert all(summary["lost"] == 0 for summary in summaries)
    figures(f"queue on Redis, {program}", kills=kills, accepted=len(accepted), lost=0,
            taken_back=stats.requeued, done_twice=extra)  # fmt: skip


def _left(queue: Any) -> int:
    stats = queue.stats()
    return int(stats.ready + stats.delayed + stats.leased)


def _summary(said: str) -> dict[str, int]:
    summary: dict[str, int] = json.loads(said.strip().splitlines()[-1])
    return summary


@pytest.mark.slow
def test_a_killed_process_loses_nothing_in_its_directory(tmp_path: Path, figures: Figures) -> None:
    """After SIGKILLs at random moments the directory opens again with all accepted items."""
    folder, path = tmp_path / "data", tmp_path / "effects"
    accepted: set[str] = set()
    kills, first = 0, 1
    while kills < 15:
        process = start("level_worker", folder, path, first)
        seen = [line(process) for _ in range(random.randrange(5, 60))]
        time.sleep(random.random() * 0.05)
        process.kill()
        rest = rest_of(process)
        # The last line may be torn by the kill.
        seen += [said for said in rest.split("\n")[:-1] if said.startswith("pushed ")]
        accepted |= {said.split()[1] for said in seen}
        first = max(map(int, accepted)) + 2
        kills += 1
    with Level.open(folder) as level:
        options = {**OPTIONS, "max_attempts": 5}
        queue: LevelQueue[Any] = LevelQueue(level, "jobs", **options)
        file = os.open(path, os.O_WRONLY | os.O_APPEND)

        def handle(item: Any, delivery: Any) -> None:
            if item == "poison":
                raise ValueError("it happens")
            os.write(file, f"{delivery.id} {delivery.attempt}\n".encode())

        worker = Worker(queue, handle, signals=False)
        with _beside(worker.run):
            eventually(lambda: not _left(queue), "all to be done")
            worker.stop()
        os.close(file)
        dead = {letter.id for letter in queue.dead_letters(10_000)}
        stats = queue.stats()
        assert level.check().ok
    done = effects_in(path)
    assert accepted <= set(done) | dead
    assert set(done).isdisjoint(dead)
    assert {int(id) % 50 for id in dead} == {0}
    # Pushed, and killed before it could say so: at most one a process.
    assert len((set(done) | dead) - accepted) <= kills
    extra = sum(done.values()) - len(done)
    assert extra <= stats.requeued
    figures("queue on Level", kills=kills, accepted=len(accepted), lost=0, dead=len(dead),
            taken_back=stats.requeued, done_twice=extra)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["level", "redis"])
def test_killed_pushers_queue_nothing_twice(
    kind: str, redis_server: RedisServer, tmp_path: Path, figures: Figures
) -> None:
    """After SIGKILLs no id pushed with `dedup` is queued again, and no cancelled item is there."""
    name, client = f"careful-{uuid.uuid4()}", Redis(port=redis_server.port)
    place = (tmp_path / "data",) if kind == "level" else (redis_server.port, name)
    said: list[str] = []
    kills = 10
    for kill in range(kills):
        process = start(f"careful_{kind}_pusher", *place, 1_000_000 * kill)
        said += [line(process) for _ in range(random.randrange(5, 60))]
        time.sleep(random.random() * 0.02)
        process.kill()
        said += rest_of(process).split("\n")[:-1]  # the last line may be torn by the kill
    pushed = {word.split()[1] for word in said if word.startswith("pushed ")}
    cancelled = {word.split()[1] for word in said if word.startswith("cancelled ")}
    with Level.open(tmp_path / "data") as level:
        queue: Any = (
            LevelQueue[Any](level, "jobs", **OPTIONS)
            if kind == "level"
            else WorkQueue[Any](client, name, **OPTIONS)
        )
        assert queue.stats().ready + queue.stats().leased <= 2 * kills
        assert queue.stats().delayed <= kills  # pushed, and killed before they were cancelled
        for id in pushed:
            queue.push("again", id=id, dedup=3600)
        assert not [id for id in cancelled if queue.find(id) is not None]
        left: list[Any] = []
        while _left(queue) > queue.stats().delayed:
            if (delivery := queue.take(timeout=1)) is not None:
                left.append(delivery.item)
                delivery.ack()
        assert "again" not in left
        assert len(left) == len(set(left))
    figures(f"careful pushers on {kind}", kills=kills, pushed=len(pushed),
            cancelled=len(cancelled), queued_twice=0, found_again=0)  # fmt: skip


class _beside:
    """Run a function on a thread beside the block."""

    def __init__(self, fn: Callable[[], Any]) -> None:
        import threading

        self._thread = threading.Thread(target=fn)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *error: object) -> None:
        self._thread.join(PATIENCE)


def test_a_stopped_process_cannot_ack_what_another_took_over(redis_server: RedisServer) -> None:
    """A worker stopped for longer than its lease gets lease_lost, and its outcome is dropped."""
    client = Redis(port=redis_server.port)
    name = f"stop-{uuid.uuid4()}"
    queue: WorkQueue[Any] = WorkQueue(client, name, **OPTIONS)
    queue.push("x")
    process = start("slow_redis_worker", redis_server.port, name, 3.0)
    try:
        assert {line(process), line(process)} == {"ready", "begin 1"}
        process.send_signal(signal.SIGSTOP)
        delivery = queue.take(timeout=PATIENCE)
        assert delivery is not None
        assert delivery.attempt == 2
        delivery.extend(60)
        process.send_signal(signal.SIGCONT)
        assert line(process) == "end True"
        summary = _summary(end(process, signal.SIGTERM))
    finally:
        end(process)
    assert (summary["acked"], summary["lost"]) == (0, 1)
    assert queue.stats() == QueueStats(0, 0, 1, 0, 1)
    delivery.ack()


def test_a_slow_handler_runs_once_among_many_workers(redis_server: RedisServer) -> None:
    """With a heartbeat it keeps its item for longer than the lease, though others want it."""
    client = Redis(port=redis_server.port)
    for span in spans():
        with span:
            _handle_slowly(client, redis_server.port, span.seconds)


def _handle_slowly(client: Redis, port: int, lease: float) -> None:
    """Let two processes handle three items for longer than their lease; expect each once."""
    name = f"slow-{uuid.uuid4()}"
    queue: WorkQueue[Any] = WorkQueue(client, name, **OPTIONS)
    processes = [start("slow_redis_worker", port, name, lease) for _ in range(2)]
    try:
        assert [line(process) for process in processes] == ["ready"] * 2
        queue.push_many(["x", "y", "z"])
        eventually(lambda: not _left(queue), "all to be done")
        said = [end(process, signal.SIGTERM) for process in processes]
    finally:
        for process in processes:
            end(process)
    assert "".join(said).count("begin 1") == 3
    assert "begin 2" not in "".join(said)
    assert sum(_summary(words)["acked"] for words in said) == 3
    assert queue.stats() == QueueStats(0, 0, 0, 0, 0)


@pytest.mark.parametrize("program", ["redis_worker", "async_redis_worker"])
def test_a_signal_drains(program: str, redis_server: RedisServer, tmp_path: Path) -> None:
    """On SIGTERM a worker acks what it has begun and ends; no item stays leased or is lost."""
    client = Redis(port=redis_server.port)
    name = f"drain-{uuid.uuid4()}"
    queue: WorkQueue[Any] = WorkQueue(client, name, **OPTIONS)
    queue.push_many(range(2000))
    process = start(program, redis_server.port, name, tmp_path / "effects")
    assert line(process) == "ready"
    eventually(lambda: queue.stats().ready < 1900, "it to begin")
    summary = _summary(end(process, signal.SIGTERM))
    assert process.returncode == 0
    stats = queue.stats()
    done = effects_in(tmp_path / "effects")
    assert summary["acked"] == len(done) == sum(done.values())
    assert stats.leased == summary["lost"] == summary["released"] == 0
    assert stats.ready + stats.delayed == 2000 - len(done)
    assert stats.delayed <= summary["retried"]
