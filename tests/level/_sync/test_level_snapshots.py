# Generated from tests/level/_async/test_level_snapshots.py by scripts/unasync.py; do not edit.
"""Snapshots: reads of one moment, however much is written after it."""

import pytest
from level._sync.faces import collect
from level._sync.maker import Maker

from datapatterns.errors import InvalidArgument, Unavailable
from datapatterns.level import Level


@pytest.fixture
def full(level: Level) -> Level:
    """Return a level with three entries."""
    level.batch([{"type": "put", "key": key, "value": "before"} for key in "abc"])
    return level


def change(level: Level) -> None:
    """Overwrite one entry, remove one and add one."""
    level.put("a", "after")
    level.delete("b")
    level.put("d", "after")


def test_get_and_has(full: Level) -> None:
    """With the snapshot they see the old state, without it the present one."""
    with full.snapshot() as snapshot:
        change(full)
        found = [full.get(key, snapshot=snapshot) for key in "abcd"]
        assert found == ["before", "before", "before", None]
        assert [full.get(key) for key in "abcd"] == ["after", None, "before", "after"]
        assert full.get("d", 7, snapshot=snapshot) == 7
        assert full.get_or_raise("b", snapshot=snapshot) == "before"
        assert full.has("b", snapshot=snapshot)
        assert not full.has("d", snapshot=snapshot)


def test_many(full: Level) -> None:
    """get_many and has_many see the same state as get and has."""
    with full.snapshot() as snapshot:
        change(full)
        found = full.get_many(["a", "b", "d"], snapshot=snapshot)
        assert found == ["before", "before", None]
        assert full.has_many(["a", "b", "d"], snapshot=snapshot) == [True, True, False]
        assert full.has_many(["a", "b", "d"]) == [True, False, True]


def test_iterators(full: Level) -> None:
    """Iterators see the old state, in both directions, with ranges and seeking."""
    with full.snapshot() as snapshot:
        change(full)
        assert collect(full.items(snapshot=snapshot)) == [(key, "before") for key in "abc"]
        assert collect(full.keys(snapshot=snapshot, reverse=True)) == ["c", "b", "a"]
        assert collect(full.values(snapshot=snapshot, gt="b")) == ["before"]
        entries = full.keys(snapshot=snapshot)
        entries.seek("b")
        assert collect(entries) == ["b", "c"]
        assert collect(full.keys()) == ["a", "c", "d"]


def test_of_an_empty_level(level: Level) -> None:
    """It stays empty."""
    with level.snapshot() as snapshot:
        level.put("a", 1)
        assert level.get("a", snapshot=snapshot) is None
        assert collect(level.keys(snapshot=snapshot)) == []


def test_clearing_after_it(full: Level) -> None:
    """The snapshot still shows everything."""
    with full.snapshot() as snapshot:
        full.clear()
        full.compact()
        assert collect(full.keys(snapshot=snapshot)) == ["a", "b", "c"]
    assert collect(full.keys()) == []


def test_many_snapshots(level: Level) -> None:
    """Each has its own moment, whichever of them are closed."""
    snapshots = []
    for number in range(100):
        level.put("number", number)
        snapshots.append(level.snapshot())
    for snapshot in snapshots[::2]:
        snapshot.close()
    for number, snapshot in enumerate(snapshots):
        if number % 2:
            assert level.get("number", snapshot=snapshot) == number
            snapshot.close()


def test_of_a_sublevel(full: Level) -> None:
    """A snapshot is of the whole directory: parents and children share it."""
    child = full.sublevel("child")
    child.put("k", "before")
    with child.snapshot() as snapshot:
        child.put("k", "after")
        full.delete("a")
        assert child.get("k", snapshot=snapshot) == "before"
        assert full.get("a", snapshot=snapshot) == "before"


def test_closed(full: Level) -> None:
    """Every read with it is a 503; closing again is harmless, and other snapshots go on."""
    snapshot, other = full.snapshot(), full.snapshot()
    snapshot.close()
    snapshot.close()
    for call in (
        lambda: full.get("a", snapshot=snapshot),
        lambda: full.get_or_raise("a", snapshot=snapshot),
        lambda: full.has("a", snapshot=snapshot),
        lambda: full.get_many(["a"], snapshot=snapshot),
        lambda: full.has_many(["a"], snapshot=snapshot),
    ):
        with pytest.raises(Unavailable):
            call()
    for read in (full.items, full.keys, full.values):
        with pytest.raises(Unavailable):
            read(snapshot=snapshot)
    assert full.get("a", snapshot=other) == "before"
    other.close()


def test_an_iterator_outlives_its_snapshot(full: Level) -> None:
    """An iterator keeps the state of its snapshot."""
    snapshot = full.snapshot()
    entries = full.keys(snapshot=snapshot)
    change(full)
    snapshot.close()
    assert collect(entries) == ["a", "b", "c"]


def test_another_directory_s_snapshot(full: Level, make: Maker) -> None:
    """It is refused with 400, also if it is of another handle of the same directory."""
    for other in (make(), make.again()):
        with other.snapshot() as snapshot:
            with pytest.raises(InvalidArgument):
                full.get("a", snapshot=snapshot)
            with pytest.raises(InvalidArgument):
                full.get_many(["a"], snapshot=snapshot)
            with pytest.raises(InvalidArgument):
                full.items(snapshot=snapshot)


def test_closing_the_level(full: Level, make: Maker) -> None:
    """It closes the snapshots and their iterators; closing them afterwards is no error."""
    snapshot = full.snapshot()
    entries = full.keys(snapshot=snapshot)
    next(entries)
    make.root.close()
    with pytest.raises(Unavailable):
        full.get("a", snapshot=snapshot)
    with pytest.raises(Unavailable):
        collect(entries)
    snapshot.close()
    entries.close()


def test_a_forgotten_snapshot(full: Level, make: Maker) -> None:
    """An unclosed snapshot does not keep the level from closing."""
    full.snapshot()
    forgotten = full.snapshot()
    del forgotten
    make.root.close()
