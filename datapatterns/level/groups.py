"""Groups in LevelDB."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from itertools import islice

from datapatterns import tuples
from datapatterns.groupings import check_most, check_some
from datapatterns.level.driver import Database, Reader, scan
from datapatterns.level.space import HasSpace
from datapatterns.level.transaction import Transaction
from datapatterns.names import check_name, escape

# The first element of every key: whose list it is.
_MEMBERS, _GROUPS, _SIZE = range(3)
_PAGE = 1_000  # members fetched at once


class _Groups:
    """What both faces are made of."""

    def __init__(self, client: HasSpace, name: str) -> None:
        self._space = client.space
        self._prefix = self._space.within("$groups", escape(check_name("a name", name))).prefix

    def _key(self, *values: object) -> bytes:
        return self._prefix + tuples.pack(values)

    def _add(self, group: str, members: tuple[str, ...]) -> Callable[[Transaction], int]:
        pairs = self._pairs(group, members)

        def work(transaction: Transaction) -> int:
            new = {pair for pair in pairs if transaction.get(pair[0]) is None}
            for pair in new:
                for key in pair:
                    transaction.store(key, b"")
            self._resize(transaction, group, len(new))
            return len(new)

        return work

    def _remove(self, group: str, members: tuple[str, ...]) -> Callable[[Transaction], int]:
        pairs = self._pairs(group, members)

        def work(transaction: Transaction) -> int:
            there = {pair for pair in pairs if transaction.get(pair[0]) is not None}
            for pair in there:
                for key in pair:
                    transaction.store(key, None)
            self._resize(transaction, group, -len(there))
            return len(there)

        return work

    def _pairs(self, group: str, members: tuple[str, ...]) -> list[tuple[bytes, bytes]]:
        """For each member its entry in the group, and the group's entry with the member."""
        check_name("a group", group)
        return [
            (self._key(_MEMBERS, group, member), self._key(_GROUPS, member, group))
            for member in (check_name("a member", member) for member in members)
        ]

    def _resize(self, transaction: Transaction, group: str, by: int) -> None:
        if by:
            key = self._key(_SIZE, group)
            size = int(transaction.get(key) or 0) + by
            transaction.store(key, b"%d" % size if size else None)

    def _contains(self, group: str, member: str) -> Callable[[Reader], bool]:
        key = self._key(_MEMBERS, check_name("a group", group), check_name("a member", member))
        return lambda reader: reader.get(key, verify_checksums=True) is not None

    def _size(self, group: str) -> Callable[[Reader], int]:
        key = self._key(_SIZE, check_name("a group", group))
        return lambda reader: int(reader.get(key, verify_checksums=True) or 0)

    def _page(self, group: str, after: str | None) -> Callable[[Database], list[str]]:
        """The members that follow this one, or the first ones."""
        prefix = self._key(_MEMBERS, check_name("a group", group))
        start = prefix if after is None else self._key(_MEMBERS, group, after) + b"\x00"
        return lambda database: list(islice(_names(database, prefix, start), _PAGE))

    def _groups_of(self, member: str) -> Callable[[Database], set[str]]:
        prefix = self._key(_GROUPS, check_name("a member", member))
        return lambda database: set(_names(database, prefix, prefix))

    def _common(self, groups: tuple[str, ...], most: int | None) -> Callable[[Database], set[str]]:
        """The members of the smallest group that are in all the others as well."""
        sizes = [(self._size(group), group) for group in check_some(groups)]

        def work(database: Database) -> set[str]:
            with closing(database.snapshot()) as view:
                first, *others = (
                    group for _, group in sorted((size(view), g) for size, g in sizes)
                )
                found = (
                    member
                    for member in self._all(view, first)
                    if all(self._holds(view, group, member) for group in others)
                )
                return set(islice(found, most))

        return work

    def _union(self, groups: tuple[str, ...]) -> Callable[[Database], set[str]]:
        names = [check_name("a group", group) for group in check_some(groups)]

        def work(database: Database) -> set[str]:
            with closing(database.snapshot()) as view:
                return {member for group in names for member in self._all(view, group)}

        return work

    def _difference(self, groups: tuple[str, ...]) -> Callable[[Database], set[str]]:
        first, *others = (check_name("a group", group) for group in check_some(groups))

        def work(database: Database) -> set[str]:
            with closing(database.snapshot()) as view:
                return {
                    member
                    for member in self._all(view, first)
                    if not any(self._holds(view, group, member) for group in others)
                }

        return work

    def _all(self, reader: Reader, group: str) -> Iterator[str]:
        prefix = self._key(_MEMBERS, group)
        return _names(reader, prefix, prefix)

    def _holds(self, reader: Reader, group: str, member: str) -> bool:
        return reader.get(self._key(_MEMBERS, group, member), verify_checksums=True) is not None


