"""What the conformance suite stores: small models, hostile names, and JSON values in order."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, create_model

from datapatterns.core.documents import Document, UtcDatetime
from datapatterns.core.indexes import Index


class Person(Document):
    """A document with rules of its own, one of its fields stored under another name."""

    name: str = Field(default="", max_length=40)
    age: int | None = Field(default=None, ge=0)
    city: str | None = None
    nick: str | None = None
    born: int | None = Field(default=None, alias="birthYear")
    address: dict[str, Any] = Field(default_factory=dict[str, Any])

    model_config = ConfigDict(populate_by_name=True)


class Member(Document):
    """A document that is known by its address, which never changes."""

    email: str
    name: str = ""


class Item(Document):
    """A document with any JSON value."""

    value: Any = None


class Visit(Document):
    """A document with a moment and a day."""

    page: str = "/"
    at: UtcDatetime
    day: date | None = None


class PlainVisit(Document):
    """The same with a datetime as pydantic writes it."""

    page: str = "/"
    at: datetime


class PersonChanges(BaseModel):
    """What an update may do to a person: stricter than the person's own rules."""

    age: int | None = Field(default=None, le=150)

    model_config = ConfigDict(extra="allow")


MANY_OLD = 250  # documents of an earlier version: more than one step of `rewrite`
WIDE = 30
_FIELDS: dict[str, Any] = {f"f{n}": (int, 0) for n in range(WIDE)}
Wide: type[Document] = create_model(  # one field for each of thirty writers
    "Wide", __base__=Document, **_FIELDS
)

BY_AGE = Index("by_age", "age")
BY_CITY = Index("by_city", "city")
BY_CITY_AND_AGE = Index("by_city_and_age", "city", "age")
BY_STREET = Index("by_street", "address.street")
BY_VALUE = Index("by_value", "value")
BY_NICK = Index("by_nick", "nick", unique=True)
ADULTS = Index("adults", "age", where=lambda fields: (fields["age"] or 0) >= 18)

# Names that mean something to a URL, to a key, to a terminal or to a database.
HOSTILE = (
    *("/", "a/b", "..", ".", "../a", "?", "?rev=1", "#", "%", "%2F", "a%2Fb", "+", "a+b", "&", "="),
    *(
        "!",
        "!a!",
        "!a!b",
        '!a"',
        "$",
        "$index",
        "{",
        "}",
        "{}",
        "{a}:b",
        "a}:b",
        ":",
        "a:b",
        "a%3Ab",
    ),
    *(
        "\x00",
        "a\x00",
        "a\x00b",
        "a\x00\xffb",
        " ",
        " a",
        "a ",
        "a b",
        "\t",
        "\r\n",
        "\x7f",
        "*",
        "[a]",
    ),
    *("a", "A", "\N{LATIN SMALL LETTER E WITH ACUTE}", "e\N{COMBINING ACUTE ACCENT}", "\uffff"),
    *("\N{SLICE OF PIZZA}", "\U0010ffff", "'", '"', "\\", "a\\b", "id", "rev", "_rev", "_id"),
    *("_design/a", "_all_docs", "_x", "doc", "index", "null", "0", "-1", "x" * 1000, "x" * 1001),
)

# What no name may be.
NO_NAMES: tuple[Any, ...] = ("", None, 5, b"a", "\ud800", "a\udfff", ["a"])

# JSON values as an index orders them. Whole numbers and fractions order by value together.
IN_ORDER: tuple[Any, ...] = (
    *(
        None,
        False,
        True,
        -1e300,
        -(2**40),
        -1.5,
        -1,
        -0.5,
        0,
        0.25,
        0.5,
        1,
        1.5,
        2,
        10,
        2**40,
        1e300,
    ),
    *("", "a", "aa", "ab", "b", [], [None], [1], [1, 2], [2], ["a"], {"a": 1}),
)

# Neighbours that a double cannot tell apart.
EXACT: tuple[int, ...] = (
    -(2**64) - 1,
    -(2**64),
    -(2**53) - 1,
    -(2**53),
    2**53,
    2**53 + 1,
    2**64 + 1,
)

# Values that JSON has no type for, and what comes back in their place.
AS_JSON: list[tuple[Any, Any]] = [
    (datetime(2014, 1, 15, 9, tzinfo=UTC), "2014-01-15T09:00:00Z"),
    (date(2014, 1, 15), "2014-01-15"),
    (Decimal("1.50"), "1.50"),
    (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    (Path("srv"), "srv"),
    ((1, (2, 3)), [1, [2, 3]]),
    ({1: "one"}, {"1": "one"}),
    (Member(id="1", email="ada"), {"id": "1", "rev": None, "email": "ada", "name": ""}),
]
