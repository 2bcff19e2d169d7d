"""Groups in LevelDB."""

from __future__ import annotations

from collections.abc import AsyncIterator

from typing_extensions import override

from datapatterns import contracts
from datapatterns.core.checks import check_name
from datapatterns.core.groups import check_group, check_groups, check_member, check_most
from datapatterns.level._async.level import AsyncLevel
from datapatterns.level.engine.space import AsyncSpace
from datapatterns.level.steps.groups import GroupsSteps

_PAGE = 1_000  # members fetched at once


class AsyncGroups(contracts.AsyncGroups):
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

    def __init__(self, client: AsyncLevel, name: str) -> None:
        self._space = AsyncSpace.of(client)
        self._steps = GroupsSteps(self._space.prefix, check_name("a name", name))

    @override
    async def add(self, group: str, *members: str) -> int:
        return await self._space.write(
            self._steps.add, check_group(group), [check_member(member) for member in members]
        )

    @override
    async def remove(self, group: str, *members: str) -> int:
        return await self._space.write(
            self._steps.remove, check_group(group), [check_member(member) for member in members]
        )

    @override
    async def contains(self, group: str, member: str) -> bool:
        check_member(member)
        return await self._space.read(self._steps.contains, check_group(group), member)

    @override
    async def members(self, group: str) -> AsyncIterator[str]:
        check_group(group)
        page = await self._space.scan(self._steps.page, group, None, _PAGE)
        while page:
            for member in page:
                yield member
            page = await self._space.scan(self._steps.page, group, page[-1], _PAGE)

    @override
    async def size(self, group: str) -> int:
        return await self._space.read(self._steps.size, check_group(group))

    @override
    async def groups_of(self, member: str) -> set[str]:
        return await self._space.scan(self._steps.groups_of, check_member(member))

    @override
    async def intersection(self, *groups: str) -> set[str]:
        return await self._space.scan(self._steps.intersection, check_groups(groups), None)

    @override
    async def union(self, *groups: str) -> set[str]:
        return await self._space.scan(self._steps.union, check_groups(groups))

    @override
    async def difference(self, *groups: str) -> set[str]:
        return await self._space.scan(self._steps.difference, check_groups(groups))

    @override
    async def intersection_size(self, *groups: str, at_most: int | None = None) -> int:
        most = check_most(at_most)
        return len(await self._space.scan(self._steps.intersection, check_groups(groups), most))
