"""Iterators: their order, their steps, seeking, and what is written meanwhile."""

from typing import Any

import pytest
from level._async.faces import collect
from level._async.maker import Maker

from datapatterns.errors import DecodeFailed, InvalidArgument, Unavailable
from datapatterns.level import AsyncLevel

READS = ("items", "keys", "values")
WORDS = [("one", 1), ("three", 3), ("two", 2)]  # in the order of their keys


def part(read: str, rows: list[tuple[Any, Any]]) -> list[Any]:
    """Return what that kind of iterator gives of the rows."""
    return rows if read == "items" else [row[READS.index(read) - 1] for row in rows]


@pytest.fixture(params=READS)
def read(request: pytest.FixtureRequest) -> str:
    """Return a function that reads with each kind of iterator."""
    return str(request.param)


@pytest.fixture
async def words(level: AsyncLevel) -> AsyncLevel:
    """Return a level with three words."""
    await level.batch([{"type": "put", "key": key, "value": value} for key, value in WORDS])
    return level


@pytest.fixture
async def digits(level: AsyncLevel) -> AsyncLevel:
    """Return a level with ten digits."""
    await level.batch([{"type": "put", "key": str(n), "value": str(n)} for n in range(10)])
    return level


async def test_an_empty_level(level: AsyncLevel, read: str) -> None:
    """The iteration of an empty level ends at once."""
    assert await collect(getattr(level, read)()) == []
    assert await anext(getattr(level, read)(), "end") == "end"


async def test_step_by_step(words: AsyncLevel, read: str) -> None:
    """`next` returns one entry after the other, and the end stays the end."""
    entries = getattr(words, read)()
    assert [await anext(entries) for _ in range(3)] == part(read, WORDS)
    for _ in range(2):
        with pytest.raises(StopAsyncIteration):
            await anext(entries)
    assert await collect(entries) == []


async def test_a_second_loop_goes_on(words: AsyncLevel, read: str) -> None:
    """A second loop continues where the first one stopped."""
    entries = getattr(words, read)()
    found = []
    async for entry in entries:
        found.append(entry)
        break
    found.append(await anext(entries))
    assert [*found, *await collect(entries)] == part(read, WORDS)
    assert await collect(entries) == []


async def test_many_entries(level: AsyncLevel, read: str) -> None:
    """More entries than one fetch has come in both directions, in full and up to a limit."""
    rows = [(f"{number:05}", number) for number in range(4_000)]
    await level.batch([{"type": "put", "key": key, "value": value} for key, value in rows])
    assert await collect(getattr(level, read)()) == part(read, rows)
    assert await collect(getattr(level, read)(reverse=True)) == part(read, rows[::-1])
    for limit in (15, 16, 17, 79, 80, 81, 999, 1_000, 1_001, 3_999, 4_000, 4_001):
        assert await collect(getattr(level, read)(limit=limit)) == part(read, rows[:limit])
        down = getattr(level, read)(limit=limit, reverse=True)
        assert await collect(down) == part(read, rows[::-1][:limit])


async def test_order_is_that_of_the_bytes(level: AsyncLevel) -> None:
    """Entries come in the order of their bytes, however they were written."""
    for key in ("f", "a", "~", "e", "🐄", "\ufffd"):
        await level.put(key, key)
    put = {"type": "put", "value": "in a batch"}
    await level.batch([{**put, "key": key} for key in ("d", "b", "ff", "a🐄", "2", "12", "\t")])
    order = ["\t", "12", "2", "a", "a🐄", "b", "d", "e", "f", "ff", "~", "\ufffd", "🐄"]
    assert await collect(level.keys()) == order
    assert await collect(level.keys(reverse=True)) == order[::-1]


async def test_bytes_as_keys(make: Maker) -> None:
    """Every byte, alone and doubled, sorts as a byte; ranges of bytes too."""
    level = await make(key_encoding="binary")
    keys = sorted([bytes([n]) for n in range(256)] + [bytes([n, n]) for n in range(256)])
    await level.batch([{"type": "put", "key": key, "value": list(key)} for key in reversed(keys)])
    assert await collect(level.keys()) == keys
    assert await collect(level.values(reverse=True)) == [list(key) for key in reversed(keys)]
    for end in (
        b"",
        b"\0",
        b"\0\0",
        b"!",
        b'"',
        b"\x80",
        b"\xc4",
        b"\xff",
        b"\xff\xff",
        b"\xff" * 3,
    ):
        assert await collect(level.keys(gt=end)) == [key for key in keys if key > end]
        assert await collect(level.keys(gte=end, reverse=True)) == [
            key for key in reversed(keys) if key >= end
        ]
        assert await collect(level.keys(lt=end)) == [key for key in keys if key < end]
        assert await collect(level.keys(lte=end)) == [key for key in keys if key <= end]


