"""A leaderboard in LevelDB."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import islice
from typing import Any

from datapatterns import tuples
from datapatterns.errors import NotFound
from datapatterns.level.driver import Database, Reader, scan
from datapatterns.level.space import HasSpace
from datapatterns.level.transaction import Transaction
from datapatterns.names import check_name, escape
from datapatterns.rankings import Ranked, check_places, check_score, check_sum

# The first element of every key: the ranking, a player's entry, and what belongs to the board.
_RANKING, _PLAYER, _BOARD = range(3)


class _Leaderboard:
    """What both faces are made of."""

    def __init__(self, client: HasSpace, name: str) -> None:
        self._space = client.space
        self._prefix = self._space.within(
            "$leaderboards", escape(check_name("a name", name))
        ).prefix
        self._ranking = self._key(_RANKING)
        self._board = self._key(_BOARD)

    def _key(self, *values: object) -> bytes:
        return self._prefix + tuples.pack(values)

    def _entry(self, score: float, number: int, player: str) -> bytes:
        """Where the player stands: higher scores sort first, then lower numbers."""
        return self._key(_RANKING, 0.0 - score, number, player)

    def _find(self, reader: Reader | Transaction, player: str) -> tuple[float, int] | None:
        """The player's score and number."""
        key = self._key(_PLAYER, player)
        data = (
            reader.get(key)
            if isinstance(reader, Transaction)
            else reader.get(key, verify_checksums=True)
        )
        return None if data is None else _pair(data)

    def _write(self, player: str, number: float, *, adds: bool) -> Callable[[Transaction], float]:
        check_name("a player", player)
        given = check_score(number)

        def work(transaction: Transaction) -> float:
            before = self._find(transaction, player)
            score = check_sum(before[0] + given) if adds and before else given
            if before is not None and before[0] == score:
                return score  # reached already: the place stays
            last, size = _pair(transaction.get(self._board) or tuples.pack((0, 0)))
            if before is not None:
                transaction.store(self._entry(*before, player), None)
            transaction.store(self._entry(score, last + 1, player), b"")
            transaction.store(self._key(_PLAYER, player), tuples.pack((score, last + 1)))
            transaction.store(self._board, tuples.pack((last + 1, size + (before is None))))
            return score

        return work

    def _remove(self, player: str) -> Callable[[Transaction], bool]:
        check_name("a player", player)

        def work(transaction: Transaction) -> bool:
            before = self._find(transaction, player)
            if before is None:
                return False
            last, size = _pair(transaction.get(self._board) or tuples.pack((0, 1)))
            transaction.store(self._entry(*before, player), None)
            transaction.store(self._key(_PLAYER, player), None)
            transaction.store(self._board, tuples.pack((last, size - 1)) if size > 1 else None)
            return True

        return work

    def _score(self, player: str) -> Callable[[Reader], float | None]:
        check_name("a player", player)

        def work(reader: Reader) -> float | None:
            found = self._find(reader, player)
            return None if found is None else found[0]

        return work

    def _size(self, reader: Reader) -> int:
        data = reader.get(self._board, verify_checksums=True)
        return 0 if data is None else _pair(data)[1]

    def _rank(self, player: str) -> Callable[[Database], int | None]:
        check_name("a player", player)

        def work(database: Database) -> int | None:
            with closing(database.snapshot()) as view:
                return self._rank_in(view, player)

        return work

    def _rank_in(self, view: Reader, player: str) -> int | None:
        found = self._find(view, player)
        if found is None:
            return None
        better = view.iterator(
            start=self._ranking,
            stop=self._entry(*found, player),
            include_value=False,
            verify_checksums=True,
        )
        return 1 + sum(1 for _ in better)

    def _top(self, n: int, start: int) -> Callable[[Database], list[Ranked]]:
        n, start = check_places("n", n), check_places("start", start)
        return lambda database: self._places(database, start, n)

    def _bottom(self, n: int) -> Callable[[Database], list[Ranked]]:
        n = check_places("n", n)

        def work(database: Database) -> list[Ranked]:
            with closing(database.snapshot()) as view:
                size = self._size(view)
                rows = islice(self._rows(view, reverse=True), n)
                return [Ranked(size - at, *row) for at, row in enumerate(rows)]

        return work

    def _around(self, player: str, radius: int) -> Callable[[Database], list[Ranked]]:
        check_name("a player", player)
        radius = check_places("the radius", radius)

        def work(database: Database) -> list[Ranked]:
            with closing(database.snapshot()) as view:
                rank = self._rank_in(view, player)
                if rank is None:
                    raise NotFound("there is no such player")
                first = max(0, rank - 1 - radius)
                return self._places(view, first, rank + radius - first)

        return work

    def _places(self, reader: Reader, start: int, n: int) -> list[Ranked]:
        rows = islice(self._rows(reader), start, start + n)
        return [Ranked(rank, *row) for rank, row in enumerate(rows, start + 1)]

    def _rows(self, reader: Reader, *, reverse: bool = False) -> Iterator[tuple[str, float]]:
        end = self._ranking + tuples.AFTER
        for key, _ in scan(reader, self._ranking, end, reverse=reverse):
            score, _, player = tuples.unpack(key[len(self._ranking) :])
            yield player, 0.0 - score


