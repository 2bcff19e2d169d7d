"""The repository's state machine on Redis."""

from __future__ import annotations

import uuid
from collections.abc import Generator
from contextlib import contextmanager

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from datapatterns import Store
from datapatterns.testing.machines.repository import RepositoryMachine


@pytest.mark.parametrize("server", ["redis_server", "valkey_server"])
def test_the_repository_agrees_with_a_dictionary(
    request: pytest.FixtureRequest, server: str
) -> None:
    """After any sequence of operations, documents, indexes and pages are as in a dict."""
    url: str = request.getfixturevalue(server).url

    class Machine(RepositoryMachine):
        @contextmanager
        def store(self) -> Generator[Store]:
            with Store.from_url(url, namespace=f"test-{uuid.uuid4()}") as store:
                yield store

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=25,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
