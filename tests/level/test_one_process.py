"""One process a directory: who is refused, what it is told, what is shared, what a fork does."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from datapatterns.errors import Locked, Unavailable
from datapatterns.level import AsyncLevel, Level
from datapatterns.level.engine import registry

PID_FILE = "datapatterns.pid"


def test_second_process_is_refused(tmp_path: Path, run: Callable[..., str]) -> None:
    """Another process gets 423 with our pid, the advice to change the URL, and none to delete."""
    with Level.open(tmp_path / "d") as level:
        found = json.loads(run("refused.py", tmp_path / "d"))
        assert (found["code"], found["status"]) == ("locked", 423)
        assert found["data"] == {"pid": os.getpid()}
        assert f"process {os.getpid()}" in found["text"]
        assert "redis://" in found["text"]
        assert "couch+http://" in found["text"]
        assert "Do not delete the LOCK file" in found["text"]
        assert str(tmp_path) not in found["text"]
        level.put("still", "mine")
    assert json.loads(run("refused.py", tmp_path / "d")) == {"code": "opened"}


def test_refused_as_often_as_it_tries(tmp_path: Path, run: Callable[..., str]) -> None:
    """A refused process leaves the lock and the pid file as they are."""
    with Level.open(tmp_path / "d"):
        for _ in range(3):
            assert json.loads(run("refused.py", tmp_path / "d"))["data"] == {"pid": os.getpid()}
        assert (tmp_path / "d" / PID_FILE).read_text() == f"{os.getpid()}\n"


def test_killed_process_leaves_no_lock(tmp_path: Path, start: Callable[..., Any]) -> None:
    """After a SIGKILL the directory opens at once; the stale pid is replaced."""
    child = start("hold.py", tmp_path / "d")
    assert child.stdout.readline() == "open\n"
    with pytest.raises(Locked):
        Level.open(tmp_path / "d")
    child.kill()
    child.wait(30)
    assert (tmp_path / "d" / PID_FILE).read_text() == f"{child.pid}\n"
    with Level.open(tmp_path / "d") as level:
        assert level.get("held") is True
        assert (tmp_path / "d" / PID_FILE).read_text() == f"{os.getpid()}\n"
    assert not (tmp_path / "d" / PID_FILE).exists()


@pytest.mark.parametrize("content", ["4194305000", "no pid", "", "-1", "\udcff"])
def test_unhelpful_pid_file(tmp_path: Path, start: Callable[..., Any], content: str) -> None:
    """With a stale or broken pid file the refusal names nobody, rather than somebody else."""
    child = start("hold.py", tmp_path / "d")
    assert child.stdout.readline() == "open\n"
    (tmp_path / "d" / PID_FILE).write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(Locked) as caught:
        Level.open(tmp_path / "d")
    assert caught.value.data == {}
    assert "another process" in str(caught.value)


def test_handles_share_one_engine(tmp_path: Path) -> None:
    """Two handles on one directory see each other's writes; the last one closes the directory."""
    (tmp_path / "d").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "d")
    first = Level.open(tmp_path / "d")
    others = [
        Level.open(str(tmp_path / "link")),
        Level.open(tmp_path / "d" / ".." / "link"),
        Level.open(os.path.relpath(tmp_path / "d")),
    ]
    assert {id(level._space.engine) for level in others} == {id(first._space.engine)}
    first.put("a", 1)
    assert all(level.get("a") == 1 for level in others)
    first.close()
    first.close()  # counts once
    others[0].put("a", 2)
    with pytest.raises(Unavailable):
        first.get("a")
    for level in others:
        assert level.get("a") == 2
        level.close()
    assert not (tmp_path / "d" / PID_FILE).exists()
    assert first._space.engine.path not in registry._engines


def test_opened_by_many_threads_at_once(tmp_path: Path) -> None:
    """Threads that open and close one directory at once never meet a lock of their own process."""
    errors: list[BaseException] = []

    def run(thread: int) -> None:
        try:
            for n in range(20):
                with Level.open(tmp_path / "d") as level:
                    level.put(f"{thread}-{n}", n)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=[n]) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    with Level.open(tmp_path / "d") as level:
        assert len(list(level.keys())) == 120


def test_use_after_close(tmp_path: Path) -> None:
    """Whatever is done with a closed level, its sublevels, iterators or snapshots: Unavailable."""
    level = Level.open(tmp_path / "d")
    level.put("a", 1)
    sublevel = level.sublevel("s")
    iterator, begun, snapshot = level.items(), iter(level.items()), level.snapshot()
    next(begun)
    level.close()
    calls: list[Callable[[], object]] = [
        lambda: level.get("a"),
        lambda: level.get_or_raise("a"),
        lambda: level.has("a"),
        lambda: level.get_many(["a"]),
        lambda: level.put("a", 2),
        lambda: level.delete("a"),
        lambda: level.batch([{"type": "delete", "key": "a"}]),
        lambda: level.batch().delete("a").write(),
        lambda: list(level.keys()),
        lambda: list(iterator),
        lambda: list(begun),
        lambda: iterator.seek("a"),
        lambda: level.get("a", snapshot=snapshot),
        lambda: list(level.items(snapshot=snapshot)),
        level.snapshot,
        level.clear,
        level.compact,
        level.check,
        lambda: sublevel.get("a"),
        lambda: sublevel.put("a", 2),
        lambda: list(sublevel.items()),
    ]
    for call in calls:
        with pytest.raises(Unavailable):
            call()
    iterator.close()
    snapshot.close()
    level.close()
    with Level.open(tmp_path / "d") as level:
        assert dict(level.items()) == {"a": 1}


async def test_async_use_after_close(tmp_path: Path) -> None:
    """The same for the async face, whose lane has ended too."""
    level = await AsyncLevel.open(tmp_path / "d")
    await level.put("a", 1, sync=True)
    iterator = level.items()
    await level.close()
    calls = [
        level.get("a"),
        level.has("a"),
        level.get_many(["a"]),
        level.put("a", 2),
        level.put("a", 2, sync=True),
        level.delete("a"),
        level.batch([{"type": "delete", "key": "a"}]).write(),
        level.clear(),
        level.compact(),
        level.check(),
    ]
    for call in calls:
        with pytest.raises(Unavailable):
            await call
    with pytest.raises(Unavailable):
        [entry async for entry in iterator]
    await level.close()


@pytest.mark.parametrize("way", ["os.fork", "under-load", "multiprocessing", "async", "after"])
def test_fork(tmp_path: Path, way: str, run: Callable[..., str]) -> None:
    """In a forked child every use is Unavailable and nothing hangs; the parent is unharmed."""
    assert run("fork.py", way, tmp_path / "d") == "fine\n"
