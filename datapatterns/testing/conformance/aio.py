"""The conformance suite in the async face; see `datapatterns.testing.conformance`.

The file that imports it needs no marks: AnyIO's pytest plugin runs the tests, on asyncio.
"""

import pytest

from datapatterns.testing.conformance import _async, pytest_plugins
from datapatterns.testing.conformance._async import *  # noqa: F403 - each class of the list
from datapatterns.testing.conformance._async.target import AsyncTarget as AsyncTarget

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Tell AnyIO that the library is for asyncio."""
    return "asyncio"


__all__ = ["anyio_backend", "pytest_plugins", "pytestmark"]
__all__ += _async.__all__
