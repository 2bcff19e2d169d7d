"""Documents: the fields that are stored, and how they are changed."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    computed_field,
    field_validator,
    model_validator,
)

from datapatterns.core.documents import (
    Document,
    Schema,
    UtcDatetime,
    check_changes,
    document_id,
    field_value,
    fields_of,
    load,
    new_id,
    revise,
    utc_text,
)
from datapatterns.errors import DecodeFailed, InvalidArgument, InvalidData


class Address(BaseModel):
    """A part of a document."""

    city: str
    zip: str | None = None


class User(Document):
    """A document with all that matters: an alias, a default, a nested part, a rule over two."""

    name: str = Field(min_length=2)
    born: int | None = Field(None, ge=1900, alias="birthYear")
    died: int | None = None
    address: Address | None = None
    tags: list[str] = Field(default_factory=list)

    model_config = ConfigDict(populate_by_name=True)

    @model_validator(mode="after")
    def _order(self) -> User:
        if self.born and self.died and self.died < self.born:
            raise ValueError("nobody dies first")
        return self


STORED: dict[str, Any] = {
    "name": "Ada",
    "birthYear": 1915,
    "address": {"city": "London"},
    "tags": ["a"],
    "unknown": {"of": "others"},
}


def test_new_ids_sort_by_their_time() -> None:
    """New ids are distinct and sort by the time at which they were made."""
    ids = [new_id() for _ in range(1_000)]
    assert ids == sorted(set(ids))


def test_the_id_of_a_new_document() -> None:
    """The id comes from the field that `id_from` names, else from the document."""
    assert document_id(User(name="ada"), "name") == "ada"
    assert document_id(User(id="own", name="ada"), None) == "own"
    assert len(document_id(User(name="ada"), None)) == 36
    for id in ("", "\ud800"):
        with pytest.raises(InvalidArgument):
            document_id(User.model_construct(id=id, name="ada"), None)


def test_what_is_stored() -> None:
    """The fields are stored by alias, without id and revision."""
    user = User(id="1", rev="7", name="Ada", born=1915, address=Address(city="London"))
    assert fields_of(user) == {
        "name": "Ada",
        "birthYear": 1915,
        "died": None,
        "address": {"city": "London", "zip": None},
        "tags": [],
    }


def test_what_cannot_be_stored() -> None:
    """A document with a value that JSON cannot hold is InvalidData."""

    class Odd(Document):
        thing: Any = None

    with pytest.raises(InvalidData):
        fields_of(Odd(thing=object()))
    with pytest.raises(InvalidData):
        fields_of(Odd(thing=b"\xff"))


def test_loading() -> None:
    """A document is made of stored fields and its id; id and revision are not among the fields."""
    user = load(User, "1", "7", STORED)
    assert (user.id, user.rev, user.name, user.born) == ("1", "7", "Ada", 1915)
    assert user.address == Address(city="London")


def test_loading_what_does_not_fit() -> None:
    """Fields that do not fit are DecodeFailed with the id and the locations, not the values."""
    with pytest.raises(DecodeFailed) as caught:
        load(User, "id-7", "1", {"name": "x", "address": {"city": 8_675_309}})
    assert caught.value.data == {"id": "id-7"}
    assert "id-7" in str(caught.value)
    assert "address.city, name" in str(caught.value)
    assert "8675309" not in str(caught.value)


def test_revise_changes_what_is_named() -> None:
    """Only the named fields change; others, also unknown ones, keep their stored values."""
    before = {**STORED, "address": {"city": "London", "extra": 1}, "died": "2000"}
    after = revise(before, {"name": "Ada L."}, User)
    assert after == {**before, "name": "Ada L."}
    assert before["name"] == "Ada"
    assert revise(before, {}, User) == before


def test_revise_takes_names_and_stores_aliases() -> None:
    """A field is named as in the model and stored by its alias."""
    after = revise(STORED, {"born": 1920, "tags": ["b"]}, User)
    assert after == {**STORED, "birthYear": 1920, "tags": ["b"]}
    assert revise({"name": "Ada"}, {"born": None}, User) == {"name": "Ada", "birthYear": None}


def test_revise_writes_json() -> None:
    """A changed field is stored as the model's JSON of it."""
    after = revise(STORED, {"address": Address(city="Paris"), "born": "1920"}, User)
    assert after["address"] == {"city": "Paris", "zip": None}
    assert after["birthYear"] == 1920


def test_revise_validates_the_whole() -> None:
    """A rule over two fields is checked when only one of them changes."""
    for changes in ({"died": 1900}, {"name": "x"}, {"born": 1800}, {"tags": "a"}, {"address": {}}):
        with pytest.raises(InvalidData):
            revise(STORED, changes, User)
    assert revise(STORED, {"died": 2000}, User)["died"] == 2000


def test_revise_lists_every_problem() -> None:
    """The error lists all wrong values, or before that all wrong names."""
    with pytest.raises(InvalidData) as caught:
        revise(STORED, {"name": "x", "born": 1}, User)
    assert {found["loc"] for found in caught.value.errors} == {("name",), ("birthYear",)}
    with pytest.raises(InvalidData) as caught:
        revise(STORED, {"nome": 1, "name": "Eve", "id": "2"}, User, immutable={"name"})
    assert [(found["loc"], found["type"]) for found in caught.value.errors] == [
        (("nome",), "extra_forbidden"),
        (("name",), "frozen_field"),
        (("id",), "frozen_field"),
    ]


