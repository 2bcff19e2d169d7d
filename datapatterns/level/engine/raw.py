"""Encoded operations: pairs of a key and its new value, or None to delete it."""

from __future__ import annotations

from collections.abc import Sequence

from datapatterns.level.engine.readers import Writer

RawOperations = Sequence[tuple[bytes, "bytes | None"]]


def store(writer: Writer, operations: RawOperations) -> None:
    """Write the operations in their order, through the hooks."""
    for key, value in operations:
        writer.put(key, value)