@pytest.mark.parametrize("change", ["delete", "overwrite", "insert", "batch", "clear"])
async def test_it_reads_the_state_when_it_was_made(
    words: AsyncLevel, read: str, change: str
) -> None:
    """Later writes do not show, before its first step or after it."""
    entries, later = getattr(words, read)(), getattr(words, read)()
    await anext(later)
    if change == "delete":
        await words.delete("three")
    elif change == "overwrite":
        await words.put("three", "other")
    elif change == "insert":
        await words.put("a", "new")
    elif change == "batch":
        await words.batch([{"type": "delete", "key": key} for key, _ in WORDS])
    else:
        await words.clear()
    assert await collect(entries) == part(read, WORDS)
    assert await collect(later) == part(read, WORDS[1:])


async def test_writing_while_reading(level: AsyncLevel) -> None:
    """A loop that writes ahead of itself, or removes what it reads, ends."""
    await level.batch([{"type": "put", "key": f"{n:04}", "value": n} for n in range(1_500)])
    count = 0
    async for key, value in level.items():
        await level.put(f"{value + 10_000}", value)
        await level.delete(key)
        count += 1
    assert count == 1_500
    assert len(await collect(level.keys(gte="10000"))) == 1_500
    assert len(await collect(level.keys())) == 1_500


async def test_closing_early(words: AsyncLevel, read: str) -> None:
    """`close` ends the iteration and may be repeated; a later `seek` has no effect."""
    entries = getattr(words, read)()
    await anext(entries)
    entries.close()
    entries.close()
    entries.seek("one")
    assert await collect(entries) == []
    assert await anext(entries, "end") == "end"


async def test_a_broken_loop_leaves_nothing_open(words: AsyncLevel, make: Maker, read: str) -> None:
    """After a loop left by break or an error the directory can be closed and reopened."""
    async for _ in getattr(words, read)():
        break
    with pytest.raises(ZeroDivisionError):  # noqa: PT012 - the loop is what is tested
        async for _ in getattr(words, read)():
            raise ZeroDivisionError
    path = make.root._space.engine.path
    await make.root.close()
    assert await make.within(await make.open(path)).get("one") == 1


async def test_an_iterator_of_a_closed_level(words: AsyncLevel, make: Maker, read: str) -> None:
    """The next step raises 503, whether the iteration had begun or not."""
    fresh, begun = getattr(words, read)(), getattr(words, read)()
    await anext(begun)
    await make.root.close()
    with pytest.raises(Unavailable):
        await anext(fresh)
    with pytest.raises(Unavailable):
        await collect(begun)


async def test_an_undecodable_entry(make: Maker, read: str) -> None:
    """Its step raises 500; the entries before and after it can be read."""
    level = await make(value_encoding="utf8", key_encoding="utf8")
    raw = await make.again(value_encoding="binary", key_encoding="binary")
    for key, value in ((b"a", b"1"), (b"b", b"\xff"), (b"c", b"3"), (b"d\xff", b"4"), (b"e", b"5")):
        await raw.put(key, value)
    good = {"items": [("a", "1"), ("c", "3"), ("e", "5")], "keys": [*"abce"], "values": [*"1345"]}
    entries, found, failed = getattr(level, read)(), [], 0
    for _ in range(6):
        try:
            found.append(await anext(entries, "end"))
        except DecodeFailed:
            failed += 1
    assert [entry for entry in found if entry != "end"] == good[read]
    assert failed == (2 if read == "items" else 1)


async def test_only_what_is_asked_for_is_decoded(make: Maker) -> None:
    """Keys are decoded without their values, and values without their keys."""
    level = await make(key_encoding="hex", value_encoding="json")
    await (await make.again(key_encoding="hex", value_encoding="binary")).put("00", b"no JSON")
    assert await collect(level.keys()) == ["00"]
    with pytest.raises(DecodeFailed):
        await collect(level.values())


