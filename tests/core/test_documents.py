"""Documents: their ids, their moments, and how their identity is set."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

from datapatterns.core.documents import (
    Document,
    UtcDatetime,
    check_model,
    give_identity,
    new_id,
    utc_text,
)
from datapatterns.core.revisions import update
from datapatterns.core.schema import Schema
from datapatterns.errors import InvalidArgument, InvalidData


def test_new_ids_sort_by_their_time() -> None:
    """New ids are distinct and sort by the time at which they were made."""
    ids = [new_id() for _ in range(1_000)]
    assert ids == sorted(set(ids))


@pytest.mark.parametrize("rules", [{}, {"frozen": True}, {"validate_assignment": True}])
def test_identity_is_set_past_the_models_rules(rules: Any) -> None:
    """A frozen model and one that validates assignments get their id and revision all the same."""

    class Ruled(Document):
        model_config = ConfigDict(**rules)

    document = Ruled(id="1")
    give_identity(document, "2", "7")
    assert (document.id, document.rev) == ("2", "7")


@pytest.mark.parametrize("model", [None, 7, "Document", dict, BaseModel, Document(id="1")])
def test_what_is_no_model_of_documents(model: Any) -> None:
    """Only a subclass of the base class is a model."""
    with pytest.raises(InvalidArgument, match="model must be a subclass of Document"):
        check_model("model", model, Document)


class Visit(Document):
    """A document with a moment."""

    at: UtcDatetime
    left: UtcDatetime | None = None


VISITS = Schema(Visit)
OFFSETS = st.integers(-1_439, 1_439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
# A day from the ends of the calendar, so that every offset fits.
EARLIEST, LATEST = datetime.min + timedelta(1), datetime.max - timedelta(1)
MOMENTS = st.datetimes(EARLIEST, LATEST, timezones=OFFSETS) | st.builds(
    lambda zone, parts: datetime(2026, 1, 1, 12, tzinfo=zone) + timedelta(microseconds=parts),
    OFFSETS,
    st.integers(0, 2_000_000),
)


@given(st.lists(MOMENTS, min_size=2, max_size=2))
def test_the_texts_of_moments_are_in_the_order_of_time(moments: list[datetime]) -> None:
    """The texts of moments sort in the order of time and read back equal."""
    texts: list[str] = [VISITS.new(Visit(at=moment)).fields["at"] for moment in moments]
    one, other = moments
    assert (texts[0] < texts[1], texts[0] == texts[1]) == (one < other, one == other)
    assert {len(text) for text in texts} == {27}
    assert VISITS.load("1", "1", {"at": texts[0]}).at == one
    assert texts[0] == utc_text(one)


def test_moments() -> None:
    """A moment is in UTC: a datetime in Python, a string in JSON and in its schema."""
    visit = Visit.model_validate({"at": "2026-01-01T11:30:00.5+02:00"})
    assert visit.model_dump()["at"] == datetime(2026, 1, 1, 9, 30, 0, 500_000, tzinfo=UTC)
    assert visit.at.tzinfo is UTC
    assert VISITS.new(visit).fields == {"at": "2026-01-01T09:30:00.500000Z", "left": None}
    for mode in ("validation", "serialization"):
        schema = Visit.model_json_schema(mode=mode)["properties"]["at"]
        assert (schema["type"], schema["format"]) == ("string", "date-time")


def test_what_is_no_moment() -> None:
    """A naive datetime, or one out of range, is refused with its location."""
    east = timezone(timedelta(hours=1))
    for at in (datetime(2026, 1, 1), datetime.min.replace(tzinfo=east), "noon"):
        with pytest.raises(InvalidData) as caught:
            update(VISITS, {"at": at})("1", "1", {"at": "2026-01-01T00:00:00Z"})
        assert caught.value.errors[0]["loc"] == ("at",)
        with pytest.raises(InvalidData) as caught:
            VISITS.new(Visit.model_construct(id="1", at=at, left=None))
        assert caught.value.errors[0]["loc"] == ("at",)
