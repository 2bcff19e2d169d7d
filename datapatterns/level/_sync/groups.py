# Generated from datapatterns/level/_async/groups.py by scripts/unasync.py; do not edit.
"""Groups in LevelDB."""

from __future__ import annotations

from collections.abc import Iterator

from typing_extensions import override

from datapatterns import contracts
from datapatterns.core.checks import check_name
from datapatterns.core.groups import check_group, check_groups, check_member, check_most
from datapatterns.level._sync.level import Level
from datapatterns.level.engine.space import Space
from datapatterns.level.steps.groups import GroupsSteps

_PAGE = 1_000  # members fetched at once


class Groups(contracts.Groups):
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

    def __init__(self, client: Level, name: str) -> None:
        self._space = Space.of(client)
        self._steps = GroupsSteps(self._space.prefix, check_name("a name", name))

    @override
    def add(self, group: str, *members: str) -> int:
        return self._space.write(
            self._steps.add, check_group(group), [check_member(member) for member in members]
        )

    @override
    def remove(self, group: str, *members: str) -> int:
        return self._space.write(
            self._steps.remove, check_group(group), [check_member(member) for member in members]
        )

    @override
    def contains(self, group: str, member: str) -> bool:
        check_member(member)
        return self._space.read(self._steps.contains, check_group(group), member)

    @override
    def members(self, group: str) -> Iterator[str]:
        check_group(group)
        page = self._space.scan(self._steps.page, group, None, _PAGE)
        while page:
            for member in page:
                yield member
            page = self._space.scan(self._steps.page, group, page[-1], _PAGE)

    @override
    def size(self, group: str) -> int:
        return self._space.read(self._steps.size, check_group(group))

    @override
    def groups_of(self, member: str) -> set[str]:
        return self._space.scan(self._steps.groups_of, check_member(member))

    @override
    def intersection(self, *groups: str) -> set[str]:
        return self._space.scan(self._steps.intersection, check_groups(groups), None)

    @override
    def union(self, *groups: str) -> set[str]:
        return self._space.scan(self._steps.union, check_groups(groups))

    @override
    def difference(self, *groups: str) -> set[str]:
        return self._space.scan(self._steps.difference, check_groups(groups))

    @override
    def intersection_size(self, *groups: str, at_most: int | None = None) -> int:
        most = check_most(at_most)
        return len(self._space.scan(self._steps.intersection, check_groups(groups), most))
