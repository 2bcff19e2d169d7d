"""The state machines of groups and leaderboard, on Level, Redis and Valkey."""

from __future__ import annotations

import uuid
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from datapatterns import Store
from datapatterns.testing.machines.sets import GroupsMachine, LeaderboardMachine

EXAMPLES = settings(
    max_examples=40,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)

on_each_backend = pytest.mark.parametrize("backend", ["level", "redis_server", "valkey_server"])


def url_of(request: pytest.FixtureRequest, backend: str, folder: Path) -> str:
    """Return the URL of the backend."""
    if backend == "level":
        return f"level:{folder}/data"
    url: str = request.getfixturevalue(backend).url
    return url


@on_each_backend
def test_groups_agree_with_sets(
    request: pytest.FixtureRequest, tmp_path: Path, backend: str
) -> None:
    """Whatever is done in whichever order, groups and members agree with plain sets."""
    url = url_of(request, backend, tmp_path)

    class Machine(GroupsMachine):
        @contextmanager
        def store(self) -> Generator[Store]:
            with Store.from_url(url, namespace=f"test-{uuid.uuid4()}") as store:
                yield store

    run_state_machine_as_test(Machine, settings=EXAMPLES)


@on_each_backend
def test_the_leaderboard_agrees_with_a_list(
    request: pytest.FixtureRequest, tmp_path: Path, backend: str
) -> None:
    """Whatever is done in whichever order, scores, ranks and ties agree with a plain list."""
    url = url_of(request, backend, tmp_path)

    class Machine(LeaderboardMachine):
        @contextmanager
        def store(self) -> Generator[Store]:
            with Store.from_url(url, namespace=f"test-{uuid.uuid4()}") as store:
                yield store

    run_state_machine_as_test(Machine, settings=EXAMPLES)
