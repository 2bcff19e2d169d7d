"""The contracts of concurrency limiters and the leases that they grant."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self

from datapatterns.core.checks import Duration


class AsyncLease(Protocol):
    """The permission to run that a ConcurrencyLimiter gave; it ends when released or expired.

    As a context manager it releases itself at the end of the block. If that fails, the error is
    logged and not raised, since the lease expires by itself and the work of the block is done.
    """

    async def release(self) -> bool:
        """End the lease; return False if it had expired or was released before."""
        ...

    async def extend(self, seconds: Duration | None = None) -> None:
        """Let the lease end so long from now (default: the limiter's `lease`).

        Raise Conflict (`lease_lost`), and change nothing, if it has expired or was released.
        """
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class AsyncConcurrencyLimiter(Protocol):
    """Lets at most `limit` holders run at a time for each subject.

    A holder that dies loses its lease after `lease` seconds.
    """

    async def acquire(self, subject: str) -> AsyncLease | None:
        """Return a lease, or None if `limit` holders have one already."""
        ...
