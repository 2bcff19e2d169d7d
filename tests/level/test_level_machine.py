"""Anything that can be done to a Level, in any order, against a dict."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from datapatterns.errors import DataError
from datapatterns.level import Level

# "!a!" and "!a!!b!" are the prefixes of sublevels: the keys of the root often lie in one of them.
# Only the empty key of "a" is left out: others could write it, but the hook could not ask for it.
KEYS = (
    st.text('!"ab~\0é', min_size=1, max_size=4) | st.sampled_from(["!a!a", "!a!b", "!a!!b!a"])
).filter(lambda key: key != "!a!")
ENDS = KEYS | st.none() | st.just("")
VALUES = st.integers(0, 3) | st.sampled_from(["", "x", [], {"n": None}])
PLACES = st.sampled_from(["", "!a!", "!a!!b!", "!b!"])
OPERATIONS = st.lists(st.tuples(PLACES, KEYS, st.none() | VALUES), max_size=6)
LIMITS = st.none() | st.integers(0, 5)
INDEX = "!index!"


def raw(text: str) -> bytes:
    """Return the bytes by which keys are ordered."""
    return text.encode()


class Model:
    """The rows of a directory as a dict, and what the machine's hook does to it."""

    def __init__(self) -> None:
        self.rows: dict[str, Any] = {}

    def write(self, operations: list[tuple[str, Any]]) -> None:
        """Do the puts and (None) deletes; keep the index of what lies below `!a!`."""
        inputs: dict[str, Any] = {}
        added: dict[str, Any] = {}
        for key, value in operations:
            if key.startswith("!a!"):
                old = {**self.rows, **inputs, **added}.get(key)
                if old is not None:
                    added[entry(old, key[3:])] = None
                if value is not None:
                    added[entry(value, key[3:])] = 0
            inputs[key] = value
        for key, value in {**inputs, **added}.items():
            self.rows.pop(key, None)
            if value is not None:
                self.rows[key] = value

    def select(self, place: str, options: dict[str, Any]) -> list[tuple[str, Any]]:
        """Return the rows of a range, in its direction."""
        tests = {
            "gt": lambda key, end: key > end,
            "gte": lambda key, end: key >= end,
            "lt": lambda key, end: key < end,
            "lte": lambda key, end: key <= end,
        }
        ends = [(test, raw(options[name])) for name, test in tests.items() if name in options]
        rows = [
            (key[len(place) :], value)
            for key, value in self.rows.items()
            if key.startswith(place)
            and all(test(raw(key[len(place) :]), end) for test, end in ends)
        ]
        rows.sort(key=lambda row: raw(row[0]), reverse=options.get("reverse", False))
        return rows


def entry(value: Any, key: str) -> str:
    """Return the key of an index entry."""
    return f"{INDEX}{value!r}:{key}"


@st.composite
def ranges(draw: st.DrawFn) -> dict[str, Any]:
    """Draw the options of a range without a limit."""
    options: dict[str, Any] = {"reverse": draw(st.booleans())}
    for names in (("gt", "gte"), ("lt", "lte")):
        end = draw(ENDS)
        if end is not None:
            options[draw(st.sampled_from(names))] = end
    return options


class Reading:
    """An iterator that was opened some time ago, and what it has to give."""

    def __init__(self, entries: Any, rows: list[Any], options: dict[str, Any]) -> None:
        self.entries, self.rows, self.options = entries, rows, options
        self.at, self.left = 0, options.get("limit")

    def step(self) -> None:
        """Take the next entry."""
        expected = None
        if self.left != 0 and self.at < len(self.rows):
            expected = self.rows[self.at]
            self.at += 1
            if self.left is not None:
                self.left -= 1
        assert next(self.entries, None) == expected

    def seek(self, target: str) -> None:
        """Seek forwards or backwards."""
        self.entries.seek(target)
        key, options = raw(target), self.options
        low = raw(options["gt"]) + b"\0" if "gt" in options else raw(options.get("gte", ""))
        high = (
            raw(options["lte"]) + b"\0"
            if "lte" in options
            else raw(options.get("lt", "\U0010ffff"))
        )
        keys = [raw(row[0]) for row in self.rows]
        behind = [k < key for k in keys] if not options["reverse"] else [k > key for k in keys]
        self.at = sum(behind) if low <= key < high else len(keys)


