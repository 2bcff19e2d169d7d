"""Workers are asyncio only, as the whole library."""

import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

# The tests import each face's `memory.py` as patterns._async.memory. Last on the path, so that no
# folder of tests shadows a driver.
sys.path.append(str(Path(__file__).parent.parent))


@pytest.fixture
def anyio_backend() -> str:
    """Run async tests on asyncio."""
    return "asyncio"


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    """Check that no thread of ours is left after the test."""
    yield
    for thread in threading.enumerate():
        if thread.name.startswith("datapatterns"):
            thread.join(20)
            assert not thread.is_alive(), thread.name
