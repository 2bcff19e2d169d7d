"""A pytest plugin of the conformance suite: what a backend lacks is refused with 501.

Files that import the suite load it. PYTEST_DONT_REWRITE: it has no assert statements, and may be
imported before pytest runs.
"""

from __future__ import annotations

from typing import Any

import pytest

from datapatterns.capabilities import BACKENDS, Pattern
from datapatterns.core.documents import Document
from datapatterns.errors import Unsupported

_PROPERTY = "refused"

# What a pattern's factory needs besides a name.
OPTIONS: dict[str, dict[str, Any]] = {
    "rate_limiter": {"limit": 1, "window": 1.0},
    "concurrency_limiter": {"limit": 1, "lease": 1.0},
    "repository": {"model": Document},
}


def check_refused(target: Any, pattern: Pattern) -> None:
    """Fail unless the store refuses the pattern with 501 and names the backends that have it."""
    with pytest.raises(Unsupported) as raised:
        getattr(target, pattern)("name", **OPTIONS.get(pattern, {}))
    able = [capable.backend for capable in BACKENDS.values() if capable.has(pattern)]
    found = raised.value.status, raised.value.data["backends"]
    if found != (501, able):
        pytest.fail(f"{pattern}: the refusal says {found}, not {(501, able)}")


@pytest.hookimpl(tryfirst=True)  # before AnyIO's, which runs async tests
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Assert the refusal in place of a test of a pattern that the target does not declare."""
    pattern: Pattern | None = getattr(pyfuncitem.cls, "pattern", None)
    capabilities = getattr(pyfuncitem.funcargs.get("target"), "capabilities", None)
    if pattern is None or capabilities is None or capabilities.has(pattern):
        return None
    check_refused(pyfuncitem.funcargs["target"], pattern)
    pyfuncitem.user_properties.append((_PROPERTY, f"{capabilities.backend} {pattern}"))
    return True


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which backends refused which patterns, and how many tests asserted that."""
    refused: dict[str, list[str]] = {}
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            if name == _PROPERTY:
                backend, pattern = str(value).split(" ")
                refused.setdefault(backend, []).append(pattern)
    for backend, patterns in refused.items():
        shown = ", ".join(sorted(set(patterns)))
        terminalreporter.line(f"{len(patterns)} tests assert that {backend} refuses: {shown}")
