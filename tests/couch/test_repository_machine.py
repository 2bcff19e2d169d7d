"""The repository's state machine on CouchDB."""

from __future__ import annotations

import uuid
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from datapatterns import Store
from datapatterns.core.tuples import collate
from datapatterns.couch import Couch
from datapatterns.couch.http.paths import database_name
from datapatterns.testing.machines.repository import BY_BOTH, BY_VALUE, RepositoryMachine
from datapatterns.testing.servers import couch_at_hand


def as_couchdb_orders(value: Any) -> Any:
    """Return a sort key by CouchDB's rules: numbers as doubles, NUL characters ignored."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    return collate(value.replace("\x00", "") if isinstance(value, str) else value)


@pytest.mark.slow
@pytest.mark.timeout(600)  # time for Hypothesis to shorten a failing example
@pytest.mark.couchdb3
def test_the_repository_agrees_with_a_dictionary(couch_server: couch_at_hand.Couch) -> None:
    """After random steps, documents, indexes and pages agree with a dictionary."""

    class Machine(RepositoryMachine):
        indexes = (BY_VALUE, BY_BOTH)

        def collated(self, value: Any) -> Any:
            return as_couchdb_orders(value)

        @contextmanager
        def store(self) -> Generator[Store]:
            namespace = f"test-{uuid.uuid4().hex}"
            with Store.from_url(f"couch+{couch_server.url}", namespace=namespace) as store:
                yield store
            with Couch(couch_server.url) as couch:
                couch.database(database_name(namespace, "things")).destroy()

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=10,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
