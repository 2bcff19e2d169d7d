"""Opening and closing; what is refused on a closed level."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from level._async.faces import collect
from level._async.maker import Maker

from datapatterns.errors import Conflict, InvalidArgument, NotFound, Unavailable
from datapatterns.level import AsyncLevel

Use = Callable[[AsyncLevel], Any]


async def test_opening_makes_the_directory_and_its_parents(make: Maker, tmp_path: Path) -> None:
    """A level that is closed and opened again has its data."""
    path = tmp_path / "a" / "b"
    root = await make.open(path)
    await make.within(root).put("k", 1)
    await root.close()
    level = make.within(await make.open(path))
    assert await level.get("k") == 1


async def test_a_level_is_a_context_manager(tmp_path: Path) -> None:
    """Leaving the block closes it."""
    async with AsyncLevel.open(tmp_path) as level:
        await level.put("k", 1)
    with pytest.raises(Unavailable):
        await level.get("k")


async def test_leaving_a_block_by_an_error_closes_too(tmp_path: Path) -> None:
    """The error propagates, and the level is closed."""
    with pytest.raises(ZeroDivisionError):
        async with AsyncLevel.open(tmp_path) as level:
            raise ZeroDivisionError
    with pytest.raises(Unavailable):
        await level.get("k")


async def test_closing_again_does_nothing(make: Maker) -> None:
    """`close` may be called any number of times."""
    await make()
    await make.root.close()
    await make.root.close()


async def test_closing_a_sublevel_alone_does_nothing(level: AsyncLevel, make: Maker) -> None:
    """A sublevel closes with the level that it belongs to."""
    sublevel = level.sublevel("sub")
    await sublevel.close()
    async with sublevel:
        await sublevel.put("k", 1)
    assert await sublevel.get("k") == 1
    await make.root.close()
    with pytest.raises(Unavailable):
        await sublevel.get("k")


async def test_two_handles_of_one_process_share_the_directory(tmp_path: Path) -> None:
    """Handles share by real path; the last one closes the directory."""
    (tmp_path / "link").symlink_to(tmp_path / "data")
    (tmp_path / "data").mkdir()
    async with AsyncLevel.open(tmp_path / "data") as first:
        async with AsyncLevel.open(tmp_path / "link") as second:
            await first.put("k", 1)
            assert await second.get("k") == 1
        with pytest.raises(Unavailable):
            await second.get("k")
        assert await first.get("k") == 1


async def test_create_false_wants_a_database(tmp_path: Path) -> None:
    """Without a database it raises NotFound and makes nothing; with one it opens it."""
    with pytest.raises(NotFound) as caught:
        await AsyncLevel.open(tmp_path / "data", create=False)
    assert caught.value.status == 404
    assert not (tmp_path / "data").exists()
    async with AsyncLevel.open(tmp_path / "data"):
        pass
    async with AsyncLevel.open(tmp_path / "data", create=False) as level:
        await level.put("k", 1)


async def test_error_if_exists_wants_none(tmp_path: Path) -> None:
    """An existing database, open or closed, raises Conflict."""
    async with AsyncLevel.open(tmp_path / "data", error_if_exists=True):
        with pytest.raises(Conflict) as caught:
            await AsyncLevel.open(tmp_path / "data", error_if_exists=True)
        assert caught.value.reason == "exists"
    with pytest.raises(Conflict):
        await AsyncLevel.open(tmp_path / "data", error_if_exists=True)


async def test_a_path_that_can_be_no_directory(tmp_path: Path) -> None:
    """A file, a path below one, an empty path, a NUL and a name too long are refused."""
    (tmp_path / "file").write_text("text")
    paths: list[Any] = ["", 7, None, tmp_path / "file", tmp_path / "file" / "below", "a\0b"]
    for path in [*paths, tmp_path / ("x" * 300)]:
        with pytest.raises(InvalidArgument):
            await AsyncLevel.open(path)
    assert (tmp_path / "file").read_text() == "text"


@pytest.mark.parametrize(
    "options",
    [
        {"key_encoding": "utf-7"},
        {"value_encoding": "pickle"},
        {"value_encoding": None},
        {"value_encoding": ...},
        {"write_buffer_size": "large"},
        {"max_open_files": ...},
        {"color": "blue"},
    ],
    ids=str,
)
async def test_bad_options_for_opening(tmp_path: Path, options: dict[str, Any]) -> None:
    """Bad options are refused, and leave nothing open."""
    with pytest.raises(InvalidArgument):
        await AsyncLevel.open(tmp_path / "data", **options)
    async with AsyncLevel.open(tmp_path / "data"):
        pass


async def test_unknown_encodings_make_no_directory(tmp_path: Path) -> None:
    """Encodings are checked before the directory is made."""
    with pytest.raises(InvalidArgument):
        await AsyncLevel.open(tmp_path / "data", key_encoding="utf-7")
    assert not (tmp_path / "data").exists()


async def test_options_of_the_driver(tmp_path: Path) -> None:
    """The options reach LevelDB."""
    options = {"write_buffer_size": 1 << 20, "max_open_files": 50, "compression": None}
    async with AsyncLevel.open(tmp_path / "data", **options) as level:
        await level.put("k", 1)
        assert await level.get("k") == 1


PUT = {"type": "put", "key": "k", "value": 1}


async def _batch(level: AsyncLevel) -> None:
    await level.batch([PUT])


async def _large_batch(level: AsyncLevel) -> None:
    await level.batch([{"type": "put", "key": f"k{n}", "value": n} for n in range(50)])


async def _chain(level: AsyncLevel) -> None:
    await level.batch().put("k", 1).write()


async def _sublevel(level: AsyncLevel) -> None:
    await level.sublevel("sub").get("k")


async def _snapshot(level: AsyncLevel) -> None:
    level.snapshot()


USES: dict[str, Callable[[AsyncLevel], Awaitable[Any]]] = {
    "get": lambda level: level.get("k"),
    "get_or_raise": lambda level: level.get_or_raise("k"),
    "get_many": lambda level: level.get_many(["k"]),
    "get_many of none": lambda level: level.get_many([]),
    "has": lambda level: level.has("k"),
    "has_many": lambda level: level.has_many(["k"]),
    "put": lambda level: level.put("k", 1),
    "synced put": lambda level: level.put("k", 1, sync=True),
    "delete": lambda level: level.delete("k"),
    "batch": _batch,
    "large batch": _large_batch,
    "chained batch": _chain,
    "clear": lambda level: level.clear(),
    "compact": lambda level: level.compact(),
    "check": lambda level: level.check(),
    "items": lambda level: collect(level.items()),
    "keys": lambda level: collect(level.keys()),
    "values": lambda level: collect(level.values()),
    "snapshot": _snapshot,
    "sublevel": _sublevel,
}


@pytest.mark.parametrize("use", USES)
async def test_use_after_close(make: Maker, use: str) -> None:
    """Every operation is refused with 503, and none of them crashes or hangs."""
    level = await make()
    await make.root.close()
    with pytest.raises(Unavailable) as caught:
        await USES[use](level)
    assert caught.value.status == 503


@pytest.mark.parametrize("use", [use for use in USES if use != "get_or_raise"])
async def test_use_while_open_and_after_opening_again(make: Maker, use: str) -> None:
    """Every operation works on an empty level, and on one that was closed in between."""
    level = await make()
    await USES[use](level)
    await make.root.close()
    await USES[use](await make())


async def test_what_was_begun_before_closing(make: Maker) -> None:
    """A batch, an iterator and a snapshot end with the level: every use of them is 503."""
    level = await make()
    await level.put("k", 1)
    batch, entries, snapshot = level.batch().put("k", 2), level.items(), level.snapshot()
    await make.root.close()
    with pytest.raises(Unavailable):
        await batch.write()
    with pytest.raises(Unavailable):
        await anext(entries)
    with pytest.raises(Unavailable):
        await level.get("k", snapshot=snapshot)
    snapshot.close()
    entries.close()