async def test_seek(words: AsyncLevel, read: str) -> None:
    """It goes to a key, to the next one behind it, behind all, and back to the first."""
    entries = getattr(words, read)()
    for target, rows in (("two", WORDS[2:]), ("p", WORDS[1:]), ("zzz", []), ("a", WORDS)):
        entries.seek(target)
        assert await collect(entries) == part(read, rows)
    entries.seek("three")
    assert await anext(entries) == part(read, WORDS)[1]
    entries.seek("one")
    assert await collect(entries) == part(read, WORDS)


async def test_seek_downwards(words: AsyncLevel, read: str) -> None:
    """It goes to a key, to the next one before it, behind all, and before all."""
    entries = getattr(words, read)(reverse=True)
    down = WORDS[::-1]
    for target, rows in (("three", down[1:]), ("three!", down[1:]), ("zzz", down), ("a", [])):
        entries.seek(target)
        assert await collect(entries) == part(read, rows)


async def test_seek_within_a_loop(digits: AsyncLevel) -> None:
    """The loop continues from the new position."""
    entries, found = digits.keys(), []
    async for key in entries:
        found.append(key)
        if key == "2":
            entries.seek("7")
    assert found == ["0", "1", "2", "7", "8", "9"]


@pytest.mark.parametrize("reverse", [False, True], ids=["up", "down"])
async def test_seek_and_limit(digits: AsyncLevel, reverse: bool) -> None:
    """The limit counts entries that were returned, not those only read ahead."""
    entries = digits.keys(limit=5, reverse=reverse)
    order = "9876543210" if reverse else "0123456789"
    assert await anext(entries) == order[0]
    entries.seek(order[3])
    assert [await anext(entries), await anext(entries)] == [*order[3:5]]
    entries.seek(order[0])
    assert await collect(entries) == [*order[:2]]
    entries.seek(order[0])
    assert await collect(entries) == []


@pytest.mark.parametrize("reverse", [False, True], ids=["up", "down"])
async def test_seek_reads_the_same_state(digits: AsyncLevel, reverse: bool) -> None:
    """What was written after the iterator was made does not show behind a seek."""
    entries = digits.keys(reverse=reverse)
    await digits.put("55", "new")
    await digits.delete("5")
    entries.seek("55")
    assert await anext(entries) == ("5" if reverse else "6")


@pytest.mark.parametrize("reverse", [False, True], ids=["up", "down"])
async def test_seek_stays_in_the_range(digits: AsyncLevel, read: str, reverse: bool) -> None:
    """A key outside of the range is the end; one inside continues within the range."""
    ranges: list[dict[str, str]] = [
        {"gt": "5"},
        {"gte": "5"},
        {"lt": "5"},
        {"lte": "5"},
        {"gt": "7", "lt": "8"},
        {"gte": "7", "lt": "8"},
        {"gt": "7", "lte": "8"},
        {"gte": "3", "lte": "6"},
        {"gt": "x"},
        {"lt": "0"},
    ]
    for options in ranges:
        low, high = options.get("gte", ""), options.get("lte", "~")
        over, under = options.get("gt", ""), options.get("lt", "~")
        for target in (*"0123456789", "55", "x", "y"):
            found = [
                key
                for key in "0123456789"
                if low <= key <= high
                and over < key < under
                and low <= target <= high
                and over < target < under
                and (key <= target if reverse else key >= target)
            ]
            entries = getattr(digits, read)(**options, reverse=reverse)
            entries.seek(target)
            expected = [(key, key) for key in (found[::-1] if reverse else found)]
            assert await collect(entries) == part(read, expected), (options, target)


async def test_seek_takes_a_key(words: AsyncLevel) -> None:
    """`seek` accepts a key in the level's encoding, and nothing else."""
    entries = words.keys()
    for target in (None, 7, b"one", "\ud800"):
        with pytest.raises(InvalidArgument):
            entries.seek(target)
    assert await collect(entries) == ["one", "three", "two"]


async def test_seek_to_bytes(make: Maker) -> None:
    """It goes to keys that UTF-8 text cannot tell apart."""
    level = await make(key_encoding="binary")
    for key in (b"\x80", b"\xc0", b"\xb9"):
        await level.put(key, list(key))
    entries = level.keys()
    entries.seek(b"\xb9")
    assert await collect(entries) == [b"\xb9", b"\xc0"]
