"""The wait before the next attempt."""

from __future__ import annotations

import random
from dataclasses import dataclass

_DOUBLINGS = 64  # more would overflow a float, and the cap is reached long before


@dataclass(frozen=True, slots=True)
class Backoff:
    """Full jitter: a random time up to `base` seconds, doubled at each attempt, at most `cap`.

    A random part of the whole interval separates callers that failed together better than a fixed
    wait with a little noise. Source: Marc Brooker, "Exponential Backoff And Jitter" (2015).
    """

    base: float = 0.1
    cap: float = 5.0

    def __call__(self, attempt: int) -> float:
        """Return how many seconds to wait after this failed attempt, the first being 1."""
        return random.uniform(0.0, min(self.cap, self.base * 2.0 ** min(attempt - 1, _DOUBLINGS)))
