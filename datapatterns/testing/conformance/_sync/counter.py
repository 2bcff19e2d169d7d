# Generated from datapatterns/testing/conformance/_async/counter.py by scripts/unasync.py; do not edit.
"""The tests of what every counter promises."""

from __future__ import annotations

import time
from typing import Any, ClassVar

import pytest

from datapatterns import InvalidArgument, Store
from datapatterns.testing._sync.concurrently import concurrently
from datapatterns.testing.conformance.samples import HOSTILE, NO_NAMES
from datapatterns.testing.waiting import PATIENCE

HIGHEST, LOWEST = 2**63 - 1, -(2**63)


class TestCounter:
    """Tests `target.counter` on a backend that declares `counter`."""

    pattern: ClassVar[str] = "counter"

    def test_it_starts_at_zero(self, target: Store) -> None:
        """A counter that was never changed reads 0."""
        assert target.counter("hits").value() == 0

    def test_it_counts_both_ways(self, target: Store) -> None:
        """Each call returns the new value, and so does `value`."""
        hits = target.counter("hits")
        assert hits.increment() == 1
        assert hits.increment(10) == 11
        assert hits.decrement() == 10
        assert hits.decrement(20) == -10
        assert hits.increment(-5) == -15
        assert hits.decrement(-5) == -10
        assert hits.increment(0) == -10
        assert hits.value() == -10

    def test_two_objects_share_one_counter(self, target: Store) -> None:
        """Two objects of the same name change the same counter."""
        target.counter("hits").increment(2)
        assert target.counter("hits").increment(3) == 5

    def test_many_callers_lose_nothing(self, target: Store) -> None:
        """200 increments at once add 200, and no two return the same value."""
        hits = target.counter("hits")
        values = concurrently(hits.increment, [() for _ in range(200)])
        assert sorted(values) == list(range(1, 201))
        assert hits.value() == 200

    def test_an_operation_counts_once(self, target: Store) -> None:
        """Repeating an op_id returns the first result and adds nothing, also after other steps."""
        hits = target.counter("hits")
        assert hits.increment(5, op_id="a") == 5
        assert hits.increment(1) == 6
        assert hits.increment(5, op_id="a") == 5
        assert hits.decrement(2, op_id="b") == 4
        assert hits.decrement(2, op_id="b") == 4
        assert hits.value() == 4

    def test_an_operation_at_the_same_time_counts_once(self, target: Store) -> None:
        """Twenty callers with one op_id add once, and all get the same result."""
        hits = target.counter("hits")

        def add() -> int:
            return hits.increment(3, op_id="same")

        assert concurrently(add, [() for _ in range(20)]) == [3] * 20
        assert hits.value() == 3

    def test_operations_belong_to_their_counter(self, target: Store) -> None:
        """One op_id on two counters is two operations; so are different ids on one."""
        first, second = target.counter("first"), target.counter("second")
        assert first.increment(op_id="a") == 1
        assert second.increment(op_id="a") == 1
        for number, op_id in enumerate(HOSTILE, start=2):
            assert first.increment(op_id="x" + op_id) == number

    def test_an_operation_is_forgotten_after_its_time(self, target: Store) -> None:
        """Once `op_ttl` is over the same op_id counts again."""
        hits = target.counter("hits", op_ttl=0.2)
        begun = time.monotonic()
        assert hits.increment(op_id="a") == 1
        while hits.increment(op_id="a") == 1:
            assert time.monotonic() - begun < PATIENCE
            time.sleep(0.02)
        assert time.monotonic() - begun > 0.19
        assert hits.value() == 2

    def test_it_has_64_bits(self, target: Store) -> None:
        """Both ends can be reached; a step beyond them is refused and changes nothing."""
        hits = target.counter("hits")
        assert hits.increment(HIGHEST) == HIGHEST
        with pytest.raises(InvalidArgument):
            hits.increment()
        with pytest.raises(InvalidArgument):
            hits.increment(HIGHEST)
        assert hits.value() == HIGHEST
        hits.reset()
        assert hits.decrement(HIGHEST) == -HIGHEST
        assert hits.decrement() == LOWEST
        with pytest.raises(InvalidArgument):
            hits.decrement()
        assert hits.value() == LOWEST

    def test_a_refused_operation_is_not_remembered(self, target: Store) -> None:
        """An op_id that was refused for its result can be used once there is room."""
        hits = target.counter("hits")
        hits.increment(HIGHEST)
        with pytest.raises(InvalidArgument):
            hits.increment(op_id="a")
        assert hits.value() == HIGHEST
        hits.decrement()
        assert hits.increment(op_id="a") == HIGHEST

    def test_it_is_exact_where_floats_are_not(self, target: Store) -> None:
        """Beyond 2^53 every single step counts, with an op_id as well."""
        hits = target.counter("hits")
        assert hits.increment(2**53) == 2**53
        assert hits.increment() == 2**53 + 1
        assert hits.increment(op_id="a") == 2**53 + 2
        assert hits.increment(op_id="b") == 2**53 + 3
        assert hits.increment(op_id="b") == 2**53 + 3
        assert hits.reset() == 2**53 + 3

    def test_reset_returns_what_was_there(self, target: Store) -> None:
        """`reset` returns the value and sets it to 0, from where the counter goes on."""
        hits = target.counter("hits")
        assert hits.reset() == 0
        hits.increment(7)
        assert hits.reset() == 7
        assert hits.value() == 0
        assert hits.increment() == 1

    def test_reset_loses_nothing(self, target: Store) -> None:
        """Each step added during resets is in the result of one of them or still there."""
        hits = target.counter("hits")

        def step(turn: int) -> int:
            if turn % 5 == 0:
                return hits.reset()
            hits.increment()
            return 0

        taken = concurrently(step, [(turn,) for turn in range(100)])
        assert sum(taken) + hits.value() == 80

    def test_names_stay_apart(self, target: Store) -> None:
        """No counter, however odd or long its name, changes another one."""
        names = [*HOSTILE, "\N{SLICE OF PIZZA}" * 300]
        for number, name in enumerate(names, start=1):
            assert target.counter(name).increment(number) == number
        for number, name in enumerate(names, start=1):
            assert target.counter(name).value() == number

    @pytest.mark.parametrize("name", NO_NAMES)
    def test_bad_names_are_refused(self, target: Store, name: Any) -> None:
        """A name or op_id that is not valid raises InvalidArgument, and nothing is counted."""
        with pytest.raises(InvalidArgument):
            target.counter(name)
        hits = target.counter("hits")
        if name is not None:
            with pytest.raises(InvalidArgument):
                hits.increment(op_id=name)
        assert hits.value() == 0

    @pytest.mark.parametrize("by", [None, "1", 1.0, 1.5, True, 2**63, 2**64, -(2**64)])
    def test_bad_steps_are_refused(self, target: Store, by: Any) -> None:
        """A step that is no whole number of 64 bits raises InvalidArgument and counts nothing."""
        hits = target.counter("hits")
        for add in (hits.increment, hits.decrement):
            with pytest.raises(InvalidArgument):
                add(by)
            with pytest.raises(InvalidArgument):
                add(by, op_id="a")
        assert hits.value() == 0
        assert hits.increment(op_id="a") == 1

    @pytest.mark.parametrize("op_ttl", [0, -1.0, float("nan"), float("inf"), "1", None])
    def test_bad_options_are_refused(self, target: Store, op_ttl: Any) -> None:
        """A time to live that is not a valid duration raises InvalidArgument."""
        with pytest.raises(InvalidArgument):
            target.counter("hits", op_ttl=op_ttl)
