"""A work queue in LevelDB."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from itertools import islice
from typing import Any, Generic, TypeVar

from datapatterns import tuples
from datapatterns._async.concurrency import AsyncEvent
from datapatterns._async.work_queue import BACKOFF, LEASE, MAX_ATTEMPTS, AsyncBaseQueue
from datapatterns._sync.concurrency import Event
from datapatterns._sync.work_queue import BaseQueue
from datapatterns.errors import DataError
from datapatterns.level.driver import Database, DriverError, Reader
from datapatterns.level.expiry import Expiring, now
from datapatterns.level.queue_state import Job, Places, QueueState
from datapatterns.level.space import HasSpace
from datapatterns.level.transaction import Transaction
from datapatterns.names import check_name, escape
from datapatterns.pages import check_limit
from datapatterns.queues import (
    LOST,
    DeadLetter,
    Items,
    NewItem,
    QueueStats,
    Request,
    Seats,
    Taken,
    TakenBack,
    Turn,
    Verdict,
    check_id,
    micros,
    moment,
    seconds_until,
)

M = TypeVar("M")

logger = logging.getLogger("datapatterns.level")

_REAP = 100  # lapsed leases that one step takes back
_CHUNK = 1_000  # items that one step of purging or requeueing handles
_COMPACT_AFTER = 50_000  # items consumed


class _Steps(Generic[M]):
    """What both faces are made of: each step is a work on a transaction."""

    _items: Items[M]
    lease: float
    max_attempts: int

    def _prepare(self, client: HasSpace, name: str) -> None:
        self._space = space = client.space
        self._places = Places(space, escape(check_name("a queue's name", name)))
        self._once = Expiring(space, self._places.once)
        self._seats = Seats()

    def request(self, verdicts: Sequence[Verdict] = (), take: int = 0) -> Request:
        """Return a request, which has its effect once however often it is sent."""
        return self._seats.request(verdicts, take)

    def _remembering(
        self, work: Callable[[Transaction, QueueState], Any]
    ) -> Callable[[Transaction], Any]:
        """The work, given the queue's memory, which is read anew after it has failed."""
        shared, places = self._space.engine.shared, self._places

        def with_state(transaction: Transaction) -> Any:
            state = shared.pop(places.ready, None) or QueueState.load(places, transaction)
            result = work(transaction, state)
            shared[places.ready] = state
            return result

        return with_state

    # --- a turn

    def _turn(self, request: Request, transaction: Transaction, state: QueueState) -> Turn:
        at = now()
        if request.answers:  # sent again, since nobody heard the answer
            return self._again(request.answers[0], state, at)
        outcomes = [self._judge(verdict, transaction, state, at) for verdict in request.verdicts]
        back = self._take_back(transaction, state, at)
        taken: list[Taken] = []
        if request.take and transaction.get(self._places.paused) is None:
            taken = self._take_many(request.take, transaction, state, at)
        pause = 0.0 if len(taken) == request.take else seconds_until(state.pause(at))
        turn = Turn(outcomes, taken, back, pause)
        request.answers.append(turn)
        return turn

    def _again(self, turn: Turn, state: QueueState, at: int) -> Turn:
        """What the turn did, less what was lost since."""

        def still_held(taken: Taken) -> bool:
            ends, token = state.leases.get(taken.id, (0, 0))
            return ends > at and str(token) == taken.token

        return Turn(turn.outcomes, list(filter(still_held, turn.taken)), [], 0.0)

    def _judge(
        self, verdict: Verdict, transaction: Transaction, state: QueueState, at: int
    ) -> str:
        ends, token = state.leases.get(verdict.id, (0, 0))
        job = self._job(transaction, verdict.id)
        if job is None or ends <= at or str(token) != verdict.token:
            return LOST
        if verdict.verb in ("extend", "renew"):
            until = at + verdict.span
            ends = max(ends, until) if verdict.verb == "renew" else until
            transaction.store(self._places.leases + verdict.id.encode(), b"%d" % ends)
            state.hold(verdict.id, ends, token)
            return verdict.verb
        self._end_lease(verdict.id, transaction, state)
        if verdict.verb == "ack":
            self._forget(verdict.id, transaction)
        elif verdict.verb == "release":
            attempts = job.attempts - 1
            self._put_back(verdict.id, job, job.available, job.seq, attempts, transaction, state)
        elif verdict.verb == "retry" and job.attempts < job.most:
            self._retry(verdict, job, transaction, state, at)
        else:
            self._bury(verdict.id, job, verdict.text, transaction, at)
            return "bury"
        return verdict.verb

    def _retry(
        self, verdict: Verdict, job: Job, transaction: Transaction, state: QueueState, at: int
    ) -> None:
        if verdict.text:
            transaction.store(self._places.errors + verdict.id.encode(), verdict.text.encode())
        seq = self._stamp(transaction, state, at)
        available = at + verdict.span if verdict.span else seq
        self._put_back(verdict.id, job, available, seq, job.attempts, transaction, state)

    def _take_back(
        self, transaction: Transaction, state: QueueState, at: int
    ) -> list[TakenBack]:
        """Make lapsed leases ready again at their old place, or dead after the last attempt."""
        back: list[TakenBack] = []
        for id in state.lapsed(at, _REAP):
            self._end_lease(id, transaction, state)
            job = self._job(transaction, id)
            if job is None:
                continue
            dead = job.attempts >= job.most
            if dead:
                before = transaction.get(self._places.errors + id.encode())
                text = f"; before that: {before.decode()}" if before else ""
                self._bury(id, job, f"the lease was lost{text}", transaction, at)
            else:
                self._put_back(id, job, job.available, job.seq, job.attempts, transaction, state)
            back.append(TakenBack(id, job.attempts, dead))
        if back:
            requeued = int(transaction.get(self._places.requeued) or 0) + len(back)
            transaction.store(self._places.requeued, b"%d" % requeued)
        return back

    def _take_many(
        self, count: int, transaction: Transaction, state: QueueState, at: int
    ) -> list[Taken]:
        taken: list[Taken] = []
        while len(taken) < count and (found := state.first(transaction, state.now(at))):
            key, id = found
            transaction.store(key, None)
            state.taken(key)
            job = self._job(transaction, id)
            if job is not None:
                taken.append(self._hand_out(id, job, transaction, state, at))
        return taken

    def _hand_out(
        self, id: str, job: Job, transaction: Transaction, state: QueueState, at: int
    ) -> Taken:
        token, attempts = random.getrandbits(62) + 1, job.attempts + 1
        held = Job(
            attempts, self.max_attempts, job.pushed, job.rank, job.available, job.seq, token,
            job.data,
        )  # fmt: skip
        ends = at + micros("lease", self.lease)
        transaction.store(self._places.jobs + id.encode(), held.pack())
        transaction.store(self._places.leases + id.encode(), b"%d" % ends)
        state.hold(id, ends, token)
        return Taken(id, job.data, attempts, job.pushed, str(token))

    # --- the parts of steps

    def _job(self, transaction: Transaction, id: str) -> Job | None:
        data = transaction.get(self._places.jobs + id.encode())
        return None if data is None else Job.unpack(data)

    def _stamp(self, transaction: Transaction, state: QueueState, at: int) -> int:
        stamp = state.next_stamp(at)
        transaction.store(self._places.stamp, b"%d" % stamp)
        return stamp

    def _end_lease(self, id: str, transaction: Transaction, state: QueueState) -> None:
        state.leases.pop(id, None)
        transaction.store(self._places.leases + id.encode(), None)

    def _forget(self, id: str, transaction: Transaction) -> None:
        transaction.store(self._places.jobs + id.encode(), None)
        transaction.store(self._places.errors + id.encode(), None)

    def _put_back(
        self,
        id: str,
        job: Job,
        available: int,
        seq: int,
        attempts: int,
        transaction: Transaction,
        state: QueueState,
    ) -> None:
        free = Job(attempts, job.most, job.pushed, job.rank, available, seq, 0, job.data)
        self._wait_at_place(id, free, transaction, state)

    def _wait_at_place(
        self, id: str, job: Job, transaction: Transaction, state: QueueState
    ) -> None:
        key = self._places.ready_key(job)
        transaction.store(self._places.jobs + id.encode(), job.pack())
        transaction.store(key, id.encode())
        transaction.store(self._places.ready_end, b"")  # the sentinel
        state.added(job.rank, key)

    def _bury(self, id: str, job: Job, text: str, transaction: Transaction, at: int) -> None:
        """Make it a dead letter; `available` says since when."""
        if text:
            transaction.store(self._places.errors + id.encode(), text.encode())
        transaction.store(self._places.jobs + id.encode(), job.at(at, job.seq).pack())
        transaction.store(self._places.dead + tuples.pack((at, id)), b"")

    # --- the other steps

    def _push(self, items: list[NewItem], transaction: Transaction, state: QueueState) -> None:
        at = now()
        for item in items:
            if transaction.get(self._places.jobs + item.id.encode()) is None:
                seq = state.next_stamp(at)
                available = at + item.delay if item.delay else seq
                job = Job(0, 0, at, -item.priority, available, seq, 0, item.data)
                self._wait_at_place(item.id, job, transaction, state)
        transaction.store(self._places.stamp, b"%d" % state.stamp)

    def _requeue(
        self, ids: list[str] | None, transaction: Transaction, state: QueueState
    ) -> int:
        places = self._places
        if ids is None:
            rows = list(islice(transaction.items(places.dead, places.dead_end), _CHUNK))
            found = [tuples.unpack(key[len(places.dead) :]) for key, _ in rows]
        else:
            jobs = {id: self._job(transaction, id) for id in ids}
            found = [(job.available, id) for id, job in jobs.items() if job is not None]
        return sum(self._revive(when, id, transaction, state) for when, id in found)

    def _revive(
        self, when: int, id: str, transaction: Transaction, state: QueueState
    ) -> bool:
        letter = self._places.dead + tuples.pack((when, id))
        job = self._job(transaction, id)
        if job is None or transaction.get(letter) is None:
            return False
        transaction.store(letter, None)
        transaction.store(self._places.errors + id.encode(), None)
        seq = self._stamp(transaction, state, now())
        self._put_back(id, job, seq, seq, 0, transaction, state)
        return True

    def _purge(self, transaction: Transaction, state: QueueState) -> int:
        places = self._places
        waiting = [
            (key, value.decode())
            for rank in sorted(state.heads)
            for key, value in islice(
                transaction.items(state.heads[rank], places.rank_end(rank)), _CHUNK
            )
        ]
        dead = [
            (key, tuples.unpack(key[len(places.dead) :])[1])
            for key, _ in islice(transaction.items(places.dead, places.dead_end), _CHUNK)
        ]
        rows = (waiting + dead)[:_CHUNK]
        for key, id in rows:
            transaction.store(key, None)
            self._forget(id, transaction)
        return len(rows)

    def _set_paused(self, paused: bool, transaction: Transaction, state: QueueState) -> None:
        transaction.store(self._places.paused, b"1" if paused else None)
        if not paused:
            transaction.store(self._places.ready_end, b"")  # which wakes those who wait

    def _stats(self, database: Database) -> QueueStats:
        at, places = now(), self._places
        state: QueueState | None = self._space.engine.shared.get(places.ready)
        heads = dict(state.heads) if state is not None else {}
        waiting = 0
        delayed = 0
        start = min(heads.values(), default=places.ready) if heads else places.ready
        for key in _keys(database, start, places.ready_end):
            waiting += 1
            delayed += places.place(key)[1] > at
        stamp = int(database.get(places.stamp) or 0)
        del stamp
        leased = sum(1 for _ in _keys(database, places.leases, places.lease_end))
        dead = sum(1 for _ in _keys(database, places.dead, places.dead_end))
        requeued = int(database.get(places.requeued, verify_checksums=True) or 0)
        return QueueStats(waiting - delayed, delayed, leased, dead, requeued)
