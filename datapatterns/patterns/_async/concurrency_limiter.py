"""What concurrency limiters of every backend share: the checks, and a lease as a context."""

from __future__ import annotations

import logging
from abc import abstractmethod
from types import TracebackType
from typing import Self

from typing_extensions import override

from datapatterns import contracts
from datapatterns.core.checks import Duration, check_count, microseconds
from datapatterns.core.rate_limiter import MOST, lease_lost
from datapatterns.errors import DataError

logger = logging.getLogger("datapatterns.concurrency_limiter")


class AsyncBaseLease(contracts.AsyncLease):
    """A lease of a ConcurrencyLimiter, until it is released or its time is over.

    As a context manager it is released at the end. If that fails it is logged, not raised: the
    lease ends by itself, and what the block did is done.

    A backend brings `_extend` and `release`; `token` identifies the holder.
    """

    def __init__(self, token: str, lease: int) -> None:
        self.token = token
        self._lease = lease  # in microseconds

    @abstractmethod
    async def _extend(self, lease: int) -> bool:
        """Have the lease end so many microseconds from now; return False if it has ended."""

    @override
    async def extend(self, seconds: Duration | None = None) -> None:
        span = self._lease if seconds is None else microseconds("seconds", seconds, positive=True)
        if not await self._extend(span):
            raise lease_lost()

    @override
    async def __aenter__(self) -> Self:
        return self

    @override
    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            await self.release()
        except DataError as failure:
            message = "a lease could not be released and will expire: %s"
            logger.warning(message, failure, extra={"code": failure.code})


class AsyncBaseConcurrencyLimiter(contracts.AsyncConcurrencyLimiter):
    """The checked options of a concurrency limiter; a backend brings `acquire`."""

    def __init__(self, *, limit: int, lease: Duration) -> None:
        self._limit = check_count("limit", limit, most=MOST)
        self._lease = microseconds("lease", lease, positive=True)
