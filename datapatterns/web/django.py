"""Django: a middleware for problem documents, rate limits for views, and handlers of errors.

`from datapatterns.web.django import handler400, handler403, handler404, handler500` in the root
urls.py turns Django's own errors into problem documents too.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, ClassVar, TypeVar, cast

from asgiref.sync import iscoroutinefunction as is_marked  # as markcoroutinefunction marks it
from asgiref.sync import markcoroutinefunction
from django.core.signals import got_request_exception  # type: ignore[import-untyped] # pyright: ignore[reportMissingTypeStubs] - Django has no types
from django.http import HttpRequest, HttpResponse  # type: ignore[import-untyped] # pyright: ignore[reportMissingTypeStubs] - Django has no types

from datapatterns.contracts import RateLimiter
from datapatterns.core.decisions import Decision
from datapatterns.errors import DataError
from datapatterns.web.limits import Limiter, decide, decide_now
from datapatterns.web.problems import PROBLEM_JSON, Answer, answer, answer_of_status

__all__ = [
    "ProblemMiddleware",
    "handler400",
    "handler403",
    "handler404",
    "handler500",
    "install",
    "rate_limit",
]

V = TypeVar("V", bound=Callable[..., Any])

_MIDDLEWARE = "datapatterns.web.django.ProblemMiddleware"
_ERROR, _HEADERS = "_datapatterns_error", "_datapatterns_headers"  # attributes of a request


def install(settings: Any) -> None:
    """Put ProblemMiddleware first in MIDDLEWARE: `install(globals())` at the end of settings.py.

    `settings` is the namespace of a settings module, the module, or a settings object.
    """
    plain = isinstance(settings, MutableMapping)
    names = cast("MutableMapping[str, Any]", settings if plain else vars(settings))
    others = [name for name in names.get("MIDDLEWARE", []) if name != _MIDDLEWARE]
    names["MIDDLEWARE"] = [_MIDDLEWARE, *others]


class ProblemMiddleware:
    """Answers every DataError with its problem document, also one raised in another middleware.

    Django passes errors of views to `process_exception`. An error of an inner middleware has become
    a 500 page before it gets here (with DEBUG a page that shows all details): Django's signal
    `got_request_exception` gives the error, and the page is replaced. Works in sync and async
    projects.
    """

    sync_capable: ClassVar[bool] = True
    async_capable: ClassVar[bool] = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self._is_async = is_marked(get_response)  # pyright: ignore[reportDeprecated] - also true of objects marked by markcoroutinefunction
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        """Answer one request."""
        if self._is_async:
            return self._call_async(request)
        return _finished(request, self.get_response(request))

    async def _call_async(self, request: HttpRequest) -> HttpResponse:
        return _finished(request, await self.get_response(request))

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Return the problem document of a DataError that a view has raised."""
        return _response(answer(error)) if isinstance(error, DataError) else None


def _note(sender: object, request: HttpRequest | None = None, **_: object) -> None:
    """Remember the error for which Django is about to make a 500 page."""
    error = sys.exc_info()[1]
    if request is not None and isinstance(error, DataError):
        setattr(request, _ERROR, error)


cast("Any", got_request_exception).connect(_note, dispatch_uid=_MIDDLEWARE)


def _finished(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    error: DataError | None = request.__dict__.pop(_ERROR, None)
    if error is not None and response.status_code == 500:
        response = _response(answer(error))
    for name, value in request.__dict__.get(_HEADERS, []):
        response[name] = f"{response[name]}, {value}" if name in response else value
    return response


def _response(reply: Answer) -> HttpResponse:
    headers = {"Content-Length": str(len(reply.body)), **reply.headers}
    return HttpResponse(reply.body, PROBLEM_JSON, reply.status, headers=headers)


def rate_limit(
    limiter: Limiter | Callable[[HttpRequest], Limiter],
    *,
    subject: Callable[[HttpRequest], str | None],
    cost: int = 1,
) -> Callable[[V], V]:
    """Decorate a view, which is then called only if the limiter admits the request.

    `@rate_limit(limiter, subject=lambda request: request.META["REMOTE_ADDR"])`. A request whose
    subject is None is not limited; a refused request is a 429 problem with Retry-After. A sync view
    needs a limiter of the sync face. ProblemMiddleware, which must be installed, adds the RateLimit
    headers to every answer and makes the problem documents.
    """

    def decorate(view: V) -> V:
        if inspect.iscoroutinefunction(view):
            awaited = cast("Callable[..., Awaitable[Any]]", view)

            @functools.wraps(view)
            async def limited_async(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
                _keep(request, await decide(limiter, subject, request, cost))
                return await awaited(request, *args, **kwargs)

            return cast("V", limited_async)

        @functools.wraps(view)
        def limited(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            sync = cast("RateLimiter", limiter)
            _keep(request, decide_now(sync, subject, request, cost))
            return view(request, *args, **kwargs)

        return cast("V", limited)

    return decorate


def _keep(request: HttpRequest, decision: Decision | None) -> None:
    """Keep the headers in the request for the middleware, which adds them to the answer."""
    if decision is not None:
        request.__dict__.setdefault(_HEADERS, []).extend(decision.headers().items())


def handler400(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Return the problem document of a request that Django refuses to read."""
    return _response(answer_of_status(getattr(exception, "status_code", 400)))


def handler403(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Return the problem document of PermissionDenied."""
    return _response(answer_of_status(403))


def handler404(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Return the problem document of Http404 and of unknown URLs."""
    return _response(answer_of_status(404))


def handler500(request: HttpRequest) -> HttpResponse:
    """Return the problem document of an unhandled error; the log has the error under its id."""
    error = sys.exc_info()[1]
    return _response(answer_of_status(500, repr(error), cause=error))
