"""Groups in Redis."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from typing_extensions import override

from datapatterns import contracts
from datapatterns.core.groups import check_group, check_groups, check_member, check_most
from datapatterns.errors import DataCorrupted
from datapatterns.redis._async.lua import SCRIPTS
from datapatterns.redis.keys import DEFAULT_NAMESPACE, Keys
from datapatterns.redis.wire._async.commands import read
from datapatterns.redis.wire._async.pools import AsyncRedisClient

_PAGE = 1_000  # members fetched by one trip


class AsyncGroups(contracts.AsyncGroups):
    """Named sets of members, and the groups that a member is in; both change in one step.

    There is a set for each group and one for each member: `{namespace:groups:name}:members:<group>`
    and `...:groups:<member>`. `add` is one script: `SADD` to the group's set, and of the group to
    each member's set. Reading is one command: `SISMEMBER`, `SCARD`, `SMEMBERS`, `SINTER`, `SUNION`,
    `SDIFF`.

    All groups of one name share a hash tag, so that any of them can be compared in one atomic step
    on a cluster, too. They lie on one of its nodes: to spread groups that are never compared, give
    them different names.

    Each call is one round trip and one atomic step, except `members`, which reads about a thousand
    at a time. Adding is O(members), the set operations are O(members of the groups) on the server,
    and `intersection` and its size O(smallest group x groups). An empty set takes no space, and
    nothing expires.
    """

    def __init__(
        self, client: AsyncRedisClient, name: str, *, namespace: str = DEFAULT_NAMESPACE
    ) -> None:
        self.redis = client
        self._keys = Keys.of(namespace, "groups", name)

    @override
    async def add(self, group: str, *members: str) -> int:
        return await self._change("groups/add", group, members)

    @override
    async def remove(self, group: str, *members: str) -> int:
        return await self._change("groups/remove", group, members)

    async def _change(self, script: str, group: str, members: tuple[str, ...]) -> int:
        keys = [self._members(group), *map(self._groups, members)]
        if not members:
            return 0
        names = [name.encode() for name in (group, *members)]
        return int(await SCRIPTS.write(self.redis, script, keys, names))

    @override
    async def contains(self, group: str, member: str) -> bool:
        key = self._members(group)
        name = check_member(member).encode()
        return bool(await read(self.redis, "SISMEMBER", key, name))

    @override
    async def members(self, group: str) -> AsyncIterator[str]:
        """Iterate over the members, in no order; those there throughout come exactly once.

        SSCAN returns some members twice while the set grows or shrinks, so this keeps the names
        that it has handed out in memory. Some may be left out if a replica replaces the server
        meanwhile.
        """
        key = self._members(group)
        seen: set[bytes] = set()
        cursor = b"0"
        while True:
            cursor, *found = await SCRIPTS.read(self.redis, "groups/scan", [key], [cursor, _PAGE])
            for member in found:
                if member not in seen:
                    seen.add(member)
                    yield _name(member)
            if cursor == b"0":
                return

    @override
    async def size(self, group: str) -> int:
        return int(await read(self.redis, "SCARD", self._members(group)))

    @override
    async def groups_of(self, member: str) -> set[str]:
        return _names(await read(self.redis, "SMEMBERS", self._groups(member)))

    @override
    async def intersection(self, *groups: str) -> set[str]:
        return _names(await read(self.redis, "SINTER", *self._all(groups)))

    @override
    async def union(self, *groups: str) -> set[str]:
        return _names(await read(self.redis, "SUNION", *self._all(groups)))

    @override
    async def difference(self, *groups: str) -> set[str]:
        return _names(await read(self.redis, "SDIFF", *self._all(groups)))

    @override
    async def intersection_size(self, *groups: str, at_most: int | None = None) -> int:
        keys, most = self._all(groups), check_most(at_most)
        if most == 0:
            return 0  # to the server it would mean "no limit"
        return int(await SCRIPTS.read(self.redis, "groups/common", keys, [most or 0]))

    def _members(self, group: str) -> bytes:
        return self._keys("members", check_group(group))

    def _groups(self, member: str) -> bytes:
        return self._keys("groups", check_member(member))

    def _all(self, groups: tuple[str, ...]) -> list[bytes]:
        return [self._keys("members", group) for group in check_groups(groups)]


def _names(reply: Any) -> set[str]:
    return {_name(name) for name in reply}


def _name(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise DataCorrupted("a set holds something that is no name") from error
