"""Documents: pydantic models with an id and a revision, and the errors that speak of them."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
)

from datapatterns.errors import Conflict, InvalidArgument, NotFound

if sys.version_info >= (3, 14):
    from uuid import uuid7
else:
    from uuid_utils import uuid7


def new_id() -> str:
    """Return a fresh id that sorts by the time of making (a UUID of version 7)."""
    return str(uuid7())


class Document(BaseModel):
    """A schema with an identity: a fresh `id` unless one is given, and the backend's `rev`.

    Both are opaque strings. A fresh id is a UUID of version 7, which sorts by the time of making.
    They are stored beside the other fields; fields of these names in the JSON of other programs are
    ignored.

    A model whose stored fields change in a way that aliases and defaults cannot express sets
    `schema_version` and registers a function for each earlier version (see `upgrades`).
    """

    schema_version: ClassVar[int] = 1

    # By default a NaN in a field of any type would be stored as null; now it is seen and refused.
    model_config = ConfigDict(ser_json_inf_nan="constants")

    id: str = Field(default_factory=new_id)
    rev: str | None = None


D = TypeVar("D", bound=Document)


def utc_text(moment: datetime) -> str:
    """Return the moment in UTC as text of a fixed width, so that texts sort in the order of time.

    Raise ValueError if it has no time zone, or if its year in UTC is not from 1 to 9999.
    """
    return _in_utc(moment).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _in_utc(moment: datetime) -> datetime:
    if moment.utcoffset() is None:
        raise ValueError("a datetime needs a time zone, such as datetime.UTC")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("the datetime is beyond the calendar in UTC") from None


def _to_json(value: Any) -> Any:
    """Return a moment as its text and any other value unchanged, for validation to refuse it."""
    try:
        return utc_text(value) if isinstance(value, datetime) else value
    except ValueError:
        return value


UtcDatetime = Annotated[
    AwareDatetime,
    AfterValidator(_in_utc),
    PlainSerializer(_to_json, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""A moment that indexes put in the order of time: an aware datetime, kept in UTC.

In JSON it always has six digits of a second and a `Z`. Pydantic's own text of a `datetime` has as
many digits as there are, and any offset, which is no order. Naive datetimes are invalid.
"""


def absent() -> NotFound:
    """Return the error for an id without a document."""
    return NotFound("there is no such document")


def stale() -> Conflict:
    """Return the error for a revision that is not the stored one."""
    return Conflict("the document has changed since it was read")


def contention() -> Conflict:
    """Return the error for a write that other writers overtook at every attempt."""
    return Conflict("other writers were faster every time", reason="contention")


def give_identity(document: Document, id: str, rev: str | None) -> None:
    """Set the id and the revision, whatever rules the model has for assignments."""
    own = vars(document)
    own["id"], own["rev"] = id, rev
    document.__pydantic_fields_set__.add("rev")  # what was set is shown with `exclude_unset`


def check_model(what: str, model: object, base: type[BaseModel]) -> None:
    """Raise InvalidArgument unless the model is a class that inherits from the base."""
    if not (isinstance(model, type) and issubclass(model, base)):
        kind = "a subclass of Document" if base is Document else "a pydantic model"
        raise InvalidArgument(f"{what} must be {kind}")
