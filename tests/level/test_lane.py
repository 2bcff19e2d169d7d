"""The lane and group commit: what is merged, what fails alone, what cancelling does not undo."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from datapatterns.errors import (
    Conflict,
    DataError,
    HookFailed,
    InvalidArgument,
    NotFound,
    OutcomeUnknown,
    Unavailable,
)
from datapatterns.level import AsyncLevel, Level
from datapatterns.level.engine.driver import DriverIOError
from datapatterns.level.engine.engine import Engine
from datapatterns.level.engine.lane import Lane
from datapatterns.level.engine.space import AsyncSpace
from datapatterns.testing.waiting import PATIENCE, async_eventually

Writes = Iterable[tuple[bytes, "bytes | None"]]


class CountingStore:
    """Stands before `Engine.store`: counts, can be held up, and can fail."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.original = engine.store
        self.batches: list[tuple[dict[bytes, bytes | None], bool]] = []
        self.go = threading.Event()
        self.go.set()
        self.entered = threading.Event()
        self.error: Exception | None = None
        engine.store = self  # type: ignore[method-assign,assignment]

    def __call__(self, writes: Writes, *, sync: bool) -> None:
        """Count the call, wait while held up, fail if told to, and store."""
        writes = dict(writes)
        self.batches.append((writes, sync))
        self.entered.set()
        assert self.go.wait(30)
        if self.error is not None:
            error, self.error = self.error, None
            raise self.engine.failed(error) from error
        self.original(writes.items(), sync=sync)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the level is to be."""
    return tmp_path / "d"


class Scene:
    """A level, its counting store, and a first write that holds up the lane."""

    def __init__(self, level: AsyncLevel) -> None:
        self.level = level
        self.store = CountingStore(level._space.engine)

    async def hold(self) -> asyncio.Task[None]:
        """Begin a write, and hold it up in the lane."""
        self.store.go.clear()
        self.store.entered.clear()
        first = asyncio.create_task(self.level.put("first", 0, sync=True))
        await async_eventually(self.store.entered.is_set)
        return first

    def release(self) -> None:
        """Let the lane go on."""
        self.store.go.set()


async def test_waiting_writes_share_one_batch_and_one_sync(path: Path) -> None:
    """A hundred synced writes that wait together are stored by one call, synced once."""
    async with AsyncLevel.open(path) as level:
        scene = Scene(level)
        first = await scene.hold()
        tasks = [asyncio.create_task(level.put(f"k{n}", n, sync=n % 2 == 0)) for n in range(100)]
        await async_eventually(lambda: len(level._space.engine.lane.waiting) == 101)
        scene.release()
        await asyncio.gather(first, *tasks)
        assert len(scene.store.batches) == 2
        assert len(scene.store.batches[1][0]) == 100
        assert scene.store.batches[1][1] is True
        assert await level.get_many([f"k{n}" for n in range(100)]) == list(range(100))


async def test_unsynced_group_is_not_synced(path: Path) -> None:
    """Nobody who waits for the disk, no fsync; and each event loop is woken once a group."""
    async with AsyncLevel.open(path) as level:
        scene = Scene(level)
        first = await scene.hold()
        wakes = 0
        loop = asyncio.get_running_loop()
        original = loop.call_soon_threadsafe

        def counted(*args: Any, **options: Any) -> Any:
            nonlocal wakes
            wakes += threading.current_thread().name == "datapatterns-lane"
            return original(*args, **options)

        loop.call_soon_threadsafe = counted  # type: ignore[method-assign]
        tasks = [asyncio.create_task(level.put(f"k{n}", n)) for n in range(100)]
        await async_eventually(lambda: len(level._space.engine.lane.waiting) == 101)
        scene.release()
        await asyncio.gather(first, *tasks)
        assert [sync for _, sync in scene.store.batches] == [True, False]
        assert wakes == 2


async def test_threads_share_fsyncs_too(path: Path) -> None:
    """Hooked writes of many threads wait for one lock, and who gets it stores for all."""
    level = Level.open(path)
    level.hooks.prewrite.add(lambda operation, batch: None)
    store = CountingStore(level._space.engine)
    store.go.clear()
    threads = [
        threading.Thread(target=level.put, args=[f"k{n}", n], kwargs={"sync": True})
        for n in range(20)
    ]
    threads[0].start()
    await async_eventually(store.entered.is_set)
    for thread in threads[1:]:
        thread.start()
    await async_eventually(lambda: len(level._space.engine._waiting) == 19)
    store.go.set()
    for thread in threads:
        thread.join(30)
    assert [len(writes) for writes, _ in store.batches] == [1, 19]
    assert len(list(level.keys())) == 20
    level.close()


class Refused(Exception):
    """What a hook of these tests raises."""


async def test_refused_write_fails_alone(path: Path) -> None:
    """Of many writes in a group, one refused by a hook fails, with its own error, alone."""
    async with AsyncLevel.open(path) as level:

        def hook(operation: Any, batch: Any) -> None:
            batch.put(f"index-{operation.key}", 1)
            if operation.key == "k3":
                raise Refused
            if operation.key == "k5":
                raise Conflict("not this one")

        level.hooks.prewrite.add(hook)
        scene = Scene(level)
        first = await scene.hold()
        tasks = [asyncio.create_task(level.put(f"k{n}", n, sync=True)) for n in range(10)]
        await async_eventually(lambda: len(level._space.engine.lane.waiting) == 11)
        scene.release()
        await first
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert len(scene.store.batches) == 2
        assert {n: type(o) for n, o in enumerate(outcomes) if o is not None} == {
            3: HookFailed,
            5: Conflict,
        }
        assert isinstance(outcomes[3], HookFailed)
        assert isinstance(outcomes[3].__cause__, Refused)
        kept = {f"k{n}" for n in range(10) if n not in (3, 5)} | {"first"}
        assert {key async for key, _ in level.items()} == kept | {f"index-{key}" for key in kept}


async def test_refused_batch_leaves_nothing(path: Path) -> None:
    """A batch whose last operation is refused is not stored in part, though its group is."""
    async with AsyncLevel.open(path) as level:

        def hook(operation: Any, batch: Any) -> None:
            if operation.key == "bad":
                raise NotFound("no")

        level.hooks.prewrite.add(hook)
        scene = Scene(level)
        first = await scene.hold()
        bad = asyncio.create_task(level.batch().put("x", 1).put("y", 2).put("bad", 3).write())
        good = asyncio.create_task(level.batch().put("x", 10).put("z", 2).write())
        await async_eventually(lambda: len(level._space.engine.lane.waiting) == 3)
        scene.release()
        await asyncio.gather(first, good)
        with pytest.raises(NotFound):
            await bad
        assert {key: value async for key, value in level.items()} == {"first": 0, "x": 10, "z": 2}


async def test_invalid_write_reaches_no_lane(path: Path) -> None:
    """A key or value that cannot be encoded fails at once and disturbs nobody."""
    async with AsyncLevel.open(path) as level:
        scene = Scene(level)
        first = await scene.hold()
        good = asyncio.create_task(level.put("good", 1))
        for call in (level.put("", 1), level.put("k", float("nan")), level.put(3, 1)):
            with pytest.raises(InvalidArgument):
                await call
        await async_eventually(lambda: len(level._space.engine.lane.waiting) == 2)
        scene.release()
        await asyncio.gather(first, good)
        assert {key async for key, _ in level.items()} == {"first", "good"}


async def test_reads_within_a_group_see_earlier_writes(path: Path) -> None:
    """Read-modify-writes that share a batch see each other: nothing is lost."""
    async with AsyncLevel.open(path) as level:
        key = b"counter"

        def increment(transaction: Any) -> int:
            value = int(transaction.get(key) or b"0") + 1
            transaction.put(key, b"%d" % value)
            return value

        scene = Scene(level)
        first = await scene.hold()
        tasks = [
            asyncio.create_task(AsyncSpace.of(level).write(increment, sync=True))
            for _ in range(200)
        ]
        await async_eventually(lambda: len(level._space.engine.lane.waiting) == 201)
        scene.release()
        await first
        assert await asyncio.gather(*tasks) == list(range(1, 201))
        assert len(scene.store.batches) == 2
        assert scene.store.batches[1][0] == {key: b"200"}


async def test_failed_store_fails_the_whole_group(path: Path) -> None:
    """When the disk fails, all writes of the group are OutcomeUnknown, later ones Unavailable."""
    async with AsyncLevel.open(path) as level:
        scene = Scene(level)
        first = await scene.hold()
        tasks = [asyncio.create_task(level.put(f"k{n}", n)) for n in range(5)]
        await async_eventually(lambda: len(level._space.engine.lane.waiting) == 6)
        scene.store.go.set()
        await first
        await asyncio.gather(*tasks)

        first = await scene.hold()
        scene.store.error = DriverIOError(b"IO error: 000003.log: No space left on device")
        tasks = [asyncio.create_task(level.put(f"k{n}", n)) for n in range(5)]
        await async_eventually(lambda: len(level._space.engine.lane.waiting) == 6)
        scene.store.go.set()
        outcomes = await asyncio.gather(first, *tasks, return_exceptions=True)
        assert isinstance(outcomes[0], OutcomeUnknown)
        assert [type(outcome) for outcome in outcomes[1:]] == [Unavailable] * 5
        assert len({id(outcome) for outcome in outcomes}) == 6  # each its own: each is raised apart
        assert await level.get("k4") == 4
        with pytest.raises(Unavailable):
            await level.put("more", 1)


async def test_cancelling_does_not_undo(path: Path) -> None:
    """A cancelled await: the write that was submitted is stored all the same, and whole."""
    async with AsyncLevel.open(path) as level:
        scene = Scene(level)
        first = await scene.hold()
        tasks = [
            asyncio.create_task(level.batch().put(f"a{n}", n).put(f"b{n}", n).write(sync=True))
            for n in range(20)
        ]
        await async_eventually(lambda: len(level._space.engine.lane.waiting) == 21)
        for task in tasks[::2]:
            task.cancel()
        first.cancel()
        scene.release()
        outcomes = await asyncio.gather(first, *tasks, return_exceptions=True)
        cancelled = [isinstance(outcome, asyncio.CancelledError) for outcome in outcomes]
        assert cancelled == [True] + [True, False] * 10
        await async_eventually(lambda: not level._space.engine.lane.waiting)
        assert await level.get("first") == 0
        for name in "ab":
            assert await level.get_many([f"{name}{n}" for n in range(20)]) == list(range(20))


async def test_cancelled_before_it_starts(path: Path) -> None:
    """A task that is cancelled before its first step has written nothing."""
    async with AsyncLevel.open(path) as level:
        task = asyncio.create_task(level.put("never", 1, sync=True))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await level.put("after", 1, sync=True)
        assert {key async for key, _ in level.items()} == {"after"}


async def test_order_of_one_task(path: Path) -> None:
    """A task's writes are stored in its order, whether they go inline or through the lane."""
    async with AsyncLevel.open(path) as level:

        async def work(task: int) -> None:
            for n in range(60):
                match n % 4:
                    case 0:
                        await level.put(f"t{task}", n)
                    case 1:
                        await level.put(f"t{task}", n, sync=True)
                    case 2:
                        await level.batch().put(f"t{task}", n).write()
                    case _:
                        await level.delete(f"t{task}")
                expected = None if n % 4 == 3 else n
                assert await level.get(f"t{task}") == expected

        await asyncio.gather(*(work(task) for task in range(30)))


