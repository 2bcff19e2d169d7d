"""All errors of this library: each class has one HTTP status and one stable code.

Programs act on the class or the code, never on the text. A server answers with
`DataError.problem()`, an RFC 9457 problem document that hides all details of a 5xx.
"""

from __future__ import annotations

import logging
import math
import re
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypedDict, cast, get_args

from pydantic_core.core_schema import ErrorType

if TYPE_CHECKING:
    from pydantic import ValidationError

    from datapatterns.core.decisions import Decision

logger = logging.getLogger("datapatterns.errors")

_WORD = re.compile(r"\w{4,}")
# The messages of pydantic's own types quote the input only in these members of their context.
_OWN_TYPES = frozenset[str](get_args(ErrorType))
_QUOTING = frozenset({"error", "encoding_error", "tag"})

Reason = Literal["exists", "stale_revision", "contention", "lease_lost"]


class FieldError(TypedDict):
    """A problem of one field: the location, a message and pydantic's type, never the input."""

    loc: tuple[int | str, ...]
    msg: str
    type: str


class DataError(Exception):
    """The base class of every error that this library raises on purpose."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "error"
    title: ClassVar[str] = "Error"
    retryable: ClassVar[bool] = False

    def __init__(self, detail: str = "", *, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.data: dict[str, Any] = dict(data or {})
        self._instance: str | None = None

    @property
    def headers(self) -> dict[str, str]:
        """Return the HTTP headers that belong to this error."""
        return {}

    def problem(self, *, debug: bool = False) -> dict[str, Any]:
        """Return an RFC 9457 problem document; for a status >= 500 only an id to look up."""
        problem: dict[str, Any] = {
            "type": "about:blank",
            "title": self.title,
            "status": self.status,
            "code": self.code,
        }
        if self.status >= 500:
            problem["instance"] = self._log_once()
        if debug or self.status < 500:
            problem = {**self._members(), **problem, "detail": self.detail or self.title}
        return problem

    def _members(self) -> dict[str, Any]:
        return dict(self.data)

    def _log_once(self) -> str:
        """Log the whole error under a new id, at the first call only, and return the id."""
        if self._instance is None:
            self._instance = f"urn:uuid:{uuid.uuid4()}"
            logger.error(
                "%s: %s (%s)",
                self.code,
                self.detail,
                self._instance,
                exc_info=self,
                extra={"instance": self._instance, "code": self.code, "data": self.data},
            )
        return self._instance


class InvalidArgument(DataError):
    """A key, range, cursor or option is not valid; nothing was written."""

    status, code, title = 400, "invalid_argument", "Invalid argument"


class InvalidData(DataError):
    """A document or item does not fit its schema; `errors` lists the problems without values."""

    status, code, title = 400, "invalid_data", "Invalid data"

    def __init__(
        self,
        detail: str = "",
        *,
        errors: Sequence[FieldError] = (),
        data: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail, data=data)
        self.errors: list[FieldError] = list(errors)

    @classmethod
    def of(cls, error: ValidationError) -> InvalidData:
        """Return the error for pydantic's, without the input values."""
        return cls.listed(error.title, error.errors(include_url=False))

    @classmethod
    def listed(cls, title: str, problems: Iterable[Mapping[str, Any]]) -> InvalidData:
        """Return the error for problems in pydantic's form, which a web framework may find."""
        errors = [
            FieldError(loc=tuple(found["loc"]), msg=_without_input(found), type=found["type"])
            for found in problems
        ]
        locations = ", ".join(".".join(map(str, found["loc"])) or "document" for found in errors)
        return cls(f"{title}: {len(errors)} invalid: {locations}", errors=errors)

    @classmethod
    def field(cls, name: str, message: str, type: str) -> InvalidData:
        """Return the error for a problem of one field that this library found."""
        return cls(f"{name}: {message}", errors=[FieldError(loc=(name,), msg=message, type=type)])

    def _members(self) -> dict[str, Any]:
        errors = [{**error, "loc": list(error["loc"])} for error in self.errors]
        return {**self.data, "errors": errors}


def _without_input(found: Mapping[str, Any]) -> str:
    """Return pydantic's message, or a fixed text if the message quotes a word of the input."""
    message: str = found["msg"]
    context: Mapping[str, Any] = found.get("ctx") or {}
    if found["type"] in _OWN_TYPES and not context.keys() & _QUOTING:
        return message
    if _quotes(message, found.get("input")) or _quotes(message, context.get("tag", "")):
        return f"Input is not valid ({found['type']})"
    return message


