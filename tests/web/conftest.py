"""Web tests run on asyncio, and share the applications in `apps.py`."""

import sys
from pathlib import Path

import pytest

# Last on the path, so that no folder of tests shadows a framework.
sys.path.append(str(Path(__file__).parent.parent))


@pytest.fixture
def anyio_backend() -> str:
    """Run async tests on asyncio."""
    return "asyncio"
