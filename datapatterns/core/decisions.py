"""The decision of a rate limiter, and its HTTP headers."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a request is admitted, and what remains. All times are in seconds.

    `retry_after` is the time until this cost could be admitted, 0 if it is; `reset_after` the time
    until the full quota is back. `degraded` means that the request is admitted because the backend
    was out of reach.
    """

    allowed: bool
    limit: int
    remaining: int
    retry_after: float
    reset_after: float
    degraded: bool = False
    name: str = "default"
    window: float | None = None

    def headers(self) -> dict[str, str]:
        """Return `RateLimit-Policy`, `RateLimit` and, if refused, `Retry-After`, rounded up.

        Source: the IETF draft "RateLimit header fields for HTTP", in structured fields.
        """
        name = _quoted(self.name)
        window = "" if self.window is None else f";w={math.ceil(self.window)}"
        headers = {
            "RateLimit-Policy": f"{name};q={self.limit}{window}",
            "RateLimit": f"{name};r={self.remaining};t={math.ceil(self.reset_after)}",
        }
        if not self.allowed:
            headers["Retry-After"] = str(max(1, math.ceil(self.retry_after)))
        return headers


def _quoted(name: str) -> str:
    """Return a structured-field string: printable ASCII, with quotes and backslashes escaped."""
    plain = "".join(c if " " <= c <= "~" else "?" for c in name)
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'
