"""Flipped bytes and cut files: reading says DataCorrupted or the truth; recovery saves the rest.

The n-th batch of the story told here always writes the same, and puts its number into `seq`. So
whatever is read must be the story up to the number that is found.
"""

from __future__ import annotations

import os
import random
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from datapatterns.errors import DataCorrupted, DataError
from datapatterns.level import Level
from datapatterns.level.engine.driver import open_database
from datapatterns.level.repair import manifest

BATCHES = 400
SMALL = {"write_buffer_size": 65_536, "block_size": 1_024}

Story = dict[str, str]


def chapter(n: int) -> tuple[Story, list[str]]:
    """Return what the n-th batch puts and deletes."""
    chance = random.Random(n)
    puts = {f"k{chance.randrange(150):03}": f"{n}:{chance.random()}" * 8 for _ in range(6)}
    return {**puts, "seq": str(n)}, [f"k{chance.randrange(150):03}"]


def tell(path: Path) -> None:
    """Write all batches; the older ones end up in tables, the newer ones in the log."""
    with Level.open(path, value_encoding="utf8", **SMALL) as level:
        for n in range(BATCHES):
            puts, deletes = chapter(n)
            batch = level.batch()
            for key, value in puts.items():
                batch.put(key, value)
            for key in deletes:
                batch.delete(key)
            batch.write()
            if n == BATCHES // 4:
                level.compact()


def story(last: int) -> Story:
    """Return what is stored after the batch of that number."""
    stored: Story = {}
    for n in range(last + 1):
        puts, deletes = chapter(n)
        stored.update(puts)
        for key in deletes:
            stored.pop(key, None)
    return stored


EVER = {(key, value) for n in range(BATCHES) for key, value in chapter(n)[0].items()}


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a closed directory with tables of both levels and a log."""
    path = tmp_path_factory.mktemp("story") / "d"
    tell(path)
    assert len(list(path.glob("*.ldb"))) >= 2
    assert max(path.glob("*.log")).stat().st_size > 10_000
    return path


def live_table(path: Path) -> Path:
    """Return a table in use; LevelDB may have left others behind when it was closed."""
    current = path / (path / "CURRENT").read_text().strip()
    return path / f"{min(manifest.read(current.read_bytes()).tables):06}.ldb"


def size(file: Path) -> int:
    """Return the file's size."""
    return file.stat().st_size


def flip(file: Path, chance: random.Random) -> None:
    """Change one bit, or a few bytes in a row."""
    data = bytearray(file.read_bytes())
    at = chance.randrange(len(data))
    if chance.random() < 0.7:
        data[at] ^= 1 << chance.randrange(8)
    else:
        for n in range(at, min(len(data), at + chance.randrange(1, 30))):
            data[n] = chance.randrange(256)
    file.write_bytes(data)


def read_all(path: Path) -> str:
    """Read in every way; return "refused", or "prefix" if all agree on the first batches."""
    refused = 0
    with Level.open(path, value_encoding="utf8", **SMALL) as level:
        try:
            last = int(level.get("seq", "-1"))
        except DataCorrupted:
            last, refused = None, 1
        expected = None if last is None else story(last)
        ways: list[Callable[[], object]] = [
            lambda: dict(level.items()),
            lambda: dict(level.items(reverse=True)),
            lambda: dict(zip(level.keys(), level.values(), strict=True)),
            lambda: {k: v for k in sorted(expected or {}) if (v := level.get(k)) is not None},
        ]
        for way in ways:
            try:
                found = way()
            except DataCorrupted:
                refused += 1
            else:
                assert expected is None or found == expected, "a wrong value, without a word"
                assert set(found) <= {key for key, _ in EVER}
                assert set(found.items()) <= EVER
        assert level.check().ok == (not refused)
    return "refused" if refused else "prefix"


