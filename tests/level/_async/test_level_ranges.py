"""Which entries a range has: for iterators in both directions, and for clear."""

from typing import Any

import pytest
from level._async.faces import collect
from level._async.maker import Maker

from datapatterns.errors import InvalidArgument
from datapatterns.level import AsyncLevel

KEYS = [f"{number:02}" for number in range(100)]
ROWS = [(key, f"value of {key}") for key in KEYS]

ENDS = ("gt", "gte", "lt", "lte")
RANGES: list[dict[str, Any]] = [
    {},
    # one end: on a key, between two keys, just behind one, before the first, behind the last
    *({end: key} for end in ENDS for key in ("50", "49.5", "49999")),
    *({end: key} for end in ENDS for key in ("00", "0", "99", "98", "9a", "a", "")),
    # both ends
    {"gte": "30", "lte": "70"},
    {"gt": "29", "lt": "71"},
    {"gt": "30", "lte": "70"},
    {"gte": "30", "lt": "70"},
    {"gte": "50", "lte": "50"},
    {"gte": "50", "lt": "50"},
    {"gt": "50", "lte": "50"},
    {"gt": "50", "lt": "50"},
    {"gt": "50", "lt": "51"},
    {"gt": "20", "lt": "10"},
    {"gte": "20", "lte": "10"},
    {"gte": "9a", "lte": "9b"},
    {"gt": "9a", "lt": "9b"},
    # limits
    {"limit": 0},
    {"limit": 1},
    {"limit": 20},
    {"limit": 100},
    {"limit": 1_000},
    {"limit": None},
    {"limit": 20, "gte": "20"},
    {"limit": 20, "lte": "79"},
    {"limit": 20, "lte": "50"},
    {"limit": 50, "lte": "19"},
    {"limit": 5, "gt": "10", "lt": "12"},
    # None is no end
    {"gt": None, "gte": None, "lt": None, "lte": None, "limit": None},
    {"gt": None, "gte": "95"},
]


def selected(options: dict[str, Any], *, reverse: bool) -> list[tuple[str, str]]:
    """Return the rows that a range has, by its definition."""
    tests = {
        "gt": lambda key, end: key > end,
        "gte": lambda key, end: key >= end,
        "lt": lambda key, end: key < end,
        "lte": lambda key, end: key <= end,
    }
    ends = [(tests[name], options[name]) for name in ENDS if options.get(name) is not None]
    rows = [row for row in ROWS if all(test(row[0], end) for test, end in ends)]
    return sorted(rows, reverse=reverse)[: options.get("limit")]


@pytest.fixture
async def full(make: Maker) -> AsyncLevel:
    """Return a level with a hundred entries between full neighbours."""
    level = await make()
    await level.batch([{"type": "put", "key": key, "value": value} for key, value in ROWS])
    if make.names:
        first, last = make.names[-1][:-1], make.names[-1] + "#"
        for name in (first, last):
            neighbour = make.root if len(make.names) == 1 else make.root.sublevel(make.names[0])
            await neighbour.sublevel(name).put("50", "of a neighbour")
    return level


@pytest.mark.parametrize("reverse", [False, True], ids=["up", "down"])
async def test_items_keys_and_values(full: AsyncLevel, reverse: bool) -> None:
    """All three kinds give the same entries, and downwards the same as upwards."""
    for options in RANGES:
        rows = selected(options, reverse=reverse)
        assert await collect(full.items(**options, reverse=reverse)) == rows, options
        keys, values = zip(*rows, strict=True) if rows else ((), ())
        assert await collect(full.keys(**options, reverse=reverse)) == [*keys], options
        assert await collect(full.values(**options, reverse=reverse)) == [*values], options


@pytest.mark.parametrize("reverse", [False, True], ids=["up", "down"])
async def test_clear(make: Maker, full: AsyncLevel, reverse: bool) -> None:
    """`clear` removes exactly the entries of the range, and none of the neighbours."""
    before = await collect(make.root.items())
    for options in RANGES:
        await full.clear(**options, reverse=reverse)
        removed = selected(options, reverse=reverse)
        assert await collect(full.items()) == [row for row in ROWS if row not in removed], options
        gone = {make.prefix + key for key, _ in removed}
        after = await collect(make.root.items())
        assert after == [row for row in before if row[0] not in gone], options
        await full.batch([{"type": "put", "key": key, "value": value} for key, value in removed])


@pytest.mark.parametrize(
    "options",
    [
        {"gt": "1", "gte": "1"},
        {"lt": "1", "lte": "1"},
        {"limit": -1},
        {"limit": 1.0},
        {"limit": "1"},
        {"limit": True},
        {"limit": float("inf")},
        {"gte": 7},
        {"lte": b"7"},
        {"gt": "\ud800"},
        {"prefix": "a"},
        {"start": "a"},
        {"encode": str},
        {"reverse": "yes"},
        {"reverse": 1},
    ],
    ids=ascii,
)
async def test_what_is_no_range(full: AsyncLevel, options: dict[str, Any]) -> None:
    """It is refused with 400, and nothing is removed."""
    for read in (full.items, full.keys, full.values):
        with pytest.raises(InvalidArgument) as caught:
            read(**options)
        assert caught.value.status == 400
    with pytest.raises(InvalidArgument):
        await full.clear(**options)
    with pytest.raises(InvalidArgument):
        await full.compact(**options)
    assert await collect(full.items()) == ROWS


async def test_clear_of_many(level: AsyncLevel) -> None:
    """`clear` removes more than one step's rows, in both directions, and obeys a limit."""
    rows = [{"type": "put", "key": f"{number:05}", "value": number} for number in range(3_500)]
    await level.batch(rows)
    await level.clear(limit=1_250)
    assert await collect(level.values(limit=1)) == [1_250]
    await level.clear(limit=1_250, reverse=True)
    assert await collect(level.values()) == list(range(1_250, 2_250))
    await level.clear()
    assert await collect(level.keys()) == []
    await level.clear()


async def test_clear_includes_the_sublevels(level: AsyncLevel) -> None:
    """They are part of the level; their neighbours are not touched by clearing one of them."""
    one, two = level.sublevel("1"), level.sublevel("2")
    for part in (level, one, two):
        await part.put("a", 1)
        await part.put("b", 2)
    await two.clear(lt="b")
    await one.clear()
    assert await collect(level.keys()) == ["!2!b", "a", "b"]
    await level.clear()
    assert await collect(two.keys()) == []


async def test_compact(full: AsyncLevel) -> None:
    """Compacting everything or a range changes nothing that can be read."""
    await full.delete("50")
    await full.compact(gte="40", lte="60")
    await full.compact()
    assert await collect(full.items()) == [row for row in ROWS if row[0] != "50"]
