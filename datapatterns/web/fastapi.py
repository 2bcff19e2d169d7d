"""FastAPI: problem documents, and a rate limit as a dependency."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError

from datapatterns.core.decisions import Decision
from datapatterns.errors import InvalidData
from datapatterns.web.asgi import add_headers
from datapatterns.web.limits import Limiter, decide
from datapatterns.web.problems import PROBLEM_JSON, answer
from datapatterns.web.starlette import install as _install

__all__ = [
    "install",
    "rate_limit",
]


def install(app: FastAPI, *, http_errors: bool = False) -> None:
    """Answer every DataError with its problem document, also one of dependencies and middleware.

    With `http_errors` HTTPExceptions and unhandled errors get problem documents too, and a request
    that FastAPI refuses becomes InvalidData: 400, with every error listed as FastAPI lists it, but
    without the input. A mounted application needs its own `install`.
    """
    _install(app, http_errors=http_errors)
    if http_errors:
        handler: Any = _on_invalid_request  # Starlette's types accept handlers of Exception only
        app.add_exception_handler(RequestValidationError, handler)


async def _on_invalid_request(request: Request, error: RequestValidationError) -> Response:
    reply = answer(InvalidData.listed("the request", error.errors()))
    return Response(reply.body, reply.status, reply.headers, media_type=PROBLEM_JSON)


def rate_limit(
    limiter: Limiter | Callable[[Request], Limiter],
    *,
    subject: Callable[[Request], str | None],
    cost: int = 1,
) -> Callable[[Request, Response], Awaitable[Decision | None]]:
    """Return a dependency that charges the request's subject, and answers 429 if it is refused.

    `Depends(rate_limit(limiter, subject=lambda request: request.client.host))`. A request whose
    subject is None is not limited. `limiter` may be a function of the request, for a store that is
    opened when the application starts. After `install` every answer carries the RateLimit headers,
    errors and responses that the route makes itself included.
    """

    async def limited(request: Request, response: Response) -> Decision | None:
        decision = await decide(limiter, subject, request, cost)
        if decision is not None and not add_headers(request.scope, decision.headers()):
            response.headers.update(decision.headers())
        return decision

    return limited