async def test_order_of_submission(path: Path) -> None:
    """Writes submitted one after the other, without waiting, are stored in that order."""
    async with AsyncLevel.open(path) as level:
        tasks = [asyncio.create_task(level.put("k", n, sync=n % 3 == 0)) for n in range(300)]
        await asyncio.gather(*tasks)
        assert await level.get("k") == 299


def test_many_loops_and_threads(path: Path) -> None:
    """Event loops in several threads and plain threads write at once: nothing is lost."""
    level = Level.open(path)
    errors: list[BaseException] = []

    async def tasks(loop: int) -> None:
        face = AsyncLevel(level)

        async def work(task: int) -> None:
            for n in range(30):
                await face.put(f"a{loop}-{task}-{n}", n, sync=n % 5 == 0)

        await asyncio.gather(*(work(task) for task in range(10)))

    def plain(thread: int) -> None:
        for n in range(200):
            level.batch([{"type": "put", "key": f"s{thread}-{n}", "value": n}], sync=n % 50 == 0)

    def guarded(work: Callable[[], object]) -> None:
        try:
            work()
        except BaseException as error:
            errors.append(error)

    works: list[Callable[[], object]] = [
        *(lambda loop=loop: asyncio.run(tasks(loop)) for loop in range(3)),
        *(lambda thread=thread: plain(thread) for thread in range(3)),
    ]
    threads = [threading.Thread(target=guarded, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not errors
    assert len(list(level.keys())) == 3 * 10 * 30 + 3 * 200
    level.close()


def test_loop_that_is_gone(path: Path) -> None:
    """A loop that ended without waiting for its writes harms nobody: they are stored."""
    level = Level.open(path)
    store = CountingStore(level._space.engine)
    store.go.clear()

    async def leave() -> None:
        task = asyncio.create_task(AsyncLevel(level).put("left", 1, sync=True))
        await async_eventually(store.entered.is_set)
        task.cancel()

    asyncio.run(leave())
    store.go.set()

    async def stay() -> None:
        await AsyncLevel(level).put("stayed", 1, sync=True)

    asyncio.run(stay())
    assert dict(level.items()) == {"left": 1, "stayed": 1}
    level.close()


async def test_close_waits_for_what_was_submitted(path: Path) -> None:
    """Closing while writes wait in the lane: they are stored first, later ones are Unavailable."""
    level = await AsyncLevel.open(path)
    scene = Scene(level)
    first = await scene.hold()
    tasks = [asyncio.create_task(level.put(f"k{n}", n, sync=True)) for n in range(50)]
    await async_eventually(lambda: len(level._space.engine.lane.waiting) == 51)
    closing = asyncio.create_task(level.close())
    await async_eventually(lambda: level._space.gate.refusal is not None)
    with pytest.raises(Unavailable):
        await level.put("late", 1, sync=True)
    scene.release()
    await asyncio.gather(first, closing, *tasks)
    async with AsyncLevel.open(path) as level:
        assert len([key async for key, _ in level.items()]) == 51


def lanes() -> list[threading.Thread]:
    """Return the threads of all lanes."""
    return [thread for thread in threading.enumerate() if thread.name == "datapatterns-lane"]


async def test_no_thread_is_left(path: Path) -> None:
    """The lane's thread begins with the first need, is one for all handles, ends with the last."""
    before = len(lanes())
    async with AsyncLevel.open(path) as level:
        await level.put("inline", 1)
        assert await level.get("inline") == 1
        assert len(lanes()) == before
        other = await AsyncLevel.open(path)
        await asyncio.gather(*(face.put("k", 1, sync=True) for face in (level, other, level)))
        assert len(lanes()) == before + 1
        await other.close()
        await level.put("k", 2, sync=True)
        assert len(lanes()) == before + 1
    assert len(lanes()) == before


async def test_cancelled_opening_holds_nothing(path: Path) -> None:
    """An opening that nobody waits for any more does not keep the directory open."""
    for _ in range(20):
        task = asyncio.create_task(AsyncLevel.open(path)._run())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    async with AsyncLevel.open(path) as level:
        await async_eventually(lambda: level._space.engine.handles == 1)
        await level.put("a", 1)
    Level.open(path, error_if_exists=False).close()


async def test_errors_of_calls_do_not_end_the_lane(path: Path) -> None:
    """Whatever a blocking call raises comes to its caller, and the lane goes on."""
    async with AsyncLevel.open(path) as level:
        lane: Lane = level._space.engine.lane

        def stop() -> None:
            raise StopIteration

        def crash() -> None:
            raise SystemExit(3)

        with pytest.raises(RuntimeError):
            await lane.call(stop, level._space.gate)
        with pytest.raises(SystemExit):
            await asyncio.wait_for(lane.call(crash, level._space.gate), PATIENCE)
        with pytest.raises(DataError):
            await level.clear(limit=-1)
        await level.put("alive", 1, sync=True)
        assert await level.get("alive") == 1
