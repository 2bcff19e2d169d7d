"""Every test of Level runs on a directory's root, on a sublevel and on a nested one."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from datapatterns.level import AsyncLevel

# Last on the path, so that no folder of tests shadows a driver.
sys.path.append(str(Path(__file__).parents[2]))
from level._async.maker import PLACES, Maker


@pytest.fixture
def anyio_backend() -> str:
    """Tell AnyIO that the library is for asyncio."""
    return "asyncio"


@pytest.fixture(params=list(PLACES))
async def make(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Maker]:
    """Return `make(key_encoding=…, value_encoding=…, hooks=…)`; close all it opened afterwards."""
    maker = Maker(tmp_path, PLACES[request.param])
    yield maker
    for root in maker.roots:
        await root.close()


@pytest.fixture
async def level(make: Maker) -> AsyncLevel:
    """Return an empty level with text for keys and JSON for values."""
    return await make()
