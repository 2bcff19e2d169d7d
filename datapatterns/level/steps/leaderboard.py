"""The steps of a leaderboard: the players in the order of their ranks, and a score for each."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from datapatterns.core import tuples
from datapatterns.core.checks import escape
from datapatterns.core.leaderboard import Ranked, check_sum
from datapatterns.errors import NotFound
from datapatterns.level.engine.keys import own_prefix
from datapatterns.level.engine.readers import Reader, Writer

# The first element of every key tells what it is.
_RANKING, _PLAYER, _BOARD = range(3)


class LeaderboardSteps:
    """Below `!$leaderboards!!<name>!`: tuples (0, -score, number, player), (1, player) and (2,).

    The first has an empty value, the second the player's score and number, the third the last
    number that was given and how many players there are.
    """

    def __init__(self, namespace: bytes, name: str) -> None:
        self._prefix = namespace + own_prefix("$leaderboards", escape(name))
        self.ranking = self._key(_RANKING)  # the prefix of the entries
        self._board = self._key(_BOARD)

    def _key(self, *values: object) -> bytes:
        return self._prefix + tuples.pack(values)

    def _entry(self, score: float, number: int, player: str) -> bytes:
        """Return the key in the ranking: higher scores sort first, then lower numbers."""
        return self._key(_RANKING, 0.0 - score, number, player)

    def find(self, reader: Reader, player: str) -> tuple[float, int] | None:
        """Return the player's score and number, or None if the player is unknown."""
        data = reader.get(self._key(_PLAYER, player))
        return None if data is None else _pair(data)

    # --- reading

    def score(self, reader: Reader, player: str) -> float | None:
        """Return the player's score, or None if the player is unknown."""
        found = self.find(reader, player)
        return None if found is None else found[0]

    def size(self, reader: Reader) -> int:
        """Return how many players there are."""
        data = reader.get(self._board)
        return 0 if data is None else _pair(data)[1]

    def rank(self, reader: Reader, player: str) -> int | None:
        """Count the better players; return None if the player is unknown."""
        found = self.find(reader, player)
        if found is None:
            return None
        better = reader.keys(self.ranking, self._entry(*found, player))
        return 1 + sum(1 for _ in better)

    def top(self, reader: Reader, n: int, start: int) -> list[Ranked]:
        """Return the best `n` players after the first `start`."""
        rows = islice(self._rows(reader), start, start + n)
        return [Ranked(rank, *row) for rank, row in enumerate(rows, start + 1)]

    def bottom(self, reader: Reader, n: int) -> list[Ranked]:
        """Return the last `n` players, the last one first."""
        size = self.size(reader)
        rows = islice(self._rows(reader, reverse=True), n)
        return [Ranked(size - at, *row) for at, row in enumerate(rows)]

    def around(self, reader: Reader, player: str, radius: int) -> list[Ranked]:
        """Return the player with up to `radius` neighbours on either side.

        Raise NotFound if the player is unknown.
        """
        rank = self.rank(reader, player)
        if rank is None:
            raise NotFound("there is no such player")
        start = max(0, rank - 1 - radius)
        return self.top(reader, rank + radius - start, start)

    def _rows(self, reader: Reader, *, reverse: bool = False) -> Iterator[tuple[str, float]]:
        end = self.ranking + tuples.AFTER
        for key, _ in reader.items(self.ranking, end, reverse=reverse):
            score, _, player = tuples.unpack(key[len(self.ranking) :])
            yield player, 0.0 - score

    # --- writing

    def add(self, writer: Writer, player: str, points: float) -> float:
        """Add to the player's score, which is 0 at first, and return the new one."""
        before = self.find(writer, player)
        return self._move(
            writer, player, before, check_sum(before[0] + points) if before else points
        )

    def set(self, writer: Writer, player: str, score: float) -> float:
        """Set the player's score and return it."""
        return self._move(writer, player, self.find(writer, player), score)

    def _move(
        self, writer: Writer, player: str, before: tuple[float, int] | None, score: float
    ) -> float:
        """Move the player's entry; the next number puts it behind those with the same score."""
        if before is not None and before[0] == score:
            return score  # reached already: the rank stays
        last, size = _pair(writer.get(self._board) or tuples.pack((0, 0)))
        if before is not None:
            writer.store(self._entry(*before, player), None)
        writer.store(self._entry(score, last + 1, player), b"")
        writer.store(self._key(_PLAYER, player), tuples.pack((score, last + 1)))
        writer.store(self._board, tuples.pack((last + 1, size + (before is None))))
        return score

    def restore(self, writer: Writer, player: str, score: float, number: int) -> None:
        """Add a player who is not there, with the number that an earlier board has given."""
        writer.store(self._entry(score, number, player), b"")
        writer.store(self._key(_PLAYER, player), tuples.pack((score, number)))
        last, size = _pair(writer.get(self._board) or tuples.pack((0, 0)))
        writer.store(self._board, tuples.pack((max(last, number), size + 1)))

    def remove(self, writer: Writer, player: str) -> bool:
        """Remove the player and return whether there was one."""
        before = self.find(writer, player)
        if before is None:
            return False
        last, size = _pair(writer.get(self._board) or tuples.pack((0, 1)))
        writer.store(self._entry(*before, player), None)
        writer.store(self._key(_PLAYER, player), None)
        writer.store(self._board, tuples.pack((last, size - 1)) if size > 1 else None)
        return True


def _pair(data: bytes) -> tuple[Any, Any]:
    first, second = tuples.unpack(data)
    return first, second
