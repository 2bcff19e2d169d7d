"""Scripts of the work queue that stop after each of their writes: nothing is lost or comes twice.

Redis keeps what a script has written before it fails. Each test stops a call after its first write,
then after its second, and so on, until it ends by itself; and each time repeats the call.
"""

from __future__ import annotations

import hashlib
import itertools
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from redis import Redis

from datapatterns import DataError
from datapatterns.core.work_queue import QueueStats
from datapatterns.redis import WorkQueue
from datapatterns.redis._sync.lua import SCRIPTS
from datapatterns.testing.servers.redis import RedisServer
from datapatterns.testing.waiting import PATIENCE

MOST = 20  # writes of a script, at most
STOPPING = b"""
local server, left = redis, %d
local writes = {SET = 1, DEL = 1, HSET = 1, HDEL = 1, HINCRBY = 1, ZADD = 1, ZREM = 1, ZPOPMIN = 1,
  ZREMRANGEBYRANK = 1, RPUSH = 1, PEXPIRE = 1}
local redis = setmetatable({call = function(name, ...)
  if writes[name] then
    if left == 0 then error('stopped by the test') end
    left = left - 1
  end
  return server.call(name, ...)
end}, {__index = server})
"""

Figures = Callable[..., None]


class Stopping:
    """Makes the scripts of the queue stop after some writes, for the time of a block."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self.stopped = 0

    @contextmanager
    def after(self, writes: int) -> Iterator[None]:
        """Stop every script in the block after so many writes."""
        with self._monkeypatch.context() as patch:
            for name, text in SCRIPTS._texts.items():
                if name.startswith("work_queue/"):
                    new = STOPPING % writes + text
                    patch.setitem(SCRIPTS._texts, name, new)
                    digest = hashlib.sha1(new, usedforsecurity=False).hexdigest()
                    patch.setitem(SCRIPTS._digests, name, digest)
            yield

    def each(self, prepare: Callable[[], Any], call: Callable[[Any], Any]) -> Iterator[Any]:
        """Yield what `prepare` returned after its call was stopped, for each number of writes."""
        for writes in range(MOST):
            given = prepare()
            try:
                with self.after(writes):
                    call(given)
            except DataError:
                self.stopped += 1
                yield given
            else:
                assert writes > 1
                yield given
                return
        raise AssertionError("the script writes more often than this test can follow")


@pytest.fixture
def stopping(monkeypatch: pytest.MonkeyPatch, figures: Figures) -> Iterator[Stopping]:
    """Yield what stops scripts, and print how often it did."""
    made = Stopping(monkeypatch)
    yield made
    figures("queue scripts stopped after a write", stopped=made.stopped)


@pytest.fixture
def fresh(redis_server: RedisServer) -> Iterator[Callable[..., Any]]:
    """Yield a function that makes an empty queue."""
    client, numbers = Redis(port=redis_server.port), itertools.count()

    def make(**options: Any) -> Any:
        name = f"stopped-{uuid.uuid4()}-{next(numbers)}"
        return WorkQueue[Any](client, name, **{"lease": 60.0, "backoff": 0, **options})

    yield make
    client.close()


def all_of(queue: Any) -> list[Any]:
    """Take and ack everything that is ready; return the ids."""
    ids: list[Any] = []
    while (delivery := queue.take()) is not None:
        ids.append(delivery.id)
        delivery.ack()
    return ids


@pytest.mark.parametrize("delay", [0, 0.001])
def test_push(fresh: Any, stopping: Stopping, delay: float) -> None:
    """A repeated push queues the item once, and its id is remembered only with the item."""
    for queue in stopping.each(fresh, lambda queue: queue.push(1, id="a", delay=delay, dedup=60)):
        queue.push(1, id="a", dedup=60)
        delivery = queue.take(timeout=PATIENCE)
        assert (delivery.id, delivery.attempt) == ("a", 1)
        delivery.ack()
        assert all_of(queue) == []
        queue.push(1, id="a")
        assert all_of(queue) == []
        queue.push(2, id="b")
        assert all_of(queue) == ["b"]


@pytest.mark.parametrize("state", ["ready", "delayed", "leased", "dead"])
def test_cancel(fresh: Any, stopping: Stopping, state: str) -> None:
    """A repeated cancel removes the item unless it is gone already; nothing else is touched."""

    def prepare() -> Any:
        queue = fresh()
        queue.push(1, id="a", delay=60 if state == "delayed" else 0)
        queue.push(2, id="b")
        if state in ("leased", "dead"):
            delivery = queue.take()
            if state == "dead":
                delivery.bury("no")
        return queue

    answers: list[bool] = []
    for queue in stopping.each(prepare, lambda queue: answers.append(queue.cancel("a"))):
        there = queue.find("a") is not None
        assert queue.cancel("a") is there
        assert queue.find("a") is None
        assert queue.stats() == QueueStats(1, 0, 0, 0, 0)
        queue.push(3, id="a")
        assert all_of(queue) == ["b", "a"]
    assert answers == [True]


@pytest.mark.parametrize("verb", ["ack", "retry", "delay", "bury", "release"])
def test_verdicts(fresh: Any, stopping: Stopping, verb: str) -> None:
    """A verdict that was stopped can be repeated, or the item comes again; it is never lost."""

    def prepare() -> Any:
        queue = fresh()
        queue.push(1, id="a")
        return queue, queue.take()

    def call(given: Any) -> None:
        delivery = given[1]
        arguments = {"bury": ("no",), "delay": (0.001,), "retry": (0,)}.get(verb, ())
        getattr(delivery, "retry" if verb == "delay" else verb)(*arguments)

    for queue, delivery in stopping.each(prepare, call):
        if delivery.settled is None:
            try:
                call((queue, delivery))
            except DataError:
                assert delivery.lost
        assert queue.find("a") is None or queue.find("a").state != "leased"
        assert queue.requeue_dead(["a"]) == (verb == "bury")
        again = None if verb == "ack" else queue.take(timeout=PATIENCE)
        assert (again is None) == (verb == "ack")
        if again is not None:
            again.ack()
        assert all_of(queue) == []
        assert queue.find("a") is None


def test_take(fresh: Any, stopping: Stopping) -> None:
    """Items of a stopped take come again: at once, or when their leases end."""

    def prepare() -> Any:
        queue = fresh(lease=0.05)
        queue.push_many([1, 2])
        return queue

    for queue in stopping.each(prepare, lambda queue: queue.send(queue.request(take=2))):
        keeping = WorkQueue[Any](queue.redis, queue.name, lease=60.0)
        deliveries = [keeping.take(timeout=PATIENCE) for _ in range(2)]
        assert {delivery.item for delivery in deliveries} == {1, 2}
        for delivery in deliveries:
            delivery.ack()
        assert keeping.stats().ready == keeping.stats().leased == 0


def test_take_back(fresh: Any, stopping: Stopping) -> None:
    """An item whose holder is lost comes again, also if a step that took it back was stopped."""

    def prepare() -> Any:
        queue = fresh()
        queue.push(1, id="a")
        queue.take().extend(0.001)
        time.sleep(0.01)  # longer than the lease, by the clock that the server uses as well
        return queue

    for queue in stopping.each(prepare, lambda queue: queue.send(queue.request())):
        delivery = queue.take(timeout=PATIENCE)
        assert (delivery.id, delivery.attempt) == ("a", 2)
        delivery.bury("no")
        assert queue.purge() == 1
        assert queue.take() is None


def test_requeue_and_purge(fresh: Any, stopping: Stopping) -> None:
    """Repeated, they leave no dead letter, and requeued items come once."""

    def prepare() -> Any:
        queue = fresh()
        queue.push_many([1, 2])
        for _ in range(2):
            queue.take().bury("no")
        return queue

    for queue in stopping.each(prepare, lambda queue: queue.requeue_dead()):
        queue.requeue_dead()
        assert queue.stats().dead == 0
        assert len(all_of(queue)) == 2
    for queue in stopping.each(prepare, lambda queue: queue.purge()):
        queue.purge()
        assert queue.stats() == QueueStats(0, 0, 0, 0, 0)
        assert queue.requeue_dead() == 0
