"""Rate limits in front of an ASGI application."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import TypeVar

from datapatterns.contracts import AsyncRateLimiter, RateLimiter
from datapatterns.core.decisions import Decision
from datapatterns.errors import TooManyRequests
from datapatterns.web.asgi import (
    ASGIApp,
    ProblemMiddleware,
    Receive,
    Scope,
    Send,
    add_headers,
)

R = TypeVar("R")
Limiter = AsyncRateLimiter | RateLimiter


class RateLimitMiddleware:
    """Passes on the requests that the limiter admits, and adds the RateLimit headers to answers.

    `subject(scope)` returns the name under which a request is counted, or None for a request that
    is not limited. Every answer carries RateLimit-Policy and RateLimit. A refused request gets a
    429 problem with Retry-After, and does not reach the application. If the limiter's store is
    unavailable, the answer is 503, unless the limiter was made with `fail_open`. With several
    middlewares the headers have the values of each limit.

    `limiter` may be a function of the scope, for a store that is opened when the application
    starts. A limiter of the sync face is called in a thread. WebSockets are not limited.
    """

    def __init__(
        self,
        app: ASGIApp,
        limiter: Limiter | Callable[[Scope], Limiter],
        *,
        subject: Callable[[Scope], str | None],
        cost: int = 1,
    ) -> None:
        self.app = app
        self.limiter = limiter
        self.subject = subject
        self.cost = cost
        self._answering = ProblemMiddleware(self._limit)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await (self._answering if scope["type"] == "http" else self.app)(scope, receive, send)

    async def _limit(self, scope: Scope, receive: Receive, send: Send) -> None:
        decision = await decide(self.limiter, self.subject, scope, self.cost)
        if decision is not None:
            add_headers(scope, decision.headers())
        await self.app(scope, receive, send)


def client_host(scope: Scope) -> str | None:
    """Return the address of the client, or None if the server has none, as on a Unix socket.

    Behind a proxy this is the proxy's address, unless the server trusts its Forwarded headers.
    """
    client = scope.get("client")
    return client[0] if client else None


async def decide(
    limiter: Limiter | Callable[[R], Limiter],
    subject: Callable[[R], str | None],
    request: R,
    cost: int,
) -> Decision | None:
    """Charge the request's subject and return the decision, or None without a subject.

    Raise TooManyRequests when the request is refused.
    """
    name = subject(request)
    if name is None:
        return None
    chosen = limiter(request) if callable(limiter) else limiter
    if inspect.iscoroutinefunction(chosen.hit):
        decision: Decision = await chosen.hit(name, cost)
    else:
        sync: RateLimiter = chosen  # type: ignore[assignment] # pyright: ignore[reportAssignmentType] - the async face was handled above
        decision = await asyncio.to_thread(sync.hit, name, cost)
    return admitted(decision)


def decide_now(
    limiter: RateLimiter | Callable[[R], RateLimiter],
    subject: Callable[[R], str | None],
    request: R,
    cost: int,
) -> Decision | None:
    """Do the same with a limiter of the sync face."""
    name = subject(request)
    if name is None:
        return None
    chosen = limiter(request) if callable(limiter) else limiter
    return admitted(chosen.hit(name, cost))


def admitted(decision: Decision) -> Decision:
    """Return the decision unchanged; raise TooManyRequests when the request is refused."""
    if not decision.allowed:
        raise TooManyRequests("the rate limit is used up", decision)
    return decision
