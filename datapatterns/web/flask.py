"""Flask: problem documents, and rate limits for views."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

from flask import Flask, Request, after_this_request, current_app, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from datapatterns.contracts import RateLimiter
from datapatterns.errors import DataError
from datapatterns.web.limits import decide_now
from datapatterns.web.problems import PROBLEM_JSON, Answer, answer, answer_of_status
from datapatterns.web.wsgi import ProblemApplication

__all__ = [
    "install",
    "rate_limit",
]

V = TypeVar("V", bound=Callable[..., Any])


def install(app: Flask, *, http_errors: bool = False) -> None:
    """Answer every DataError with its problem document, wherever in the application it is raised.

    This covers views, functions before and after requests, and the WSGI middleware that already
    wraps `app.wsgi_app`. With `http_errors` HTTPExceptions (`abort`, unknown routes, bad JSON,
    bodies above MAX_CONTENT_LENGTH) and unhandled errors get problem documents too.
    """
    app.register_error_handler(DataError, _on_data_error)
    if http_errors:
        app.register_error_handler(HTTPException, _on_http_exception)
    handle_exception = app.handle_exception

    def handle(error: Exception) -> Any:
        # Flask calls no error handler for an error that is raised after the view, only this method.
        if isinstance(error, DataError):
            return app.finalize_request(_on_data_error(error), from_error_handler=True)
        return handle_exception(error)

    app.handle_exception = handle  # type: ignore[method-assign, assignment]
    app.wsgi_app = ProblemApplication(app.wsgi_app)  # type: ignore[method-assign]


def _on_data_error(error: DataError) -> Response:
    return _response(answer(error))


def _on_http_exception(error: HTTPException) -> ResponseReturnValue:
    if error.response is not None:
        return cast("Response", error.response)
    code = error.code or 500
    about = {"content-type", "content-length"}
    headers = {name: value for name, value in error.get_headers() if name.lower() not in about}
    cause = getattr(error, "original_exception", None) or error
    return _response(answer_of_status(code, error.description or "", headers=headers, cause=cause))


def _response(reply: Answer) -> Response:
    return Response(reply.body, reply.status, reply.headers, content_type=PROBLEM_JSON)


def rate_limit(
    limiter: RateLimiter | Callable[[Request], RateLimiter],
    *,
    subject: Callable[[Request], str | None],
    cost: int = 1,
) -> Callable[[V], V]:
    """Decorate a view, which is then called only if the limiter admits the request.

    `@rate_limit(limiter, subject=lambda request: request.remote_addr)`, below the route. A request
    whose subject is None is not limited; a refused request is a 429 problem with Retry-After. The
    answer carries the RateLimit headers.
    """

    def decorate(view: V) -> V:
        @functools.wraps(view)
        def limited(*args: Any, **kwargs: Any) -> Any:
            decision = decide_now(limiter, subject, request, cost)
            if decision is not None:
                headers = decision.headers()

                @after_this_request
                def _(response: Any) -> Any:
                    response.headers.extend(headers)
                    return response

            return current_app.ensure_sync(view)(*args, **kwargs)  # it may be async

        return cast("V", limited)

    return decorate
