"""The counts of an index's values, which tell `True` from 1 and `False` from 0."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from typing_extensions import override


class Counts(Mapping[Any, int]):
    """A mapping from values to numbers of index entries.

    It differs from a dict in that `True` and 1, and `False` and 0, are different keys, as they are
    different values of an index. The numbers 1 and 1.0 are one key.
    """

    def __init__(self, counted: Iterable[tuple[Any, int]] = ()) -> None:
        self._counted: dict[Any, tuple[Any, int]] = {}
        for value, count in counted:
            self.add(value, count)

    def add(self, value: Any, count: int = 1) -> None:
        """Add to the count of the value."""
        key = _key(value)
        before = self._counted.get(key)
        self._counted[key] = (value, count) if before is None else (before[0], before[1] + count)

    @override
    def __getitem__(self, value: Any, /) -> int:
        return self._counted[_key(value)][1]

    @override
    def __iter__(self) -> Iterator[Any]:
        return (value for value, _ in self._counted.values())

    @override
    def __len__(self) -> int:
        return len(self._counted)

    @override
    def __eq__(self, other: object, /) -> bool:
        if not isinstance(other, Mapping):
            return NotImplemented
        return self._keyed() == Counts(other.items())._keyed()  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]

    __hash__ = None  # type: ignore[assignment]  # equal to dicts, which have no hash

    def _keyed(self) -> dict[Any, int]:
        return {key: count for key, (_, count) in self._counted.items()}

    @override
    def __repr__(self) -> str:
        inner = ", ".join(f"{value!r}: {count}" for value, count in self._counted.values())
        return f"Counts({{{inner}}})"


def _key(value: Any) -> Any:
    """Return a key that is equal for equal values of an index only."""
    if isinstance(value, bool):
        return (bool, value)
    if isinstance(value, tuple):
        return tuple(_key(item) for item in value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    return value
