"""The tests of what every work queue promises: pushing, taking, order, names, arguments."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

import pytest
from pydantic import BaseModel, Field

from datapatterns import AsyncStore
from datapatterns.core.work_queue import QueueStats
from datapatterns.errors import Conflict, DataError, DecodeFailed, InvalidArgument, InvalidData
from datapatterns.testing._async.concurrently import concurrently, meanwhile
from datapatterns.testing.conformance.samples import AS_JSON, HOSTILE, NO_NAMES
from datapatterns.testing.waiting import PATIENCE, async_eventually, spans

SHORT = 0.3  # seconds of a lease that is meant to lapse
ITEMS: list[Any] = [
    None,
    True,
    0,
    -1.5,
    2**60,
    "",
    "é\u0000\U0001f600",
    [],
    [1, [2]],
    {"a": {"b": 1}},
]


class Mail(BaseModel):
    """An item of the queues under test."""

    to: str = Field(min_length=1)
    size: int = 0


async def take(queue: Any) -> Any:
    """Return the next delivery; fail if the queue gives none in time."""
    delivery = await queue.take(timeout=PATIENCE)
    assert delivery is not None
    return delivery


async def drained(queue: Any) -> list[Any]:
    """Take and ack all ready items; return them in the order of the deliveries."""
    items: list[Any] = []
    while (delivery := await queue.take()) is not None:
        items.append(delivery.item)
        await delivery.ack()
    return items


async def assert_lost(call: Callable[..., Any], *arguments: Any) -> None:
    """Assert that the call raises Conflict with the reason lease_lost."""
    with pytest.raises(Conflict) as raised:
        await call(*arguments)
    assert raised.value.reason == "lease_lost"


class TestWorkQueue:
    """Tests `target.work_queue` on a backend that declares `work_queue`."""

    pattern: ClassVar[str] = "work_queue"

    # --- pushing and taking

    async def test_an_item_is_pushed_taken_and_acked(self, target: AsyncStore) -> None:
        """A delivery has its id, item, attempt and time; an acked item is gone."""
        queue = target.work_queue("mail")
        before = datetime.now(UTC) - timedelta(seconds=5)
        id = await queue.push({"to": "a"})
        delivery = await take(queue)
        assert (delivery.id, delivery.item, delivery.attempt) == (id, {"to": "a"}, 1)
        assert before < delivery.pushed_at < datetime.now(UTC) + timedelta(seconds=5)
        assert delivery.pushed_at.tzinfo is not None
        assert await queue.take() is None
        await delivery.ack()
        assert await queue.stats() == QueueStats(0, 0, 0, 0, 0)

    async def test_what_json_has_no_type_for(self, target: AsyncStore) -> None:
        """Without a model, dates, numbers, ids, paths and tuples come back as strings and lists."""
        queue = target.work_queue("mail")
        for item, _ in AS_JSON:
            await queue.push(item)
        assert await drained(queue) == [plain for _, plain in AS_JSON]

    async def test_an_empty_queue_gives_nothing(self, target: AsyncStore) -> None:
        """`take` returns None, at once or after its timeout."""
        queue = target.work_queue("mail")
        assert await queue.take() is None
        began = time.monotonic()
        assert await queue.take(timeout=0.3) is None
        assert time.monotonic() - began >= 0.29

    async def test_every_json_value_is_an_item(self, target: AsyncStore) -> None:
        """`take` returns the item that was pushed, null included."""
        queue = target.work_queue("mail")
        for item in ITEMS:
            await queue.push(item)
        assert await drained(queue) == ITEMS

    @pytest.mark.parametrize("item", [float("nan"), {1, 2}, object(), {"a": b"\xff"}, "\ud800"])
    async def test_what_is_no_json_is_refused(self, target: AsyncStore, item: Any) -> None:
        """A push of a value that is not JSON is refused with 400, and nothing is queued."""
        queue = target.work_queue("mail")
        with pytest.raises(DataError) as raised:
            await queue.push(item)
        assert raised.value.status == 400
        with pytest.raises(DataError) as raised:
            await queue.push_many([1, item])
        assert raised.value.status == 400
        assert (await queue.stats()).ready == 0

    async def test_models_are_items(self, target: AsyncStore) -> None:
        """An instance comes back as an equal instance."""
        queue = target.work_queue("mail", Mail)
        await queue.push(Mail(to="a", size=3))
        await queue.push_many([Mail(to="b")])
        assert await drained(queue) == [Mail(to="a", size=3), Mail(to="b")]

    async def test_items_are_validated_on_push(self, target: AsyncStore) -> None:
        """An item that the model refuses is InvalidData with the place, and is not queued."""
        queue = target.work_queue("mail", Mail)
        broken = Mail(to="a")
        broken.to = ""
        for item in (broken, {"to": ""}):
            with pytest.raises(InvalidData) as raised:
                await queue.push(item)
            assert [error["loc"] for error in raised.value.errors] == [("to",)]
        with pytest.raises(InvalidData):
            await queue.push_many([Mail(to="a"), broken])
        untyped: Any = "no mail"
        with pytest.raises(InvalidArgument):
            await queue.push(untyped)
        assert (await queue.stats()).ready == 0

    async def test_items_are_validated_on_take(self, target: AsyncStore) -> None:
        """An item that does not fit is DecodeFailed once, and then a dead letter."""
        await target.work_queue("mail").push({"to": ""}, id="bad")
        await target.work_queue("mail").push({"to": "b"})
        queue = target.work_queue("mail", Mail)
        with pytest.raises(DecodeFailed) as raised:
            await queue.take()
        assert raised.value.data["id"] == "bad"
        assert (await take(queue)).item == Mail(to="b")
        [letter] = await queue.dead_letters()
        assert (letter.id, letter.item) == ("bad", {"to": ""})

    # --- ids

    async def test_ids_are_sorted_uuids_by_default(self, target: AsyncStore) -> None:
        """Each push gets a uuid7 of its own."""
        queue = target.work_queue("mail")
        ids = [await queue.push(1), *await queue.push_many([1, 1]), await queue.push(1)]
        assert len(set(ids)) == 4
        assert [UUID(id).version for id in ids] == [7] * 4

    async def test_an_id_is_queued_once(self, target: AsyncStore) -> None:
        """A ready, delayed, leased or dead item stays as it is; an acked id can be queued again."""
        queue = target.work_queue("mail", lease=60.0)
        assert await queue.push("first", id="a") == "a"
        assert await queue.push("second", id="a") == "a"
        assert await queue.push("first", id="b", delay=3600) == "b"
        assert await queue.push("second", id="b") == "b"
        assert await queue.stats() == QueueStats(1, 1, 0, 0, 0)
        delivery = await take(queue)
        assert delivery.item == "first"
        assert await queue.push("second", id="a") == "a"
        assert await queue.stats() == QueueStats(0, 1, 1, 0, 0)
        await delivery.bury("no")
        assert await queue.push("second", id="a") == "a"
        assert await queue.stats() == QueueStats(0, 1, 0, 1, 0)
        assert await queue.requeue_dead() == 1
        await (await take(queue)).ack()
        assert await queue.push("third", id="a") == "a"
        assert (await take(queue)).item == "third"

    async def test_many_pushers_of_one_id(self, target: AsyncStore) -> None:
        """Of many concurrent pushes of an id exactly one queues it."""
        queue = target.work_queue("mail")

        async def push(item: int) -> str:
            return await queue.push(item, id="a")

        assert await concurrently(push, [(n,) for n in range(20)]) == ["a"] * 20
        assert (await queue.stats()).ready == 1

    async def test_push_many_keeps_the_order(self, target: AsyncStore) -> None:
        """Ids and deliveries are in the order of the items; an empty list has no ids."""
        queue = target.work_queue("mail")
        assert await queue.push_many([]) == []
        ids = await queue.push_many(n for n in range(300))
        assert len(set(ids)) == 300
        first = await take(queue)
        assert (first.id, first.item) == (ids[0], 0)
        await first.ack()
        assert await drained(queue) == list(range(1, 300))

    # --- order

    async def test_higher_priorities_come_first(self, target: AsyncStore) -> None:
        """Items of one priority come in the order of pushing."""
        queue = target.work_queue("mail")
        for item, priority in enumerate([0, 5, -3, 5, 0, 2**31 - 1, -(2**31)]):
            await queue.push(item, priority=priority)
        assert await drained(queue) == [5, 1, 3, 0, 4, 2, 6]

    async def test_a_delayed_item_waits(self, target: AsyncStore) -> None:
        """`take` does not return it before it is due; a waiting `take` gets it then."""
        queue = target.work_queue("mail")
        await queue.push("much later", delay=3600)
        assert await queue.take() is None
        assert await queue.stats() == QueueStats(0, 1, 0, 0, 0)
        began = time.monotonic()
        await queue.push("late", delay=0.5)
        delivery = await take(queue)
        assert time.monotonic() - began >= 0.45
        assert delivery.item == "late"

    async def test_a_delayed_item_takes_its_place_when_due(self, target: AsyncStore) -> None:
        """It comes behind items ready before it and before later ones, by priority."""
        for span in spans():
            queue = target.work_queue(f"mail {span.seconds}")
            with span:
                await queue.push("late", delay=span.seconds)
                await queue.push("late and urgent", delay=span.seconds, priority=1)
                await queue.push("early")

                async def due(queue: Any = queue) -> bool:
                    return (await queue.stats()).ready == 3

                await async_eventually(due)
                await queue.push("last")
                assert await drained(queue) == ["late and urgent", "early", "late", "last"]

    async def test_a_retried_item_takes_its_place_when_due(self, target: AsyncStore) -> None:
        """It comes behind items that were ready when it was given back."""
        queue = target.work_queue("mail")
        await queue.push_many(["a", "b"])
        await (await take(queue)).retry(delay=0)
        await queue.push("c")
        assert await drained(queue) == ["b", "a", "c"]

    async def test_each_item_goes_to_one_taker(self, target: AsyncStore) -> None:
        """No two of many concurrent takers get the same item."""
        queue = target.work_queue("mail")
        await queue.push_many(range(60))

        async def taker() -> list[int]:
            return await drained(queue)

        shares = await concurrently(taker, [() for _ in range(8)])
        assert sorted(item for share in shares for item in share) == list(range(60))

    async def test_a_push_wakes_who_waits(self, target: AsyncStore) -> None:
        """A waiting `take` returns soon after the push, and each waiting taker gets one item."""
        queue = target.work_queue("mail")
        got: list[Any] = []

        async def wait() -> None:
            got.append((await take(queue)).item)

        async def wait_all() -> None:
            await concurrently(wait, [() for _ in range(3)])

        async with meanwhile(wait_all):
            await asyncio.sleep(0.3)
            began = time.monotonic()
            await queue.push_many(["a", "b"])
            await queue.push("c", delay=0.1)
        assert time.monotonic() - began < PATIENCE / 2
        assert sorted(got) == ["a", "b", "c"]

    async def test_waking_takes_no_polling(self, target: AsyncStore) -> None:
        """Two waiting takers get twelve times two items in a moment."""
        queue = target.work_queue("mail")
        got: list[int] = []

        async def arrived(count: int) -> None:
            async def there() -> bool:
                return len(got) >= count

            await async_eventually(there)

        async def taker() -> None:
            for turn in range(1, 13):
                async with await take(queue) as delivery:
                    got.append(delivery.item)
                await arrived(2 * turn)

        async def takers() -> None:
            await concurrently(taker, [(), ()])

        waits: list[float] = []
        async with meanwhile(takers):
            for turn in range(1, 13):
                await asyncio.sleep(0.1)
                began = time.monotonic()
                await queue.push_many([turn, turn])
                await arrived(2 * turn)
                waits.append(time.monotonic() - began)
        assert sorted(waits)[3] < 0.5  # every fourth time at least, however busy the machine is

    async def test_once_is_true_to_the_first(self, target: AsyncStore) -> None:
        """Of many calls with one key, on any object, the first in each `ttl` returns True."""
        queue = target.work_queue("mail")

        async def first(key: str) -> bool:
            return await target.work_queue("mail").once(key, ttl=60)

        assert sum(await concurrently(first, [("a",) for _ in range(10)])) == 1
        assert await queue.once("b", ttl=60)
        assert not await queue.once("b", ttl=60)
        assert await queue.once("c", ttl=0.2)
        await asyncio.sleep(0.25)
        assert await queue.once("c", ttl=0.2)
        assert await target.work_queue("other").once("a", ttl=60)

    # --- names and arguments

    async def test_the_name_decides(self, target: AsyncStore) -> None:
        """Objects of one name share a queue; another name is another queue."""
        await target.work_queue("mail").push("x")
        assert await target.work_queue("other").take() is None
        assert (await take(target.work_queue("mail"))).item == "x"

    async def test_any_text_is_a_name(self, target: AsyncStore) -> None:
        """Names, ids and keys of hostile characters do not reach the data of others."""
        for name in HOSTILE:
            queue = target.work_queue(name)
            assert await queue.take() is None
            assert await queue.push(name, id=name) == name
            assert await queue.once(name, ttl=60)
        for name in HOSTILE:
            delivery = await take(target.work_queue(name))
            assert (delivery.id, delivery.item) == (name, name)
            await delivery.ack()

    @pytest.mark.parametrize("name", NO_NAMES)
    async def test_what_is_no_name_is_refused(self, target: AsyncStore, name: Any) -> None:
        """A value that is not a valid name raises InvalidArgument and writes nothing."""
        with pytest.raises(InvalidArgument):
            target.work_queue(name)
        queue: Any = target.work_queue("mail")
        if name is not None:
            with pytest.raises(InvalidArgument):
                await queue.push(1, id=name)
        with pytest.raises(InvalidArgument):
            await queue.once(name, ttl=1)
        assert (await queue.stats()).ready == 0

    async def test_arguments_are_checked(self, target: AsyncStore) -> None:
        """An invalid delay, priority, timeout, lease and so on raises InvalidArgument."""
        queue: Any = target.work_queue("mail")
        delays = [("delay", delay) for delay in (-1, float("nan"), "1", float("inf"))]
        for name, value in [*delays, *[("priority", value) for value in (1.5, 2**31, True)]]:
            with pytest.raises(InvalidArgument):
                await queue.push(1, **{name: value})
        for wait in (-1, float("nan"), "1"):
            with pytest.raises(InvalidArgument):
                await queue.take(timeout=wait)
        for ttl in (0, -1, float("nan")):
            with pytest.raises(InvalidArgument):
                await queue.once("a", ttl)
        options: list[tuple[str, Any]] = [("lease", 0), ("lease", -1), ("lease", float("inf"))]
        options += [("max_attempts", 0), ("max_attempts", 1.5), ("backoff", -1)]
        options += [("model", dict)]
        for name, value in options:
            with pytest.raises(InvalidArgument):
                target.work_queue("mail", **{name: value})
        assert await queue.stats() == QueueStats(0, 0, 0, 0, 0)
