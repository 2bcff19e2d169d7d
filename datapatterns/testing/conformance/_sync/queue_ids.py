# Generated from datapatterns/testing/conformance/_async/queue_ids.py by scripts/unasync.py; do not edit.
"""The tests of what a work queue promises of an item's id: find, cancel, and push with `dedup`."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest

from datapatterns import InvalidArgument, ItemState, Store
from datapatterns.core.work_queue import QueueStats
from datapatterns.testing._sync.concurrently import concurrently
from datapatterns.testing.conformance._sync.work_queue import SHORT, assert_lost, drained, take
from datapatterns.testing.conformance.samples import HOSTILE, NO_NAMES
from datapatterns.testing.waiting import eventually

EMPTY = QueueStats(0, 0, 0, 0, 0)


class TestQueueIds:
    """Tests `find`, `cancel` and `dedup` of `target.work_queue`."""

    pattern: ClassVar[str] = "work_queue"

    # --- find

    def test_find_follows_an_item(self, target: Store) -> None:
        """It says where the item is, after how many attempts, and with which error."""
        queue = target.work_queue("mail", lease=60.0)
        assert queue.find("a") is None
        queue.push("x", id="a")
        found = queue.find("a")
        assert found is not None
        assert abs(found.pushed_at - datetime.now(UTC)) < timedelta(minutes=1)
        assert found == ItemState("a", "ready", 0, found.pushed_at)
        delivery = take(queue)
        assert delivery.pushed_at == found.pushed_at
        assert queue.find("a") == ItemState("a", "leased", 1, found.pushed_at)
        delivery.retry(delay=3600, error="it rained")
        delayed = queue.find("a")
        assert delayed is not None
        assert (delayed.state, delayed.attempts, delayed.error) == ("delayed", 1, "it rained")
        assert delayed.due_at is not None
        assert timedelta(0) < delayed.due_at - found.pushed_at - timedelta(hours=1)
        assert queue.cancel("a")
        assert queue.find("a") is None

    def test_find_of_a_dead_letter(self, target: Store) -> None:
        """A dead letter has its last error; requeued it is ready, as a new item."""
        queue = target.work_queue("mail")
        queue.push("x", id="a")
        delivery = take(queue)
        delivery.bury("no such address")
        dead = ItemState("a", "dead", 1, delivery.pushed_at, "no such address")
        assert queue.find("a") == dead
        assert queue.requeue_dead() == 1
        assert queue.find("a") == ItemState("a", "ready", 0, delivery.pushed_at)

    def test_what_is_due_is_ready(self, target: Store) -> None:
        """A delayed item is ready once its delay is over, although nobody has looked for it."""
        queue = target.work_queue("mail")
        queue.push("x", id="a", delay=0.1)

        def ready() -> bool:
            found = queue.find("a")
            return found is not None and (found.state, found.due_at) == ("ready", None)

        eventually(ready)

    # --- cancel

    @pytest.mark.parametrize("delay", [0, 3600])
    def test_a_waiting_item_is_cancelled(self, target: Store, delay: int) -> None:
        """A ready or delayed item is gone, the others stay, and its id is free."""
        queue = target.work_queue("mail")
        queue.push("first", id="a")
        queue.push("second", id="b", delay=delay)
        queue.push("third", id="c")
        assert queue.cancel("b") is True
        assert queue.cancel("b") is False
        assert queue.stats() == QueueStats(2, 0, 0, 0, 0)
        queue.push("fourth", id="b")
        assert drained(queue) == ["first", "third", "fourth"]

    def test_a_dead_letter_is_cancelled(self, target: Store) -> None:
        """It is not among the dead letters any more, and cannot be requeued."""
        queue = target.work_queue("mail")
        for id in ("a", "b"):
            queue.push(id, id=id)
            (take(queue)).bury("no")
        assert queue.cancel("a") is True
        assert [letter.id for letter in queue.dead_letters()] == ["b"]
        assert queue.requeue_dead(["a"]) == 0
        assert queue.stats() == QueueStats(0, 0, 0, 1, 0)

    @pytest.mark.parametrize("verb", ["ack", "retry", "bury", "release", "extend"])
    def test_the_holder_of_a_cancelled_item_has_lost_it(self, target: Store, verb: str) -> None:
        """Whatever the holder does raises lease_lost and changes nothing; `lost` becomes true."""
        queue = target.work_queue("mail", lease=60.0)
        queue.push("x", id="a")
        delivery = take(queue)
        assert queue.cancel("a") is True
        assert queue.find("a") is None
        arguments: tuple[Any, ...] = {"bury": ("no",), "extend": (60,)}.get(verb, ())
        assert_lost(getattr(delivery, verb), *arguments)
        assert delivery.lost
        assert delivery.settled is None
        assert queue.stats() == EMPTY

    def test_a_cancelled_id_can_be_pushed_again(self, target: Store) -> None:
        """The former holder has no hold on the new item of the same id."""
        queue = target.work_queue("mail", lease=60.0)
        queue.push("old", id="a")
        old = take(queue)
        assert queue.cancel("a") is True
        queue.push("new", id="a")
        new = take(queue)
        assert (new.item, new.attempt) == ("new", 1)
        assert_lost(old.ack)
        new.ack()
        assert queue.stats() == EMPTY

    def test_a_cancelled_item_does_not_come_back(self, target: Store) -> None:
        """Nothing is taken back when the lease of a cancelled item would have ended."""
        queue = target.work_queue("mail", lease=SHORT)
        queue.push("x", id="a")
        take(queue)
        assert queue.cancel("a") is True
        assert queue.take(timeout=2 * SHORT) is None
        assert queue.stats() == EMPTY

    def test_a_lapsed_item_is_cancelled(self, target: Store) -> None:
        """An item whose lease has ended, and which nobody took back, is gone as well."""
        queue = target.work_queue("mail", lease=SHORT)
        queue.push("x", id="a")
        take(queue)
        time.sleep(1.5 * SHORT)
        assert queue.cancel("a") is True
        assert queue.take() is None
        assert queue.stats() == EMPTY

    def test_one_of_many_cancels_finds_the_item(self, target: Store) -> None:
        """Of many concurrent calls exactly one returns True."""
        queue = target.work_queue("mail")
        queue.push("x", id="a")
        assert sum(concurrently(queue.cancel, [("a",)] * 10)) == 1

    # --- dedup

    def test_a_remembered_id_is_not_queued_again(self, target: Store) -> None:
        """Whether done, buried and purged, or cancelled: no push queues it, on any object."""
        queue = target.work_queue("mail")
        for id in ("done", "purged", "cancelled"):
            assert queue.push("first", id=id, dedup=3600) == id
        (take(queue)).ack()
        (take(queue)).bury("no")
        assert queue.cancel("cancelled") is True
        assert queue.purge() == 1
        other = target.work_queue("mail")
        for id in ("done", "purged", "cancelled"):
            assert other.push("second", id=id, dedup=timedelta(hours=1)) == id
            assert other.push("third", id=id) == id
            assert other.find(id) is None
        assert queue.stats() == EMPTY

    def test_a_remembered_id_is_still_one_item(self, target: Store) -> None:
        """While the item is in the queue, it is found, taken and retried as any other."""
        queue = target.work_queue("mail")
        for _ in range(2):
            assert queue.push("x", id="a", dedup=3600) == "a"
        (take(queue)).retry(delay=0)
        (take(queue)).bury("no")
        assert queue.requeue_dead() == 1
        assert drained(queue) == ["x"]

    def test_without_dedup_a_done_id_is_queued_again(self, target: Store) -> None:
        """An id that was never pushed with `dedup` is free when its item is done."""
        queue = target.work_queue("mail")
        for item in ("first", "second"):
            queue.push(item, id="a", dedup=0)
            assert drained(queue) == [item]

    def test_an_id_is_remembered_for_so_long(self, target: Store) -> None:
        """Afterwards it is queued again; pushes meanwhile did not prolong the time."""
        queue = target.work_queue("mail")
        queue.push(0, id="a", dedup=0.5)
        (take(queue)).ack()
        pushes = 0

        def queued() -> bool:
            nonlocal pushes
            pushes += 1
            queue.push(pushes, id="a", dedup=0.5)
            return queue.find("a") is not None

        eventually(queued)
        assert pushes > 1
        assert (take(queue)).item == pushes

    def test_a_queued_item_is_remembered_from_then_on(self, target: Store) -> None:
        """A push with `dedup` of an id that is in the queue remembers it."""
        queue = target.work_queue("mail")
        queue.push("x", id="a")
        queue.push("x", id="a", dedup=3600)
        assert drained(queue) == ["x"]
        queue.push("x", id="a")
        assert queue.stats() == EMPTY

    def test_many_pushers_of_one_remembered_id(self, target: Store) -> None:
        """However pushes and takes follow one another, the item comes once."""
        queue = target.work_queue("mail")

        def push_and_take(number: int) -> int:
            queue.push(number, id="a", dedup=3600)
            delivery = queue.take()
            if delivery is None:
                return 0
            delivery.ack()
            return 1

        assert sum(concurrently(push_and_take, [(n,) for n in range(20)])) == 1
        assert queue.stats() == EMPTY

    def test_dedup_needs_an_id(self, target: Store) -> None:
        """Without an id, and for what is no duration, it is InvalidArgument that names it."""
        queue: Any = target.work_queue("mail")
        with pytest.raises(InvalidArgument, match="dedup"):
            queue.push(1, dedup=60)
        for dedup in (-1, float("nan"), "1", True, None):
            with pytest.raises(InvalidArgument, match="dedup"):
                queue.push(1, id="a", dedup=dedup)
        assert queue.stats() == EMPTY

    # --- names

    def test_any_text_is_an_id(self, target: Store) -> None:
        """Hostile ids are found, remembered and cancelled, each by itself."""
        queue = target.work_queue("mail")
        for id in HOSTILE:
            queue.push(id, id=id, dedup=3600)
        for left, id in zip(range(len(HOSTILE) - 1, -1, -1), HOSTILE, strict=True):
            found = queue.find(id)
            assert found is not None
            assert (found.id, found.state) == (id, "ready")
            assert queue.cancel(id) is True
            queue.push(id, id=id)
            assert (queue.stats()).ready == left
        other = target.work_queue("other")
        other.push("x", id=HOSTILE[0])
        assert (other.stats()).ready == 1

    @pytest.mark.parametrize("id", NO_NAMES, ids=ascii)
    def test_what_is_no_id_is_refused(self, target: Store, id: Any) -> None:
        """`find` and `cancel` of what cannot be an id are InvalidArgument."""
        queue = target.work_queue("mail")
        for call in (queue.find, queue.cancel):
            with pytest.raises(InvalidArgument):
                call(id)
