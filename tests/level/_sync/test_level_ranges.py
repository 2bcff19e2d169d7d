# Generated from tests/level/_async/test_level_ranges.py by scripts/unasync.py; do not edit.
"""Which entries a range has: for iterators in both directions, and for clear."""

from typing import Any

import pytest
from level._sync.faces import collect
from level._sync.maker import Maker

from datapatterns.errors import InvalidArgument
from datapatterns.level import Level

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
def full(make: Maker) -> Level:
    """Return a level with a hundred entries between full neighbours."""
    level = make()
    level.batch([{"type": "put", "key": key, "value": value} for key, value in ROWS])
    if make.names:
        first, last = make.names[-1][:-1], make.names[-1] + "#"
        for name in (first, last):
            neighbour = make.root if len(make.names) == 1 else make.root.sublevel(make.names[0])
            neighbour.sublevel(name).put("50", "of a neighbour")
    return level


@pytest.mark.parametrize("reverse", [False, True], ids=["up", "down"])
def test_items_keys_and_values(full: Level, reverse: bool) -> None:
    """All three kinds give the same entries, and downwards the same as upwards."""
    for options in RANGES:
        rows = selected(options, reverse=reverse)
        assert collect(full.items(**options, reverse=reverse)) == rows, options
        keys, values = zip(*rows, strict=True) if rows else ((), ())
        assert collect(full.keys(**options, reverse=reverse)) == [*keys], options
        assert collect(full.values(**options, reverse=reverse)) == [*values], options


@pytest.mark.parametrize("reverse", [False, True], ids=["up", "down"])
def test_clear(make: Maker, full: Level, reverse: bool) -> None:
    """`clear` removes exactly the entries of the range, and none of the neighbours."""
    before = collect(make.root.items())
    for options in RANGES:
        full.clear(**options, reverse=reverse)
        removed = selected(options, reverse=reverse)
        assert collect(full.items()) == [row for row in ROWS if row not in removed], options
        gone = {make.prefix + key for key, _ in removed}
        after = collect(make.root.items())
        assert after == [row for row in before if row[0] not in gone], options
        full.batch([{"type": "put", "key": key, "value": value} for key, value in removed])


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
def test_what_is_no_range(full: Level, options: dict[str, Any]) -> None:
    """It is refused with 400, and nothing is removed."""
    for read in (full.items, full.keys, full.values):
        with pytest.raises(InvalidArgument) as caught:
            read(**options)
        assert caught.value.status == 400
    with pytest.raises(InvalidArgument):
        full.clear(**options)
    with pytest.raises(InvalidArgument):
        full.compact(**options)
    assert collect(full.items()) == ROWS


def test_clear_of_many(level: Level) -> None:
    """`clear` removes more than one step's rows, in both directions, and obeys a limit."""
    rows = [{"type": "put", "key": f"{number:05}", "value": number} for number in range(3_500)]
    level.batch(rows)
    level.clear(limit=1_250)
    assert collect(level.values(limit=1)) == [1_250]
    level.clear(limit=1_250, reverse=True)
    assert collect(level.values()) == list(range(1_250, 2_250))
    level.clear()
    assert collect(level.keys()) == []
    level.clear()


def test_clear_includes_the_sublevels(level: Level) -> None:
    """They are part of the level; their neighbours are not touched by clearing one of them."""
    one, two = level.sublevel("1"), level.sublevel("2")
    for part in (level, one, two):
        part.put("a", 1)
        part.put("b", 2)
    two.clear(lt="b")
    one.clear()
    assert collect(level.keys()) == ["!2!b", "a", "b"]
    level.clear()
    assert collect(two.keys()) == []


def test_compact(full: Level) -> None:
    """Compacting everything or a range changes nothing that can be read."""
    full.delete("50")
    full.compact(gte="40", lte="60")
    full.compact()
    assert collect(full.items()) == [row for row in ROWS if row[0] != "50"]
