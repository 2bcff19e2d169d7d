# Generated from datapatterns/contracts/_async/leaderboard.py by scripts/unasync.py; do not edit.
"""The contract of leaderboards."""

from __future__ import annotations

from typing import Protocol

from datapatterns.core.leaderboard import Ranked


class Leaderboard(Protocol):
    """Players by their score, the highest first; among equal scores, who reached it first."""

    def add(self, player: str, points: float) -> float:
        """Add to the player's score, 0 at first, and return the new score."""
        ...

    def set(self, player: str, score: float) -> None:
        """Set the player's score."""
        ...

    def score(self, player: str) -> float | None:
        """Return the player's score, None for a player without one."""
        ...

    def rank(self, player: str) -> int | None:
        """Return the player's rank (1 is the best), None for a player without a score."""
        ...

    def top(self, n: int, start: int = 0) -> list[Ranked]:
        """Return the `n` best players behind the first `start`."""
        ...

    def bottom(self, n: int) -> list[Ranked]:
        """Return the `n` last players, the last one first."""
        ...

    def around(self, player: str, radius: int) -> list[Ranked]:
        """Return the player with up to `radius` others on either side, in the order of ranks.

        Raise NotFound for a player without a score.
        """
        ...

    def remove(self, player: str) -> bool:
        """Remove the player; return False if the player had no score."""
        ...

    def size(self) -> int:
        """Return how many players there are."""
        ...
