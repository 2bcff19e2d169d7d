"""Figures that tests want to be seen: tries, kills, losses; printed at the end of the run."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import settings

# The time that one example takes says more about the machine than about the code.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")

pytest.register_assert_rewrite("datapatterns.testing")  # so that its failures show the values
pytest_plugins = [
    "datapatterns.testing.plugin",  # the servers, and their versions in the header
    "datapatterns.testing.matrix",  # what the conformance suite proves, against the README
    "pytester",  # runs pytest within a test
]

_FIGURE = "figure"


@pytest.fixture
def figures(record_property: Callable[[str, object], None]) -> Callable[..., None]:
    """`figures("what was done", kills=12, lost=0)` prints a line when all tests are through."""

    def figures(title: str, **numbers: int) -> None:
        shown = ", ".join(f"{name} {number:,}" for name, number in numbers.items())
        record_property(_FIGURE, f"{title}: {shown}")

    return figures


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the figures; the reports bring them along, also from the processes of xdist."""
    lines = [
        str(text)
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", None) == "call"
        for name, text in report.user_properties
        if name == _FIGURE
    ]
    if lines:
        terminalreporter.section("figures")
        for line in sorted(lines):
            terminalreporter.line(line)
