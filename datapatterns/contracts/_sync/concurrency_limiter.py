# Generated from datapatterns/contracts/_async/concurrency_limiter.py by scripts/unasync.py; do not edit.
"""The contracts of concurrency limiters and the leases that they grant."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self

from datapatterns.core.checks import Duration


class Lease(Protocol):
    """The permission to run that a ConcurrencyLimiter gave; it ends when released or expired.

    As a context manager it releases itself at the end of the block. If that fails, the error is
    logged and not raised, since the lease expires by itself and the work of the block is done.
    """

    def release(self) -> bool:
        """End the lease; return False if it had expired or was released before."""
        ...

    def extend(self, seconds: Duration | None = None) -> None:
        """Let the lease end so long from now (default: the limiter's `lease`).

        Raise Conflict (`lease_lost`), and change nothing, if it has expired or was released.
        """
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class ConcurrencyLimiter(Protocol):
    """Lets at most `limit` holders run at a time for each subject.

    A holder that dies loses its lease after `lease` seconds.
    """

    def acquire(self, subject: str) -> Lease | None:
        """Return a lease, or None if `limit` holders have one already."""
        ...
