"""A leaderboard in Redis."""

from __future__ import annotations

from typing import Any

from typing_extensions import override

from datapatterns import contracts
from datapatterns.core.leaderboard import (
    Ranked,
    check_player,
    check_players,
    check_score,
    unknown_player,
)
from datapatterns.errors import DataCorrupted
from datapatterns.redis._async.lua import SCRIPTS
from datapatterns.redis.keys import DEFAULT_NAMESPACE, Keys
from datapatterns.redis.wire._async.commands import read
from datapatterns.redis.wire._async.pools import AsyncRedisClient

_PLACE = 16  # digits in front of each player


class AsyncLeaderboard(contracts.AsyncLeaderboard):
    """Players by their score, the highest first; among equal scores, who reached it first.

    A sorted set `{namespace:leaderboard:name}:scores`, whose members are 16 digits and the player;
    a hash `...:places` with each player's digits; and a counter `...:sequence`. A script looks the
    player up and, if the score changes, takes the next number of the sequence, removes the old
    member and adds the new one. The digits count downwards: Redis sorts equal scores by member, so
    the earlier player comes higher. (The time could be packed into the score instead, at the cost
    of its precision.) Setting the score that a player already has changes nothing.

    Scores are doubles, whole numbers exact up to 2^53. NaN, infinities and whole numbers that a
    double cannot hold raise InvalidArgument, and so does a sum out of range. Every call is one
    round trip and O(log players), plus the players returned. A write whose reply is lost is
    OutcomeUnknown. A board takes space while it has players, and nothing expires.
    """

    def __init__(
        self, client: AsyncRedisClient, name: str, *, namespace: str = DEFAULT_NAMESPACE
    ) -> None:
        self.redis = client
        keys = Keys.of(namespace, "leaderboard", name)
        self._scores = keys("scores")
        self._keys = [self._scores, keys("orders")]
        self._all_keys = [*self._keys, keys("sequence")]

    @override
    async def add(self, player: str, points: float) -> float:
        return await self._write("add", player, points)

    @override
    async def set(self, player: str, score: float) -> None:
        await self._write("set", player, score)

    async def _write(self, how: str, player: str, number: float) -> float:
        name, text = check_player(player).encode(), repr(check_score(number))
        keys, arguments = self._all_keys, (how, name, text)
        return float(await SCRIPTS.write(self.redis, "leaderboard/write", keys, arguments))

    @override
    async def score(self, player: str) -> float | None:
        found = await self._find(player)
        return None if found is None else float(found[1])

    @override
    async def rank(self, player: str) -> int | None:
        found = await self._find(player)
        return None if found is None else int(found[0])

    async def _find(self, player: str) -> Any:
        name = check_player(player).encode()
        return await SCRIPTS.read(self.redis, "leaderboard/read", self._keys, [name])

    @override
    async def top(self, n: int, start: int = 0) -> list[Ranked]:
        n, start = check_players("n", n), check_players("start", start)
        return _ranked(await self._list("top", start, n)) if n else []

    @override
    async def bottom(self, n: int) -> list[Ranked]:
        n = check_players("n", n)
        return _ranked(await self._list("bottom", n), step=-1) if n else []

    @override
    async def around(self, player: str, radius: int) -> list[Ranked]:
        name = check_player(player).encode()
        found = await self._list("around", name, check_players("radius", radius))
        if found is None:
            raise unknown_player()
        return _ranked(found)

    async def _list(self, *arguments: bytes | str | int) -> Any:
        return await SCRIPTS.read(self.redis, "leaderboard/list", self._keys, arguments)

    @override
    async def remove(self, player: str) -> bool:
        name = check_player(player).encode()
        keys = self._all_keys
        return bool(await SCRIPTS.write(self.redis, "leaderboard/remove", keys, [name]))

    @override
    async def size(self) -> int:
        return int(await read(self.redis, "ZCARD", self._scores))


def _ranked(reply: list[Any], step: int = 1) -> list[Ranked]:
    first, *rest = reply
    pairs = zip(rest[::2], rest[1::2], strict=True)
    try:
        return [
            Ranked(first + at * step, member[_PLACE:].decode(), float(score))
            for at, (member, score) in enumerate(pairs)
        ]
    except ValueError as error:
        raise DataCorrupted("a leaderboard holds something that is no player") from error