class Leaderboard(_Leaderboard):
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

    def add(self, player: str, points: float) -> float:
        """Add to the player's score, 0 at first, and return the new one."""
        return self._space.write(self._write(player, points, adds=True))

    def set(self, player: str, score: float) -> None:
        """Set the player's score."""
        self._space.write(self._write(player, score, adds=False))

    def score(self, player: str) -> float | None:
        """Return the player's score, None if unknown."""
        return self._space.read(self._score(player))

    def rank(self, player: str) -> int | None:
        """Return the player's rank, 1 being the best, None if unknown."""
        return self._space.read(self._rank(player))

    def top(self, n: int, start: int = 0) -> list[Ranked]:
        """Return the best `n`, after skipping `start`."""
        return self._space.read(self._top(n, start))

    def bottom(self, n: int) -> list[Ranked]:
        """Return the last `n`, the last one first."""
        return self._space.read(self._bottom(n))

    def around(self, player: str, radius: int) -> list[Ranked]:
        """Return the player with up to `radius` neighbours on either side; NotFound if unknown."""
        return self._space.read(self._around(player, radius))

    def remove(self, player: str) -> bool:
        """Remove the player and return whether there was one."""
        return self._space.write(self._remove(player))

    def size(self) -> int:
        """Return how many players there are."""
        return self._space.read(self._size)


class AsyncLeaderboard(_Leaderboard):
    """`Leaderboard` for asyncio: the same methods, awaited."""

    async def add(self, player: str, points: float) -> float:
        """Add to the player's score, 0 at first, and return the new one."""
        return await self._space.write_in_lane(self._write(player, points, adds=True))

    async def set(self, player: str, score: float) -> None:
        """Set the player's score."""
        await self._space.write_in_lane(self._write(player, score, adds=False))

    async def score(self, player: str) -> float | None:
        """Return the player's score, None if unknown."""
        return self._space.read(self._score(player))

    async def rank(self, player: str) -> int | None:
        """Return the player's rank, 1 being the best, None if unknown."""
        return await self._space.read_in_lane(self._rank(player))

    async def top(self, n: int, start: int = 0) -> list[Ranked]:
        """Return the best `n`, after skipping `start`."""
        return await self._space.read_in_lane(self._top(n, start))

    async def bottom(self, n: int) -> list[Ranked]:
        """Return the last `n`, the last one first."""
        return await self._space.read_in_lane(self._bottom(n))

    async def around(self, player: str, radius: int) -> list[Ranked]:
        """Return the player with up to `radius` neighbours on either side; NotFound if unknown."""
        return await self._space.read_in_lane(self._around(player, radius))

    async def remove(self, player: str) -> bool:
        """Remove the player and return whether there was one."""
        return await self._space.write_in_lane(self._remove(player))

    async def size(self) -> int:
        """Return how many players there are."""
        return self._space.read(self._size)


def _pair(data: bytes) -> tuple[Any, Any]:
    first, second = tuples.unpack(data)
    return first, second
