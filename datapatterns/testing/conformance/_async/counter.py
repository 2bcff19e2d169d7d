"""The tests of what every counter promises."""

from __future__ import annotations

import asyncio
import time
from typing import Any, ClassVar

import pytest

from datapatterns import AsyncStore, InvalidArgument
from datapatterns.testing._async.concurrently import concurrently
from datapatterns.testing.conformance.samples import HOSTILE, NO_NAMES
from datapatterns.testing.waiting import PATIENCE

HIGHEST, LOWEST = 2**63 - 1, -(2**63)


class TestCounter:
    """Tests `target.counter` on a backend that declares `counter`."""

    pattern: ClassVar[str] = "counter"

    async def test_it_starts_at_zero(self, target: AsyncStore) -> None:
        """A counter that was never changed reads 0."""
        assert await target.counter("hits").value() == 0

    async def test_it_counts_both_ways(self, target: AsyncStore) -> None:
        """Each call returns the new value, and so does `value`."""
        hits = target.counter("hits")
        assert await hits.increment() == 1
        assert await hits.increment(10) == 11
        assert await hits.decrement() == 10
        assert await hits.decrement(20) == -10
        assert await hits.increment(-5) == -15
        assert await hits.decrement(-5) == -10
        assert await hits.increment(0) == -10
        assert await hits.value() == -10

    async def test_two_objects_share_one_counter(self, target: AsyncStore) -> None:
        """Two objects of the same name change the same counter."""
        await target.counter("hits").increment(2)
        assert await target.counter("hits").increment(3) == 5

    async def test_many_callers_lose_nothing(self, target: AsyncStore) -> None:
        """200 increments at once add 200, and no two return the same value."""
        hits = target.counter("hits")
        values = await concurrently(hits.increment, [() for _ in range(200)])
        assert sorted(values) == list(range(1, 201))
        assert await hits.value() == 200

    async def test_an_operation_counts_once(self, target: AsyncStore) -> None:
        """Repeating an op_id returns the first result and adds nothing, also after other steps."""
        hits = target.counter("hits")
        assert await hits.increment(5, op_id="a") == 5
        assert await hits.increment(1) == 6
        assert await hits.increment(5, op_id="a") == 5
        assert await hits.decrement(2, op_id="b") == 4
        assert await hits.decrement(2, op_id="b") == 4
        assert await hits.value() == 4

    async def test_an_operation_at_the_same_time_counts_once(self, target: AsyncStore) -> None:
        """Twenty callers with one op_id add once, and all get the same result."""
        hits = target.counter("hits")

        async def add() -> int:
            return await hits.increment(3, op_id="same")

        assert await concurrently(add, [() for _ in range(20)]) == [3] * 20
        assert await hits.value() == 3

    async def test_operations_belong_to_their_counter(self, target: AsyncStore) -> None:
        """One op_id on two counters is two operations; so are different ids on one."""
        first, second = target.counter("first"), target.counter("second")
        assert await first.increment(op_id="a") == 1
        assert await second.increment(op_id="a") == 1
        for number, op_id in enumerate(HOSTILE, start=2):
            assert await first.increment(op_id="x" + op_id) == number

    async def test_an_operation_is_forgotten_after_its_time(self, target: AsyncStore) -> None:
        """Once `op_ttl` is over the same op_id counts again."""
        hits = target.counter("hits", op_ttl=0.2)
        begun = time.monotonic()
        assert await hits.increment(op_id="a") == 1
        while await hits.increment(op_id="a") == 1:
            assert time.monotonic() - begun < PATIENCE
            await asyncio.sleep(0.02)
        assert time.monotonic() - begun > 0.19
        assert await hits.value() == 2

    async def test_it_has_64_bits(self, target: AsyncStore) -> None:
        """Both ends can be reached; a step beyond them is refused and changes nothing."""
        hits = target.counter("hits")
        assert await hits.increment(HIGHEST) == HIGHEST
        with pytest.raises(InvalidArgument):
            await hits.increment()
        with pytest.raises(InvalidArgument):
            await hits.increment(HIGHEST)
        assert await hits.value() == HIGHEST
        await hits.reset()
        assert await hits.decrement(HIGHEST) == -HIGHEST
        assert await hits.decrement() == LOWEST
        with pytest.raises(InvalidArgument):
            await hits.decrement()
        assert await hits.value() == LOWEST

    async def test_a_refused_operation_is_not_remembered(self, target: AsyncStore) -> None:
        """An op_id that was refused for its result can be used once there is room."""
        hits = target.counter("hits")
        await hits.increment(HIGHEST)
        with pytest.raises(InvalidArgument):
            await hits.increment(op_id="a")
        assert await hits.value() == HIGHEST
        await hits.decrement()
        assert await hits.increment(op_id="a") == HIGHEST

    async def test_it_is_exact_where_floats_are_not(self, target: AsyncStore) -> None:
        """Beyond 2^53 every single step counts, with an op_id as well."""
        hits = target.counter("hits")
        assert await hits.increment(2**53) == 2**53
        assert await hits.increment() == 2**53 + 1
        assert await hits.increment(op_id="a") == 2**53 + 2
        assert await hits.increment(op_id="b") == 2**53 + 3
        assert await hits.increment(op_id="b") == 2**53 + 3
        assert await hits.reset() == 2**53 + 3

    async def test_reset_returns_what_was_there(self, target: AsyncStore) -> None:
        """`reset` returns the value and sets it to 0, from where the counter goes on."""
        hits = target.counter("hits")
        assert await hits.reset() == 0
        await hits.increment(7)
        assert await hits.reset() == 7
        assert await hits.value() == 0
        assert await hits.increment() == 1

    async def test_reset_loses_nothing(self, target: AsyncStore) -> None:
        """Each step added during resets is in the result of one of them or still there."""
        hits = target.counter("hits")

        async def step(turn: int) -> int:
            if turn % 5 == 0:
                return await hits.reset()
            await hits.increment()
            return 0

        taken = await concurrently(step, [(turn,) for turn in range(100)])
        assert sum(taken) + await hits.value() == 80

    async def test_names_stay_apart(self, target: AsyncStore) -> None:
        """No counter, however odd or long its name, changes another one."""
        names = [*HOSTILE, "\N{SLICE OF PIZZA}" * 300]
        for number, name in enumerate(names, start=1):
            assert await target.counter(name).increment(number) == number
        for number, name in enumerate(names, start=1):
            assert await target.counter(name).value() == number

    @pytest.mark.parametrize("name", NO_NAMES)
    async def test_bad_names_are_refused(self, target: AsyncStore, name: Any) -> None:
        """A name or op_id that is not valid raises InvalidArgument, and nothing is counted."""
        with pytest.raises(InvalidArgument):
            target.counter(name)
        hits = target.counter("hits")
        if name is not None:
            with pytest.raises(InvalidArgument):
                await hits.increment(op_id=name)
        assert await hits.value() == 0

    @pytest.mark.parametrize("by", [None, "1", 1.0, 1.5, True, 2**63, 2**64, -(2**64)])
    async def test_bad_steps_are_refused(self, target: AsyncStore, by: Any) -> None:
        """A step that is no whole number of 64 bits raises InvalidArgument and counts nothing."""
        hits = target.counter("hits")
        for add in (hits.increment, hits.decrement):
            with pytest.raises(InvalidArgument):
                await add(by)
            with pytest.raises(InvalidArgument):
                await add(by, op_id="a")
        assert await hits.value() == 0
        assert await hits.increment(op_id="a") == 1

    @pytest.mark.parametrize("op_ttl", [0, -1.0, float("nan"), float("inf"), "1", None])
    async def test_bad_options_are_refused(self, target: AsyncStore, op_ttl: Any) -> None:
        """A time to live that is not a valid duration raises InvalidArgument."""
        with pytest.raises(InvalidArgument):
            target.counter("hits", op_ttl=op_ttl)