def _quotes(message: str, value: object) -> bool:
    if isinstance(value, Mapping):
        members = cast("Mapping[object, object]", value)  # the keys are names of fields
        return any(_quotes(message, part) for part in members.values())
    if isinstance(value, list | tuple | set | frozenset):
        return any(_quotes(message, part) for part in cast("Collection[object]", value))
    text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    return any(word in message for word in (text, *_WORD.findall(text)) if word)


class Unauthorized(DataError):
    """The server requires credentials, or other ones."""

    status, code, title = 401, "unauthorized", "Unauthorized"


class Forbidden(DataError):
    """The server accepts the credentials but refuses the request."""

    status, code, title = 403, "forbidden", "Forbidden"


class NotFound(DataError):
    """What was asked for does not exist."""

    status, code, title = 404, "not_found", "Not found"


class Conflict(DataError):
    """The stored state does not allow the change; `reason` says why."""

    status, code, title = 409, "conflict", "Conflict"

    def __init__(
        self,
        detail: str = "",
        *,
        reason: Reason = "stale_revision",
        data: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail, data=data)
        self.reason: Reason = reason

    def _members(self) -> dict[str, Any]:
        return {**self.data, "reason": self.reason}


class PreconditionFailed(DataError):
    """The revision in an If-Match header is not the stored one."""

    status, code, title = 412, "precondition_failed", "Precondition failed"


class TooLarge(DataError):
    """A value is larger than the store or an option allows."""

    status, code, title = 413, "too_large", "Too large"


class Locked(DataError):
    """Another process uses the LevelDB directory; its pid is in `data` if it is known."""

    status, code, title = 423, "locked", "Locked"


class PreconditionRequired(DataError):
    """An update that requires an If-Match header came without one."""

    status, code, title = 428, "precondition_required", "Precondition required"


class TooManyRequests(DataError):
    """The rate limit is used up; `retry_after` is the number of seconds to wait."""

    status, code, title = 429, "rate_limited", "Too many requests"
    retryable = True

    def __init__(
        self,
        detail: str = "",
        decision: Decision | None = None,
        *,
        retry_after: float | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail, data=data)
        self.decision = decision
        self.retry_after = decision.retry_after if decision is not None else retry_after

    @property
    def headers(self) -> dict[str, str]:
        """Return the RateLimit headers and Retry-After."""
        if self.decision is not None:
            return self.decision.headers()
        return _retry_after(self.retry_after)


class DataCorrupted(DataError):
    """A stored value is damaged, or is not one that this pattern stores."""

    status, code, title = 500, "corrupted", "Data corrupted"


class DecodeFailed(DataError):
    """A stored value does not fit its encoding or its model."""

    status, code, title = 500, "decode_failed", "Decode failed"


class IndexNotUnique(DataError):
    """A unique index cannot be filled: `data["ids"]` has two documents with the same values."""

    status, code, title = 500, "index_not_unique", "Index not unique"


class HookFailed(DataError):
    """A hook raised an exception; the whole batch was dropped and nothing was written."""

    status, code, title = 500, "hook_failed", "Hook failed"


class Unsupported(DataError):
    """This backend does not support it; `data["backends"]` names those that do."""

    status, code, title = 501, "unsupported", "Not supported"


class BadGateway(DataError):
    """The server sent an answer that its protocol does not allow."""

    status, code, title = 502, "bad_gateway", "Bad gateway"


class Unavailable(DataError):
    """The server is out of reach or overloaded; nothing was changed, so a retry is safe."""

    status, code, title = 503, "unavailable", "Unavailable"
    retryable = True

    def __init__(
        self,
        detail: str = "",
        *,
        retry_after: float | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail, data=data)
        self.retry_after = retry_after

    @property
    def headers(self) -> dict[str, str]:
        """Return Retry-After if the server sent one."""
        return _retry_after(self.retry_after)


class Closed(Unavailable):
    """The store or client was closed: a retry fails as well. Nothing was changed."""

    code, title = "closed", "Closed"
    retryable = False


class TimedOut(DataError):
    """The time ran out before an answer; nothing was changed, so a retry is safe."""

    status, code, title = 504, "timed_out", "Timed out"
    retryable = True


class OutcomeUnknown(TimedOut):
    """The request was sent and its reply was lost, so it may have taken effect."""

    code, title = "outcome_unknown", "Outcome unknown"
    retryable = False


def _retry_after(seconds: float | None) -> dict[str, str]:
    return {} if seconds is None else {"Retry-After": str(max(0, math.ceil(seconds)))}
