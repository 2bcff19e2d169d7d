# Generated from tests/level/_async/test_level_single.py by scripts/unasync.py; do not edit.
"""One key, or a list of them: put, get, delete, has, get_many, has_many."""

from typing import Any

import pytest
from level._sync.faces import collect
from level._sync.maker import Maker

from datapatterns.errors import InvalidArgument, NotFound
from datapatterns.level import Level

BAD_KEYS: list[Any] = [None, "", b"bytes", 7, 1.5, ("a",), ["a"], ..., "\ud800"]
BAD_VALUES: list[Any] = [None, ..., {1, 2}, b"bytes", float("nan"), "\ud800", 1j]


@pytest.fixture
def full(level: Level) -> Level:
    """Return a level with three entries."""
    for number, key in enumerate("abc"):
        level.put(key, number)
    return level


def test_put_and_get(level: Level) -> None:
    """`get` returns what `put` stored, and `put` returns None."""
    assert level.put("a", "one") is None
    assert level.get("a") == "one"


def test_putting_again_overwrites(level: Level) -> None:
    """The last value counts."""
    level.put("a", "one")
    level.put("a", "two")
    assert level.get("a") == "two"
    assert collect(level.items()) == [("a", "two")]


def test_an_absent_key_gives_none_or_the_default(full: Level) -> None:
    """The default is returned even if it looks like a stored value."""
    assert full.get("absent") is None
    assert full.get("absent", 7) == 7
    assert full.get("absent", default=False) is False
    assert full.get("a", 7) == 0


def test_get_or_raise(full: Level) -> None:
    """An absent key raises NotFound without its name; a false value is returned."""
    assert full.get_or_raise("a") == 0
    with pytest.raises(NotFound) as caught:
        full.get_or_raise("secret")
    assert caught.value.status == 404
    assert "secret" not in str(caught.value)


def test_a_stored_null_is_there(make: Maker) -> None:
    """None cannot be put, but others may have written JSON's null."""
    level = make()
    (make.again(value_encoding="utf8")).put("k", "null")
    assert level.get_or_raise("k") is None
    assert level.has("k")


def test_delete(full: Level) -> None:
    """The key is gone, and nothing else is."""
    assert full.delete("b") is None
    assert full.get("b") is None
    assert collect(full.keys()) == ["a", "c"]


def test_deleting_what_is_absent(full: Level) -> None:
    """Deleting an absent key, also a second time, is no error and changes nothing."""
    full.delete("absent")
    full.delete("b")
    full.delete("b")
    assert collect(full.keys()) == ["a", "c"]


def test_has(full: Level) -> None:
    """`has` is true for a present key, also with a false value."""
    assert full.has("a") is True
    assert full.has("absent") is False
    full.delete("a")
    assert full.has("a") is False


def test_get_many(full: Level) -> None:
    """Values come in the order of the keys, repeated ones too, with None for an absent key."""
    assert full.get_many(["c", "a"]) == [2, 0]
    assert full.get_many(["a", "absent", "a"]) == [0, None, 0]
    assert full.get_many([]) == []
    assert full.get_many(key for key in "bx") == [1, None]


def test_has_many(full: Level) -> None:
    """Answers come in the order of the keys."""
    assert full.has_many(["c", "absent", "c"]) == [True, False, True]
    assert full.has_many([]) == []
    assert full.has_many(iter("ax")) == [True, False]


@pytest.mark.parametrize(
    "values", [[False, 0, 0.0, "", [], {}], [True, -1, 1.5, "x", [1], {"a": None}]]
)
def test_values_of_every_kind(level: Level, values: list[Any]) -> None:
    """Values come back with their type, also false ones."""
    for number, value in enumerate(values):
        level.put(f"k{number}", value)
    found = level.get_many(f"k{number}" for number in range(len(values)))
    assert list(map(repr, found)) == list(map(repr, values))
    assert level.has_many(f"k{number}" for number in range(len(values))) == [True] * 6


@pytest.mark.parametrize(
    "key", ["0", "a b", "x" * 5_000, "\0", "ключ", "🐄", "!", "!a!b", "a!", '"']
)
def test_keys_of_every_kind(level: Level, key: str) -> None:
    """Any text but the empty one can be a key."""
    level.put(key, "value")
    assert level.get(key) == "value"
    assert level.has(key)
    assert collect(level.items()) == [(key, "value")]
    level.delete(key)
    assert level.get(key) is None


@pytest.mark.parametrize("key", BAD_KEYS, ids=repr)
def test_bad_keys(full: Level, key: Any) -> None:
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
            call()
        assert caught.value.status == 400
        assert "bytes'" not in str(caught.value)
    assert collect(full.items()) == [("a", 0), ("b", 1), ("c", 2)]


@pytest.mark.parametrize("value", BAD_VALUES, ids=repr)
def test_bad_values(full: Level, value: Any) -> None:
    """They are refused with 400, and the old value stays."""
    for sync in (False, True):
        with pytest.raises(InvalidArgument):
            full.put("a", value, sync=sync)
    for nested in ([value], {"deep": [{"er": value}]}):
        if value is not None:
            with pytest.raises(InvalidArgument):
                full.put("a", nested)
    assert full.get("a") == 0


def test_what_is_no_list_of_keys(full: Level) -> None:
    """A single key in place of a list is refused with 400."""
    for keys in (None, 7, "abc", b"abc"):
        with pytest.raises(InvalidArgument):
            full.get_many(keys)  # type: ignore[arg-type] - on purpose
        with pytest.raises(InvalidArgument):
            full.has_many(keys)  # type: ignore[arg-type] - on purpose


def test_synced_writes(level: Level) -> None:
    """They read back like all others, in the order in which they were made."""
    for number in range(20):
        level.put("k", number, sync=number % 2 == 0)
        assert level.get("k") == number
    level.delete("k", sync=True)
    assert not level.has("k")


def test_a_level_opened_with_sync(make: Maker) -> None:
    """`sync=True` for the directory holds for each write that does not say otherwise."""
    level = make(sync=True)
    level.put("a", 1)
    level.put("b", 2, sync=False)
    level.delete("a")
    level.batch([{"type": "put", "key": "c", "value": 3}])
    assert collect(level.items()) == [("b", 2), ("c", 3)]
