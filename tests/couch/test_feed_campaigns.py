"""The changes feed under a hundred faults, its worker under kills, its memory with a slow consumer.

Each face runs as in a program, on a real CouchDB.
"""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from datapatterns.couch import AsyncChangesFeed, AsyncCouch, ChangesFeed, Couch
from datapatterns.testing.faults.proxy import FaultProxy
from datapatterns.testing.waiting import PATIENCE, eventually

pytestmark = [pytest.mark.couchdb3, pytest.mark.slow]

PROGRAM = Path(__file__).parent / "programs" / "feed_worker.py"
HEARTBEAT = b"1\r\n\n\r\n"
FAULTS = 110
KILLS = 6
COUNT = 400  # changes of the killed worker


class Writer:
    """Writes documents in the background, straight to the server, until the block is left."""

    def __init__(self, couch: Couch, name: str) -> None:
        self.database = couch.database(name)
        self.written: list[str] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._write, name="writer")

    def __enter__(self) -> Writer:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.end()

    def end(self) -> None:
        """Stop writing."""
        self._over.set()
        self._thread.join(PATIENCE)

    def _write(self) -> None:
        while not self._over.wait(0.01):
            id = f"doc{len(self.written):05}"
            self.database.put(id, {"text": "\u2028é\N{GRINNING FACE}" * random.randrange(200)})
            self.written.append(id)


class Seen:
    """Records what a feed of either face hands out, on a thread of its own."""

    def __init__(self, face: str, url: str, name: str) -> None:
        self.ids: list[str] = []
        self.events: list[str] = []
        self.error: BaseException | None = None
        self._face, self._url, self._name = face, url, name
        self._feed: Any = None
        self._thread = threading.Thread(target=self._run, name="follower")

    def __enter__(self) -> Seen:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._feed is not None:
            self._feed.stop()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        try:
            if self._face == "sync":
                self._sync()
            else:
                asyncio.run(self._async())
        except Exception as error:
            self.error = error

    def _sync(self) -> None:
        with Couch(self._url) as couch:
            self._feed = ChangesFeed[Any](couch, self._name, heartbeat=0.15)
            self._feed.on_event(lambda name, details: self.events.append(name))
            for change in self._feed.follow():
                self.ids.append(change.id)

    async def _async(self) -> None:
        async with AsyncCouch(self._url) as couch:
            self._feed = AsyncChangesFeed[Any](couch, self._name, heartbeat=0.15)
            self._feed.on_event(lambda name, details: self.events.append(name))
            async for change in self._feed.follow():
                self.ids.append(change.id)


def reset_in_mid_line(proxy: FaultProxy) -> None:
    """Break the open connections now, and the next reply somewhere in its body."""
    how: Any = random.choice(["reset", "close"])
    proxy.cut_reply(b"_changes", after=random.randrange(1, 3000), how=how)
    proxy.reset()


def go_silent(proxy: FaultProxy) -> None:
    """Break the open connections; the next reply stops somewhere and its connection stays open."""
    proxy.cut_reply(b"_changes", after=random.randrange(1, 3000), how="silence")
    proxy.reset()


def drip(proxy: FaultProxy) -> None:
    """Pass three bytes at a time on, for a moment."""
    proxy.drip = (3, 0.0)
    time.sleep(0.2)
    proxy.drip = (0, 0.0)


def swallow(proxy: FaultProxy) -> None:
    """Drop heartbeats for a moment."""
    proxy.swallow = HEARTBEAT
    time.sleep(0.3)
    proxy.swallow = b""


def refuse(proxy: FaultProxy) -> None:
    """Refuse connections for a moment."""
    proxy.refuse()
    time.sleep(random.random() * 0.3)
    proxy.listen()


def vanish(proxy: FaultProxy) -> None:
    """Silence the open connections for good, and new ones for a moment."""
    proxy.black_hole()
    time.sleep(random.random() * 0.2)
    proxy.black_hole(False)
    proxy.half_open()


KINDS: list[Callable[[FaultProxy], None]] = [
    FaultProxy.reset, FaultProxy.reset, FaultProxy.reset, reset_in_mid_line, reset_in_mid_line,
    reset_in_mid_line, refuse, refuse, drip, swallow, go_silent, vanish,
]  # fmt: skip


