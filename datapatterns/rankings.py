"""A place in a ranking: a plain value, the same on every backend."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ranked:
    """A player's rank (1 is best) and score."""

    rank: int
    player: str
    score: float