class Groups(_Groups):
    """Named sets of members, and the groups that a member is in; both change in one step.

    Below `!$groups!!<name>!` three kinds of keys, tuples that begin with 0, 1 and 2: (group,
    member) and (member, group), both empty, and (group) with its size. `add` looks which members
    are new and writes their entries and the size in one batch. All members of a group lie together
    in order, so `members` fetches a thousand at a time and goes on behind the last one.

    `add` and `remove` are O(members), `contains` and `size` O(1), `union` and `groups_of` O(what
    they read). `intersection` reads the smallest group and looks its members up in the others,
    `difference` the first: O(members of that one x groups). These three see all groups at one
    moment, in a snapshot. An empty group takes no space, and nothing expires.
    """

    def add(self, group: str, *members: str) -> int:
        """Add the members and return how many were new."""
        return self._space.write(self._add(group, members))

    def remove(self, group: str, *members: str) -> int:
        """Remove the members and return how many were there."""
        return self._space.write(self._remove(group, members))

    def contains(self, group: str, member: str) -> bool:
        """Return whether the member is in the group."""
        return self._space.read(self._contains(group, member))

    def members(self, group: str) -> Iterator[str]:
        """Iterate over the members; those there throughout come exactly once."""
        page = self._space.read(self._page(group, None))
        while page:
            yield from page
            page = self._space.read(self._page(group, page[-1]))

    def size(self, group: str) -> int:
        """Return how many members the group has."""
        return self._space.read(self._size(group))

    def groups_of(self, member: str) -> set[str]:
        """Return the groups that the member is in."""
        return self._space.read(self._groups_of(member))

    def intersection(self, *groups: str) -> set[str]:
        """Return the members of all the groups; InvalidArgument if none is given."""
        return self._space.read(self._common(groups, None))

    def union(self, *groups: str) -> set[str]:
        """Return the members of any of the groups; InvalidArgument if none is given."""
        return self._space.read(self._union(groups))

    def difference(self, *groups: str) -> set[str]:
        """Return the members of the first group that are in none of the others."""
        return self._space.read(self._difference(groups))

    def intersection_size(self, *groups: str, at_most: int | None = None) -> int:
        """Return how many members are in all the groups, counting no further than `at_most`."""
        return len(self._space.read(self._common(groups, check_most(at_most))))


class AsyncGroups(_Groups):
    """`Groups` for asyncio: the same methods, awaited."""

    async def add(self, group: str, *members: str) -> int:
        """Add the members and return how many were new."""
        return await self._space.write_in_lane(self._add(group, members))

    async def remove(self, group: str, *members: str) -> int:
        """Remove the members and return how many were there."""
        return await self._space.write_in_lane(self._remove(group, members))

    async def contains(self, group: str, member: str) -> bool:
        """Return whether the member is in the group."""
        return self._space.read(self._contains(group, member))

    async def members(self, group: str) -> AsyncIterator[str]:
        """Iterate over the members; those there throughout come exactly once."""
        read = self._space.read_in_lane
        page = await read(self._page(group, None))
        while page:
            for member in page:
                yield member
            page = await read(self._page(group, page[-1]))

    async def size(self, group: str) -> int:
        """Return how many members the group has."""
        return self._space.read(self._size(group))

    async def groups_of(self, member: str) -> set[str]:
        """Return the groups that the member is in."""
        return await self._space.read_in_lane(self._groups_of(member))

    async def intersection(self, *groups: str) -> set[str]:
        """Return the members of all the groups; InvalidArgument if none is given."""
        return await self._space.read_in_lane(self._common(groups, None))

    async def union(self, *groups: str) -> set[str]:
        """Return the members of any of the groups; InvalidArgument if none is given."""
        return await self._space.read_in_lane(self._union(groups))

    async def difference(self, *groups: str) -> set[str]:
        """Return the members of the first group that are in none of the others."""
        return await self._space.read_in_lane(self._difference(groups))

    async def intersection_size(self, *groups: str, at_most: int | None = None) -> int:
        """Return how many members are in all the groups, counting no further than `at_most`."""
        common = self._common(groups, check_most(at_most))
        return len(await self._space.read_in_lane(common))


def _names(reader: Reader, prefix: bytes, start: bytes) -> Iterator[str]:
    """The last element of each key from `start` on that begins with the prefix."""
    for key, _ in scan(reader, start, prefix + tuples.AFTER):
        yield tuples.unpack(key[len(prefix) :])[0]
