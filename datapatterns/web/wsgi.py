"""Problem documents in any WSGI application."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from datapatterns.errors import DataError
from datapatterns.web.problems import PROBLEM_JSON, answer

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
WSGIApp = Callable[[Environ, StartResponse], Iterable[bytes]]


class ProblemApplication:
    """Answers with a problem document when the wrapped application raises a DataError.

    An error that is raised while the body is being sent goes to the server.
    """

    def __init__(self, app: WSGIApp) -> None:
        self.app = app

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        try:
            return self.app(environ, start_response)
        except DataError as error:
            reply = answer(error)
            headers = {"Content-Type": PROBLEM_JSON, "Content-Length": str(len(reply.body))}
            start_response(
                f"{reply.status} {_phrase(reply.status)}",
                [*headers.items(), *reply.headers.items()],
                # If the application has begun its answer, the server replaces it, or raises this.
                sys.exc_info(),
            )
            return [] if environ.get("REQUEST_METHOD") == "HEAD" else [reply.body]


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"
