"""Snapshots: reads of one moment, however much is written after it."""

import pytest
from level._async.faces import collect
from level._async.maker import Maker

from datapatterns.errors import InvalidArgument, Unavailable
from datapatterns.level import AsyncLevel


@pytest.fixture
async def full(level: AsyncLevel) -> AsyncLevel:
    """Return a level with three entries."""
    await level.batch([{"type": "put", "key": key, "value": "before"} for key in "abc"])
    return level


async def change(level: AsyncLevel) -> None:
    """Overwrite one entry, remove one and add one."""
    await level.put("a", "after")
    await level.delete("b")
    await level.put("d", "after")


async def test_get_and_has(full: AsyncLevel) -> None:
    """With the snapshot they see the old state, without it the present one."""
    with full.snapshot() as snapshot:
        await change(full)
        found = [await full.get(key, snapshot=snapshot) for key in "abcd"]
        assert found == ["before", "before", "before", None]
        assert [await full.get(key) for key in "abcd"] == ["after", None, "before", "after"]
        assert await full.get("d", 7, snapshot=snapshot) == 7
        assert await full.get_or_raise("b", snapshot=snapshot) == "before"
        assert await full.has("b", snapshot=snapshot)
        assert not await full.has("d", snapshot=snapshot)


async def test_many(full: AsyncLevel) -> None:
    """get_many and has_many see the same state as get and has."""
    with full.snapshot() as snapshot:
        await change(full)
        found = await full.get_many(["a", "b", "d"], snapshot=snapshot)
        assert found == ["before", "before", None]
        assert await full.has_many(["a", "b", "d"], snapshot=snapshot) == [True, True, False]
        assert await full.has_many(["a", "b", "d"]) == [True, False, True]


async def test_iterators(full: AsyncLevel) -> None:
    """Iterators see the old state, in both directions, with ranges and seeking."""
    with full.snapshot() as snapshot:
        await change(full)
        assert await collect(full.items(snapshot=snapshot)) == [(key, "before") for key in "abc"]
        assert await collect(full.keys(snapshot=snapshot, reverse=True)) == ["c", "b", "a"]
        assert await collect(full.values(snapshot=snapshot, gt="b")) == ["before"]
        entries = full.keys(snapshot=snapshot)
        entries.seek("b")
        assert await collect(entries) == ["b", "c"]
        assert await collect(full.keys()) == ["a", "c", "d"]


async def test_of_an_empty_level(level: AsyncLevel) -> None:
    """It stays empty."""
    with level.snapshot() as snapshot:
        await level.put("a", 1)
        assert await level.get("a", snapshot=snapshot) is None
        assert await collect(level.keys(snapshot=snapshot)) == []


async def test_clearing_after_it(full: AsyncLevel) -> None:
    """The snapshot still shows everything."""
    with full.snapshot() as snapshot:
        await full.clear()
        await full.compact()
        assert await collect(full.keys(snapshot=snapshot)) == ["a", "b", "c"]
    assert await collect(full.keys()) == []


async def test_many_snapshots(level: AsyncLevel) -> None:
    """Each has its own moment, whichever of them are closed."""
    snapshots = []
    for number in range(100):
        await level.put("number", number)
        snapshots.append(level.snapshot())
    for snapshot in snapshots[::2]:
        snapshot.close()
    for number, snapshot in enumerate(snapshots):
        if number % 2:
            assert await level.get("number", snapshot=snapshot) == number
            snapshot.close()


async def test_of_a_sublevel(full: AsyncLevel) -> None:
    """A snapshot is of the whole directory: parents and children share it."""
    child = full.sublevel("child")
    await child.put("k", "before")
    with child.snapshot() as snapshot:
        await child.put("k", "after")
        await full.delete("a")
        assert await child.get("k", snapshot=snapshot) == "before"
        assert await full.get("a", snapshot=snapshot) == "before"


async def test_closed(full: AsyncLevel) -> None:
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
            await call()
    for read in (full.items, full.keys, full.values):
        with pytest.raises(Unavailable):
            read(snapshot=snapshot)
    assert await full.get("a", snapshot=other) == "before"
    other.close()


async def test_an_iterator_outlives_its_snapshot(full: AsyncLevel) -> None:
    """An iterator keeps the state of its snapshot."""
    snapshot = full.snapshot()
    entries = full.keys(snapshot=snapshot)
    await change(full)
    snapshot.close()
    assert await collect(entries) == ["a", "b", "c"]


async def test_another_directory_s_snapshot(full: AsyncLevel, make: Maker) -> None:
    """It is refused with 400, also if it is of another handle of the same directory."""
    for other in (await make(), await make.again()):
        with other.snapshot() as snapshot:
            with pytest.raises(InvalidArgument):
                await full.get("a", snapshot=snapshot)
            with pytest.raises(InvalidArgument):
                await full.get_many(["a"], snapshot=snapshot)
            with pytest.raises(InvalidArgument):
                full.items(snapshot=snapshot)


async def test_closing_the_level(full: AsyncLevel, make: Maker) -> None:
    """It closes the snapshots and their iterators; closing them afterwards is no error."""
    snapshot = full.snapshot()
    entries = full.keys(snapshot=snapshot)
    await anext(entries)
    await make.root.close()
    with pytest.raises(Unavailable):
        await full.get("a", snapshot=snapshot)
    with pytest.raises(Unavailable):
        await collect(entries)
    snapshot.close()
    entries.close()


async def test_a_forgotten_snapshot(full: AsyncLevel, make: Maker) -> None:
    """An unclosed snapshot does not keep the level from closing."""
    full.snapshot()
    forgotten = full.snapshot()
    del forgotten
    await make.root.close()
