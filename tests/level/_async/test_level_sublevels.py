"""Sublevels: their names, their place in key order, and operations across them."""

from typing import Any

import pytest
from level._async.faces import collect
from level._async.maker import Maker

from datapatterns.errors import InvalidArgument
from datapatterns.level import AsyncLevel


async def test_keys_on_disk(level: AsyncLevel, make: Maker) -> None:
    """`!name!key`, nested `!a!!b!key`, as Node's abstract-level writes them."""
    a = level.sublevel("a")
    b = a.sublevel("b")
    for number, part in enumerate((level, a, b)):
        await part.put("k", number)
    stored = [(make.prefix + key, n) for key, n in (("!a!!b!k", 2), ("!a!k", 1), ("k", 0))]
    assert await collect(make.root.items()) == stored
    assert await collect(level.keys()) == ["!a!!b!k", "!a!k", "k"]
    assert await collect(a.keys()) == ["!b!k", "k"]
    assert await collect(b.items()) == [("k", 2)]


async def test_the_same_name_is_the_same_place(level: AsyncLevel) -> None:
    """A sublevel's name decides, however often it is made."""
    await level.sublevel("a").sublevel("b").put("k", 1)
    assert await level.sublevel("a").sublevel("b").get("k") == 1
    assert await level.get("!a!!b!k") == 1


async def test_they_do_not_see_each_other(level: AsyncLevel) -> None:
    """This holds also for a name that begins with another, or sorts beside the separator."""
    names = ["a", "aa", "a#", "a~", "b", "#", "~", "$a"[1:], "a$", "A-Z", "1.2", "%21"]
    parts = {name: level.sublevel(name) for name in names}
    for name, part in parts.items():
        await part.batch([{"type": "put", "key": key, "value": name} for key in ("", "0", "~")[1:]])
    for name, part in parts.items():
        assert await collect(part.items()) == [("0", name), ("~", name)]
        assert await collect(part.keys(reverse=True)) == ["~", "0"]
    await parts["a"].clear()
    assert await collect(parts["a"].keys()) == []
    for name in set(names) - {"a"}:
        assert await collect(parts[name].keys()) == ["0", "~"]


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
async def test_bad_names(level: AsyncLevel, name: str) -> None:
    """Bytes outside of # to ~, and names that begin with $, are refused with 400."""
    with pytest.raises(InvalidArgument) as caught:
        level.sublevel(name)
    assert caught.value.status == 400


@pytest.mark.parametrize("name", [None, 7, b"a", ["a", "b"], ("a",)], ids=repr)
async def test_names_are_text(level: AsyncLevel, name: Any) -> None:
    """A name that is not text is refused with 400."""
    with pytest.raises(InvalidArgument):
        level.sublevel(name)


@pytest.mark.parametrize("name", ["#", "~", "a$", "a.b", "%", "0", "x" * 1_000])
async def test_good_names(level: AsyncLevel, name: str) -> None:
    """Every other name is accepted."""
    sublevel = level.sublevel(name)
    await sublevel.put("k", 1)
    assert await collect(level.keys()) == [f"!{name}!k"]
    assert await collect(sublevel.keys()) == ["k"]


async def test_each_has_its_own_encodings(level: AsyncLevel) -> None:
    """A child does not inherit those of its parent."""
    a = level.sublevel("a", key_encoding="json", value_encoding="json")
    b = level.sublevel("b", key_encoding="hex", value_encoding="utf8")
    c = a.sublevel("c", key_encoding="binary", value_encoding="binary")
    d = a.sublevel("d")
    await a.put({"n": 1}, [1])
    await b.put("00ff", "text")
    await c.put(b"\xff", b"\xfe")
    await d.put("k", {"v": 1})
    assert await collect(b.items()) == [("00ff", "text")]
    assert await collect(c.items()) == [(b"\xff", b"\xfe")]
    assert await d.get("k") == {"v": 1}
    assert await a.get({"n": 1}) == [1]
    for encodings in ({"key_encoding": "x"}, {"value_encoding": 7}, {"value_encoding": None}):
        with pytest.raises(InvalidArgument):
            level.sublevel("e", **encodings)  # type: ignore[arg-type] - on purpose


@pytest.mark.parametrize("encoding", ["binary", "buffer"])
async def test_every_byte_as_a_key(level: AsyncLevel, encoding: str) -> None:
    """Two neighbours with all 256 of them: all read, none lost to the other."""
    one, two = (level.sublevel(name, key_encoding=encoding) for name in "ab")
    keys = [bytes([n]) for n in range(256)]
    for part in (one, two):
        await part.batch([{"type": "put", "key": key, "value": 1} for key in keys])
    for part in (one, two):
        assert await collect(part.keys()) == keys
        assert await collect(part.keys(reverse=True)) == keys[::-1]
        assert await part.get_many(keys) == [1] * 256
        assert [await part.get(key) for key in keys] == [1] * 256
    await one.clear()
    assert await collect(one.keys()) == []
    assert await collect(two.keys()) == keys


@pytest.mark.parametrize("chained", [False, True], ids=["list", "chain"])
async def test_batches_across(level: AsyncLevel, chained: bool) -> None:
    """A batch may write to the level, to any depth below, upwards, and to neighbours."""
    a, neighbour = level.sublevel("a"), level.sublevel("neighbour")
    b = a.sublevel("b")
    c = b.sublevel("c")
    parts = (level, a, b, c, neighbour)

    async def write(through: AsyncLevel, kind: str, into: AsyncLevel) -> None:
        if not chained:
            await through.batch([{"type": kind, "key": "k", "value": 1, "sublevel": into}])
        elif kind == "put":
            await through.batch().put("k", 1, sublevel=into).write()
        else:
            await through.batch().delete("k", sublevel=into).write()

    for through in parts:
        for into in parts:
            await write(through, "put", into)
            assert [await part.has("k") for part in parts] == [part is into for part in parts]
            await write(through, "delete", into)
            assert await collect(level.keys()) == []


async def test_ranges_and_seeking_are_relative(level: AsyncLevel) -> None:
    """The bounds are the sublevel's own first and last keys."""
    part = level.sublevel("part")
    for other in (level, level.sublevel("par"), level.sublevel("part#")):
        await other.batch([{"type": "put", "key": key, "value": 0} for key in "az"])
    await part.batch([{"type": "put", "key": key, "value": key} for key in "bcdef"])
    assert await collect(part.keys(gt="a", lte="d")) == ["b", "c", "d"]
    assert await collect(part.values(gte="", lt="zzz", reverse=True, limit=2)) == ["f", "e"]
    for reverse, found in ((False, ["d", "e", "f"]), (True, ["d", "c", "b"])):
        entries = part.keys(reverse=reverse)
        entries.seek("d")
        assert await collect(entries) == found
    await part.clear(gt="b", limit=2)
    assert await collect(part.keys()) == ["b", "e", "f"]


async def test_sublevels_of_a_closed_level(level: AsyncLevel, make: Maker) -> None:
    """Making one is no error, as nothing is made on disk; using it is one."""
    before = level.sublevel("before")
    await make.root.close()
    for sublevel in (before, level.sublevel("after")):
        with pytest.raises(Exception, match="closed"):
            await sublevel.put("k", 1)
