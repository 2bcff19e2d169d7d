"""Kills writers at random moments, opens what they leave, and compares it with what was promised.

    kill_campaign.py raw|lane|repository DIRECTORY KILLS SEED

This process never uses LevelDB itself: it forks those that write and those that verify, which is
quicker than starting them. Writers count what was acknowledged in shared memory, which outlives
their SIGKILL. The n-th step of a writer is always the same, so what is stored must be the state
after the acknowledged steps, or after one more that was under way.
"""

from __future__ import annotations

import asyncio
import json
import mmap
import os
import random
import signal
import struct
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from datapatterns import Document, Index
from datapatterns.level import AsyncLevel, ChangesFeed, Level, Repository
from datapatterns.patterns._sync.changes_worker import ChangesWorker

WRITERS = 3
SMALL = {"write_buffer_size": 65_536}  # so that kills meet flushes and compactions too
_COUNT = struct.Struct("<Q")


class Acknowledged:
    """One number a writer, in memory that is shared with the parent."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _COUNT.size * (WRITERS + 1))

    def __getitem__(self, writer: int) -> int:
        return int(_COUNT.unpack_from(self._memory, writer * _COUNT.size)[0])

    def __setitem__(self, writer: int, steps: int) -> None:
        # One copy of 8 bytes: pack_into() would write zeros first, and a SIGKILL may come between.
        at = writer * _COUNT.size
        self._memory[at : at + _COUNT.size] = _COUNT.pack(steps)


def step(writer: int, n: int) -> tuple[str, int, str | None]:
    """Return what the n-th step does: it puts a document, and now and then removes one."""
    return f"{writer}-{n}", (n * 7) % 50, f"{writer}-{n - 5}" if n % 4 == 0 and n >= 5 else None


def state(writer: int, steps: int) -> dict[str, int]:
    """Return what is stored after that many steps."""
    stored: dict[str, int] = {}
    for n in range(steps):
        key, value, removed = step(writer, n)
        stored[key] = value
        if removed is not None:
            del stored[removed]
    return stored


def compare(found: dict[str, int], acknowledged: Acknowledged) -> int:
    """Check each writer's part against what was acknowledged; return how many steps were done."""
    for writer in range(WRITERS):
        mine = {key: value for key, value in found.items() if key.startswith(f"{writer}-")}
        steps = acknowledged[writer]
        assert mine in (state(writer, steps), state(writer, steps + 1)), (
            f"writer {writer}: {steps} steps acknowledged, "
            f"{len(state(writer, steps).items() ^ mine.items())} documents differ"
        )
    return sum(acknowledged[writer] for writer in range(WRITERS))


