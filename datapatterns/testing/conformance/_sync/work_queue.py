# Generated from datapatterns/testing/conformance/_async/work_queue.py by scripts/unasync.py; do not edit.
"""The tests of what every work queue promises: pushing, taking, order, names, arguments."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

import pytest
from pydantic import BaseModel, Field

from datapatterns import Store
from datapatterns.core.work_queue import QueueStats
from datapatterns.errors import Conflict, DataError, DecodeFailed, InvalidArgument, InvalidData
from datapatterns.testing._sync.concurrently import concurrently, meanwhile
from datapatterns.testing.conformance.samples import AS_JSON, HOSTILE, NO_NAMES
from datapatterns.testing.waiting import PATIENCE, eventually, spans

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


def take(queue: Any) -> Any:
    """Return the next delivery; fail if the queue gives none in time."""
    delivery = queue.take(timeout=PATIENCE)
    assert delivery is not None
    return delivery


def drained(queue: Any) -> list[Any]:
    """Take and ack all ready items; return them in the order of the deliveries."""
    items: list[Any] = []
    while (delivery := queue.take()) is not None:
        items.append(delivery.item)
        delivery.ack()
    return items


def assert_lost(call: Callable[..., Any], *arguments: Any) -> None:
    """Assert that the call raises Conflict with the reason lease_lost."""
    with pytest.raises(Conflict) as raised:
        call(*arguments)
    assert raised.value.reason == "lease_lost"


class TestWorkQueue:
    """Tests `target.work_queue` on a backend that declares `work_queue`."""

    pattern: ClassVar[str] = "work_queue"

    # --- pushing and taking

    def test_an_item_is_pushed_taken_and_acked(self, target: Store) -> None:
        """A delivery has its id, item, attempt and time; an acked item is gone."""
        queue = target.work_queue("mail")
        before = datetime.now(UTC) - timedelta(seconds=5)
        id = queue.push({"to": "a"})
        delivery = take(queue)
        assert (delivery.id, delivery.item, delivery.attempt) == (id, {"to": "a"}, 1)
        assert before < delivery.pushed_at < datetime.now(UTC) + timedelta(seconds=5)
        assert delivery.pushed_at.tzinfo is not None
        assert queue.take() is None
        delivery.ack()
        assert queue.stats() == QueueStats(0, 0, 0, 0, 0)

    def test_what_json_has_no_type_for(self, target: Store) -> None:
        """Without a model, dates, numbers, ids, paths and tuples come back as strings and lists."""
        queue = target.work_queue("mail")
        for item, _ in AS_JSON:
            queue.push(item)
        assert drained(queue) == [plain for _, plain in AS_JSON]

    def test_an_empty_queue_gives_nothing(self, target: Store) -> None:
        """`take` returns None, at once or after its timeout."""
        queue = target.work_queue("mail")
        assert queue.take() is None
        began = time.monotonic()
        assert queue.take(timeout=0.3) is None
        assert time.monotonic() - began >= 0.29

    def test_every_json_value_is_an_item(self, target: Store) -> None:
        """`take` returns the item that was pushed, null included."""
        queue = target.work_queue("mail")
        for item in ITEMS:
            queue.push(item)
        assert drained(queue) == ITEMS

    @pytest.mark.parametrize("item", [float("nan"), {1, 2}, object(), {"a": b"\xff"}, "\ud800"])
    def test_what_is_no_json_is_refused(self, target: Store, item: Any) -> None:
        """A push of a value that is not JSON is refused with 400, and nothing is queued."""
        queue = target.work_queue("mail")
        with pytest.raises(DataError) as raised:
            queue.push(item)
        assert raised.value.status == 400
        with pytest.raises(DataError) as raised:
            queue.push_many([1, item])
        assert raised.value.status == 400
        assert (queue.stats()).ready == 0

    def test_models_are_items(self, target: Store) -> None:
        """An instance comes back as an equal instance."""
        queue = target.work_queue("mail", Mail)
        queue.push(Mail(to="a", size=3))
        queue.push_many([Mail(to="b")])
        assert drained(queue) == [Mail(to="a", size=3), Mail(to="b")]

    def test_items_are_validated_on_push(self, target: Store) -> None:
        """An item that the model refuses is InvalidData with the place, and is not queued."""
        queue = target.work_queue("mail", Mail)
        broken = Mail(to="a")
        broken.to = ""
        for item in (broken, {"to": ""}):
            with pytest.raises(InvalidData) as raised:
                queue.push(item)
            assert [error["loc"] for error in raised.value.errors] == [("to",)]
        with pytest.raises(InvalidData):
            queue.push_many([Mail(to="a"), broken])
        untyped: Any = "no mail"
        with pytest.raises(InvalidArgument):
            queue.push(untyped)
        assert (queue.stats()).ready == 0

    def test_items_are_validated_on_take(self, target: Store) -> None:
        """An item that does not fit is DecodeFailed once, and then a dead letter."""
        target.work_queue("mail").push({"to": ""}, id="bad")
        target.work_queue("mail").push({"to": "b"})
        queue = target.work_queue("mail", Mail)
        with pytest.raises(DecodeFailed) as raised:
            queue.take()
        assert raised.value.data["id"] == "bad"
        assert (take(queue)).item == Mail(to="b")
        [letter] = queue.dead_letters()
        assert (letter.id, letter.item) == ("bad", {"to": ""})

    # --- ids

    def test_ids_are_sorted_uuids_by_default(self, target: Store) -> None:
        """Each push gets a uuid7 of its own."""
        queue = target.work_queue("mail")
        ids = [queue.push(1), *queue.push_many([1, 1]), queue.push(1)]
        assert len(set(ids)) == 4
        assert [UUID(id).version for id in ids] == [7] * 4

    def test_an_id_is_queued_once(self, target: Store) -> None:
        """A ready, delayed, leased or dead item stays as it is; an acked id can be queued again."""
        queue = target.work_queue("mail", lease=60.0)
        assert queue.push("first", id="a") == "a"
        assert queue.push("second", id="a") == "a"
        assert queue.push("first", id="b", delay=3600) == "b"
        assert queue.push("second", id="b") == "b"
        assert queue.stats() == QueueStats(1, 1, 0, 0, 0)
        delivery = take(queue)
        assert delivery.item == "first"
        assert queue.push("second", id="a") == "a"
        assert queue.stats() == QueueStats(0, 1, 1, 0, 0)
        delivery.bury("no")
        assert queue.push("second", id="a") == "a"
        assert queue.stats() == QueueStats(0, 1, 0, 1, 0)
        assert queue.requeue_dead() == 1
        (take(queue)).ack()
        assert queue.push("third", id="a") == "a"
        assert (take(queue)).item == "third"

    def test_many_pushers_of_one_id(self, target: Store) -> None:
        """Of many concurrent pushes of an id exactly one queues it."""
        queue = target.work_queue("mail")

        def push(item: int) -> str:
            return queue.push(item, id="a")

        assert concurrently(push, [(n,) for n in range(20)]) == ["a"] * 20
        assert (queue.stats()).ready == 1

    def test_push_many_keeps_the_order(self, target: Store) -> None:
        """Ids and deliveries are in the order of the items; an empty list has no ids."""
        queue = target.work_queue("mail")
        assert queue.push_many([]) == []
        ids = queue.push_many(n for n in range(300))
        assert len(set(ids)) == 300
        first = take(queue)
        assert (first.id, first.item) == (ids[0], 0)
        first.ack()
        assert drained(queue) == list(range(1, 300))

    # --- order

    def test_higher_priorities_come_first(self, target: Store) -> None:
        """Items of one priority come in the order of pushing."""
        queue = target.work_queue("mail")
        for item, priority in enumerate([0, 5, -3, 5, 0, 2**31 - 1, -(2**31)]):
            queue.push(item, priority=priority)
        assert drained(queue) == [5, 1, 3, 0, 4, 2, 6]

    def test_a_delayed_item_waits(self, target: Store) -> None:
        """`take` does not return it before it is due; a waiting `take` gets it then."""
        queue = target.work_queue("mail")
        queue.push("much later", delay=3600)
        assert queue.take() is None
        assert queue.stats() == QueueStats(0, 1, 0, 0, 0)
        began = time.monotonic()
        queue.push("late", delay=0.5)
        delivery = take(queue)
        assert time.monotonic() - began >= 0.45
        assert delivery.item == "late"

    def test_a_delayed_item_takes_its_place_when_due(self, target: Store) -> None:
        """It comes behind items ready before it and before later ones, by priority."""
        for span in spans():
            queue = target.work_queue(f"mail {span.seconds}")
            with span:
                queue.push("late", delay=span.seconds)
                queue.push("late and urgent", delay=span.seconds, priority=1)
                queue.push("early")

                def due(queue: Any = queue) -> bool:
                    return (queue.stats()).ready == 3

                eventually(due)
                queue.push("last")
                assert drained(queue) == ["late and urgent", "early", "late", "last"]

    def test_a_retried_item_takes_its_place_when_due(self, target: Store) -> None:
        """It comes behind items that were ready when it was given back."""
        queue = target.work_queue("mail")
        queue.push_many(["a", "b"])
        (take(queue)).retry(delay=0)
        queue.push("c")
        assert drained(queue) == ["b", "a", "c"]

    def test_each_item_goes_to_one_taker(self, target: Store) -> None:
        """No two of many concurrent takers get the same item."""
        queue = target.work_queue("mail")
        queue.push_many(range(60))

        def taker() -> list[int]:
            return drained(queue)

        shares = concurrently(taker, [() for _ in range(8)])
        assert sorted(item for share in shares for item in share) == list(range(60))

    def test_a_push_wakes_who_waits(self, target: Store) -> None:
        """A waiting `take` returns soon after the push, and each waiting taker gets one item."""
        queue = target.work_queue("mail")
        got: list[Any] = []

        def wait() -> None:
            got.append((take(queue)).item)

        def wait_all() -> None:
            concurrently(wait, [() for _ in range(3)])

        with meanwhile(wait_all):
            time.sleep(0.3)
            began = time.monotonic()
            queue.push_many(["a", "b"])
            queue.push("c", delay=0.1)
        assert time.monotonic() - began < PATIENCE / 2
        assert sorted(got) == ["a", "b", "c"]

    def test_waking_takes_no_polling(self, target: Store) -> None:
        """Two waiting takers get twelve times two items in a moment."""
        queue = target.work_queue("mail")
        got: list[int] = []

        def arrived(count: int) -> None:
            def there() -> bool:
                return len(got) >= count

            eventually(there)

        def taker() -> None:
            for turn in range(1, 13):
                with take(queue) as delivery:
                    got.append(delivery.item)
                arrived(2 * turn)

        def takers() -> None:
            concurrently(taker, [(), ()])

        waits: list[float] = []
        with meanwhile(takers):
            for turn in range(1, 13):
                time.sleep(0.1)
                began = time.monotonic()
                queue.push_many([turn, turn])
                arrived(2 * turn)
                waits.append(time.monotonic() - began)
        assert sorted(waits)[3] < 0.5  # every fourth time at least, however busy the machine is

    def test_once_is_true_to_the_first(self, target: Store) -> None:
        """Of many calls with one key, on any object, the first in each `ttl` returns True."""
        queue = target.work_queue("mail")

        def first(key: str) -> bool:
            return target.work_queue("mail").once(key, ttl=60)

        assert sum(concurrently(first, [("a",) for _ in range(10)])) == 1
        assert queue.once("b", ttl=60)
        assert not queue.once("b", ttl=60)
        assert queue.once("c", ttl=0.2)
        time.sleep(0.25)
        assert queue.once("c", ttl=0.2)
        assert target.work_queue("other").once("a", ttl=60)

    # --- names and arguments

    def test_the_name_decides(self, target: Store) -> None:
        """Objects of one name share a queue; another name is another queue."""
        target.work_queue("mail").push("x")
        assert target.work_queue("other").take() is None
        assert (take(target.work_queue("mail"))).item == "x"

    def test_any_text_is_a_name(self, target: Store) -> None:
        """Names, ids and keys of hostile characters do not reach the data of others."""
        for name in HOSTILE:
            queue = target.work_queue(name)
            assert queue.take() is None
            assert queue.push(name, id=name) == name
            assert queue.once(name, ttl=60)
        for name in HOSTILE:
            delivery = take(target.work_queue(name))
            assert (delivery.id, delivery.item) == (name, name)
            delivery.ack()

    @pytest.mark.parametrize("name", NO_NAMES)
    def test_what_is_no_name_is_refused(self, target: Store, name: Any) -> None:
        """A value that is not a valid name raises InvalidArgument and writes nothing."""
        with pytest.raises(InvalidArgument):
            target.work_queue(name)
        queue: Any = target.work_queue("mail")
        if name is not None:
            with pytest.raises(InvalidArgument):
                queue.push(1, id=name)
        with pytest.raises(InvalidArgument):
            queue.once(name, ttl=1)
        assert (queue.stats()).ready == 0

    def test_arguments_are_checked(self, target: Store) -> None:
        """An invalid delay, priority, timeout, lease and so on raises InvalidArgument."""
        queue: Any = target.work_queue("mail")
        delays = [("delay", delay) for delay in (-1, float("nan"), "1", float("inf"))]
        for name, value in [*delays, *[("priority", value) for value in (1.5, 2**31, True)]]:
            with pytest.raises(InvalidArgument):
                queue.push(1, **{name: value})
        for wait in (-1, float("nan"), "1"):
            with pytest.raises(InvalidArgument):
                queue.take(timeout=wait)
        for ttl in (0, -1, float("nan")):
            with pytest.raises(InvalidArgument):
                queue.once("a", ttl)
        options: list[tuple[str, Any]] = [("lease", 0), ("lease", -1), ("lease", float("inf"))]
        options += [("max_attempts", 0), ("max_attempts", 1.5), ("backoff", -1)]
        options += [("model", dict)]
        for name, value in options:
            with pytest.raises(InvalidArgument):
                target.work_queue("mail", **{name: value})
        assert queue.stats() == QueueStats(0, 0, 0, 0, 0)
