"""Which backend has which pattern, as a run of the conformance suite has shown it.

A pytest plugin:

    pytest -p datapatterns.testing.matrix --matrix README.md   compare: a difference fails the run
    pytest -p datapatterns.testing.matrix --matrix README.md --matrix-write

A backend has a pattern if tests of its conformance classes passed in both faces and none failed; it
lacks the pattern if asking for it was seen to raise Unsupported. The table stands in the file
between two comments. A run of a part of the tests proves a part of the cells: the others are left.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator, Mapping
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any, get_args

import pytest

from datapatterns.capabilities import BACKENDS, Pattern

FACES = frozenset({"async", "sync"})
BEGIN, END = "<!-- capabilities: begin -->\n", "\n<!-- capabilities: end -->"
_PROPERTY = "conformance"
_REFUSAL = "test_a_pattern_is_there_or_refused"

Cell = tuple[str, str]  # pattern, backend


class Proofs:
    """What the tests of a run have shown, cell by cell."""

    def __init__(self) -> None:
        self._passed: dict[Cell, set[str]] = defaultdict(set)
        self._refused: dict[Cell, set[str]] = defaultdict(set)
        self._failed: set[Cell] = set()

    def note(self, claim: str, passed: bool) -> None:
        """Take in the result of one test: `backend face pattern has`, or `... refuses`."""
        backend, face, pattern, kind = claim.split(" ")
        cell = pattern, backend
        if not passed:
            self._failed.add(cell)
        else:
            (self._passed if kind == "has" else self._refused)[cell].add(face)

    def cells(self) -> dict[Cell, str]:
        """Return the proven cells, as yes or no."""
        yes = {cell: "yes" for cell, faces in self._passed.items() if faces >= FACES}
        no = {cell: "no" for cell, faces in self._refused.items() if faces >= FACES}
        return {cell: word for cell, word in (no | yes).items() if cell not in self._failed}


def table(cells: Mapping[Cell, str]) -> str:
    """Return the table in Markdown, with a question mark in each unknown cell."""
    lines = ["| pattern | " + " | ".join(BACKENDS) + " |", "|---" * (len(BACKENDS) + 1) + "|"]
    for pattern in get_args(Pattern):
        words = [cells.get((pattern, backend), "?") for backend in BACKENDS]
        lines.append(f"| {pattern.replace('_', ' ')} | " + " | ".join(words) + " |")
    return "\n".join(lines)


def read(text: str) -> dict[Cell, str]:
    """Return the cells of the table in a file."""
    found = text.partition(BEGIN)[2].partition(END)[0].splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in found]
    if len(rows) < 2:
        return {}
    backends = rows[0][1:]
    return {
        (row[0].replace(" ", "_"), backend): word
        for row in rows[2:]
        for backend, word in zip(backends, row[1:], strict=True)
    }


def written(text: str, proven: Mapping[Cell, str]) -> str:
    """Return the file with the proven cells in its table; keep all other cells."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + BEGIN + table({**read(text), **proven}) + END + after


def differences(proven: Mapping[Cell, str], written: Mapping[Cell, str], whole: bool) -> list[str]:
    """Return the cells in which file and run differ; of a whole run also the unproven ones."""
    tested = {backend for _, backend in proven}
    return [
        f"{pattern} on {backend}: the run says {said}, the file {written.get((pattern, backend))}"
        for backend in BACKENDS
        for pattern in get_args(Pattern)
        if (said := proven.get((pattern, backend))) != written.get((pattern, backend))
        and (said is not None or (whole and backend in tested))
    ]


# --- the plugin


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("datapatterns")
    group.addoption(
        "--matrix", action="append", type=Path, metavar="FILE", help="has the table of capabilities"
    )
    group.addoption("--matrix-write", action="store_true", help="write the table from this run")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Put into the report of a conformance test what it proves."""
    if call.when == "call" and isinstance(item, pytest.Function) and (claim := _claim(item)):
        item.user_properties.append((_PROPERTY, claim))
    return (yield)


def _claim(item: pytest.Function) -> str | None:
    target = item.funcargs.get("target")
    capabilities = getattr(target, "capabilities", None)
    if capabilities is None:
        return None
    named: Any = getattr(item.cls, "pattern", None)
    if item.originalname == _REFUSAL:
        named = item.callspec.params["pattern"]
    if named is None:
        return None
    face = "async" if iscoroutinefunction(item.function) else "sync"
    kind = "has" if capabilities.has(named) else "refuses"
    # That a pattern can be made proves nothing of its promises.
    if item.originalname == _REFUSAL and kind == "has":
        return None
    return f"{capabilities.backend} {face} {named} {kind}"


def _proofs(config: pytest.Config) -> dict[Cell, str]:
    """Return what the reports prove, including those of other processes."""
    proofs = Proofs()
    reporter: Any = config.pluginmanager.get_plugin("terminalreporter")
    for report in (report for reports in reporter.stats.values() for report in reports):
        if getattr(report, "when", None) != "call" or report.skipped:
            continue
        for name, claim in report.user_properties:
            if name == _PROPERTY:
                proofs.note(claim, report.passed)
    return proofs.cells()


def _is_whole(config: pytest.Config) -> bool:
    """Return whether all tests were asked for (marks only leave out slow ones)."""
    named = [str(argument) for argument in config.invocation_params.args]
    chosen = any(argument.startswith(("-k", "--lf", "--ff", "--deselect")) for argument in named)
    return not chosen and config.args == config.getini("testpaths")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Compare or write the table, in the process that has all reports."""
    config = session.config
    files: list[Path] = config.getoption("--matrix") or []
    if not files or hasattr(config, "workerinput"):
        return
    proven, found = _proofs(config), list[str]()
    for path in files:
        text = path.read_text()
        if config.getoption("--matrix-write"):
            path.write_text(written(text, proven))
        else:
            differing = differences(proven, read(text), _is_whole(config))
            found += [f"{path}: {line}" for line in differing]
    config.stash[_FOUND] = found
    if found and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


_FOUND = pytest.StashKey[list[str]]()


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print the differences."""
    found = config.stash.get(_FOUND, [])
    if found:
        terminalreporter.section("the table of capabilities differs from this run")
        for line in found:
            terminalreporter.line(line)