def attack(original: Path, tmp_path: Path, tries: int, seed: int) -> Counter[str]:
    """Damage a copy, read it and recover it; return the outcomes by kind of file."""
    chance = random.Random(seed)
    outcomes: Counter[str] = Counter()
    for n in range(tries):
        path = tmp_path / f"try-{n}"
        shutil.copytree(original, path)
        kinds = ["*.log", "*.log", "*.ldb", "*.ldb", "*.ldb", "MANIFEST-*", "CURRENT"]
        kind = kinds[n % len(kinds)]
        victim = chance.choice([file for file in sorted(path.glob(kind)) if size(file)])
        flip(victim, chance)
        if n % 5 == 0:  # and a second file
            others = [*path.glob("*.ldb"), max(path.glob("*.log"), key=size)]
            flip(chance.choice([file for file in others if size(file)]), chance)
        damaged = {file.name: file.read_bytes() for file in path.iterdir()}
        try:
            outcome = read_all(path)
        except DataCorrupted:
            outcome = "refused"
        outcomes[f"{kind} {outcome}"] += 1
        if outcome == "refused" and n % 2:
            shutil.rmtree(path)
            path.mkdir()
            for name, data in damaged.items():
                (path / name).write_bytes(data)
            check_recovery(path, damaged)
            outcomes["recovered"] += 1
        for leftover in tmp_path.glob(f"try-{n}*"):
            shutil.rmtree(leftover)
    return outcomes


def check_recovery(path: Path, damaged: dict[str, bytes]) -> None:
    """Check that all can be read and was once stored, and that a copy of the damage was kept."""
    with Level.open(path, value_encoding="utf8", recover=True, **SMALL) as level:
        found = dict(level.items())
        assert set(found.items()) <= EVER, "a value that never was"
        assert {key: level.get(key) for key in found} == found
        assert level.check().ok
        level.put("after", "recovery")
    (copy,) = path.parent.glob(f"{path.name}.damaged-*")
    kept = {file.name: file.read_bytes() for file in copy.iterdir()}
    assert kept == {name: data for name, data in damaged.items() if name != "LOCK"}
    Level.open(path).close()


def test_flipped_bytes(original: Path, tmp_path: Path) -> None:
    """Some flips in every kind of file: DataCorrupted or the truth."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    outcomes = attack(original, tmp_path, 42, seed)
    assert outcomes["recovered"] > 5
    assert outcomes["*.ldb refused"] > 0


@pytest.mark.slow
def test_many_flipped_bytes(original: Path, tmp_path: Path, figures: Callable[..., None]) -> None:
    """Hundreds of flips."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    tries = 350
    outcomes = attack(original, tmp_path, tries, seed)
    figures(
        "LevelDB, flipped bytes",
        flips=tries,
        refused=sum(count for name, count in outcomes.items() if name.endswith("refused")),
        recovered=outcomes["recovered"],
        wrong_values=0,
    )


