"""The tour of the embedded store: ten steps on real records, each of which checks its promises."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter as Tally
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Protocol, cast

from datapatterns import Change, ChangesWorker, Conflict, DataError, InvalidData, Store
from datapatterns.contracts import Repository
from datapatterns.demo.children import STEP
from datapatterns.demo.packages import COLLECTION, Package, packages, records
from datapatterns.level import Level

BAD: list[dict[str, Any]] = [
    {"name": "", "version": "1.0.0", "downloads": 1},
    {"name": "no-version", "downloads": 1},
    {"name": "negative", "version": "1.0.0", "downloads": -1},
    {"name": "words", "version": "one", "downloads": "many", "scope": 7},
]
_TOP = 5
_KILLED = 1 if sys.platform == "win32" else -signal.SIGKILL  # the exit status of a killed process


class BrokenPromise(Exception):
    """A step of the tour did not do what it promises."""


class Screen(Protocol):
    """The output of the tour: a terminal, or nothing."""

    def step(self, title: str) -> None:
        """Begin a step."""
        ...

    def say(self, line: str) -> None:
        """Show a line of the step."""
        ...

    def progress(self, done: int, total: int) -> None:
        """Show the progress of the step."""
        ...


@dataclass
class Report:
    """The result of a tour: figures for each step, and the promises that were broken."""

    figures: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    broken: list[str] = field(default_factory=list[str])

    @property
    def ok(self) -> bool:
        """Return whether every step did what it promises."""
        return not self.broken


class Tour:
    """Runs the steps on one directory, in order, and collects the figures."""

    def __init__(self, directory: Path, file: Path | None, screen: Screen) -> None:
        self._url = f"level:{directory}"
        self._file = file
        self._screen = screen
        self._records = list(records(file))
        self._first = len(self._records) * 2 // 3 // STEP * STEP  # the child stores the rest
        self._report = Report()
        self._open: Store | None = None

    def run(self) -> Report:
        """Run all steps; the first broken promise ends the tour."""
        steps: list[tuple[str, Callable[[], dict[str, Any]]]] = [
            ("Load records through a validated repository", self.load),
            ("Refuse bad records", self.refuse),
            ("Page through an index, both ways", self.page),
            ("Count by scope", self.count),
            ("Edit with a stale revision", self.edit),
            ("Open the directory from a second process", self.second_process),
            ("Follow the changes: a ranking and counters", self.follow),
            ("Kill a loading process with SIGKILL, and finish its work", self.kill),
            ("Follow the changes from the checkpoint", self.follow),
            ("Check the whole directory", self.check),
        ]
        try:
            self._open = Store.from_url(self._url)
            for number, (title, step) in enumerate(steps, 1):
                self._screen.step(f"{number}. {title}")
                begun = time.perf_counter()
                figures = step()
                figures["seconds"] = round(time.perf_counter() - begun, 2)
                self._report.figures[f"{number}. {title}"] = figures
        except (BrokenPromise, DataError) as error:
            self._report.broken.append(str(error) or type(error).__name__)
            self._screen.say(f"BROKEN: {error}")
        finally:
            if self._open is not None:
                self._open.close()
        return self._report

    @property
    def store(self) -> Store:
        """Return the store, opened again if a step has closed it."""
        if self._open is None:
            self._open = Store.from_url(self._url)
        return self._open

    def _close(self) -> None:
        """Close the directory, so that another process can open it."""
        self.store.close()
        self._open = None

    @property
    def packages(self) -> Repository[Package]:
        """Return the repository of the tour."""
        return packages(self.store)

    # --- the steps

    def load(self) -> dict[str, Any]:
        """Store the first two thirds of the records."""
        stored = self._store_records(self._records[: self._first])
        promise(stored == self._first, "every record of the first part is stored")
        return {"records": stored}

    def _store_records(self, wanted: Sequence[dict[str, object]]) -> int:
        """Store the records that are not stored yet; return their number."""
        repository, new = self.packages, 0
        for at in range(0, len(wanted), 500):
            documents = [Package.model_validate(record) for record in wanted[at : at + 500]]
            for outcome in repository.create_many(documents):
                if not isinstance(outcome, DataError):
                    new += 1
                elif not (isinstance(outcome, Conflict) and outcome.reason == "exists"):
                    raise outcome
            self._screen.progress(min(at + 500, len(wanted)), len(wanted))
        return new

    def refuse(self) -> dict[str, Any]:
        """Try to store records that violate the schema, and one whose id is taken."""
        before = self.packages.count()
        for record in BAD:
            bad = Package.model_construct(**record)
            try:
                self.packages.create(bad)
            except InvalidData as error:
                found = "; ".join(
                    f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors
                )
                self._screen.say(f"{error.status} {error.code}: {found}")
            else:
                raise BrokenPromise("a bad record was stored")
        taken = self._refused(
            lambda: self.packages.create(Package.model_validate(self._records[0]))
        )
        promise(taken.reason == "exists", "an id that is taken is refused")
        self._screen.say(f"{taken.status} {taken.code}: {taken}")
        promise(self.packages.count() == before, "none of the refused records is stored")
        return {"refused": len(BAD) + 1}

    def page(self) -> dict[str, Any]:
        """Read the index by downloads in both directions, page by page."""
        seen: dict[bool, list[int]] = {}
        for descending in (True, False):
            after, found = None, list[int]()
            while True:
                page = self.packages.query(
                    "by_downloads", descending=descending, limit=1_000, after=after
                )
                if after is None:
                    self._show_first(page.items, descending=descending)
                found += [package.downloads for package in page]
                if (after := page.next) is None:
                    break
            seen[descending] = found
        expected = sorted(int(str(r["downloads"])) for r in self._records[: self._first])
        promise(seen[False] == expected, "upwards, each record is read once, in order")
        promise(seen[True] == expected[::-1], "downwards, the order is the reverse")
        return {"entries": 2 * len(expected), "pages": 2 * -(-len(expected) // 1_000)}

    def _show_first(self, items: Sequence[Package], *, descending: bool) -> None:
        self._screen.say("most downloads:" if descending else "fewest downloads:")
        for package in items[:_TOP]:
            self._screen.say(f"  {package.downloads:>13,}  {package.name}")

    def count(self) -> dict[str, Any]:
        """Count the packages of each scope, and compare with the records."""
        counted = self.packages.counts("by_scope")
        expected = Tally(record["scope"] for record in self._records[: self._first])
        promise(counted == expected, "the counts agree with the records")
        scoped = Tally({scope: n for scope, n in counted.items() if scope is not None})
        largest = ", ".join(f"{scope} {n:,}" for scope, n in scoped.most_common(_TOP))
        self._screen.say(f"{len(scoped):,} scopes; the largest: {largest}")
        return {"scopes": len(scoped)}

    def edit(self) -> dict[str, Any]:
        """Write twice with the same revision; the second write is refused."""
        name = str(self._records[0]["name"])
        mine, theirs = self.packages.get(name), self.packages.get(name)
        self.packages.replace(theirs.model_copy(update={"version": "99.0.0"}))
        stale = self._refused(
            lambda: self.packages.replace(mine.model_copy(update={"version": "98.0.0"}))
        )
        self._screen.say(f"{stale.status} {stale.code} ({stale.reason}): {stale}")
        promise(stale.reason == "stale_revision", "a stale revision is refused")
        promise(self.packages.get(name).version == "99.0.0", "the first writer's change is kept")
        self.packages.update(name, {"version": mine.version})
        return {"status": stale.status}

    def second_process(self) -> dict[str, Any]:
        """Open the directory in another process, which is refused with the pid of this one."""
        child = self._child("open", self._url)
        problem = json.loads(child.communicate(timeout=60)[0])
        self._screen.say(f"{problem['status']} {problem['code']}: {problem['detail']}")
        promise(problem["status"] == 423, "the second process gets 423")
        promise(problem.get("pid") == os.getpid(), "the error has the pid of the first process")
        return {"status": problem["status"]}

    def follow(self) -> dict[str, Any]:
        """Run a changes worker until it has caught up, and compare with the documents."""
        feed = self.store.changes(COLLECTION, Package)
        ranking = self.store.leaderboard("downloads")
        start = self.store.counter("changes handled").value()

        def handle(change: Change[Package]) -> None:
            package = change.document
            if package is not None:
                # Setting a score again changes nothing, and the op_id counts a package once: so a
                # change may be handled twice, as after a crash.
                ranking.set(package.name, package.downloads)
                counter = self.store.counter(f"scope {package.scope or ''}")
                counter.increment(op_id=package.name)
            done = self.store.counter("changes handled").increment(op_id=change.seq) - start
            if done % 500 == 0 or done == behind:
                self._screen.progress(done, behind)

        worker = ChangesWorker(feed, handle, name="tour")
        behind = worker.lag()
        feed.on_event(lambda name, _: worker.stop() if name == "caught_up" else None)
        summary = worker.run()
        handled = self.store.counter("changes handled").value() - start
        promise(worker.lag() == 0, "the worker has caught up")
        promise(not worker.dead_letters(), "no change became a dead letter")
        promise(handled == behind, "each change was handled once")
        self._compare()
        self._screen.say(f"handled {summary.handled:,}; {len(self._scopes()):,} counters agree")
        return {"changes": summary.handled}

    def _scopes(self) -> dict[str | None, int]:
        return dict(self.packages.counts("by_scope"))

    def _compare(self) -> None:
        """Compare the ranking and the counters with the documents."""
        best = self.packages.query("by_downloads", descending=True, limit=100).items
        top = self.store.leaderboard("downloads").top(100)
        promise(
            [entry.score for entry in top] == [package.downloads for package in best],
            "the ranking agrees with the documents",
        )
        for scope, expected in self._scopes().items():
            counted = self.store.counter(f"scope {scope or ''}").value()
            promise(counted == expected, "each scope's counter agrees with the documents")

    def kill(self) -> dict[str, Any]:
        """Kill a child while it stores the rest; every record that it acknowledged is stored."""
        self._close()
        acknowledged = self._kill_child()
        wanted = self._records[self._first : acknowledged]
        found = self.packages.get_many([str(record["name"]) for record in wanted])
        missing = sum(
            package is None or package.downloads != record["downloads"]
            for package, record in zip(found, wanted, strict=True)
        )
        promise(missing == 0, "no acknowledged record is missing")
        self._screen.say(
            f"killed after {acknowledged - self._first:,} acknowledged records: none is missing"
        )
        new = self._store_records(self._records[self._first :])
        promise(self.packages.count() == len(self._records), "the load is complete")
        return {"acknowledged": acknowledged - self._first, "missing": missing, "finished": new}

    def _kill_child(self) -> int:
        """Start the child and kill it while it loads; return how many records it acknowledged."""
        file = "" if self._file is None else str(self._file)
        child = self._child("load", self._url, file, str(self._first))
        lines = cast("IO[str]", child.stdout)
        steps = (len(self._records) - self._first) // STEP
        last = random.randint(max(1, steps // 4), max(1, steps * 3 // 4))
        acknowledged = self._first
        for _, line in zip(range(last), lines, strict=False):
            acknowledged = int(line)
            self._screen.progress(acknowledged - self._first, len(self._records) - self._first)
        child.kill()
        rest = child.communicate(timeout=60)[0].split()  # acknowledged before the signal came
        promise(child.returncode == _KILLED, "the child was killed while it loaded")
        return int(rest[-1]) if rest else acknowledged

    def check(self) -> dict[str, Any]:
        """Read every block, and compare documents, indexes and change log with each other."""
        with Level.open(self._url.removeprefix("level:")) as level:
            report = level.check()
        for problem in report.problems:
            self._screen.say(problem)
        promise(report.ok, "nothing is damaged, and documents, indexes and change log agree")
        return {"problems": len(report.problems)}

    # --- helpers of the steps

    def _child(self, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "datapatterns.demo.children", *arguments]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own

    def _refused(self, call: Callable[[], object]) -> Conflict:
        try:
            call()
        except Conflict as error:
            return error
        raise BrokenPromise("a conflicting write was not refused")


def promise(kept: bool, text: str) -> None:
    """Raise BrokenPromise, with the text of the promise, unless it was kept."""
    if not kept:
        raise BrokenPromise(f"broken promise: {text}")
