# Generated from tests/level/_async/conftest.py by scripts/unasync.py; do not edit.
"""Every test of Level runs on a directory's root, on a sublevel and on a nested one."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from datapatterns.level import Level

# Last on the path, so that no folder of tests shadows a driver.
sys.path.append(str(Path(__file__).parents[2]))
from level._sync.maker import PLACES, Maker


@pytest.fixture
def anyio_backend() -> str:
    """Tell AnyIO that the library is for asyncio."""
    return "asyncio"


@pytest.fixture(params=list(PLACES))
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Maker]:
    """Return `make(key_encoding=…, value_encoding=…, hooks=…)`; close all it opened afterwards."""
    maker = Maker(tmp_path, PLACES[request.param])
    yield maker
    for root in maker.roots:
        root.close()


@pytest.fixture
def level(make: Maker) -> Level:
    """Return an empty level with text for keys and JSON for values."""
    return make()
