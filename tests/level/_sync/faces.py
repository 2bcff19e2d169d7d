# unasync: by hand
"""What the tests need and the generator cannot write."""

from collections.abc import Iterator
from typing import Any, TypeVar

T = TypeVar("T")


def collect(entries: Iterator[T]) -> list[T]:
    """All that the iterator still has."""
    return list(entries)


async def coroutine_function(*_: Any) -> None:
    """Do nothing, later."""
