"""The work queue against a plain model: any sequence of calls, on LevelDB and on Redis."""

from __future__ import annotations

import itertools
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from redis import Redis

from datapatterns.core.work_queue import QueueStats
from datapatterns.errors import Conflict
from datapatterns.level import Level
from datapatterns.level import WorkQueue as LevelQueue
from datapatterns.redis._sync.work_queue import WorkQueue
from datapatterns.testing.servers.redis import RedisServer

IDS = st.sampled_from(["a", "b", "c", "d", "e", "f"])
PRIORITIES = st.sampled_from([0, 0, 0, 1, -1, 7])
PICKS = st.integers(0, 99)
MOST = 3  # attempts
OPTIONS: Any = {"lease": 3600.0, "max_attempts": MOST, "backoff": 0}
SETTINGS = settings(
    deadline=None,
    stateful_step_count=40,
    suppress_health_check=list(HealthCheck),
)


@dataclass
class Item:
    """The state of an item in the model."""

    id: str
    priority: int
    place: int
    state: str = "ready"
    attempts: int = 0
    error: str = ""
    died: int = 0
    holder: Any = None


class QueueMachine(RuleBasedStateMachine):
    """Calls the queue and compares it with the model."""

    def __init__(self, make: Callable[[], Any]) -> None:
        super().__init__()
        self.backend = make()
        self.queue = self.backend.queue
        self.items: dict[str, Item] = {}
        self.remembered: set[str] = set()  # ids pushed with `dedup`
        self.places = itertools.count()
        self.deliveries: list[Any] = []
        self.requeued = 0
        self.paused = False

    def teardown(self) -> None:
        """Remove the queue."""
        self.backend.close()

    # --- the model

    def _in(self, *states: str) -> list[Item]:
        found = [item for item in self.items.values() if item.state in states]
        return sorted(found, key=lambda item: (-item.priority, item.place))

    def _follow(self) -> None:
        """Take the lapsed items back in the model if the queue says that it has done so."""
        if self.queue.stats().requeued != self.requeued:
            self._take_back()

    def _take_back(self) -> None:
        """Make lapsed items ready again, or dead after their last attempt."""
        for item in self._in("lapsed"):
            self.requeued += 1
            item.holder = None
            item.state = "dead" if item.attempts >= MOST else "ready"
            if item.state == "dead":
                item.died = next(self.places)
                before = f"; before that: {item.error}" if item.error else ""
                item.error = f"the lease was lost{before}"

    def _pick(self, pick: int) -> Any:
        """Return a delivery, in most cases one that is held."""
        held = [item.holder for item in self.items.values() if item.holder is not None]
        some = held if held and pick % 4 else self.deliveries
        return some[pick // 4 % len(some)] if some else None

    def _settle(self, delivery: Any, call: Callable[[], None]) -> Item | None:
        """Make the call, which must be refused if the delivery is no longer held."""
        item = self.items.get(delivery.id)
        held = item is not None and item.state == "leased" and item.holder is delivery
        if not held:
            again = delivery.settled == "ack" and call == delivery.ack
            with nullcontext() if again else pytest.raises(Conflict):
                call()
            return None
        call()
        return item

    # --- calls

    @initialize()
    def begin(self) -> None:
        """Open an empty queue."""
        assert self.queue.take() is None

    @rule(id=IDS, priority=PRIORITIES, later=st.booleans(), keep=st.sampled_from([0, 0, 0, 3600]))
    def push(self, id: str, priority: int, later: bool, keep: int) -> None:
        """Push an item; expect no change if the id is present, or remembered."""
        options = {"priority": priority, "delay": 3600 * later, "dedup": keep}
        assert self.queue.push({"of": id}, id=id, **options) == id
        if id not in self.items and id not in self.remembered:
            state = "delayed" if later else "ready"
            self.items[id] = Item(id, priority, next(self.places), state)
        if keep:
            self.remembered.add(id)

    @rule(count=st.integers(0, 3))
    def push_many(self, count: int) -> None:
        """Push several items; expect their order to be kept."""
        for id in self.queue.push_many([{"of": None}] * count):
            self.items[id] = Item(id, 0, next(self.places))

    @rule()
    def take(self) -> None:
        """Take an item; expect the first of the highest priority."""
        delivery = self.queue.take()
        self._take_back()
        ready = self._in("ready")
        if not ready or self.paused:
            assert delivery is None
            return
        first = ready[0]
        first.state, first.attempts, first.holder = "leased", first.attempts + 1, delivery
        assert (delivery.id, delivery.attempt) == (first.id, first.attempts)
        self.deliveries.append(delivery)

    @rule(pick=PICKS)
    def ack(self, pick: int) -> None:
        """Ack a delivery; expect the item to be gone."""
        if (delivery := self._pick(pick)) is None:
            return
        if item := self._settle(delivery, delivery.ack):
            del self.items[item.id]
        self._follow()

    @rule(pick=PICKS, later=st.booleans(), error=st.sampled_from(["", "rain", "snow"]))
    def retry(self, pick: int, later: bool, error: str) -> None:
        """Retry a delivery; expect it behind the others, or dead."""
        if (delivery := self._pick(pick)) is None:
            return
        if item := self._settle(delivery, lambda: delivery.retry(3600 * later, error)):
            item.error, item.holder = error or item.error, None
            item.place = next(self.places)
            item.state = "delayed" if later else "ready"
            if item.attempts >= MOST:
                item.state, item.died = "dead", item.place
        self._follow()

    @rule(pick=PICKS)
    def bury(self, pick: int) -> None:
        """Bury a delivery; expect a dead letter."""
        if (delivery := self._pick(pick)) is None:
            return
        if item := self._settle(delivery, lambda: delivery.bury("no")):
            item.state, item.error, item.died = "dead", "no", next(self.places)
            item.holder = None
        self._follow()

    @rule(pick=PICKS)
    def release(self, pick: int) -> None:
        """Release a delivery; expect the item as it was before the take."""
        if (delivery := self._pick(pick)) is None:
            return
        if item := self._settle(delivery, delivery.release):
            item.state, item.attempts, item.holder = "ready", item.attempts - 1, None
        self._follow()

    @rule(pick=PICKS)
    def lapse(self, pick: int) -> None:
        """Let the lease end."""
        if (delivery := self._pick(pick)) is None:
            return
        item = self._settle(delivery, lambda: delivery.extend(0.001))
        self._follow()
        if item is not None:
            item.state = "lapsed"
            time.sleep(0.005)  # longer than the lease, by the clock that the backend uses as well

    @rule(ids=st.none() | st.lists(IDS, max_size=4))
    def requeue_dead(self, ids: list[str] | None) -> None:
        """Requeue dead letters; expect them behind the others, as new items."""
        dead = {item.id: item for item in sorted(self._in("dead"), key=lambda item: item.died)}
        chosen = list(dead) if ids is None else [id for id in dict.fromkeys(ids) if id in dead]
        assert self.queue.requeue_dead(ids) == len(chosen)
        for id in chosen:
            item = dead[id]
            item.state, item.attempts, item.error = "ready", 0, ""
            item.place = next(self.places)

    @rule(id=IDS)
    def cancel(self, id: str) -> None:
        """Cancel an item, wherever it is; expect a holder to have lost it."""
        assert self.queue.cancel(id) == (id in self.items)
        self.items.pop(id, None)

    @rule(id=IDS)
    def find(self, id: str) -> None:
        """Find an item where the model has it."""
        found, item = self.queue.find(id), self.items.get(id)
        if item is None:
            assert found is None
            return
        state = "leased" if item.state == "lapsed" else item.state
        assert found is not None
        assert (found.id, found.state, found.attempts) == (id, state, item.attempts)
        assert (found.error, found.due_at is not None) == (item.error, state == "delayed")

    @rule()
    def purge(self) -> None:
        """Purge the queue; expect only leased items to stay."""
        gone = self._in("ready", "delayed", "dead")
        assert self.queue.purge() == len(gone)
        for item in gone:
            del self.items[item.id]

    @rule(paused=st.booleans())
    def pause(self, paused: bool) -> None:
        """Pause or resume the queue."""
        (self.queue.pause if paused else self.queue.resume)()
        self.paused = paused

    @rule()
    def reopen(self) -> None:
        """Make the queue anew; on LevelDB the deliveries of the closed one cannot be settled."""
        self.queue = self.backend.reopen()
        if not self.backend.deliveries_last:
            self.deliveries.clear()
            for item in self.items.values():
                item.holder = None

    @invariant()
    def agrees(self) -> None:
        """Compare the counts and the dead letters with the model."""
        counts = [len(self._in(state)) for state in ("ready", "delayed")]
        leased, dead = len(self._in("leased", "lapsed")), self._in("dead")
        assert self.queue.stats() == QueueStats(*counts, leased, len(dead), self.requeued)
        dead.sort(key=lambda item: item.died)
        letters = self.queue.dead_letters()
        assert {(each.id, each.attempts, each.error) for each in letters} == {
            (item.id, item.attempts, item.error) for item in dead
        }


class OnLevel:
    """A queue in a directory of its own."""

    deliveries_last = False  # when the queue is made anew

    def __init__(self) -> None:
        self.folder = tempfile.mkdtemp()
        self.open()

    def open(self) -> None:
        """Open the directory."""
        self.level = Level.open(self.folder, sync=False)
        self.queue: LevelQueue[Any] = LevelQueue(self.level, "jobs", **OPTIONS)

    def reopen(self) -> Any:
        """Close and open it."""
        self.level.close()
        self.open()
        return self.queue

    def close(self) -> None:
        """Close and remove it."""
        assert self.level.check().ok
        self.level.close()
        shutil.rmtree(self.folder)


class OnRedis:
    """A queue under a name of its own."""

    deliveries_last = True

    def __init__(self, client: Any) -> None:
        self.client, self.name = client, f"machine-{uuid.uuid4()}"
        self.queue: WorkQueue[Any] = WorkQueue(client, self.name, **OPTIONS)

    def reopen(self) -> Any:
        """Make another object, on a server without the scripts."""
        self.client.script_flush()
        return WorkQueue(self.client, self.name, **OPTIONS)

    def close(self) -> None:
        """Remove it."""
        self.client.flushdb()


def test_on_level() -> None:
    """Sequences of 40 calls."""
    run_state_machine_as_test(
        lambda: QueueMachine(OnLevel), settings=settings(SETTINGS, max_examples=300)
    )


@pytest.mark.parametrize("server", ["redis_server", "valkey_server"])
def test_on_redis(server: str, request: pytest.FixtureRequest) -> None:
    """Sequences of 40 calls."""
    started: RedisServer = request.getfixturevalue(server)
    client = Redis(port=started.port, db=9)
    run_state_machine_as_test(
        lambda: QueueMachine(lambda: OnRedis(client)),
        settings=settings(SETTINGS, max_examples=300),
    )
    client.close()
