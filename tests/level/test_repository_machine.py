"""The repository's state machine on LevelDB."""

from __future__ import annotations

import tempfile
from collections.abc import Generator
from contextlib import contextmanager

from hypothesis import HealthCheck, settings

from datapatterns import Store
from datapatterns.testing.machines.repository import RepositoryMachine


class Machine(RepositoryMachine):
    """Each run has a directory of its own."""

    @contextmanager
    def store(self) -> Generator[Store]:
        """Open a fresh directory."""
        with (
            tempfile.TemporaryDirectory() as directory,
            Store.from_url(f"level:{directory}/data") as store,
        ):
            yield store


TestMachine = Machine.TestCase
TestMachine.settings = settings(
    max_examples=60,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