def test_forbidden_names_come_with_wrong_values() -> None:
    """Wrong names and wrong values come in one error, by alias."""
    with pytest.raises(InvalidData) as caught:
        check_changes({"rev": "2", "name": "x", "born": 1, "tags": ["a"]}, User, ())
    assert [(found["loc"], found["type"]) for found in caught.value.errors] == [
        (("rev",), "frozen_field"),
        (("name",), "string_too_short"),
        (("birthYear",), "greater_than_equal"),
    ]
    assert caught.value.detail.startswith("rev: cannot be changed; name: String should have at")

    class Two(Document):
        one: int
        other: int

        @field_validator("other")
        @classmethod
        def _later(cls, value: int, info: ValidationInfo) -> int:
            return value + info.data["one"]  # KeyError where there is none

    with pytest.raises(InvalidData) as caught:
        check_changes({"id": "2", "other": 1}, Two, ())
    assert [found["loc"] for found in caught.value.errors] == [("id",)]


@pytest.mark.parametrize("name", ["id", "rev", "unknown", "birthYear", "", "__class__", 7])
def test_names_that_cannot_be_changed(name: Any) -> None:
    """The id, the revision, unknown names and aliases cannot be changed."""
    with pytest.raises(InvalidData):
        check_changes({name: 1}, User, ())
    with pytest.raises(InvalidData):
        revise(STORED, {name: 1}, User)


def test_an_update_model() -> None:
    """An update model validates the changes alone."""

    class Update(BaseModel):
        name: str | None = Field(None, max_length=5)

        model_config = ConfigDict(extra="forbid")

    assert revise(STORED, {"name": "Eve"}, User, update_model=Update)["name"] == "Eve"
    for changes in ({"name": "too long"}, {"died": 2000}):
        with pytest.raises(InvalidData):
            revise(STORED, changes, User, update_model=Update)


def test_aliases_of_every_kind() -> None:
    """A field with any kind of alias can be stored, revised and read again."""

    class Aliased(Document):
        one: int = Field(0, alias="eins")
        two: int = Field(0, validation_alias=AliasChoices("2", "b"), serialization_alias="2")
        mail: str = ""

    stored = fields_of(Aliased.model_validate({"eins": 1, "2": 2}))
    assert stored == {"eins": 1, "2": 2, "mail": ""}
    assert load(Aliased, "1", "1", stored).two == 2
    assert revise(stored, {"one": 10}, Aliased) == {"eins": 10, "2": 2, "mail": ""}
    assert revise(stored, {"two": 20}, Aliased) == {"eins": 1, "2": 20, "mail": ""}


def test_computed_fields_follow() -> None:
    """Computed fields are stored, and change with the fields that they depend on."""

    class Name(Document):
        first: str
        last: str

        @computed_field
        def both(self) -> str:
            """Return both names."""
            return f"{self.first} {self.last}"

    stored = fields_of(Name(first="Ada", last="Byron"))
    assert revise(stored, {"last": "King"}, Name)["both"] == "Ada King"


class Visit(Document):
    """A document with a moment."""

    at: UtcDatetime
    left: UtcDatetime | None = None


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
    texts: list[str] = [fields_of(Visit(at=moment))["at"] for moment in moments]
    one, other = moments
    assert (texts[0] < texts[1], texts[0] == texts[1]) == (one < other, one == other)
    assert {len(text) for text in texts} == {27}
    assert load(Visit, "1", "1", {"at": texts[0]}).at == one
    assert texts[0] == utc_text(one)


def test_moments() -> None:
    """A moment is in UTC: a datetime in Python, a string in JSON and in its schema."""
    visit = Visit.model_validate({"at": "2026-01-01T11:30:00.5+02:00"})
    assert visit.model_dump()["at"] == datetime(2026, 1, 1, 9, 30, 0, 500_000, tzinfo=UTC)
    assert visit.at.tzinfo is UTC
    assert fields_of(visit) == {"at": "2026-01-01T09:30:00.500000Z", "left": None}
    for mode in ("validation", "serialization"):
        schema = Visit.model_json_schema(mode=mode)["properties"]["at"]
        assert (schema["type"], schema["format"]) == ("string", "date-time")


def test_what_is_no_moment() -> None:
    """A naive datetime, or one out of range, is refused with its location."""
    east = timezone(timedelta(hours=1))
    for at in (datetime(2026, 1, 1), datetime.min.replace(tzinfo=east), "noon"):
        with pytest.raises(InvalidData) as caught:
            revise({"at": "2026-01-01T00:00:00Z"}, {"at": at}, Visit)
        assert caught.value.errors[0]["loc"] == ("at",)
        with pytest.raises(InvalidData) as caught:
            Schema(Visit).checked(Visit.model_construct(at=at))
        assert caught.value.errors[0]["loc"] == ("at",)


def test_nan_is_seen() -> None:
    """NaN and infinity do not become null among the fields, so the encoding refuses them."""

    class Measured(Document):
        value: float

    assert math.isnan(fields_of(Measured(value=math.nan))["value"])
    assert math.isinf(revise({"value": 1.0}, {"value": math.inf}, Measured)["value"])


def test_field_value() -> None:
    """A value is found by name or by a path into objects; a missing one differs from null."""
    fields = {"a": {"b": {"c": 0}, "n": None}, "x.y": 1, "list": [1]}
    assert field_value(fields, "a.b.c") == (True, 0)
    assert field_value(fields, "a.n") == (True, None)
    assert field_value(fields, "a") == (True, fields["a"])
    for path in ("b", "a.c", "a.b.c.d", "a.n.x", "x.y", "list.0", "a."):
        assert field_value(fields, path) == (False, None)
