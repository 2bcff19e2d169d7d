"""A leaderboard in LevelDB."""

from __future__ import annotations

from typing_extensions import override

from datapatterns import contracts
from datapatterns.core.checks import check_name
from datapatterns.core.leaderboard import Ranked, check_players, check_score
from datapatterns.level._async.level import AsyncLevel
from datapatterns.level.engine.space import AsyncSpace
from datapatterns.level.steps.leaderboard import LeaderboardSteps


class AsyncLeaderboard(contracts.AsyncLeaderboard):
    """Players by score, the highest first; of equal scores the one reached first ranks higher.

    Below `!$leaderboards!!<name>!` three kinds of keys, tuples that begin with 0, 1 and 2: (minus
    the score, number, player), which lie in the order of the ranks; (player) with its score and
    number; and one with the last number and how many players there are. A write that changes a
    score takes the next number and moves the entry, in one batch. Setting the score that a player
    already has changes nothing.

    Scores are doubles, whole numbers exact up to 2^53; NaN, infinities and whole numbers that a
    double cannot hold are InvalidArgument, and so is a sum out of range. Writing, `score` and
    `size` are O(1) and `bottom` O(n). **LevelDB cannot count without reading: `rank`, `around` and
    `top` with a `start` read every better player**, some 100,000 in 0.1 s; a board of millions that
    is asked for ranks belongs on Redis.
    """

    def __init__(self, client: AsyncLevel, name: str) -> None:
        self._space = AsyncSpace.of(client)
        self._steps = LeaderboardSteps(self._space.prefix, check_name("a name", name))

    @override
    async def add(self, player: str, points: float) -> float:
        return await self._space.write(self._steps.add, _player(player), check_score(points))

    @override
    async def set(self, player: str, score: float) -> None:
        await self._space.write(self._steps.set, _player(player), check_score(score))

    @override
    async def score(self, player: str) -> float | None:
        return await self._space.read(self._steps.score, _player(player))

    @override
    async def rank(self, player: str) -> int | None:
        return await self._space.scan(self._steps.rank, _player(player))

    @override
    async def top(self, n: int, start: int = 0) -> list[Ranked]:
        n, start = check_players("n", n), check_players("start", start)
        return await self._space.scan(self._steps.top, n, start)

    @override
    async def bottom(self, n: int) -> list[Ranked]:
        return await self._space.scan(self._steps.bottom, check_players("n", n))

    @override
    async def around(self, player: str, radius: int) -> list[Ranked]:
        radius = check_players("radius", radius)
        return await self._space.scan(self._steps.around, _player(player), radius)

    @override
    async def remove(self, player: str) -> bool:
        return await self._space.write(self._steps.remove, _player(player))

    @override
    async def size(self) -> int:
        return await self._space.read(self._steps.size)


def _player(name: str) -> str:
    return check_name("a player", name)
