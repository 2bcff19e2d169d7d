"""Litestar: every DataError becomes its problem document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from litestar import Request, Response
from litestar.config.app import AppConfig
from litestar.exceptions import HTTPException, ValidationException

from datapatterns.errors import DataError, FieldError, InvalidData
from datapatterns.web.problems import PROBLEM_JSON, Answer, answer, answer_of_status

__all__ = [
    "install",
]

_Request = Request[Any, Any, Any]


def install(config: AppConfig, *, http_errors: bool = False) -> AppConfig:
    """Answer every DataError with its problem document: `Litestar(…, on_app_init=[install])`.

    With `functools.partial(install, http_errors=True)` Litestar's own errors and unhandled errors
    get problem documents too, and a request that does not validate is InvalidData.
    """
    handlers: dict[Any, Any] = {DataError: _on_data_error}
    if http_errors:
        handlers |= {HTTPException: _on_http_exception, 500: _on_exception}
    others: dict[Any, Any] = dict(config.exception_handlers)  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType] - Litestar's type has no arguments
    config.exception_handlers = {**handlers, **others}
    return config


def _on_data_error(request: _Request, error: DataError) -> Response[bytes]:
    return _response(answer(error))


def _on_http_exception(request: _Request, error: HTTPException) -> Response[bytes]:
    if isinstance(error, ValidationException) and isinstance(error.extra, list):
        return _response(answer(_invalid(cast("list[Mapping[str, Any]]", error.extra))))
    reply = answer_of_status(error.status_code, error.detail, headers=error.headers, cause=error)
    return _response(reply)


def _invalid(problems: list[Mapping[str, Any]]) -> InvalidData:
    """Return the error for the problems that Litestar lists: locations and messages, no input."""
    errors = [
        FieldError(
            loc=tuple(str(each[part]) for part in ("source", "key") if each.get(part)),
            msg=str(each.get("message", "not valid")),
            type="invalid",
        )
        for each in problems
    ]
    places = ", ".join(".".join(map(str, each["loc"])) for each in errors)
    return InvalidData(f"the request: {len(errors)} invalid: {places}", errors=errors)


def _on_exception(request: _Request, error: Exception) -> Response[bytes]:
    return _response(answer_of_status(500, repr(error), cause=error))


def _response(reply: Answer) -> Response[bytes]:
    return Response(
        reply.body, status_code=reply.status, headers=reply.headers, media_type=PROBLEM_JSON
    )