@pytest.fixture
def name(couch_server: Any) -> Iterator[tuple[Couch, str]]:
    """A client of the server, and the name of a new database."""
    with Couch(couch_server.url) as couch:
        database = couch.database(f"campaign-{os.urandom(4).hex()}")
        database.create()
        yield couch, database.name
        database.destroy()


@pytest.mark.parametrize("face", ["sync", "async"])
@pytest.mark.timeout(900)
def test_a_hundred_faults_skip_nothing(
    couch_server: Any,
    name: tuple[Couch, str],
    fault_proxy: Callable[[str, int], FaultProxy],
    figures: Callable[..., None],
    face: str,
) -> None:
    """While documents are written, connections break in many ways; each document is handed out."""
    couch, database = name
    parts = urlsplit(couch_server.url)
    proxy = fault_proxy(str(parts.hostname), parts.port or 80)
    url = f"http://{parts.username}:{parts.password}@127.0.0.1:{proxy.port}"
    with Seen(face, url, database) as seen, Writer(couch, database) as writer:
        for number in range(FAULTS):
            before = len(seen.ids)
            KINDS[number % len(KINDS)](proxy)
            eventually(lambda n=before: len(seen.ids) > n + 2 or seen.error)
        writer.end()
        proxy.forget_losses()
        eventually(lambda: len(set(seen.ids)) >= len(writer.written) or seen.error)
    assert seen.error is None
    skipped = set(writer.written) - set(seen.ids)
    figures(
        f"changes feed under faults, {face}",
        faults=FAULTS,
        reconnections=proxy.connections,
        changes=len(writer.written),
        repeated=len(seen.ids) - len(set(seen.ids)),
        skipped=len(skipped),
    )
    assert not skipped
    assert list(dict.fromkeys(seen.ids)) == writer.written  # and in their order
    assert seen.events.count("retry") >= FAULTS // 2


@pytest.mark.timeout(600)
@pytest.mark.parametrize("face", ["sync", "async"])
def test_a_worker_killed_at_random_skips_nothing(
    couch_server: Any,
    name: tuple[Couch, str],
    tmp_path: Path,
    figures: Callable[..., None],
    face: str,
) -> None:
    """After SIGKILL between effect and checkpoint every change takes effect at least once."""
    couch, database = name
    ids = [f"doc{n:03}" for n in range(COUNT)]
    couch.database(database).bulk({"_id": id} for id in ids)
    effects = tmp_path / "effects"
    effects.touch()
    command = [sys.executable, str(PROGRAM), face, couch_server.url, database, str(effects)]
    kills = 0
    while kills < KILLS:
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            time.sleep(random.random() * 0.15)
            kills += process.poll() is None
            process.kill()
    done = subprocess.run([*command, "through"], timeout=300, check=True, stdout=subprocess.DEVNULL)
    assert done.returncode == 0
    handled = effects.read_text().split()
    figures(
        f"changes worker on CouchDB killed, {face}",
        kills=kills,
        changes=COUNT,
        repeated=len(handled) - len(set(handled)),
        skipped=len(set(ids) - set(handled)),
    )
    assert set(handled) == set(ids)


@pytest.mark.timeout(600)
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="asks Linux for its memory")
def test_memory_is_bounded_under_a_slow_consumer(
    couch_server: Any, name: tuple[Couch, str], figures: Callable[..., None]
) -> None:
    """With 30,000 changes, about 40 MB, ahead of a slow consumer, at most 10 MB are held."""
    couch, database = name
    for start in range(0, 30_000, 1_000):
        couch.database(database).bulk(
            {"_id": f"d{n:06}", "text": "x" * 100} for n in range(start, start + 1_000)
        )
    for face in ("sync", "async"):
        command = [sys.executable, str(PROGRAM), f"slow-{face}", couch_server.url, database]
        done = subprocess.run(command, timeout=240, check=True, capture_output=True, text=True)
        grown, handled = map(int, done.stdout.split())
        figures(f"changes feed, slow consumer, {face}", handled=handled, grown_kb=grown)
        assert handled > 50
        assert grown < 10_000
