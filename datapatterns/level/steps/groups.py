"""The steps of groups: each membership stands twice, by its group and by its member."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from datapatterns.core import tuples
from datapatterns.core.checks import escape
from datapatterns.level.engine.keys import own_prefix
from datapatterns.level.engine.readers import Reader, Writer

# The first element of every key tells what it is.
_MEMBERS, _GROUPS, _SIZE = range(3)


class GroupsSteps:
    """Below `!$groups!!<name>!`: tuples (0, group, member), (1, member, group) and (2, group).

    The first two have empty values; the third has the number of the group's members.
    """

    def __init__(self, namespace: bytes, name: str) -> None:
        self._prefix = namespace + own_prefix("$groups", escape(name))
        self.memberships = self._key(_MEMBERS)  # the prefix of all entries by group

    def _key(self, *values: object) -> bytes:
        return self._prefix + tuples.pack(values)

    def contains(self, reader: Reader, group: str, member: str) -> bool:
        """Return whether the member is in the group."""
        return reader.get(self._key(_MEMBERS, group, member)) is not None

    def size(self, reader: Reader, group: str) -> int:
        """Return how many members the group has."""
        return int(reader.get(self._key(_SIZE, group)) or 0)

    def page(self, reader: Reader, group: str, after: str | None, limit: int) -> list[str]:
        """Return the members that follow `after` in order; the first ones if it is None."""
        prefix = self._key(_MEMBERS, group)
        start = prefix if after is None else self._key(_MEMBERS, group, after) + b"\x00"
        return list(islice(_names(reader, prefix, start), limit))

    def groups_of(self, reader: Reader, member: str) -> set[str]:
        """Return the groups that the member is in."""
        prefix = self._key(_GROUPS, member)
        return set(_names(reader, prefix, prefix))

    def intersection(self, reader: Reader, groups: Sequence[str], at_most: int | None) -> set[str]:
        """Look up the members of the smallest group in all the others; stop at `at_most`."""
        first, *others = sorted(groups, key=lambda group: (self.size(reader, group), group))
        common = (
            member
            for member in self._members(reader, first)
            if all(self.contains(reader, group, member) for group in others)
        )
        return set(islice(common, at_most))

    def union(self, reader: Reader, groups: Sequence[str]) -> set[str]:
        """Return the members of any of the groups."""
        return {member for group in groups for member in self._members(reader, group)}

    def difference(self, reader: Reader, groups: Sequence[str]) -> set[str]:
        """Look up the members of the first group in all the others."""
        first, *others = groups
        return {
            member
            for member in self._members(reader, first)
            if not any(self.contains(reader, group, member) for group in others)
        }

    def add(self, writer: Writer, group: str, members: Iterable[str]) -> int:
        """Write both entries of each member that is new, and the size of the group."""
        new = {member for member in members if not self.contains(writer, group, member)}
        for member in new:
            writer.store(self._key(_MEMBERS, group, member), b"")
            writer.store(self._key(_GROUPS, member, group), b"")
        self._resize(writer, group, len(new))
        return len(new)

    def remove(self, writer: Writer, group: str, members: Iterable[str]) -> int:
        """Delete both entries of each member that is there, and write the size of the group."""
        gone = {member for member in members if self.contains(writer, group, member)}
        for member in gone:
            writer.store(self._key(_MEMBERS, group, member), None)
            writer.store(self._key(_GROUPS, member, group), None)
        self._resize(writer, group, -len(gone))
        return len(gone)

    def _members(self, reader: Reader, group: str) -> Iterator[str]:
        prefix = self._key(_MEMBERS, group)
        return _names(reader, prefix, prefix)

    def _resize(self, writer: Writer, group: str, by: int) -> None:
        if by:
            size = self.size(writer, group) + by
            writer.store(self._key(_SIZE, group), b"%d" % size if size else None)


def _names(reader: Reader, prefix: bytes, start: bytes) -> Iterator[str]:
    """Iterate over the last element of each key from `start` on that begins with the prefix."""
    for key in reader.keys(start, prefix + tuples.AFTER):
        yield tuples.unpack(key[len(prefix) :])[0]
