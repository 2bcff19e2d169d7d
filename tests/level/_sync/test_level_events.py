# Generated from tests/level/_async/test_level_events.py by scripts/unasync.py; do not edit.
"""`on_write`: what was written, told after it was stored."""

import logging
from typing import Any

import pytest
from level._sync.maker import Maker

from datapatterns.errors import DataError, HookFailed
from datapatterns.level import Level

Told = list[list[tuple[str, str, Any]]]


@pytest.fixture
def told(level: Level) -> Told:
    """Return the list of what a listener of the level is told, with one list for each commit."""
    told: Told = []
    level.on_write(
        lambda operations: told.append([(op.type, op.key, op.value) for op in operations])
    )
    return told


def test_single_writes(level: Level, told: Told) -> None:
    """A listener is called once for each write, with its type, key and value."""
    level.put("a", 1)
    level.put("a", {"n": 2}, sync=True)
    level.delete("a")
    level.delete("absent", sync=True)
    assert told == [
        [("put", "a", 1)],
        [("put", "a", {"n": 2})],
        [("delete", "a", None)],
        [("delete", "absent", None)],
    ]


def test_batches(level: Level, told: Told) -> None:
    """A listener is called once for each batch, with all operations in their order."""
    operations: list[dict[str, Any]] = [
        {"type": "put", "key": "b", "value": 1},
        {"type": "delete", "key": "a"},
    ]
    level.batch(operations)
    level.batch().delete("a").put("b", 1).write()
    level.batch([])
    assert told == [
        [("put", "b", 1), ("delete", "a", None)],
        [("delete", "a", None), ("put", "b", 1)],
    ]


def test_one_key_twice(level: Level, told: Told) -> None:
    """A key written twice in a batch is reported once, as it was stored."""
    level.batch().put("a", 1).put("b", 1).put("a", 2).delete("b").write()
    assert told == [[("put", "a", 2), ("delete", "b", None)]]


def test_clear(level: Level, told: Told) -> None:
    """A listener is told of each removal, in the order of the keys."""
    level.batch().put("a", 1).put("b", 2).put("c", 3).write()
    told.clear()
    level.clear(gt="a")
    level.clear(gt="a")
    assert told == [[("delete", "b", None), ("delete", "c", None)]]


def test_it_is_stored_by_then(level: Level, make: Maker) -> None:
    """A read in a listener returns the new value."""
    reader = make.within(make.root)
    seen: list[Any] = []
    level.on_write(lambda operations: seen.append(reader.snapshot()))
    level.put("a", 1)
    assert reader.get("a", snapshot=seen[0]) == 1
    seen[0].close()


def test_writes_of_sublevels(level: Level, told: Told) -> None:
    """Whichever handle writes, the keys are those of the listening level."""
    child = level.sublevel("child", value_encoding="json")
    of_child: list[Any] = []
    child.on_write(lambda operations: of_child.append([(op.key, op.path) for op in operations]))
    child.put("k", 1)
    level.batch().put("k", 2, sublevel=child).put("own", 3).write()
    level.delete("own")
    assert told == [
        [("put", "!child!k", 1)],
        [("put", "!child!k", 2), ("put", "own", 3)],
        [("delete", "own", None)],
    ]
    assert of_child == [[("k", ())], [("k", ())]]


def test_the_path_of_a_write(level: Level) -> None:
    """The path has the names of the sublevels between listener and write."""
    paths: list[Any] = []
    level.on_write(lambda operations: paths.extend(op.path for op in operations))
    a = level.sublevel("a")
    for part in (level, a, a.sublevel("b"), a.sublevel("b").sublevel("c")):
        part.put("k", 1)
    assert paths == [(), ("a",), ("a", "b"), ("a", "b", "c")]


def test_neighbours_are_not_heard(level: Level) -> None:
    """A listener is not told of writes to neighbours or to the parent."""
    child, told = level.sublevel("a"), []
    child.on_write(told.append)
    for part in (level, level.sublevel("aa"), level.sublevel("b"), level.sublevel("a#")):
        part.put("k", 1)
    assert told == []


def test_another_handle(level: Level, told: Told, make: Maker) -> None:
    """A listener is told of writes through another handle of the same process."""
    (make.again()).put("a", 1)
    assert told == [[("put", "a", 1)]]


def test_what_was_not_written(level: Level, told: Told) -> None:
    """A listener is not told of refused operations, nor of those of a hook that raised."""
    with pytest.raises(DataError):
        level.put("a", None)
    level.hooks.prewrite.add(lambda *_: 1 // 0)
    with pytest.raises(HookFailed):
        level.put("a", 1)
    assert told == []


def test_what_hooks_added_and_changed(level: Level, told: Told) -> None:
    """A listener is told what was stored, with additions behind the inputs."""

    def hook(operation: Any, batch: Any) -> None:
        operation.value = operation.value + 1
        batch.put("log-" + operation.key, 0)

    level.hooks.prewrite.add(hook)
    level.batch().put("a", 1).put("b", 2).write()
    assert told == [[("put", "a", 2), ("put", "b", 3), ("put", "log-a", 0), ("put", "log-b", 0)]]


def test_ending_it(level: Level) -> None:
    """One listener can be ended, any number of times, while others go on."""
    first: list[Any] = []
    second: list[Any] = []
    end = level.on_write(first.append)
    level.on_write(second.append)
    level.put("a", 1)
    end()
    end()
    level.put("a", 2)
    assert (len(first), len(second)) == (1, 2)


def test_a_listener_that_raises(level: Level, caplog: pytest.LogCaptureFixture) -> None:
    """Its error is logged; the write is stored, and the other listeners are told."""
    told: list[Any] = []
    level.on_write(lambda _: 1 // 0)
    level.on_write(told.append)
    with caplog.at_level(logging.ERROR, "datapatterns.level"):
        level.put("a", 1)
    assert level.get("a") == 1
    assert len(told) == 1
    assert "ZeroDivisionError" in caplog.text


def test_closing_ends_it(level: Level, make: Maker) -> None:
    """A handle's listeners end with it, though others keep the directory open."""
    told: list[Any] = []
    level.on_write(told.append)
    first, other = make.root, make.again()
    first.close()
    other.put("a", 1)
    assert told == []
