# unasync: by hand
"""What the async tests need and the generator cannot write."""

from collections.abc import AsyncIterator
from typing import Any, TypeVar

T = TypeVar("T")


async def collect(entries: AsyncIterator[T]) -> list[T]:
    """Return all remaining entries of the iterator."""
    return [entry async for entry in entries]


async def coroutine_function(*_: Any) -> None:
    """Do nothing, as a coroutine function."""