def in_threads(work: Callable[[int], None]) -> None:
    """Run the work of every writer in a thread of its own."""
    threads = [threading.Thread(target=work, args=[writer]) for writer in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


# --- the bare level: documents with an index, a count and a log, kept by a prewrite hook


class Raw:
    """Batches across sublevels through a hook, from threads."""

    round = 0

    def prepare(self, level: Level) -> dict[str, Level]:
        """Make the sublevels and the hook."""
        parts = {name: level.sublevel(name) for name in ("docs", "twins", "index", "log", "meta")}

        def keep(operation: Any, batch: Any) -> None:
            before = batch.get(operation.key)
            count = batch.get("count", 0, sublevel=parts["meta"])
            head = batch.get("head", 0, sublevel=parts["meta"]) + 1
            if before is not None:
                batch.delete(f"{before}|{operation.key}", sublevel=parts["index"])
            if operation.type == "put":
                batch.put(f"{operation.value}|{operation.key}", 1, sublevel=parts["index"])
            count += (operation.type == "put") - (before is not None)
            batch.put("count", count, sublevel=parts["meta"])
            batch.put("head", head, sublevel=parts["meta"])
            batch.put(f"{head:012}", [operation.type, operation.key], sublevel=parts["log"])

        parts["docs"].hooks.prewrite.add(keep)
        return parts

    def operations(self, parts: Any, writer: int, n: int) -> list[dict[str, Any]]:
        """Return the operations of a step."""
        key, value, removed = step(writer, n)
        operations: list[dict[str, Any]] = []
        for name in ("docs", "twins"):
            part = parts[name]
            operations.append({"type": "put", "key": key, "value": value, "sublevel": part})
            if removed is not None:
                operations.append({"type": "delete", "key": removed, "sublevel": part})
        return operations

    def write(self, path: str, acknowledged: Acknowledged) -> None:
        """Write without end."""
        level = Level.open(path, **SMALL)
        parts = self.prepare(level)

        def work(writer: int) -> None:
            for n in range(10**9):
                level.batch(self.operations(parts, writer, n), sync=n % 16 == 0)
                acknowledged[writer] = n + 1

        in_threads(work)

    def verify(self, level: Level, acknowledged: Acknowledged) -> int:
        """Compare what is stored with what was promised; return the acknowledged steps."""
        parts = self.prepare(level)
        documents = dict(parts["docs"].items())
        assert documents == dict(parts["twins"].items()), "a batch is torn"
        steps = compare(documents, acknowledged)
        entries = {f"{value}|{key}" for key, value in documents.items()}
        assert entries == set(parts["index"].keys()), "the index is not that of the documents"
        assert parts["meta"].get("count", 0) == len(documents), "the count is wrong"
        log = [int(key) for key, _ in parts["log"].items()]
        assert log == list(range(1, parts["meta"].get("head", 0) + 1)), "the log has a hole"
        return steps

    def reset(self, level: Level) -> None:
        """Empty the store for the next round."""
        level.sublevel("docs").clear()  # the hook adds to the log
        level.clear()


class InLane(Raw):
    """The same through the async face: groups in one batch and one fsync."""

    def write(self, path: str, acknowledged: Acknowledged) -> None:
        """Write without end."""

        async def main() -> None:
            level = await AsyncLevel.open(path, **SMALL)
            parts = self.prepare(level)  # type: ignore[arg-type]

            async def work(writer: int) -> None:
                for n in range(10**9):
                    await level.batch(self.operations(parts, writer, n), sync=n % 2 == 0)
                    acknowledged[writer] = n + 1

            await asyncio.gather(*(work(writer) for writer in range(WRITERS)))

        asyncio.run(main())


# --- a repository with two indexes, its change log, and a worker with a checkpoint


class User(Document):
    """What the repository holds."""

    name: str
    value: int


class Collection:
    """Creates, updates and destroys; a changes worker saves its checkpoint meanwhile."""

    round = 0

    def repository(self, level: Level) -> Repository[User]:
        """Return the repository with its indexes."""
        indexes = [Index("by_value", "value"), Index("by_name", "name", unique=True)]
        return Repository(level, "users", User, indexes=indexes)

    def worker(self, level: Level, acknowledged: Acknowledged) -> ChangesWorker[User]:
        """Return a worker that remembers the highest change it was given."""

        def handle(change: Any) -> None:
            acknowledged[WRITERS] = max(acknowledged[WRITERS], int(change.seq))

        feed = ChangesFeed(level, "users", User)
        return ChangesWorker(feed, handle, name="w", checkpoint_every=(5, 0.01), signals=False)

    def write(self, path: str, acknowledged: Acknowledged) -> None:
        """Write without end."""
        level = Level.open(path, **SMALL)
        users = self.repository(level)
        threading.Thread(target=self.worker(level, acknowledged).run).start()

        def work(writer: int) -> None:
            for n in range(10**9):
                if self.round % 2 and writer == 0 and n % 3 == 0:
                    users.reindex()
                self.take_step(level, users, writer, n)
                acknowledged[writer] = n + 1

        in_threads(work)

    def take_step(self, level: Level, users: Repository[User], writer: int, n: int) -> None:
        """Do a step in one batch: change two documents in one transaction of the level."""
        key, value, removed = step(writer, n)
        if removed is None:
            users.create(User(id=key, name=key, value=value))
            return
        documents = level.sublevel("users")  # by hand: the keeper of the collection sees it
        batch = level.batch().put(key, {"name": key, "value": value}, sublevel=documents)
        batch.delete(removed, sublevel=documents).write()

    def verify(self, level: Level, acknowledged: Acknowledged) -> int:
        """Compare what is stored with what was promised; return the acknowledged steps."""
        users = self.repository(level)
        feed = ChangesFeed(level, "users", User)
        report = level.check()
        assert report.ok, report.problems
        users.ensure()
        report = level.check()
        assert report.ok, report.problems
        documents = {user.id: user for user in users.iterate()}
        steps = compare({id: user.value for id, user in documents.items()}, acknowledged)
        for index in ("by_value", "by_name"):
            assert {user.id for user in users.iterate(index)} == set(documents)
        changes = list(all_changes(feed))
        live = {change.id: change.seq for change in changes if not change.deleted}
        assert live == {id: user.rev for id, user in documents.items()}, "log and documents differ"
        checkpoint, head = feed.checkpoints.load("w"), int(feed.now())
        assert int(checkpoint or 0) <= head, "the checkpoint is above the head"
        assert int(checkpoint or 0) <= acknowledged[WRITERS], "the checkpoint is above the handled"
        return steps

    def reset(self, level: Level) -> None:
        """Empty the store for the next round."""
        users = self.repository(level)
        for id in [user.id for user in users.iterate()]:
            users.destroy(id)


def all_changes(feed: ChangesFeed[User]) -> Iterator[Any]:
    """Return every entry of the change log, in order."""
    at = None
    while batch := feed.read(at, 500):
        yield from batch
        at = batch[-1].seq


# --- the campaign


def fork(work: Callable[[], None]) -> int:
    """Do the work in a child and return its pid."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return pid


def kill(pid: int, acknowledged: Acknowledged, chance: random.Random) -> None:
    """Kill the writer: mostly while it writes, sometimes while it opens the directory."""
    if chance.random() < 0.8:
        deadline = time.monotonic() + 30
        while not acknowledged[0] and time.monotonic() < deadline:
            time.sleep(0.001)
        assert acknowledged[0], "the writer does not write"
    time.sleep(chance.uniform(0, 0.06))
    os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status), f"the writer ended by itself: {status}"


def campaign(kind: str, path: Path, kills: int, seed: int) -> dict[str, int]:
    """Kill and verify, again and again; return the figures."""
    workload = {"raw": Raw, "lane": InLane, "repository": Collection}[kind]()
    acknowledged, total, chance = Acknowledged(), Acknowledged(), random.Random(seed)

    def verify(compact: bool) -> None:
        """Compare what is stored with what was promised; return the acknowledged steps."""
        with Level.open(path, **SMALL) as level:
            total[0] += workload.verify(level, acknowledged)
            if compact:
                level.compact()
            workload.reset(level)

    for n in range(kills):
        for writer in range(WRITERS):
            acknowledged[writer] = 0
        workload.round = n
        kill(fork(lambda: workload.write(str(path), acknowledged)), acknowledged, chance)
        compact = chance.random() < 0.5
        _, status = os.waitpid(fork(lambda compact=compact: verify(compact)), 0)
        assert status == 0, "not what was promised"
    return {"kills": kills, "acknowledged": total[0], "lost": 0}


if __name__ == "__main__":
    print(json.dumps(campaign(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))))
