"""Answers to errors: a status, headers, and an RFC 9457 problem document as bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from pydantic_core import to_json

from datapatterns.errors import (
    DataError,
    Forbidden,
    Locked,
    NotFound,
    PreconditionFailed,
    PreconditionRequired,
    TooLarge,
    TooManyRequests,
    Unauthorized,
)
from datapatterns.web.errors import UnsupportedMediaType

PROBLEM_JSON = "application/problem+json"

# A framework's own error, such as a 404, gets the code and title of our class with that status.
_OURS: dict[int, type[DataError]] = {
    kind.status: kind
    for kind in (
        Unauthorized,
        Forbidden,
        NotFound,
        PreconditionFailed,
        TooLarge,
        UnsupportedMediaType,
        Locked,
        PreconditionRequired,
        TooManyRequests,
    )
}


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to an error; the content type of the body is PROBLEM_JSON."""

    status: int
    headers: dict[str, str]
    body: bytes


def answer(error: DataError) -> Answer:
    """Return the answer to the error; from status 500 on it shows only an id, as the log does."""
    return Answer(error.status, error.headers, _bytes(error.problem()))


def answer_of_status(
    status: int,
    detail: str = "",
    *,
    headers: Mapping[str, str] | None = None,
    cause: BaseException | None = None,
) -> Answer:
    """Return the answer to a framework's own error, under the same rules."""
    problem = _problem_of_status(status)
    if status < 500:
        problem["detail"] = detail or problem["title"]
    else:
        hidden = DataError(detail or problem["title"])
        hidden.__cause__ = cause
        problem["instance"] = hidden.problem()["instance"]
    return Answer(status, dict(headers or {}), _bytes(problem))


def _problem_of_status(status: int) -> dict[str, Any]:
    known = _OURS.get(status)
    try:
        title = known.title if known else HTTPStatus(status).phrase
    except ValueError:  # the status is not a registered one
        title = "Error"
    code = known.code if known else title.lower().replace(" ", "_").replace("-", "_")
    return {"type": "about:blank", "title": title, "status": status, "code": code}


def _bytes(problem: Mapping[str, Any]) -> bytes:
    """Return the document as JSON, with replacements for extra members that JSON cannot hold."""
    try:
        return to_json(problem, inf_nan_mode="null", bytes_mode="base64", fallback=_type_name)
    except ValueError:  # a lone surrogate, in a name that a client sent
        plain = {name: problem[name] for name in ("type", "title", "status", "code")}
        return to_json(plain)


def _type_name(value: object) -> str:
    return type(value).__name__
