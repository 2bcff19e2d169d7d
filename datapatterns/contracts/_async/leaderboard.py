"""The contract of leaderboards."""

from __future__ import annotations

from typing import Protocol

from datapatterns.core.leaderboard import Ranked


class AsyncLeaderboard(Protocol):
    """Players by their score, the highest first; among equal scores, who reached it first."""

    async def add(self, player: str, points: float) -> float:
        """Add to the player's score, 0 at first, and return the new score."""
        ...

    async def set(self, player: str, score: float) -> None:
        """Set the player's score."""
        ...

    async def score(self, player: str) -> float | None:
        """Return the player's score, None for a player without one."""
        ...

    async def rank(self, player: str) -> int | None:
        """Return the player's rank (1 is the best), None for a player without a score."""
        ...

    async def top(self, n: int, start: int = 0) -> list[Ranked]:
        """Return the `n` best players behind the first `start`."""
        ...

    async def bottom(self, n: int) -> list[Ranked]:
        """Return the `n` last players, the last one first."""
        ...

    async def around(self, player: str, radius: int) -> list[Ranked]:
        """Return the player with up to `radius` others on either side, in the order of ranks.

        Raise NotFound for a player without a score.
        """
        ...

    async def remove(self, player: str) -> bool:
        """Remove the player; return False if the player had no score."""
        ...

    async def size(self) -> int:
        """Return how many players there are."""
        ...
