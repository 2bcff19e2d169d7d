"""The tests of what a work queue promises of an item's id: find, cancel, and push with `dedup`."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest

from datapatterns import AsyncStore, InvalidArgument, ItemState
from datapatterns.core.work_queue import QueueStats
from datapatterns.testing._async.concurrently import concurrently
from datapatterns.testing.conformance._async.work_queue import SHORT, assert_lost, drained, take
from datapatterns.testing.conformance.samples import HOSTILE, NO_NAMES
from datapatterns.testing.waiting import async_eventually

EMPTY = QueueStats(0, 0, 0, 0, 0)


class TestQueueIds:
    """Tests `find`, `cancel` and `dedup` of `target.work_queue`."""

    pattern: ClassVar[str] = "work_queue"

    # --- find

    async def test_find_follows_an_item(self, target: AsyncStore) -> None:
        """It says where the item is, after how many attempts, and with which error."""
        queue = target.work_queue("mail", lease=60.0)
        assert await queue.find("a") is None
        await queue.push("x", id="a")
        found = await queue.find("a")
        assert found is not None
        assert abs(found.pushed_at - datetime.now(UTC)) < timedelta(minutes=1)
        assert found == ItemState("a", "ready", 0, found.pushed_at)
        delivery = await take(queue)
        assert delivery.pushed_at == found.pushed_at
        assert await queue.find("a") == ItemState("a", "leased", 1, found.pushed_at)
        await delivery.retry(delay=3600, error="it rained")
        delayed = await queue.find("a")
        assert delayed is not None
        assert (delayed.state, delayed.attempts, delayed.error) == ("delayed", 1, "it rained")
        assert delayed.due_at is not None
        assert timedelta(0) < delayed.due_at - found.pushed_at - timedelta(hours=1)
        assert await queue.cancel("a")
        assert await queue.find("a") is None

    async def test_find_of_a_dead_letter(self, target: AsyncStore) -> None:
        """A dead letter has its last error; requeued it is ready, as a new item."""
        queue = target.work_queue("mail")
        await queue.push("x", id="a")
        delivery = await take(queue)
        await delivery.bury("no such address")
        dead = ItemState("a", "dead", 1, delivery.pushed_at, "no such address")
        assert await queue.find("a") == dead
        assert await queue.requeue_dead() == 1
        assert await queue.find("a") == ItemState("a", "ready", 0, delivery.pushed_at)

    async def test_what_is_due_is_ready(self, target: AsyncStore) -> None:
        """A delayed item is ready once its delay is over, although nobody has looked for it."""
        queue = target.work_queue("mail")
        await queue.push("x", id="a", delay=0.1)

        async def ready() -> bool:
            found = await queue.find("a")
            return found is not None and (found.state, found.due_at) == ("ready", None)

        await async_eventually(ready)

    # --- cancel

    @pytest.mark.parametrize("delay", [0, 3600])
    async def test_a_waiting_item_is_cancelled(self, target: AsyncStore, delay: int) -> None:
        """A ready or delayed item is gone, the others stay, and its id is free."""
        queue = target.work_queue("mail")
        await queue.push("first", id="a")
        await queue.push("second", id="b", delay=delay)
        await queue.push("third", id="c")
        assert await queue.cancel("b") is True
        assert await queue.cancel("b") is False
        assert await queue.stats() == QueueStats(2, 0, 0, 0, 0)
        await queue.push("fourth", id="b")
        assert await drained(queue) == ["first", "third", "fourth"]

    async def test_a_dead_letter_is_cancelled(self, target: AsyncStore) -> None:
        """It is not among the dead letters any more, and cannot be requeued."""
        queue = target.work_queue("mail")
        for id in ("a", "b"):
            await queue.push(id, id=id)
            await (await take(queue)).bury("no")
        assert await queue.cancel("a") is True
        assert [letter.id for letter in await queue.dead_letters()] == ["b"]
        assert await queue.requeue_dead(["a"]) == 0
        assert await queue.stats() == QueueStats(0, 0, 0, 1, 0)

    @pytest.mark.parametrize("verb", ["ack", "retry", "bury", "release", "extend"])
    async def test_the_holder_of_a_cancelled_item_has_lost_it(
        self, target: AsyncStore, verb: str
    ) -> None:
        """Whatever the holder does raises lease_lost and changes nothing; `lost` becomes true."""
        queue = target.work_queue("mail", lease=60.0)
        await queue.push("x", id="a")
        delivery = await take(queue)
        assert await queue.cancel("a") is True
        assert await queue.find("a") is None
        arguments: tuple[Any, ...] = {"bury": ("no",), "extend": (60,)}.get(verb, ())
        await assert_lost(getattr(delivery, verb), *arguments)
        assert delivery.lost
        assert delivery.settled is None
        assert await queue.stats() == EMPTY

    async def test_a_cancelled_id_can_be_pushed_again(self, target: AsyncStore) -> None:
        """The former holder has no hold on the new item of the same id."""
        queue = target.work_queue("mail", lease=60.0)
        await queue.push("old", id="a")
        old = await take(queue)
        assert await queue.cancel("a") is True
        await queue.push("new", id="a")
        new = await take(queue)
        assert (new.item, new.attempt) == ("new", 1)
        await assert_lost(old.ack)
        await new.ack()
        assert await queue.stats() == EMPTY

    async def test_a_cancelled_item_does_not_come_back(self, target: AsyncStore) -> None:
        """Nothing is taken back when the lease of a cancelled item would have ended."""
        queue = target.work_queue("mail", lease=SHORT)
        await queue.push("x", id="a")
        await take(queue)
        assert await queue.cancel("a") is True
        assert await queue.take(timeout=2 * SHORT) is None
        assert await queue.stats() == EMPTY

    async def test_a_lapsed_item_is_cancelled(self, target: AsyncStore) -> None:
        """An item whose lease has ended, and which nobody took back, is gone as well."""
        queue = target.work_queue("mail", lease=SHORT)
        await queue.push("x", id="a")
        await take(queue)
        await asyncio.sleep(1.5 * SHORT)
        assert await queue.cancel("a") is True
        assert await queue.take() is None
        assert await queue.stats() == EMPTY

    async def test_one_of_many_cancels_finds_the_item(self, target: AsyncStore) -> None:
        """Of many concurrent calls exactly one returns True."""
        queue = target.work_queue("mail")
        await queue.push("x", id="a")
        assert sum(await concurrently(queue.cancel, [("a",)] * 10)) == 1

    # --- dedup

    async def test_a_remembered_id_is_not_queued_again(self, target: AsyncStore) -> None:
        """Whether done, buried and purged, or cancelled: no push queues it, on any object."""
        queue = target.work_queue("mail")
        for id in ("done", "purged", "cancelled"):
            assert await queue.push("first", id=id, dedup=3600) == id
        await (await take(queue)).ack()
        await (await take(queue)).bury("no")
        assert await queue.cancel("cancelled") is True
        assert await queue.purge() == 1
        other = target.work_queue("mail")
        for id in ("done", "purged", "cancelled"):
            assert await other.push("second", id=id, dedup=timedelta(hours=1)) == id
            assert await other.push("third", id=id) == id
            assert await other.find(id) is None
        assert await queue.stats() == EMPTY

    async def test_a_remembered_id_is_still_one_item(self, target: AsyncStore) -> None:
        """While the item is in the queue, it is found, taken and retried as any other."""
        queue = target.work_queue("mail")
        for _ in range(2):
            assert await queue.push("x", id="a", dedup=3600) == "a"
        await (await take(queue)).retry(delay=0)
        await (await take(queue)).bury("no")
        assert await queue.requeue_dead() == 1
        assert await drained(queue) == ["x"]

    async def test_without_dedup_a_done_id_is_queued_again(self, target: AsyncStore) -> None:
        """An id that was never pushed with `dedup` is free when its item is done."""
        queue = target.work_queue("mail")
        for item in ("first", "second"):
            await queue.push(item, id="a", dedup=0)
            assert await drained(queue) == [item]

    async def test_an_id_is_remembered_for_so_long(self, target: AsyncStore) -> None:
        """Afterwards it is queued again; pushes meanwhile did not prolong the time."""
        queue = target.work_queue("mail")
        await queue.push(0, id="a", dedup=0.5)
        await (await take(queue)).ack()
        pushes = 0

        async def queued() -> bool:
            nonlocal pushes
            pushes += 1
            await queue.push(pushes, id="a", dedup=0.5)
            return await queue.find("a") is not None

        await async_eventually(queued)
        assert pushes > 1
        assert (await take(queue)).item == pushes

    async def test_a_queued_item_is_remembered_from_then_on(self, target: AsyncStore) -> None:
        """A push with `dedup` of an id that is in the queue remembers it."""
        queue = target.work_queue("mail")
        await queue.push("x", id="a")
        await queue.push("x", id="a", dedup=3600)
        assert await drained(queue) == ["x"]
        await queue.push("x", id="a")
        assert await queue.stats() == EMPTY

    async def test_many_pushers_of_one_remembered_id(self, target: AsyncStore) -> None:
        """However pushes and takes follow one another, the item comes once."""
        queue = target.work_queue("mail")

        async def push_and_take(number: int) -> int:
            await queue.push(number, id="a", dedup=3600)
            delivery = await queue.take()
            if delivery is None:
                return 0
            await delivery.ack()
            return 1

        assert sum(await concurrently(push_and_take, [(n,) for n in range(20)])) == 1
        assert await queue.stats() == EMPTY

    async def test_dedup_needs_an_id(self, target: AsyncStore) -> None:
        """Without an id, and for what is no duration, it is InvalidArgument that names it."""
        queue: Any = target.work_queue("mail")
        with pytest.raises(InvalidArgument, match="dedup"):
            await queue.push(1, dedup=60)
        for dedup in (-1, float("nan"), "1", True, None):
            with pytest.raises(InvalidArgument, match="dedup"):
                await queue.push(1, id="a", dedup=dedup)
        assert await queue.stats() == EMPTY

    # --- names

    async def test_any_text_is_an_id(self, target: AsyncStore) -> None:
        """Hostile ids are found, remembered and cancelled, each by itself."""
        queue = target.work_queue("mail")
        for id in HOSTILE:
            await queue.push(id, id=id, dedup=3600)
        for left, id in zip(range(len(HOSTILE) - 1, -1, -1), HOSTILE, strict=True):
            found = await queue.find(id)
            assert found is not None
            assert (found.id, found.state) == (id, "ready")
            assert await queue.cancel(id) is True
            await queue.push(id, id=id)
            assert (await queue.stats()).ready == left
        other = target.work_queue("other")
        await other.push("x", id=HOSTILE[0])
        assert (await other.stats()).ready == 1

    @pytest.mark.parametrize("id", NO_NAMES, ids=ascii)
    async def test_what_is_no_id_is_refused(self, target: AsyncStore, id: Any) -> None:
        """`find` and `cancel` of what cannot be an id are InvalidArgument."""
        queue = target.work_queue("mail")
        for call in (queue.find, queue.cancel):
            with pytest.raises(InvalidArgument):
                await call(id)
