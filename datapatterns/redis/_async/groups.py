"""Groups in Redis."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from datapatterns.errors import DataCorrupted
from datapatterns.groupings import check_most, check_some
from datapatterns.names import check_name
from datapatterns.redis._async.commands import read
from datapatterns.redis._async.lua import SCRIPTS
from datapatterns.redis._async.pools import AsyncRedisClient
from datapatterns.redis.keys import DEFAULT_NAMESPACE, Keys

_PAGE = 1_000  # members fetched by one trip


class AsyncGroups:
    """Named sets of members, and the groups that a member is in; both change in one step.

    A set for each group and one for each member, `{namespace:groups:name}:members:<group>` and
    `...:groups:<member>`. `add` is one script: `SADD` to the group's set, and the group to each
    member's. Reading is one command: `SISMEMBER`, `SCARD`, `SMEMBERS`, `SINTER`, `SUNION`, `SDIFF`.

    All groups of one name share a hash tag, so that any of them can be compared in one atomic step
    on a cluster too. They lie on one of its nodes: to spread groups that are never compared, give
    them different names.

    Each call is one round trip and one atomic step, except `members`, which fetches about a
    thousand at a time. Adding is O(members), the set operations are O(members of the groups) on the
    server, and `intersection` and its size O(smallest group x groups). An empty set takes no space,
    and nothing expires.
    """

    def __init__(
        self, client: AsyncRedisClient, name: str, *, namespace: str = DEFAULT_NAMESPACE
    ) -> None:
        self.redis = client
        self._keys = Keys.of(namespace, "groups", name)

    async def add(self, group: str, *members: str) -> int:
        """Add the members and return how many were new; OutcomeUnknown if the reply was lost."""
        return await self._change("groups_add", group, members)

    async def remove(self, group: str, *members: str) -> int:
        """Remove the members and return how many were there; OutcomeUnknown as for `add`."""
        return await self._change("groups_remove", group, members)

    async def _change(self, script: str, group: str, members: tuple[str, ...]) -> int:
        keys = [self._members(group), *map(self._groups, members)]
        if not members:
            return 0
        names = [name.encode() for name in (group, *members)]
        return int(await SCRIPTS.write(self.redis, script, keys, names))

    async def contains(self, group: str, member: str) -> bool:
        """Return whether the member is in the group."""
        key = self._members(group)
        name = check_name("a member", member).encode()
        return bool(await read(self.redis, "SISMEMBER", key, name))

    async def members(self, group: str) -> AsyncIterator[str]:
        """Iterate over the members, in no order; those there throughout come exactly once.

        SSCAN gives some members twice while the set grows or shrinks, so this remembers those that
        it has handed out: memory for one group's names. If the server is replaced meanwhile by a
        replica, some may be left out.
        """
        key = self._members(group)
        seen: set[bytes] = set()
        cursor = b"0"
        while True:
            cursor, *found = await SCRIPTS.read(self.redis, "groups_scan", [key], [cursor, _PAGE])
            for member in found:
                if member not in seen:
                    seen.add(member)
                    yield _name(member)
            if cursor == b"0":
                return

    async def size(self, group: str) -> int:
        """Return how many members the group has."""
        return int(await read(self.redis, "SCARD", self._members(group)))

    async def groups_of(self, member: str) -> set[str]:
        """Return the groups that the member is in."""
        return _names(await read(self.redis, "SMEMBERS", self._groups(member)))

    async def intersection(self, *groups: str) -> set[str]:
        """Return the members of all the groups; InvalidArgument if none is given."""
        return _names(await read(self.redis, "SINTER", *self._all(groups)))

    async def union(self, *groups: str) -> set[str]:
        """Return the members of any of the groups; InvalidArgument if none is given."""
        return _names(await read(self.redis, "SUNION", *self._all(groups)))

    async def difference(self, *groups: str) -> set[str]:
        """Return the members of the first group that are in none of the others."""
        return _names(await read(self.redis, "SDIFF", *self._all(groups)))

    async def intersection_size(self, *groups: str, at_most: int | None = None) -> int:
        """Return how many members are in all the groups, counting no further than `at_most`."""
        keys, most = self._all(groups), check_most(at_most)
        if most == 0:
            return 0  # to the server it would mean "no limit"
        return int(await SCRIPTS.read(self.redis, "groups_common", keys, [most or 0]))

    def _members(self, group: str) -> bytes:
        return self._keys("members", check_name("a group", group))

    def _groups(self, member: str) -> bytes:
        return self._keys("groups", check_name("a member", member))

    def _all(self, groups: tuple[str, ...]) -> list[bytes]:
        return [self._members(group) for group in check_some(groups)]


def _names(reply: Any) -> set[str]:
    return {_name(name) for name in reply}


def _name(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise DataCorrupted("a set holds something that is no name") from error
