# Generated from tests/level/_async/test_level_sublevels.py by scripts/unasync.py; do not edit.
"""Sublevels: their names, their place in key order, and operations across them."""

from typing import Any

import pytest
from level._sync.faces import collect
from level._sync.maker import Maker

from datapatterns.errors import InvalidArgument
from datapatterns.level import Level


def test_keys_on_disk(level: Level, make: Maker) -> None:
    """`!name!key`, nested `!a!!b!key`, as Node's abstract-level writes them."""
    a = level.sublevel("a")
    b = a.sublevel("b")
    for number, part in enumerate((level, a, b)):
        part.put("k", number)
    stored = [(make.prefix + key, n) for key, n in (("!a!!b!k", 2), ("!a!k", 1), ("k", 0))]
    assert collect(make.root.items()) == stored
    assert collect(level.keys()) == ["!a!!b!k", "!a!k", "k"]
    assert collect(a.keys()) == ["!b!k", "k"]
    assert collect(b.items()) == [("k", 2)]


def test_the_same_name_is_the_same_place(level: Level) -> None:
    """A sublevel's name decides, however often it is made."""
    level.sublevel("a").sublevel("b").put("k", 1)
    assert level.sublevel("a").sublevel("b").get("k") == 1
    assert level.get("!a!!b!k") == 1


def test_they_do_not_see_each_other(level: Level) -> None:
    """This holds also for a name that begins with another, or sorts beside the separator."""
    names = ["a", "aa", "a#", "a~", "b", "#", "~", "$a"[1:], "a$", "A-Z", "1.2", "%21"]
    parts = {name: level.sublevel(name) for name in names}
    for name, part in parts.items():
        part.batch([{"type": "put", "key": key, "value": name} for key in ("", "0", "~")[1:]])
    for name, part in parts.items():
        assert collect(part.items()) == [("0", name), ("~", name)]
        assert collect(part.keys(reverse=True)) == ["~", "0"]
    parts["a"].clear()
    assert collect(parts["a"].keys()) == []
    for name in set(names) - {"a"}:
        assert collect(parts[name].keys()) == ["0", "~"]


@pytest.mark.parametrize(
    "name",
    [
        "",
        "!",
        "a!",
        "!a",
        "a!b",
        '"',
        'a"',
        " ",
        "a b",
        "\0",
        "\x7f",
        "é",
        "🐄",
        "\ud800",
        "$",
        "$a",
    ],
    ids=ascii,
)
def test_bad_names(level: Level, name: str) -> None:
    """Bytes outside of # to ~, and names that begin with $, are refused with 400."""
    with pytest.raises(InvalidArgument) as caught:
        level.sublevel(name)
    assert caught.value.status == 400


@pytest.mark.parametrize("name", [None, 7, b"a", ["a", "b"], ("a",)], ids=repr)
def test_names_are_text(level: Level, name: Any) -> None:
    """A name that is not text is refused with 400."""
    with pytest.raises(InvalidArgument):
        level.sublevel(name)


@pytest.mark.parametrize("name", ["#", "~", "a$", "a.b", "%", "0", "x" * 1_000])
def test_good_names(level: Level, name: str) -> None:
    """Every other name is accepted."""
    sublevel = level.sublevel(name)
    sublevel.put("k", 1)
    assert collect(level.keys()) == [f"!{name}!k"]
    assert collect(sublevel.keys()) == ["k"]


def test_each_has_its_own_encodings(level: Level) -> None:
    """A child does not inherit those of its parent."""
    a = level.sublevel("a", key_encoding="json", value_encoding="json")
    b = level.sublevel("b", key_encoding="hex", value_encoding="utf8")
    c = a.sublevel("c", key_encoding="binary", value_encoding="binary")
    d = a.sublevel("d")
    a.put({"n": 1}, [1])
    b.put("00ff", "text")
    c.put(b"\xff", b"\xfe")
    d.put("k", {"v": 1})
    assert collect(b.items()) == [("00ff", "text")]
    assert collect(c.items()) == [(b"\xff", b"\xfe")]
    assert d.get("k") == {"v": 1}
    assert a.get({"n": 1}) == [1]
    for encodings in ({"key_encoding": "x"}, {"value_encoding": 7}, {"value_encoding": None}):
        with pytest.raises(InvalidArgument):
            level.sublevel("e", **encodings)  # type: ignore[arg-type] - on purpose


@pytest.mark.parametrize("encoding", ["binary", "buffer"])
def test_every_byte_as_a_key(level: Level, encoding: str) -> None:
    """Two neighbours with all 256 of them: all read, none lost to the other."""
    one, two = (level.sublevel(name, key_encoding=encoding) for name in "ab")
    keys = [bytes([n]) for n in range(256)]
    for part in (one, two):
        part.batch([{"type": "put", "key": key, "value": 1} for key in keys])
    for part in (one, two):
        assert collect(part.keys()) == keys
        assert collect(part.keys(reverse=True)) == keys[::-1]
        assert part.get_many(keys) == [1] * 256
        assert [part.get(key) for key in keys] == [1] * 256
    one.clear()
    assert collect(one.keys()) == []
    assert collect(two.keys()) == keys


@pytest.mark.parametrize("chained", [False, True], ids=["list", "chain"])
def test_batches_across(level: Level, chained: bool) -> None:
    """A batch may write to the level, to any depth below, upwards, and to neighbours."""
    a, neighbour = level.sublevel("a"), level.sublevel("neighbour")
    b = a.sublevel("b")
    c = b.sublevel("c")
    parts = (level, a, b, c, neighbour)

    def write(through: Level, kind: str, into: Level) -> None:
        if not chained:
            through.batch([{"type": kind, "key": "k", "value": 1, "sublevel": into}])
        elif kind == "put":
            through.batch().put("k", 1, sublevel=into).write()
        else:
            through.batch().delete("k", sublevel=into).write()

    for through in parts:
        for into in parts:
            write(through, "put", into)
            assert [part.has("k") for part in parts] == [part is into for part in parts]
            write(through, "delete", into)
            assert collect(level.keys()) == []


def test_ranges_and_seeking_are_relative(level: Level) -> None:
    """The bounds are the sublevel's own first and last keys."""
    part = level.sublevel("part")
    for other in (level, level.sublevel("par"), level.sublevel("part#")):
        other.batch([{"type": "put", "key": key, "value": 0} for key in "az"])
    part.batch([{"type": "put", "key": key, "value": key} for key in "bcdef"])
    assert collect(part.keys(gt="a", lte="d")) == ["b", "c", "d"]
    assert collect(part.values(gte="", lt="zzz", reverse=True, limit=2)) == ["f", "e"]
    for reverse, found in ((False, ["d", "e", "f"]), (True, ["d", "c", "b"])):
        entries = part.keys(reverse=reverse)
        entries.seek("d")
        assert collect(entries) == found
    part.clear(gt="b", limit=2)
    assert collect(part.keys()) == ["b", "e", "f"]


def test_sublevels_of_a_closed_level(level: Level, make: Maker) -> None:
    """Making one is no error, as nothing is made on disk; using it is one."""
    before = level.sublevel("before")
    make.root.close()
    for sublevel in (before, level.sublevel("after")):
        with pytest.raises(Exception, match="closed"):
            sublevel.put("k", 1)
