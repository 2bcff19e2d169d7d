"""Kills migrations at random moments, starts them again, and compares both sides in the end.

    kill_migrations.py SOURCE TARGET KILLS SEED

SOURCE and TARGET are URLs in which `{}` stands for a fresh name. Everything that uses a store runs
in a fork of this process, which never does: forking is quicker than starting Python each time.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import uuid4

import datapatterns.level
import datapatterns.redis
from datapatterns import Conflict, Document, Index, Store
from datapatterns.migration import migrate
from datapatterns.store._sync.store import transfer_of

DOCUMENTS, OTHERS = 2_000, 400
_START = datetime(2026, 1, 1, tzinfo=UTC)
_CHILD_FAILED = 70


class Thing(Document):
    """A document with an indexed field."""

    group: int
    text: str


def fill(url: str, space: str) -> None:
    """Put some hundred things of every kind into the source."""
    with Store.from_url(url, namespace=space) as store:
        things = store.repository("things", Thing)
        things.create_many(
            Thing(id=f"{n:05}", group=n % 7, text="x" * (n % 400)) for n in range(DOCUMENTS)
        )
        if not store.capabilities.has("counter"):
            return
        calendar, board, groups = (
            store.calendar_counter("visits"),
            store.leaderboard("points"),
            store.groups("tags"),
        )
        queue = store.work_queue("mail")
        queue.push_many({"n": n} for n in range(OTHERS))
        for n in range(OTHERS):
            board.set(f"player-{n}", n % 5)
            if n % 4 == 0:
                store.counter(f"counter-{n}").increment(n)
                calendar.add(f"page-{n % 64}", at=_START + timedelta(hours=5 * n))
                groups.add(f"tag-{n % 9}", *(f"m{m}" for m in range(n % 11)))
                queue.push(n, id=f"more-{n}", delay=3600 * (n % 3), priority=n % 3)


def kinds_of(store: Store) -> frozenset[str]:
    """Return the kinds that the store can hold."""
    return transfer_of(store).kinds


def carry(source: str, target: str, space: str, goal: str) -> None:
    """Run the migration that is to be killed."""
    with Store.from_url(source, namespace=space) as old:
        with Store.from_url(target, namespace=goal) as new:
            try:
                migrate(old, new, kinds=kinds_of(new))
            except Conflict:
                # The one before was killed behind its last step: then it was through, which the
                # comparison that follows proves.
                assert transfer_of(new).progress() is None


def compare(source: str, target: str, space: str, goal: str) -> None:
    """Assert that both sides are equal by count and digest, and that the target is whole."""
    with Store.from_url(source, namespace=space) as old:
        with Store.from_url(target, namespace=goal) as new:
            report = migrate(old, new, kinds=kinds_of(new), only_verify=True)
            assert report.ok, report.compared
            assert {unit.kind for unit in report.units} == kinds_of(new) & kinds_of(old)
            assert transfer_of(new).progress() is None
            things = new.repository("things", Thing, indexes=[Index("by_group", "group")])
            assert sum(things.counts("by_group").values()) == DOCUMENTS
            if "leaderboard" in kinds_of(new) & kinds_of(old):
                boards = [store.leaderboard("points").top(OTHERS) for store in (old, new)]
                assert boards[0] == boards[1]
    if target.startswith("level:"):
        with datapatterns.level.Level.open(target.removeprefix("level:"), create=False) as level:
            assert level.check().ok, level.check().problems


def fork(work: Callable[[], None]) -> int:
    """Run the work in a child and return its pid."""
    pid = os.fork()
    if pid:
        return pid
    try:
        work()
    except BaseException:
        traceback.print_exc()
        os._exit(_CHILD_FAILED)
    os._exit(0)


def run(work: Callable[[], None]) -> None:
    """Run the work in a child to its end."""
    _, status = os.waitpid(fork(work), 0)
    if status:
        sys.exit(f"a child ended with {status}")


def killed(work: Callable[[], None], after: float) -> bool:
    """Run the work in a child and kill it after so many seconds, unless it has ended."""
    pid = fork(work)
    time.sleep(after)
    os.kill(pid, signal.SIGKILL)  # of a child that has ended it kills nothing
    _, status = os.waitpid(pid, 0)
    if status and status != signal.SIGKILL:
        sys.exit(f"a child ended with {status}")
    return status != 0


def campaign(source: str, target: str, kills: int, seed: int) -> dict[str, int]:
    """Carry the source into fresh targets until so many migrations were killed."""
    chance, space = random.Random(seed), f"kills-{uuid4().hex[:12]}"
    source, done, finished = source.format("source"), 0, 0
    run(lambda: fill(source, space))
    while done < kills or not finished:
        places = source, target.format(f"target-{finished}"), space, f"{space}-{finished}"
        patience = 0.4 if "couch" in source + target else 0.05  # it has more to ask first
        while killed(partial(carry, *places), chance.uniform(0, patience)):
            done += 1
            patience *= 1.1  # so that it comes to its end
        run(partial(compare, *places))
        finished += 1
    return {"kills": done, "finished": finished}


if __name__ == "__main__":
    _, given_source, given_target, given_kills, given_seed = sys.argv
    print(json.dumps(campaign(given_source, given_target, int(given_kills), int(given_seed))))
