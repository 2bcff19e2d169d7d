# Generated from datapatterns/testing/conformance/_async/deliveries.py by scripts/unasync.py; do not edit.
"""The tests of what work queues promise of deliveries: settling, leases, dead letters, pauses."""

from __future__ import annotations

import time
from typing import Any, ClassVar

import pytest

from datapatterns import Store
from datapatterns.core.work_queue import QueueStats
from datapatterns.errors import Conflict, InvalidArgument
from datapatterns.testing._sync.concurrently import meanwhile
from datapatterns.testing.conformance._sync.work_queue import (
    SHORT,
    Mail,
    assert_lost,
    drained,
    take,
)
from datapatterns.testing.waiting import PATIENCE, eventually, spans


class TestDeliveries:
    """Tests the deliveries of `target.work_queue`, from taking to settling."""

    pattern: ClassVar[str] = "work_queue"

    # --- settling

    def test_ack_may_be_repeated(self, target: Store) -> None:
        """A second ack has no effect; any other call after an ack raises lease_lost."""
        queue = target.work_queue("mail")
        queue.push(1)
        delivery = take(queue)
        delivery.ack()
        delivery.ack()
        assert_lost(delivery.retry)
        assert_lost(delivery.bury, "no")
        assert_lost(delivery.extend, 5)
        assert queue.stats() == QueueStats(0, 0, 0, 0, 0)

    def test_retry_hands_it_out_again(self, target: Store) -> None:
        """A retried item comes after the delay, as the next attempt, with the time of its push."""
        queue = target.work_queue("mail")
        queue.push("x")
        first = take(queue)
        began = time.monotonic()
        first.retry(delay=0.4, error="it rained")
        second = take(queue)
        assert time.monotonic() - began >= 0.35
        assert (second.id, second.attempt, second.pushed_at) == (first.id, 2, first.pushed_at)
        assert_lost(first.ack)
        second.ack()

    def test_retry_waits_by_the_backoff(self, target: Store) -> None:
        """Without a delay the queue calls its backoff with the number of the failed attempt."""
        asked: list[int] = []

        def backoff(attempt: int) -> float:
            asked.append(attempt)
            return 0.0

        queue = target.work_queue("mail", backoff=backoff)
        queue.push("x")
        (take(queue)).retry()
        (take(queue)).retry(error="again")
        assert asked == [1, 2]
        assert (take(queue)).attempt == 3

    def test_used_up_it_is_a_dead_letter(self, target: Store) -> None:
        """After `max_attempts` deliveries the item is a dead letter with its last error."""
        queue = target.work_queue("mail", max_attempts=3, backoff=lambda attempt: 0.0)
        id = queue.push({"to": "a"})
        for attempt in (1, 2, 3):
            delivery = take(queue)
            assert delivery.attempt == attempt
            delivery.retry(error=f"error {attempt}")
        assert queue.take() is None
        [letter] = queue.dead_letters()
        assert (letter.id, letter.item, letter.attempts) == (id, {"to": "a"}, 3)
        assert letter.error == "error 3"
        assert letter.pushed_at == delivery.pushed_at <= letter.died_at
        assert queue.stats() == QueueStats(0, 0, 0, 1, 0)

    def test_the_last_error_is_kept(self, target: Store) -> None:
        """A retry without an error keeps the error of the retry before."""
        queue = target.work_queue("mail", max_attempts=2)
        queue.push(1)
        (take(queue)).retry(delay=0, error="it rained")
        (take(queue)).retry(delay=0)
        assert [letter.error for letter in queue.dead_letters()] == ["it rained"]

    def test_bury_gives_up(self, target: Store) -> None:
        """`bury` makes the item a dead letter at once, with the reason."""
        queue = target.work_queue("mail")
        queue.push("x")
        delivery = take(queue)
        delivery.bury("no such address é")
        assert queue.take() is None
        [letter] = queue.dead_letters()
        assert (letter.attempts, letter.error) == (1, "no such address é")
        assert_lost(delivery.ack)

    def test_release_puts_it_back(self, target: Store) -> None:
        """A released item comes first again, at its old place, and the attempt does not count."""
        queue = target.work_queue("mail")
        queue.push_many(["x", "y"])
        first = take(queue)
        first.release()
        second = take(queue)
        assert (second.item, second.attempt) == ("x", 1)
        assert_lost(first.ack)
        second.ack()

    def test_a_delivery_knows_what_became_of_it(self, target: Store) -> None:
        """`settled` has the verb; `lost` is true once the lease has ended, and not before."""
        queue = target.work_queue("mail", max_attempts=1)
        queue.push_many(["a", "b", "c", "d"])
        deliveries = [take(queue) for _ in range(4)]
        assert {(each.settled, each.lost) for each in deliveries} == {(None, False)}
        deliveries[0].ack()
        deliveries[1].bury("no")
        deliveries[2].retry()  # its last attempt was this one
        deliveries[3].release()
        assert [each.settled for each in deliveries] == ["ack", "bury", "bury", "release"]
        assert not any(each.lost for each in deliveries)
        lapsing = take(target.work_queue("mail", lease=SHORT))

        def is_lost() -> bool:
            return lapsing.lost

        eventually(is_lost)
        assert lapsing.settled is None
        # The backend counts the lease from a moment later than the holder does.
        assert (take(target.work_queue("mail"))).id == lapsing.id
        assert_lost(lapsing.ack)

    def test_a_block_acks_on_success(self, target: Store) -> None:
        """Leaving the block without an error acks the item."""
        queue = target.work_queue("mail")
        queue.push("x")
        with take(queue) as delivery:
            assert delivery.item == "x"
        assert queue.stats() == QueueStats(0, 0, 0, 0, 0)

    def test_a_block_retries_on_an_exception(self, target: Store) -> None:
        """The exception propagates, and becomes the item's last error."""
        queue = target.work_queue("mail", max_attempts=1)
        queue.push("x")
        with pytest.raises(ZeroDivisionError):
            with take(queue):
                raise ZeroDivisionError("by nothing")
        [letter] = queue.dead_letters()
        assert "ZeroDivisionError" in letter.error
        assert "by nothing" in letter.error

    def test_a_block_may_settle_by_itself(self, target: Store) -> None:
        """An item settled inside the block stays so, whether the block succeeds or fails."""
        queue = target.work_queue("mail")
        queue.push_many(["a", "b", "c"])
        with take(queue) as delivery:
            delivery.bury("no")
        with take(queue) as delivery:
            delivery.ack()
        with pytest.raises(ZeroDivisionError):
            with take(queue) as delivery:
                delivery.ack()
                raise ZeroDivisionError
        assert queue.stats() == QueueStats(0, 0, 0, 1, 0)

    # --- leases

    def test_a_lost_item_comes_back(self, target: Store) -> None:
        """After its lease, never before, a waiting `take` gets the item; `requeued` counts it."""
        queue = target.work_queue("mail", lease=SHORT)
        queue.push("x")
        began = time.monotonic()  # before the lease does
        first = take(queue)
        second = take(target.work_queue("mail", lease=60.0))
        assert SHORT - 0.05 <= time.monotonic() - began < SHORT + 5 + PATIENCE / 3
        assert (second.id, second.attempt) == (first.id, 2)
        stats = queue.stats()
        assert (stats.leased, stats.requeued) == (1, 1)

    def test_who_lost_the_lease_changes_nothing(self, target: Store) -> None:
        """Every call of a lost delivery raises lease_lost and leaves the new holder's alone."""
        target.work_queue("mail").push("x")
        first = take(target.work_queue("mail", lease=SHORT))
        queue = target.work_queue("mail", lease=60.0)
        second = take(queue)
        assert_lost(first.ack)
        assert_lost(first.retry, 0)
        assert_lost(first.bury, "no")
        assert_lost(first.extend, 60)
        assert queue.stats() == QueueStats(0, 0, 1, 0, 1)
        second.extend(60)
        second.ack()
        assert queue.stats() == QueueStats(0, 0, 0, 0, 1)

    def test_a_lapsed_lease_is_lost(self, target: Store) -> None:
        """A lease that has ended is lost even if the item was not taken since."""
        queue = target.work_queue("mail", lease=SHORT)
        queue.push_many(["x", "y"])
        first, second = take(queue), take(queue)
        time.sleep(SHORT + 0.05)
        assert_lost(first.ack)
        assert_lost(second.extend, 60)
        assert queue.stats() == QueueStats(2, 0, 0, 0, 2)

    def test_a_block_that_lost_the_lease_says_so(self, target: Store) -> None:
        """The block's ack raises lease_lost; an exception inside the block still propagates."""
        target.work_queue("mail").push("x")
        queue, other = target.work_queue("mail", lease=SHORT), target.work_queue("mail", lease=60.0)
        taken: list[Any] = []
        with pytest.raises(Conflict):
            with take(queue):
                taken.append(take(other))
        taken[0].retry(delay=0)
        with pytest.raises(ZeroDivisionError):
            with take(queue):
                take(other)
                raise ZeroDivisionError

    def test_extend_holds_it_longer(self, target: Store) -> None:
        """An extended item does not come back within the new time, and can be acked."""
        for span in spans():
            queue = target.work_queue(f"mail {span.seconds}", lease=span.seconds)
            queue.push("x")
            with span:
                delivery = take(queue)
                delivery.extend(PATIENCE)
                assert queue.take(timeout=span.seconds + 0.5) is None
                delivery.ack()
                assert queue.stats() == QueueStats(0, 0, 0, 0, 0)

    def test_extend_can_shorten(self, target: Store) -> None:
        """`extend` counts from now; it does not add to the time that remains."""
        queue = target.work_queue("mail", lease=600.0)
        queue.push("x")
        delivery = take(queue)
        delivery.extend(SHORT)
        assert (take(queue)).attempt == 2

    def test_a_lost_item_can_be_used_up(self, target: Store) -> None:
        """A lease that ends on the last attempt makes a dead letter with the item's last error."""
        queue = target.work_queue("mail", max_attempts=2)
        queue.push("x")
        (take(queue)).retry(delay=0, error="it rained")
        queue = target.work_queue("mail", lease=SHORT, max_attempts=2)
        assert (take(queue)).attempt == 2

        def dead() -> Any:
            assert queue.take() is None
            return queue.dead_letters()

        [letter] = eventually(dead)
        assert letter.attempts == 2
        assert "lease" in letter.error
        assert "it rained" in letter.error
        assert (queue.stats()).requeued == 1

    def test_a_lost_item_keeps_its_place(self, target: Store) -> None:
        """A lost item comes before items that were pushed after it."""
        queue = target.work_queue("mail", lease=SHORT)
        queue.push_many(["a", "b"])
        assert (take(queue)).item == "a"
        time.sleep(SHORT + 0.1)
        assert drained(target.work_queue("mail")) == ["a", "b"]

    # --- looking after it

    def test_stats_tell_what_is_where(self, target: Store) -> None:
        """`stats` counts the ready, delayed, leased and dead items."""
        queue = target.work_queue("mail")
        queue.push_many(range(6))
        queue.push(6, delay=3600)
        (take(queue)).bury("no")
        take(queue)
        take(queue)
        assert queue.stats() == QueueStats(3, 1, 2, 1, 0)

    def test_dead_letters_come_oldest_first(self, target: Store) -> None:
        """`dead_letters` returns the oldest ones, at most `limit` of them."""
        queue = target.work_queue("mail")
        queue.push_many(range(5))
        for _ in range(5):
            (take(queue)).bury("no")
        assert [letter.item for letter in queue.dead_letters()] == [0, 1, 2, 3, 4]
        assert [letter.item for letter in queue.dead_letters(limit=2)] == [0, 1]
        with pytest.raises(InvalidArgument):
            queue.dead_letters(limit=0)

    def test_dead_letters_show_models(self, target: Store) -> None:
        """A dead letter has its item as an instance of the model, if it fits."""
        queue = target.work_queue("mail", Mail)
        queue.push(Mail(to="a"))
        (take(queue)).bury("no")
        assert [letter.item for letter in queue.dead_letters()] == [Mail(to="a")]

    def test_requeued_dead_start_afresh(self, target: Store) -> None:
        """All dead letters, or those of the ids, begin again behind the ready items."""
        queue = target.work_queue("mail", max_attempts=1)
        ids = queue.push_many(range(4))
        for _ in range(4):
            (take(queue)).retry(error="it rained")
        queue.push(9)
        assert queue.requeue_dead([ids[2], "unknown", ids[2]]) == 1
        assert queue.requeue_dead([]) == 0
        assert (queue.stats()).dead == 3
        assert queue.requeue_dead() == 3
        assert queue.requeue_dead() == 0
        (take(queue)).ack()
        delivery = take(queue)
        assert (delivery.item, delivery.attempt) == (2, 1)
        delivery.retry()
        [letter] = queue.dead_letters()
        assert letter.error == ""
        assert drained(queue) == [0, 1, 3]

    def test_only_dead_ones_are_requeued(self, target: Store) -> None:
        """Requeueing the id of a ready or leased item has no effect."""
        queue = target.work_queue("mail")
        ids = queue.push_many(range(2))
        delivery = take(queue)
        assert queue.requeue_dead(ids) == 0
        delivery.ack()
        assert drained(queue) == [1]

    def test_purge_leaves_what_is_worked_on(self, target: Store) -> None:
        """`purge` removes and counts all items but the leased ones, and frees their ids."""
        queue = target.work_queue("mail")
        queue.push_many(range(4))
        queue.push(4, id="a", delay=3600, priority=7)
        leased, dead = take(queue), take(queue)
        dead.bury("no")
        assert queue.purge() == 4
        assert queue.purge() == 0
        assert queue.stats() == QueueStats(0, 0, 1, 0, 0)
        assert queue.dead_letters() == []
        leased.retry(delay=0)
        queue.push(5, id="a")
        assert drained(queue) == [0, 5]

    def test_a_paused_queue_hands_out_nothing(self, target: Store) -> None:
        """Pushing and settling go on in a pause; `resume` wakes waiting takers."""
        queue, other = target.work_queue("mail"), target.work_queue("mail")
        queue.push_many(["a", "b"])
        delivery = take(queue)
        queue.pause()
        queue.pause()
        assert other.take() is None
        assert other.take(timeout=0.2) is None
        delivery.ack()
        other.push("c")
        assert (queue.stats()).ready == 2
        got: list[Any] = []

        def wait() -> None:
            got.append((take(other)).item)

        with meanwhile(wait):
            time.sleep(0.2)
            assert got == []
            queue.resume()
        queue.resume()
        assert got == ["b"]

    def test_a_delivery_checks_its_arguments(self, target: Store) -> None:
        """A bad argument raises InvalidArgument and leaves the delivery unchanged."""
        queue = target.work_queue("mail")
        queue.push(1)
        delivery: Any = take(queue)
        for method, argument in (
            (delivery.retry, -1), (delivery.extend, 0), (delivery.extend, float("nan")),
            (delivery.bury, None), (delivery.retry, "1"),
        ):  # fmt: skip
            with pytest.raises(InvalidArgument):
                method(argument)
        delivery.ack()
