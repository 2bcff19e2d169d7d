"""The targets of the conformance suite: every backend at hand, in the async face.

Each test class names its pattern, and runs on the backends that declare it.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from datapatterns import AsyncStore
from datapatterns.capabilities import BACKENDS

# A target's name -> the backend that it is of.
TARGETS = {"level-root": "level", "level-sublevel": "level"}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each conformance class on the targets whose backend has its pattern."""
    if "target" not in metafunc.fixturenames:
        return
    pattern = getattr(metafunc.cls, "pattern", None)
    names = [
        name
        for name, backend in TARGETS.items()
        if pattern is None or BACKENDS[backend].has(pattern)
    ]
    metafunc.parametrize("target", names, indirect=True)


@pytest.fixture
async def target(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[AsyncStore]:
    """A store on a namespace that nothing has been written to."""
    namespace = "" if request.param == "level-root" else f"test-{uuid.uuid4()}"
    async with AsyncStore.from_url(f"level:{tmp_path}/data", namespace=namespace) as store:
        yield store
