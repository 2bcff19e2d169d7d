"""Translate CouchDB's replies and the HTTP library's errors into ours, around a request only.

    with couch_errors():              # a read
    with couch_errors(sent=True):     # a request that changes something

A 4xx proves that nothing was changed. A lost reply proves nothing, and neither does a 5xx from a
proxy or from a worker of the cluster: after a request that changes something, these are
OutcomeUnknown. Our messages are fixed texts, since the server's may quote a key or a user's name;
the server's reply is the `__cause__`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any

from datapatterns.core.documents import stale
from datapatterns.couch.http import drivers
from datapatterns.errors import (
    BadGateway,
    Closed,
    Conflict,
    DataError,
    Forbidden,
    InvalidArgument,
    NotFound,
    OutcomeUnknown,
    TimedOut,
    TooLarge,
    TooManyRequests,
    Unauthorized,
    Unavailable,
)

_OURS = (*drivers.LOST, *drivers.UNUSABLE_URL, OSError)
_LOST = "the request was sent and its reply was lost"
# The server answers so before it does anything else, while it looks up the user's rights.
_UNOPENED = "No DB shards could be opened."


class Refusal(Exception):
    """A reply that is no success: its status, and the members `error` and `reason`."""

    def __init__(self, status: int, error: str = "", reason: str = "") -> None:
        super().__init__(f"{status} {error}: {reason}")
        self.status = status
        self.error = error
        self.reason = reason


def reason_of(error: BaseException) -> str:
    """Return the server's own reason behind one of our errors, empty if it gave none."""
    return error.__cause__.reason if isinstance(error.__cause__, Refusal) else ""


def status_of(error: BaseException) -> int:
    """Return the status of the reply behind one of our errors, 0 if no reply came."""
    return error.__cause__.status if isinstance(error.__cause__, Refusal) else 0


class couch_errors:
    """Translates the HTTP library's errors inside; with `sent` a lost reply is OutcomeUnknown."""

    __slots__ = ("sent",)

    def __init__(self, *, sent: bool = False) -> None:
        self.sent = sent

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None and isinstance(error, _OURS):
            raise of_loss(error, sent=self.sent) from error
        # Both libraries raise this for a request over a closed client.
        if isinstance(error, RuntimeError) and "client has been closed" in str(error):
            raise Closed("the client is closed") from error


def of_loss(error: BaseException, *, sent: bool = False) -> DataError:
    """Return our error for a request that got no reply."""
    if isinstance(error, drivers.UNUSABLE_URL):
        return InvalidArgument("this is not the URL of a CouchDB server")
    if isinstance(error, drivers.NOT_SENT):
        return Unavailable("the server cannot be reached")
    if sent:
        return OutcomeUnknown(_LOST)
    if isinstance(error, (*drivers.TIMED_OUT, TimeoutError)):
        return TimedOut("the server did not answer in time")
    return Unavailable("the connection to the server was lost")


def of_reply(
    status: int, body: object, headers: Mapping[str, str], *, sent: bool = False
) -> DataError:
    """Return our error for a reply that is no success; `body` is its JSON, None if it has none."""
    error, reason = _error_and_reason(body)
    found = _of_status(status, error, reason, headers, known=body is not None, sent=sent)
    found.__cause__ = Refusal(status, error, reason)
    return found


def _error_and_reason(body: object) -> tuple[str, str]:
    """Return the members `error` and `reason` of a reply's JSON, empty where they are missing."""
    if not isinstance(body, Mapping):
        return "", ""
    members: Mapping[str, Any] = body  # pyright: ignore[reportUnknownVariableType] - it is JSON
    return str(members.get("error", "")), str(members.get("reason", ""))


_PLAIN: dict[int, tuple[type[DataError], str]] = {
    400: (InvalidArgument, "the server refused the request"),
    401: (Unauthorized, "the server did not accept the credentials"),
    403: (Forbidden, "the server does not allow this user to do that"),
    413: (TooLarge, "the document is larger than the server allows"),
    507: (Unavailable, "the server has no room left"),
}


def _of_status(
    status: int, error: str, reason: str, headers: Mapping[str, str], *, known: bool, sent: bool
) -> DataError:
    """Return our error for that status; `known`: the body is JSON, so CouchDB wrote it."""
    if status in _PLAIN:
        kind, text = _PLAIN[status]
        return kind(text)
    if status == 404 and known:
        return NotFound("there is no such document or database")
    if status == 409:
        return stale()
    if status == 412 and error == "file_exists":
        return Conflict("the database exists already", reason="exists")
    if status == 429:
        return TooManyRequests("the server asks for fewer requests", retry_after=_after(headers))
    if status in {412, 503}:
        return Unavailable("the server is not available now", retry_after=_after(headers))
    if reason == _UNOPENED:
        return Unavailable("the database cannot be opened now")
    if sent and (status >= 500 or status < 300):
        return OutcomeUnknown("the server's reply does not say what became of the request")
    if status == 504 or (status == 500 and "timeout" in (error, reason)):
        return TimedOut("the server stopped the request after its own timeout")
    return unexpected_answer()


def _after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of Retry-After; None if it is absent or a date."""
    value = headers.get("retry-after", "")
    return float(value) if value.isascii() and value.isdigit() else None


def unexpected_answer() -> BadGateway:
    """Return the error for an answer that no CouchDB gives."""
    return BadGateway("the server's answer is not one that CouchDB gives")


def existing(error: Conflict) -> Conflict:
    """Return the error for a new document whose id is taken, in place of the server's Conflict."""
    found = Conflict("it exists already", reason="exists")
    found.__cause__ = error.__cause__
    return found
