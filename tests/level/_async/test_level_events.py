"""`on_write`: what was written, told after it was stored."""

import logging
from typing import Any

import pytest
from level._async.maker import Maker

from datapatterns.errors import DataError, HookFailed
from datapatterns.level import AsyncLevel

Told = list[list[tuple[str, str, Any]]]


@pytest.fixture
def told(level: AsyncLevel) -> Told:
    """Return the list of what a listener of the level is told, with one list for each commit."""
    told: Told = []
    level.on_write(
        lambda operations: told.append([(op.type, op.key, op.value) for op in operations])
    )
    return told


async def test_single_writes(level: AsyncLevel, told: Told) -> None:
    """A listener is called once for each write, with its type, key and value."""
    await level.put("a", 1)
    await level.put("a", {"n": 2}, sync=True)
    await level.delete("a")
    await level.delete("absent", sync=True)
    assert told == [
        [("put", "a", 1)],
        [("put", "a", {"n": 2})],
        [("delete", "a", None)],
        [("delete", "absent", None)],
    ]


async def test_batches(level: AsyncLevel, told: Told) -> None:
    """A listener is called once for each batch, with all operations in their order."""
    operations: list[dict[str, Any]] = [
        {"type": "put", "key": "b", "value": 1},
        {"type": "delete", "key": "a"},
    ]
    await level.batch(operations)
    await level.batch().delete("a").put("b", 1).write()
    await level.batch([])
    assert told == [
        [("put", "b", 1), ("delete", "a", None)],
        [("delete", "a", None), ("put", "b", 1)],
    ]


async def test_one_key_twice(level: AsyncLevel, told: Told) -> None:
    """A key written twice in a batch is reported once, as it was stored."""
    await level.batch().put("a", 1).put("b", 1).put("a", 2).delete("b").write()
    assert told == [[("put", "a", 2), ("delete", "b", None)]]


async def test_clear(level: AsyncLevel, told: Told) -> None:
    """A listener is told of each removal, in the order of the keys."""
    await level.batch().put("a", 1).put("b", 2).put("c", 3).write()
    told.clear()
    await level.clear(gt="a")
    await level.clear(gt="a")
    assert told == [[("delete", "b", None), ("delete", "c", None)]]


async def test_it_is_stored_by_then(level: AsyncLevel, make: Maker) -> None:
    """A read in a listener returns the new value."""
    reader = make.within(make.root)
    seen: list[Any] = []
    level.on_write(lambda operations: seen.append(reader.snapshot()))
    await level.put("a", 1)
    assert await reader.get("a", snapshot=seen[0]) == 1
    seen[0].close()


async def test_writes_of_sublevels(level: AsyncLevel, told: Told) -> None:
    """Whichever handle writes, the keys are those of the listening level."""
    child = level.sublevel("child", value_encoding="json")
    of_child: list[Any] = []
    child.on_write(lambda operations: of_child.append([(op.key, op.path) for op in operations]))
    await child.put("k", 1)
    await level.batch().put("k", 2, sublevel=child).put("own", 3).write()
    await level.delete("own")
    assert told == [
        [("put", "!child!k", 1)],
        [("put", "!child!k", 2), ("put", "own", 3)],
        [("delete", "own", None)],
    ]
    assert of_child == [[("k", ())], [("k", ())]]


async def test_the_path_of_a_write(level: AsyncLevel) -> None:
    """The path has the names of the sublevels between listener and write."""
    paths: list[Any] = []
    level.on_write(lambda operations: paths.extend(op.path for op in operations))
    a = level.sublevel("a")
    for part in (level, a, a.sublevel("b"), a.sublevel("b").sublevel("c")):
        await part.put("k", 1)
    assert paths == [(), ("a",), ("a", "b"), ("a", "b", "c")]


async def test_neighbours_are_not_heard(level: AsyncLevel) -> None:
    """A listener is not told of writes to neighbours or to the parent."""
    child, told = level.sublevel("a"), []
    child.on_write(told.append)
    for part in (level, level.sublevel("aa"), level.sublevel("b"), level.sublevel("a#")):
        await part.put("k", 1)
    assert told == []


async def test_another_handle(level: AsyncLevel, told: Told, make: Maker) -> None:
    """A listener is told of writes through another handle of the same process."""
    await (await make.again()).put("a", 1)
    assert told == [[("put", "a", 1)]]


async def test_what_was_not_written(level: AsyncLevel, told: Told) -> None:
    """A listener is not told of refused operations, nor of those of a hook that raised."""
    with pytest.raises(DataError):
        await level.put("a", None)
    level.hooks.prewrite.add(lambda *_: 1 // 0)
    with pytest.raises(HookFailed):
        await level.put("a", 1)
    assert told == []


async def test_what_hooks_added_and_changed(level: AsyncLevel, told: Told) -> None:
    """A listener is told what was stored, with additions behind the inputs."""

    def hook(operation: Any, batch: Any) -> None:
        operation.value = operation.value + 1
        batch.put("log-" + operation.key, 0)

    level.hooks.prewrite.add(hook)
    await level.batch().put("a", 1).put("b", 2).write()
    assert told == [[("put", "a", 2), ("put", "b", 3), ("put", "log-a", 0), ("put", "log-b", 0)]]


async def test_ending_it(level: AsyncLevel) -> None:
    """One listener can be ended, any number of times, while others go on."""
    first: list[Any] = []
    second: list[Any] = []
    end = level.on_write(first.append)
    level.on_write(second.append)
    await level.put("a", 1)
    end()
    end()
    await level.put("a", 2)
    assert (len(first), len(second)) == (1, 2)


async def test_a_listener_that_raises(level: AsyncLevel, caplog: pytest.LogCaptureFixture) -> None:
    """Its error is logged; the write is stored, and the other listeners are told."""
    told: list[Any] = []
    level.on_write(lambda _: 1 // 0)
    level.on_write(told.append)
    with caplog.at_level(logging.ERROR, "datapatterns.level"):
        await level.put("a", 1)
    assert await level.get("a") == 1
    assert len(told) == 1
    assert "ZeroDivisionError" in caplog.text


async def test_closing_ends_it(level: AsyncLevel, make: Maker) -> None:
    """A handle's listeners end with it, though others keep the directory open."""
    told: list[Any] = []
    level.on_write(told.append)
    first, other = make.root, await make.again()
    await first.close()
    await other.put("a", 1)
    assert told == []
