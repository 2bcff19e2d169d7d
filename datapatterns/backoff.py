"""How long to wait before the next try."""

from __future__ import annotations

import random
from dataclasses import dataclass

_DOUBLINGS = 64  # beyond, a float would overflow for a silly number of attempts


@dataclass(frozen=True, slots=True)
class Backoff:
    """Full jitter: any time from 0 to `base` seconds, doubled at each attempt, at most `cap`.

    Drawing from the whole interval spreads callers who failed together better than adding a little
    noise to a fixed wait. Source: Marc Brooker, "Exponential Backoff And Jitter" (2015).
    """

    base: float = 0.1
    cap: float = 5.0

    def __call__(self, attempt: int) -> float:
        """Return how many seconds to wait after this failed attempt, the first being 1."""
        return random.uniform(0.0, min(self.cap, self.base * 2.0 ** min(attempt - 1, _DOUBLINGS)))
