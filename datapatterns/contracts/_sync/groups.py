# Generated from datapatterns/contracts/_async/groups.py by scripts/unasync.py; do not edit.
"""The contract of groups."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol


class Groups(Protocol):
    """Named sets of members, and the groups that a member is in."""

    def add(self, group: str, *members: str) -> int:
        """Add the members and return how many were new."""
        ...

    def remove(self, group: str, *members: str) -> int:
        """Remove the members and return how many were there."""
        ...

    def contains(self, group: str, member: str) -> bool:
        """Return whether the member is in the group."""
        ...

    def members(self, group: str) -> Iterator[str]:
        """Iterate over the members, in no order.

        A member that is in the group throughout comes exactly once.
        """
        ...

    def size(self, group: str) -> int:
        """Return how many members the group has."""
        ...

    def groups_of(self, member: str) -> set[str]:
        """Return the groups that the member is in."""
        ...

    def intersection(self, *groups: str) -> set[str]:
        """Return the members that are in all of the groups.

        This and the next three raise InvalidArgument if no group is given.
        """
        ...

    def union(self, *groups: str) -> set[str]:
        """Return the members that are in any of the groups."""
        ...

    def difference(self, *groups: str) -> set[str]:
        """Return the members of the first group that are in none of the others."""
        ...

    def intersection_size(self, *groups: str, at_most: int | None = None) -> int:
        """Return how many members are in all of the groups, and count no further than `at_most`."""
        ...
