"""Run the conformance suite on a backend of your own."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any

import pytest

from datapatterns import Capabilities, InvalidArgument, Store
from datapatterns.store import INT64_MAX, INT64_MIN, check_name, check_step, positive_seconds
from datapatterns.testing.conformance import *  # noqa: F403 - every test of the suite


class DictBackend:
    capabilities = Capabilities("dict", frozenset({"counter"}))

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.values: dict[str, int] = {}
        self.seen: dict[tuple[str, str], tuple[float, int]] = {}  # by name and op_id

    def make(self, pattern: str, name: str, options: Mapping[str, Any]) -> DictCounter:
        return DictCounter(self, name, **options)

    def open(self) -> None: ...

    def ping(self) -> None: ...

    def close(self) -> None: ...


class DictCounter:
    """A counter in the memory of this process."""

    def __init__(self, store: DictBackend, name: str, *, op_ttl: float = 3_600.0) -> None:
        self._store, self._name = store, check_name("a name", name)
        self._ttl = positive_seconds("op_ttl", op_ttl)

    def increment(self, by: int = 1, *, op_id: str | None = None) -> int:
        check_step(by)
        operation = None if op_id is None else (self._name, check_name("an op_id", op_id))
        with self._store.lock:
            until, value = self._store.seen.get(operation, (0.0, 0))
            if time.monotonic() < until:
                return value
            value = self.value() + by
            if not INT64_MIN <= value <= INT64_MAX:
                raise InvalidArgument("a counter has 64 bits")
            self._store.values[self._name] = value
            if operation is not None:
                self._store.seen[operation] = (time.monotonic() + self._ttl, value)
            return value

    def decrement(self, by: int = 1, *, op_id: str | None = None) -> int:
        return self.increment(-check_step(by), op_id=op_id)

    def value(self) -> int:
        return self._store.values.get(self._name, 0)

    def reset(self) -> int:
        with self._store.lock:
            return self._store.values.pop(self._name, 0)


@pytest.fixture
def target() -> Store:
    """Return an empty store; the suite asks for this fixture."""
    return Store(DictBackend())


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__, "-q"]))
