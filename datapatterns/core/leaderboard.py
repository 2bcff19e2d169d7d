"""The ranks and scores of a leaderboard: plain values, the same on every backend."""

from __future__ import annotations

import math
from dataclasses import dataclass

from datapatterns.core.checks import check_count, check_name
from datapatterns.errors import InvalidArgument, NotFound

MOST = 2**53  # the highest number of players that a double can count


@dataclass(frozen=True, slots=True)
class Ranked:
    """A player's rank (1 is best) and score."""

    rank: int
    player: str
    score: float


def check_player(player: object) -> str:
    """Return the player's name unchanged; raise InvalidArgument unless it is a name."""
    return check_name("a player", player)


def unknown_player() -> NotFound:
    """Return the error for a player without a score."""
    return NotFound("there is no such player")


def check_score(value: object) -> float:
    """Return the number as a float; raise InvalidArgument unless a float can hold it exactly.

    Whole numbers are exact up to 2^53; beyond, many have no float, and would become another score.
    """
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise InvalidArgument(f"a score must be a number, not {type(value).__name__}")
    try:
        score = float(value)
    except OverflowError:
        score = math.inf
    if not math.isfinite(score) or score != value:
        raise InvalidArgument(
            "a score must be finite, and a whole number one that a float can hold"
        )
    return score + 0.0  # -0.0 becomes 0.0


def check_sum(score: float) -> float:
    """Return the sum unchanged; raise InvalidArgument if it is out of a float's range."""
    if not math.isfinite(score):
        raise InvalidArgument("the score would leave the range of a float")
    return score + 0.0


def check_players(what: str, value: object) -> int:
    """Return the number of players, at most `MOST`; raise InvalidArgument unless it is whole."""
    return min(check_count(what, value, least=0), MOST)
