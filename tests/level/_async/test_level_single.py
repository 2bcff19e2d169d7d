"""One key, or a list of them: put, get, delete, has, get_many, has_many."""

from typing import Any

import pytest
from level._async.faces import collect
from level._async.maker import Maker

from datapatterns.errors import InvalidArgument, NotFound
from datapatterns.level import AsyncLevel

BAD_KEYS: list[Any] = [None, "", b"bytes", 7, 1.5, ("a",), ["a"], ..., "\ud800"]
BAD_VALUES: list[Any] = [None, ..., {1, 2}, b"bytes", float("nan"), "\ud800", 1j]


@pytest.fixture
async def full(level: AsyncLevel) -> AsyncLevel:
    """Return a level with three entries."""
    for number, key in enumerate("abc"):
        await level.put(key, number)
    return level


async def test_put_and_get(level: AsyncLevel) -> None:
    """`get` returns what `put` stored, and `put` returns None."""
    assert await level.put("a", "one") is None
    assert await level.get("a") == "one"


async def test_putting_again_overwrites(level: AsyncLevel) -> None:
    """The last value counts."""
    await level.put("a", "one")
    await level.put("a", "two")
    assert await level.get("a") == "two"
    assert await collect(level.items()) == [("a", "two")]


async def test_an_absent_key_gives_none_or_the_default(full: AsyncLevel) -> None:
    """The default is returned even if it looks like a stored value."""
    assert await full.get("absent") is None
    assert await full.get("absent", 7) == 7
    assert await full.get("absent", default=False) is False
    assert await full.get("a", 7) == 0


async def test_get_or_raise(full: AsyncLevel) -> None:
    """An absent key raises NotFound without its name; a false value is returned."""
    assert await full.get_or_raise("a") == 0
    with pytest.raises(NotFound) as caught:
        await full.get_or_raise("secret")
    assert caught.value.status == 404
    assert "secret" not in str(caught.value)


async def test_a_stored_null_is_there(make: Maker) -> None:
    """None cannot be put, but others may have written JSON's null."""
    level = await make()
    await (await make.again(value_encoding="utf8")).put("k", "null")
    assert await level.get_or_raise("k") is None
    assert await level.has("k")


async def test_delete(full: AsyncLevel) -> None:
    """The key is gone, and nothing else is."""
    assert await full.delete("b") is None
    assert await full.get("b") is None
    assert await collect(full.keys()) == ["a", "c"]


async def test_deleting_what_is_absent(full: AsyncLevel) -> None:
    """Deleting an absent key, also a second time, is no error and changes nothing."""
    await full.delete("absent")
    await full.delete("b")
    await full.delete("b")
    assert await collect(full.keys()) == ["a", "c"]


async def test_has(full: AsyncLevel) -> None:
    """`has` is true for a present key, also with a false value."""
    assert await full.has("a") is True
    assert await full.has("absent") is False
    await full.delete("a")
    assert await full.has("a") is False


async def test_get_many(full: AsyncLevel) -> None:
    """Values come in the order of the keys, repeated ones too, with None for an absent key."""
    assert await full.get_many(["c", "a"]) == [2, 0]
    assert await full.get_many(["a", "absent", "a"]) == [0, None, 0]
    assert await full.get_many([]) == []
    assert await full.get_many(key for key in "bx") == [1, None]


async def test_has_many(full: AsyncLevel) -> None:
    """Answers come in the order of the keys."""
    assert await full.has_many(["c", "absent", "c"]) == [True, False, True]
    assert await full.has_many([]) == []
    assert await full.has_many(iter("ax")) == [True, False]


@pytest.mark.parametrize(
    "values", [[False, 0, 0.0, "", [], {}], [True, -1, 1.5, "x", [1], {"a": None}]]
)
async def test_values_of_every_kind(level: AsyncLevel, values: list[Any]) -> None:
    """Values come back with their type, also false ones."""
    for number, value in enumerate(values):
        await level.put(f"k{number}", value)
    found = await level.get_many(f"k{number}" for number in range(len(values)))
    assert list(map(repr, found)) == list(map(repr, values))
    assert await level.has_many(f"k{number}" for number in range(len(values))) == [True] * 6


@pytest.mark.parametrize(
    "key", ["0", "a b", "x" * 5_000, "\0", "ключ", "🐄", "!", "!a!b", "a!", '"']
)
async def test_keys_of_every_kind(level: AsyncLevel, key: str) -> None:
    """Any text but the empty one can be a key."""
    await level.put(key, "value")
    assert await level.get(key) == "value"
    assert await level.has(key)
    assert await collect(level.items()) == [(key, "value")]
    await level.delete(key)
    assert await level.get(key) is None


@pytest.mark.parametrize("key", BAD_KEYS, ids=repr)
async def test_bad_keys(full: AsyncLevel, key: Any) -> None:
    """Every method refuses them with 400 without quoting the key, and writes nothing."""
    calls = [
        lambda: full.get(key),
        lambda: full.get_or_raise(key),
        lambda: full.has(key),
        lambda: full.get_many(["a", key]),
        lambda: full.has_many(["a", key]),
        lambda: full.put(key, 1),
        lambda: full.put(key, 1, sync=True),
        lambda: full.delete(key),
        lambda: full.delete(key, sync=True),
    ]
    for call in calls:
        with pytest.raises(InvalidArgument) as caught:
            await call()
        assert caught.value.status == 400
        assert "bytes'" not in str(caught.value)
    assert await collect(full.items()) == [("a", 0), ("b", 1), ("c", 2)]


@pytest.mark.parametrize("value", BAD_VALUES, ids=repr)
async def test_bad_values(full: AsyncLevel, value: Any) -> None:
    """They are refused with 400, and the old value stays."""
    for sync in (False, True):
        with pytest.raises(InvalidArgument):
            await full.put("a", value, sync=sync)
    for nested in ([value], {"deep": [{"er": value}]}):
        if value is not None:
            with pytest.raises(InvalidArgument):
                await full.put("a", nested)
    assert await full.get("a") == 0


async def test_what_is_no_list_of_keys(full: AsyncLevel) -> None:
    """A single key in place of a list is refused with 400."""
    for keys in (None, 7, "abc", b"abc"):
        with pytest.raises(InvalidArgument):
            await full.get_many(keys)  # type: ignore[arg-type] - on purpose
        with pytest.raises(InvalidArgument):
            await full.has_many(keys)  # type: ignore[arg-type] - on purpose


async def test_synced_writes(level: AsyncLevel) -> None:
    """They read back like all others, in the order in which they were made."""
    for number in range(20):
        await level.put("k", number, sync=number % 2 == 0)
        assert await level.get("k") == number
    await level.delete("k", sync=True)
    assert not await level.has("k")


async def test_a_level_opened_with_sync(make: Maker) -> None:
    """`sync=True` for the directory holds for each write that does not say otherwise."""
    level = await make(sync=True)
    await level.put("a", 1)
    await level.put("b", 2, sync=False)
    await level.delete("a")
    await level.batch([{"type": "put", "key": "c", "value": 3}])
    assert await collect(level.items()) == [("b", 2), ("c", 3)]
