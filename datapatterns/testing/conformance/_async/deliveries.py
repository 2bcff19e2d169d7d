"""The tests of what work queues promise of deliveries: settling, leases, dead letters, pauses."""

from __future__ import annotations

import asyncio
import time
from typing import Any, ClassVar

import pytest

from datapatterns import AsyncStore
from datapatterns.core.work_queue import QueueStats
from datapatterns.errors import Conflict, InvalidArgument
from datapatterns.testing._async.concurrently import meanwhile
from datapatterns.testing.conformance._async.work_queue import (
    SHORT,
    Mail,
    assert_lost,
    drained,
    take,
)
from datapatterns.testing.waiting import PATIENCE, async_eventually, spans


class TestDeliveries:
    """Tests the deliveries of `target.work_queue`, from taking to settling."""

    pattern: ClassVar[str] = "work_queue"

    # --- settling

    async def test_ack_may_be_repeated(self, target: AsyncStore) -> None:
        """A second ack has no effect; any other call after an ack raises lease_lost."""
        queue = target.work_queue("mail")
        await queue.push(1)
        delivery = await take(queue)
        await delivery.ack()
        await delivery.ack()
        await assert_lost(delivery.retry)
        await assert_lost(delivery.bury, "no")
        await assert_lost(delivery.extend, 5)
        assert await queue.stats() == QueueStats(0, 0, 0, 0, 0)

    async def test_retry_hands_it_out_again(self, target: AsyncStore) -> None:
        """A retried item comes after the delay, as the next attempt, with the time of its push."""
        queue = target.work_queue("mail")
        await queue.push("x")
        first = await take(queue)
        began = time.monotonic()
        await first.retry(delay=0.4, error="it rained")
        second = await take(queue)
        assert time.monotonic() - began >= 0.35
        assert (second.id, second.attempt, second.pushed_at) == (first.id, 2, first.pushed_at)
        await assert_lost(first.ack)
        await second.ack()

    async def test_retry_waits_by_the_backoff(self, target: AsyncStore) -> None:
        """Without a delay the queue calls its backoff with the number of the failed attempt."""
        asked: list[int] = []

        def backoff(attempt: int) -> float:
            asked.append(attempt)
            return 0.0

        queue = target.work_queue("mail", backoff=backoff)
        await queue.push("x")
        await (await take(queue)).retry()
        await (await take(queue)).retry(error="again")
        assert asked == [1, 2]
        assert (await take(queue)).attempt == 3

    async def test_used_up_it_is_a_dead_letter(self, target: AsyncStore) -> None:
        """After `max_attempts` deliveries the item is a dead letter with its last error."""
        queue = target.work_queue("mail", max_attempts=3, backoff=lambda attempt: 0.0)
        id = await queue.push({"to": "a"})
        for attempt in (1, 2, 3):
            delivery = await take(queue)
            assert delivery.attempt == attempt
            await delivery.retry(error=f"error {attempt}")
        assert await queue.take() is None
        [letter] = await queue.dead_letters()
        assert (letter.id, letter.item, letter.attempts) == (id, {"to": "a"}, 3)
        assert letter.error == "error 3"
        assert letter.pushed_at == delivery.pushed_at <= letter.died_at
        assert await queue.stats() == QueueStats(0, 0, 0, 1, 0)

    async def test_the_last_error_is_kept(self, target: AsyncStore) -> None:
        """A retry without an error keeps the error of the retry before."""
        queue = target.work_queue("mail", max_attempts=2)
        await queue.push(1)
        await (await take(queue)).retry(delay=0, error="it rained")
        await (await take(queue)).retry(delay=0)
        assert [letter.error for letter in await queue.dead_letters()] == ["it rained"]

    async def test_bury_gives_up(self, target: AsyncStore) -> None:
        """`bury` makes the item a dead letter at once, with the reason."""
        queue = target.work_queue("mail")
        await queue.push("x")
        delivery = await take(queue)
        await delivery.bury("no such address é")
        assert await queue.take() is None
        [letter] = await queue.dead_letters()
        assert (letter.attempts, letter.error) == (1, "no such address é")
        await assert_lost(delivery.ack)

    async def test_release_puts_it_back(self, target: AsyncStore) -> None:
        """A released item comes first again, at its old place, and the attempt does not count."""
        queue = target.work_queue("mail")
        await queue.push_many(["x", "y"])
        first = await take(queue)
        await first.release()
        second = await take(queue)
        assert (second.item, second.attempt) == ("x", 1)
        await assert_lost(first.ack)
        await second.ack()

    async def test_a_delivery_knows_what_became_of_it(self, target: AsyncStore) -> None:
        """`settled` has the verb; `lost` is true once the lease has ended, and not before."""
        queue = target.work_queue("mail", max_attempts=1)
        await queue.push_many(["a", "b", "c", "d"])
        deliveries = [await take(queue) for _ in range(4)]
        assert {(each.settled, each.lost) for each in deliveries} == {(None, False)}
        await deliveries[0].ack()
        await deliveries[1].bury("no")
        await deliveries[2].retry()  # its last attempt was this one
        await deliveries[3].release()
        assert [each.settled for each in deliveries] == ["ack", "bury", "bury", "release"]
        assert not any(each.lost for each in deliveries)
        lapsing = await take(target.work_queue("mail", lease=SHORT))

        async def is_lost() -> bool:
            return lapsing.lost

        await async_eventually(is_lost)
        assert lapsing.settled is None
        # The backend counts the lease from a moment later than the holder does.
        assert (await take(target.work_queue("mail"))).id == lapsing.id
        await assert_lost(lapsing.ack)

    async def test_a_block_acks_on_success(self, target: AsyncStore) -> None:
        """Leaving the block without an error acks the item."""
        queue = target.work_queue("mail")
        await queue.push("x")
        async with await take(queue) as delivery:
            assert delivery.item == "x"
        assert await queue.stats() == QueueStats(0, 0, 0, 0, 0)

    async def test_a_block_retries_on_an_exception(self, target: AsyncStore) -> None:
        """The exception propagates, and becomes the item's last error."""
        queue = target.work_queue("mail", max_attempts=1)
        await queue.push("x")
        with pytest.raises(ZeroDivisionError):
            async with await take(queue):
                raise ZeroDivisionError("by nothing")
        [letter] = await queue.dead_letters()
        assert "ZeroDivisionError" in letter.error
        assert "by nothing" in letter.error

    async def test_a_block_may_settle_by_itself(self, target: AsyncStore) -> None:
        """An item settled inside the block stays so, whether the block succeeds or fails."""
        queue = target.work_queue("mail")
        await queue.push_many(["a", "b", "c"])
        async with await take(queue) as delivery:
            await delivery.bury("no")
        async with await take(queue) as delivery:
            await delivery.ack()
        with pytest.raises(ZeroDivisionError):
            async with await take(queue) as delivery:
                await delivery.ack()
                raise ZeroDivisionError
        assert await queue.stats() == QueueStats(0, 0, 0, 1, 0)

    # --- leases

    async def test_a_lost_item_comes_back(self, target: AsyncStore) -> None:
        """After its lease, never before, a waiting `take` gets the item; `requeued` counts it."""
        queue = target.work_queue("mail", lease=SHORT)
        await queue.push("x")
        began = time.monotonic()  # before the lease does
        first = await take(queue)
        second = await take(target.work_queue("mail", lease=60.0))
        assert SHORT - 0.05 <= time.monotonic() - began < SHORT + 5 + PATIENCE / 3
        assert (second.id, second.attempt) == (first.id, 2)
        stats = await queue.stats()
        assert (stats.leased, stats.requeued) == (1, 1)

    async def test_who_lost_the_lease_changes_nothing(self, target: AsyncStore) -> None:
        """Every call of a lost delivery raises lease_lost and leaves the new holder's alone."""
        await target.work_queue("mail").push("x")
        first = await take(target.work_queue("mail", lease=SHORT))
        queue = target.work_queue("mail", lease=60.0)
        second = await take(queue)
        await assert_lost(first.ack)
        await assert_lost(first.retry, 0)
        await assert_lost(first.bury, "no")
        await assert_lost(first.extend, 60)
        assert await queue.stats() == QueueStats(0, 0, 1, 0, 1)
        await second.extend(60)
        await second.ack()
        assert await queue.stats() == QueueStats(0, 0, 0, 0, 1)

    async def test_a_lapsed_lease_is_lost(self, target: AsyncStore) -> None:
        """A lease that has ended is lost even if the item was not taken since."""
        queue = target.work_queue("mail", lease=SHORT)
        await queue.push_many(["x", "y"])
        first, second = await take(queue), await take(queue)
        await asyncio.sleep(SHORT + 0.05)
        await assert_lost(first.ack)
        await assert_lost(second.extend, 60)
        assert await queue.stats() == QueueStats(2, 0, 0, 0, 2)

    async def test_a_block_that_lost_the_lease_says_so(self, target: AsyncStore) -> None:
        """The block's ack raises lease_lost; an exception inside the block still propagates."""
        await target.work_queue("mail").push("x")
        queue, other = target.work_queue("mail", lease=SHORT), target.work_queue("mail", lease=60.0)
        taken: list[Any] = []
        with pytest.raises(Conflict):
            async with await take(queue):
                taken.append(await take(other))
        await taken[0].retry(delay=0)
        with pytest.raises(ZeroDivisionError):
            async with await take(queue):
                await take(other)
                raise ZeroDivisionError

    async def test_extend_holds_it_longer(self, target: AsyncStore) -> None:
        """An extended item does not come back within the new time, and can be acked."""
        for span in spans():
            queue = target.work_queue(f"mail {span.seconds}", lease=span.seconds)
            await queue.push("x")
            with span:
                delivery = await take(queue)
                await delivery.extend(PATIENCE)
                assert await queue.take(timeout=span.seconds + 0.5) is None
                await delivery.ack()
                assert await queue.stats() == QueueStats(0, 0, 0, 0, 0)

    async def test_extend_can_shorten(self, target: AsyncStore) -> None:
        """`extend` counts from now; it does not add to the time that remains."""
        queue = target.work_queue("mail", lease=600.0)
        await queue.push("x")
        delivery = await take(queue)
        await delivery.extend(SHORT)
        assert (await take(queue)).attempt == 2

    async def test_a_lost_item_can_be_used_up(self, target: AsyncStore) -> None:
        """A lease that ends on the last attempt makes a dead letter with the item's last error."""
        queue = target.work_queue("mail", max_attempts=2)
        await queue.push("x")
        await (await take(queue)).retry(delay=0, error="it rained")
        queue = target.work_queue("mail", lease=SHORT, max_attempts=2)
        assert (await take(queue)).attempt == 2

        async def dead() -> Any:
            assert await queue.take() is None
            return await queue.dead_letters()

        [letter] = await async_eventually(dead)
        assert letter.attempts == 2
        assert "lease" in letter.error
        assert "it rained" in letter.error
        assert (await queue.stats()).requeued == 1

    async def test_a_lost_item_keeps_its_place(self, target: AsyncStore) -> None:
        """A lost item comes before items that were pushed after it."""
        queue = target.work_queue("mail", lease=SHORT)
        await queue.push_many(["a", "b"])
        assert (await take(queue)).item == "a"
        await asyncio.sleep(SHORT + 0.1)
        assert await drained(target.work_queue("mail")) == ["a", "b"]

    # --- looking after it

    async def test_stats_tell_what_is_where(self, target: AsyncStore) -> None:
        """`stats` counts the ready, delayed, leased and dead items."""
        queue = target.work_queue("mail")
        await queue.push_many(range(6))
        await queue.push(6, delay=3600)
        await (await take(queue)).bury("no")
        await take(queue)
        await take(queue)
        assert await queue.stats() == QueueStats(3, 1, 2, 1, 0)

    async def test_dead_letters_come_oldest_first(self, target: AsyncStore) -> None:
        """`dead_letters` returns the oldest ones, at most `limit` of them."""
        queue = target.work_queue("mail")
        await queue.push_many(range(5))
        for _ in range(5):
            await (await take(queue)).bury("no")
        assert [letter.item for letter in await queue.dead_letters()] == [0, 1, 2, 3, 4]
        assert [letter.item for letter in await queue.dead_letters(limit=2)] == [0, 1]
        with pytest.raises(InvalidArgument):
            await queue.dead_letters(limit=0)

    async def test_dead_letters_show_models(self, target: AsyncStore) -> None:
        """A dead letter has its item as an instance of the model, if it fits."""
        queue = target.work_queue("mail", Mail)
        await queue.push(Mail(to="a"))
        await (await take(queue)).bury("no")
        assert [letter.item for letter in await queue.dead_letters()] == [Mail(to="a")]

    async def test_requeued_dead_start_afresh(self, target: AsyncStore) -> None:
        """All dead letters, or those of the ids, begin again behind the ready items."""
        queue = target.work_queue("mail", max_attempts=1)
        ids = await queue.push_many(range(4))
        for _ in range(4):
            await (await take(queue)).retry(error="it rained")
        await queue.push(9)
        assert await queue.requeue_dead([ids[2], "unknown", ids[2]]) == 1
        assert await queue.requeue_dead([]) == 0
        assert (await queue.stats()).dead == 3
        assert await queue.requeue_dead() == 3
        assert await queue.requeue_dead() == 0
        await (await take(queue)).ack()
        delivery = await take(queue)
        assert (delivery.item, delivery.attempt) == (2, 1)
        await delivery.retry()
        [letter] = await queue.dead_letters()
        assert letter.error == ""
        assert await drained(queue) == [0, 1, 3]

    async def test_only_dead_ones_are_requeued(self, target: AsyncStore) -> None:
        """Requeueing the id of a ready or leased item has no effect."""
        queue = target.work_queue("mail")
        ids = await queue.push_many(range(2))
        delivery = await take(queue)
        assert await queue.requeue_dead(ids) == 0
        await delivery.ack()
        assert await drained(queue) == [1]

    async def test_purge_leaves_what_is_worked_on(self, target: AsyncStore) -> None:
        """`purge` removes and counts all items but the leased ones, and frees their ids."""
        queue = target.work_queue("mail")
        await queue.push_many(range(4))
        await queue.push(4, id="a", delay=3600, priority=7)
        leased, dead = await take(queue), await take(queue)
        await dead.bury("no")
        assert await queue.purge() == 4
        assert await queue.purge() == 0
        assert await queue.stats() == QueueStats(0, 0, 1, 0, 0)
        assert await queue.dead_letters() == []
        await leased.retry(delay=0)
        await queue.push(5, id="a")
        assert await drained(queue) == [0, 5]

    async def test_a_paused_queue_hands_out_nothing(self, target: AsyncStore) -> None:
        """Pushing and settling go on in a pause; `resume` wakes waiting takers."""
        queue, other = target.work_queue("mail"), target.work_queue("mail")
        await queue.push_many(["a", "b"])
        delivery = await take(queue)
        await queue.pause()
        await queue.pause()
        assert await other.take() is None
        assert await other.take(timeout=0.2) is None
        await delivery.ack()
        await other.push("c")
        assert (await queue.stats()).ready == 2
        got: list[Any] = []

        async def wait() -> None:
            got.append((await take(other)).item)

        async with meanwhile(wait):
            await asyncio.sleep(0.2)
            assert got == []
            await queue.resume()
        await queue.resume()
        assert got == ["b"]

    async def test_a_delivery_checks_its_arguments(self, target: AsyncStore) -> None:
        """A bad argument raises InvalidArgument and leaves the delivery unchanged."""
        queue = target.work_queue("mail")
        await queue.push(1)
        delivery: Any = await take(queue)
        for method, argument in (
            (delivery.retry, -1), (delivery.extend, 0), (delivery.extend, float("nan")),
            (delivery.bury, None), (delivery.retry, "1"),
        ):  # fmt: skip
            with pytest.raises(InvalidArgument):
                await method(argument)
        await delivery.ack()
