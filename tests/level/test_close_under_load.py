"""Closing while others are inside: the process lives, and what comes later is Unavailable.

The same attacks on the bare driver end the process by a signal (`close_under_load.py raw-iterate`,
`raw-get`, `raw-put`), which is why each one runs in a child.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

SCENARIOS = [
    "get",
    "put",
    "sync-put",
    "iterate",
    "batch",
    "compact",
    "clear",
    "snapshot",
    "left-over",
    "one-iterator",
    "check",
    "async",
]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_close_under_load(scenario: str, run: Callable[..., str]) -> None:
    """Threads or tasks do one thing without end while the level closes: no crash, no hang."""
    assert run("close_under_load.py", scenario, 5) == "survived 5\n"


@pytest.mark.slow
@pytest.mark.parametrize("scenario", ["snapshot", "iterate", "all", "async"])
def test_close_under_load_again_and_again(
    scenario: str, run: Callable[..., str], figures: Callable[..., None]
) -> None:
    """The attacks that found something, and all at once, many times over."""
    rounds = 60
    assert run("close_under_load.py", scenario, rounds) == f"survived {rounds}\n"
    figures(f"LevelDB closed under load ({scenario})", closings=rounds, crashes=0)