class LevelMachine(RuleBasedStateMachine):
    """A level with sublevels, a hook that keeps an index, iterators and snapshots."""

    names: tuple[str, ...] = ()

    def __init__(self) -> None:
        super().__init__()
        self.path = Path(tempfile.mkdtemp())
        self.model = Model()
        self.open()

    def open(self) -> None:
        """Open the directory."""
        self.root = level = Level.open(self.path)
        for name in self.names:
            level = level.sublevel(name)
        a = level.sublevel("a")
        index = level.sublevel("index")
        self.places = {"": level, "!a!": a, "!a!!b!": a.sublevel("b"), "!b!": level.sublevel("b")}
        self.readings: list[Reading] = []
        self.snapshots: list[tuple[Any, Model]] = []

        def keep_index(operation: Any, batch: Any) -> None:
            old = batch.get(operation.key)
            if old is not None:
                batch.delete(f"{old!r}:{operation.key}", sublevel=index)
            if operation.type == "put":
                batch.put(f"{operation.value!r}:{operation.key}", 0, sublevel=index)

        a.hooks.prewrite.add(keep_index)

    def teardown(self) -> None:
        """Close it and remove it."""
        self.root.close()
        shutil.rmtree(self.path)

    @rule(place=PLACES, key=KEYS, value=VALUES, sync=st.booleans())
    def put(self, place: str, key: str, value: Any, sync: bool) -> None:
        """Store one entry."""
        self.places[place].put(key, value, sync=sync)
        self.model.write([(place + key, value)])

    @rule(place=PLACES, key=KEYS)
    def delete(self, place: str, key: str) -> None:
        """Remove one entry, whether or not it exists."""
        self.places[place].delete(key)
        self.model.write([(place + key, None)])

    @rule(through=PLACES, operations=OPERATIONS, chained=st.booleans())
    def batch(self, through: str, operations: list[tuple[str, str, Any]], chained: bool) -> None:
        """Write across sublevels, through any of them."""
        level = self.places[through]
        if chained:
            batch = level.batch()
            for place, key, value in operations:
                if value is None:
                    batch.delete(key, sublevel=self.places[place])
                else:
                    batch.put(key, value, sublevel=self.places[place])
            assert len(batch) == len(operations)
            batch.write()
        else:
            level.batch([self.operation(*operation) for operation in operations])
        self.model.write([(place + key, value) for place, key, value in operations])

    def operation(self, place: str, key: str, value: Any) -> dict[str, Any]:
        """Return an operation as an item of the list of a batch."""
        kind = {"type": "delete"} if value is None else {"type": "put", "value": value}
        return {**kind, "key": key, "sublevel": self.places[place]}

    @rule(through=PLACES, operations=OPERATIONS, bad=st.sampled_from([None, 7, "", "\ud800", b"k"]))
    def bad_batch(self, through: str, operations: list[tuple[str, str, Any]], bad: Any) -> None:
        """Write a batch with an invalid operation, which is refused as a whole."""
        batch = [self.operation(*operation) for operation in operations]
        with pytest.raises(DataError):
            self.places[through].batch([*batch, {"type": "put", "key": bad, "value": 1}])

    @rule(place=PLACES, options=ranges(), limit=LIMITS)
    def clear(self, place: str, options: dict[str, Any], limit: int | None) -> None:
        """Remove a range."""
        self.places[place].clear(**options, limit=limit)
        rows = self.model.select(place, options)[:limit]
        self.model.write([(place + key, None) for key, _ in rows])

    @rule(place=PLACES, options=ranges(), limit=LIMITS)
    def read(self, place: str, options: dict[str, Any], limit: int | None) -> None:
        """Read a range in all three ways."""
        rows, level = self.model.select(place, options)[:limit], self.places[place]
        assert list(level.items(**options, limit=limit)) == rows
        assert list(level.keys(**options, limit=limit)) == [key for key, _ in rows]
        assert list(level.values(**options, limit=limit)) == [value for _, value in rows]

    @rule(place=PLACES, keys=st.lists(KEYS, max_size=4))
    def get(self, place: str, keys: list[str]) -> None:
        """Read keys, one by one and together."""
        level = self.places[place]
        values = [self.model.rows.get(place + key) for key in keys]
        assert level.get_many(keys) == [level.get(key) for key in keys] == values
        there = [place + key in self.model.rows for key in keys]
        assert level.has_many(keys) == [level.has(key) for key in keys] == there

    @precondition(lambda self: len(self.readings) < 3)
    @rule(place=PLACES, options=ranges(), limit=LIMITS)
    def begin(self, place: str, options: dict[str, Any], limit: int | None) -> None:
        """Open an iterator, to be read while others write."""
        entries = self.places[place].items(**options, limit=limit)
        rows = self.model.select(place, options)
        self.readings.append(Reading(entries, rows, {**options, "limit": limit}))

    @precondition(lambda self: self.readings)
    @rule(number=st.integers(0, 2), steps=st.integers(1, 5), to=ENDS)
    def go_on(self, number: int, steps: int, to: str | None) -> None:
        """Read some entries of an open iterator, perhaps after a seek."""
        reading = self.readings[number % len(self.readings)]
        if to is not None:
            reading.seek(to)
        for _ in range(steps):
            reading.step()

    @precondition(lambda self: self.readings)
    @rule()
    def end(self) -> None:
        """Close an iterator."""
        reading = self.readings.pop()
        reading.entries.close()
        assert list(reading.entries) == []

    @precondition(lambda self: len(self.snapshots) < 3)
    @rule(place=PLACES)
    def take_snapshot(self, place: str) -> None:
        """Take a snapshot."""
        model = Model()
        model.rows.update(self.model.rows)
        self.snapshots.append((self.places[place].snapshot(), model))

    @precondition(lambda self: self.snapshots)
    @rule(place=PLACES, options=ranges(), keys=st.lists(KEYS, max_size=3))
    def read_snapshot(self, place: str, options: dict[str, Any], keys: list[str]) -> None:
        """Read through a snapshot."""
        (snapshot, model), level = self.snapshots[0], self.places[place]
        assert list(level.items(**options, snapshot=snapshot)) == model.select(place, options)
        values = [model.rows.get(place + key) for key in keys]
        assert level.get_many(keys, snapshot=snapshot) == values

    @precondition(lambda self: self.snapshots)
    @rule()
    def close_snapshot(self) -> None:
        """Close the oldest snapshot."""
        self.snapshots.pop(0)[0].close()

    @rule()
    def reopen(self) -> None:
        """Close everything and open it again."""
        self.root.close()
        self.open()

    @rule()
    def compact(self) -> None:
        """Let LevelDB compact."""
        self.places[""].compact()

    @invariant()
    def all_is_there(self) -> None:
        """Check that the whole level, its index included, equals the model."""
        rows = self.model.select("", {})
        assert list(self.places[""].items()) == rows


class SublevelMachine(LevelMachine):
    """The same within a nested sublevel, its neighbours in key order full."""

    names = ("outer", "inner")

    def open(self) -> None:
        """Open the directory, and write on either side."""
        super().open()
        outer = self.root.sublevel("outer")
        for part in (self.root, outer, outer.sublevel("inne"), outer.sublevel("inner#")):
            part.put("a", "of a neighbour")
            part.put("~", "of a neighbour")

    def teardown(self) -> None:
        """Check that the neighbours are unchanged, and close."""
        theirs = [k for k, v in self.root.items() if v == "of a neighbour"]
        assert len(theirs) == 8
        super().teardown()


SETTINGS = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestLevel = LevelMachine.TestCase
TestLevel.settings = SETTINGS
TestSublevel = SublevelMachine.TestCase
TestSublevel.settings = SETTINGS
