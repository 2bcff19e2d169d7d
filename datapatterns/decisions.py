"""What a rate limiter decided, and the HTTP headers that tell it."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a request may pass, and what is left. All times are in seconds.

    `retry_after` says when this cost could be admitted (0 when it was), `reset_after` when the
    full quota is back; `degraded` that the backend was away and the request was let through.
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
        """`RateLimit-Policy`, `RateLimit` and, when refused, `Retry-After` (whole seconds, up).

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
    """A structured-field string: printable ASCII, quotes and backslashes escaped."""
    plain = "".join(c if " " <= c <= "~" else "?" for c in name)
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'
