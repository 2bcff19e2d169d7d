# Generated from datapatterns/contracts/_async/rate_limiter.py by scripts/unasync.py; do not edit.
"""The contract of rate limiters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, Self

from datapatterns.core.checks import Duration
from datapatterns.core.decisions import Decision


class RateLimiter(Protocol):
    """Admits at most `limit` per `window` for each subject, by the backend's clock.

    - `sliding` (the default) never admits more than `limit` in any interval of length `window`.
    - `fixed` counts in windows that begin at the first hit: up to twice the limit is admitted
      around the end of one.
    - `gcra` admits at a steady pace, and up to `burst` at once.

    A refused hit charges nothing. The state expires by itself within three windows. With
    `fail_open`, a hit is admitted while the backend cannot be reached, marked as `degraded`, and
    logged.
    """

    @classmethod
    def all_of(cls, limiters: Iterable[Self]) -> Self:
        """Return a limiter whose hits charge all of these limiters or none of them.

        Its decisions are those of the strictest one. The limiters share a client and a namespace,
        and have different names; else InvalidArgument is raised.
        """
        ...

    def hit(self, subject: str, cost: int = 1) -> Decision:
        """Charge the cost if the limit allows it, and return the decision.

        Raise InvalidArgument if the cost is larger than the limit.
        """
        ...

    def peek(self, subject: str, cost: int = 1) -> Decision:
        """Return the decision that a hit of this cost would get now, and charge nothing.

        Its `remaining` is what such a hit would leave: 2 of 3 where nothing was charged yet.
        """
        ...

    def check(self, subject: str, cost: int = 1) -> Decision:
        """Charge the cost and return the decision; raise TooManyRequests if it is a refusal.

        The error carries the decision.
        """
        ...

    def wait(self, subject: str, cost: int = 1, *, timeout: Duration) -> Decision:
        """Wait until the cost is admitted, charge it, and return the decision.

        Raise TooManyRequests as soon as it is certain that the timeout does not suffice.
        """
        ...

    def reset(self, subject: str) -> None:
        """Remove all charges of the subject."""
        ...