def test_cut_log(original: Path, tmp_path: Path) -> None:
    """A log cut at its end, anywhere, reads as a clean prefix of what was written."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    log = max(original.glob("*.log"))
    size = log.stat().st_size
    cuts = sorted({0, 1, 7, size - 1, size, *(chance.randrange(size) for _ in range(30))})
    last = -1
    for at in cuts:
        path = tmp_path / f"cut-{at}"
        shutil.copytree(original, path)
        os.truncate(path / log.name, at)
        assert read_all(path) == "prefix"
        with Level.open(path, value_encoding="utf8", recover=True) as level:
            now = int(level.get("seq"))
            assert now >= last, "a longer log tells more"
            last = now
        assert not list(tmp_path.glob("*.damaged-*")), "a clean prefix is no damage"
        shutil.rmtree(path)
    assert last == BATCHES - 1


LOSSES: list[tuple[str, Callable[[Path], None]]] = [
    ("CURRENT", Path.unlink),
    ("MANIFEST-*", Path.unlink),
    ("MANIFEST-*", lambda file: os.truncate(file, file.stat().st_size // 2)),
    ("*.log", Path.unlink),
    ("*.ldb", Path.unlink),
    ("*.ldb", lambda file: os.truncate(file, file.stat().st_size // 2)),
    ("*.ldb", lambda file: os.truncate(file, 0)),
]


@pytest.mark.parametrize(("pattern", "damage"), LOSSES)
def test_lost_and_cut_files(
    original: Path, tmp_path: Path, pattern: str, damage: Callable[[Path], None]
) -> None:
    """Any lost or cut file is refused, on opening or reading; recovery saves what is there."""
    path = tmp_path / "d"
    shutil.copytree(original, path)
    victim = live_table(path) if pattern == "*.ldb" else min(path.glob(pattern))
    damage(victim)
    damaged = {file.name: file.read_bytes() for file in path.iterdir()}
    try:
        outcome = read_all(path)
    except DataCorrupted:
        outcome = "refused"
    assert outcome == "refused"
    shutil.rmtree(path)
    path.mkdir()
    for name, data in damaged.items():
        (path / name).write_bytes(data)
    check_recovery(path, damaged)
    if pattern in ("CURRENT", "MANIFEST-*"):  # these hold no data: nothing is lost
        with Level.open(path, value_encoding="utf8") as level:
            assert level.get("seq") == str(BATCHES - 1)
            assert dict(level.items()) == {**story(BATCHES - 1), "after": "recovery"}


def seek_and_read(entries: Any) -> object:
    """Go to a row in the middle and read it; either may find the damage."""
    entries.seek("10")
    return next(entries)


def test_damage_at_the_very_end_of_a_range(tmp_path: Path) -> None:
    """A damaged last block looks to the driver's iterators like the end: it is refused."""
    with Level.open(tmp_path / "d", value_encoding="utf8") as level:
        level.batch([{"type": "put", "key": f"{n:02}", "value": "v" * 50} for n in range(20)])
        level.compact()
    (table,) = (tmp_path / "d").glob("*.ldb")
    data = bytearray(table.read_bytes())
    data[30] ^= 1
    table.write_bytes(data)
    with Level.open(tmp_path / "d", value_encoding="utf8") as level:
        for options in ({}, {"gte": "05"}, {"lt": "10"}, {"reverse": True, "gt": "05"}):
            for entries in (level.items, level.keys, level.values):
                with pytest.raises(DataCorrupted):
                    list(entries(**options))
        with pytest.raises(DataError):
            level.clear()
        entries = level.items()
        with pytest.raises(DataCorrupted):
            seek_and_read(entries)


def test_log_that_looks_shorter_than_it_is(tmp_path: Path) -> None:
    """A length in the log that points behind its end hides all that follows from LevelDB."""
    path = tmp_path / "d"
    with Level.open(path) as level:
        for n in range(50):
            level.put(f"{n:02}", "v" * 50)
    (log,) = path.glob("*.log")
    data = bytearray(log.read_bytes())
    record = len(data) // 50
    data[20 * record + 5] ^= 0x40  # the length's upper byte
    log.write_bytes(data)
    shutil.copytree(path, tmp_path / "raw")
    database = open_database(str(tmp_path / "raw"), paranoid_checks=True)
    assert len(list(database.iterator())) == 20
    database.close()
    with pytest.raises(DataCorrupted):
        Level.open(path)
    with Level.open(path, recover=True) as level:
        assert len(list(level.items())) == 20  # where the next record began is not known


def test_one_bad_record_costs_only_itself(tmp_path: Path) -> None:
    """A flipped byte inside a record: recovery leaves out that batch, and no other."""
    path = tmp_path / "d"
    with Level.open(path) as level:
        for n in range(2_000):
            level.batch().put(f"a{n:04}", "v" * 50).put(f"b{n:04}", "v" * 50).write()
        level.put("long", "x" * 100_000)  # of several fragments
    (log,) = path.glob("*.log")
    data = bytearray(log.read_bytes())
    at = data.index(b"a1000")
    data[at + 20] ^= 1
    log.write_bytes(data)
    with Level.open(path, recover=True) as level:
        keys = {f"{name}{n:04}" for name in "ab" for n in range(2_000) if n != 1_000}
        assert set(level.keys()) == keys | {"long"}
        assert level.get("long") == "x" * 100_000
