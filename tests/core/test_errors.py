"""The tree of errors, its problem documents, and what they never contain."""

from __future__ import annotations

import json
import logging
import pickle
from typing import Annotated, Any, Literal

import pytest
from pydantic import (
    BaseModel,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from datapatterns import errors
from datapatterns.core.decisions import Decision
from datapatterns.errors import (
    Conflict,
    DataError,
    InvalidData,
    NotFound,
    OutcomeUnknown,
    TimedOut,
    TooManyRequests,
    Unavailable,
)

# class -> status, code, retryable
TREE: dict[str, tuple[int, str, bool]] = {
    "InvalidArgument": (400, "invalid_argument", False),
    "InvalidData": (400, "invalid_data", False),
    "Unauthorized": (401, "unauthorized", False),
    "Forbidden": (403, "forbidden", False),
    "NotFound": (404, "not_found", False),
    "Conflict": (409, "conflict", False),
    "PreconditionFailed": (412, "precondition_failed", False),
    "TooLarge": (413, "too_large", False),
    "Locked": (423, "locked", False),
    "PreconditionRequired": (428, "precondition_required", False),
    "TooManyRequests": (429, "rate_limited", True),
    "DataCorrupted": (500, "corrupted", False),
    "DecodeFailed": (500, "decode_failed", False),
    "HookFailed": (500, "hook_failed", False),
    "IndexNotUnique": (500, "index_not_unique", False),
    "Unsupported": (501, "unsupported", False),
    "BadGateway": (502, "bad_gateway", False),
    "Unavailable": (503, "unavailable", True),
    "Closed": (503, "closed", False),
    "TimedOut": (504, "timed_out", True),
    "OutcomeUnknown": (504, "outcome_unknown", False),
}
CLASSES = {
    name: cls
    for name, cls in vars(errors).items()
    if isinstance(cls, type) and issubclass(cls, DataError) and cls is not DataError
}
SECRET = "redis://app:hunter2@10.0.0.7/key-of-bob"


def test_the_tree_is_complete() -> None:
    """Each class has a status and a code of its own, and is exported."""
    found = {name: (cls.status, cls.code, cls.retryable) for name, cls in CLASSES.items()}
    assert found == TREE
    assert len({cls.code for cls in CLASSES.values()}) == len(CLASSES)
    import datapatterns

    for name in TREE:
        assert getattr(datapatterns, name) is CLASSES[name]


def test_outcome_unknown_is_a_timeout() -> None:
    """OutcomeUnknown is a TimedOut, but is not retryable."""
    assert issubclass(OutcomeUnknown, TimedOut)
    assert not OutcomeUnknown().retryable


@pytest.mark.parametrize("cls", [cls for cls in CLASSES.values() if cls.status < 500])
def test_a_problem_below_500(cls: type[DataError]) -> None:
    """The problem document has detail and data, is JSON, and nothing is logged."""
    problem = cls("what happened", data={"id": "7", "status": 1, "type": "x"}).problem()
    assert problem["detail"] == "what happened"
    assert problem["id"] == "7"
    assert (problem["status"], problem["code"]) == (cls.status, cls.code)
    assert (problem["type"], problem["title"]) == ("about:blank", cls.title)
    assert "instance" not in problem
    assert json.loads(json.dumps(problem)) == problem


@pytest.mark.parametrize("cls", [cls for cls in CLASSES.values() if cls.status >= 500])
def test_a_problem_from_500_on(cls: type[DataError], caplog: pytest.LogCaptureFixture) -> None:
    """The document has only an id, under which the error with its cause is logged once."""
    cause = ConnectionError(SECRET)
    error = cls(f"no answer from {SECRET}", data={"secret": SECRET, "detail": SECRET})
    error.__cause__ = cause
    with caplog.at_level(logging.ERROR, "datapatterns.errors"):
        problem = error.problem()
        assert error.problem() == problem
    assert set(problem) == {"type", "title", "status", "code", "instance"}
    assert "hunter2" not in json.dumps(problem)
    (record,) = caplog.records
    assert problem["instance"] in record.getMessage()
    assert SECRET in record.getMessage()
    assert SECRET in caplog.text.split("Traceback")[0]
    assert record.exc_info is not None
    assert record.exc_info[1] is error


def test_every_error_has_its_own_instance(caplog: pytest.LogCaptureFixture) -> None:
    """Two errors have different ids."""
    found = {Unavailable("away").problem()["instance"] for _ in range(10)}
    assert len(found) == len(caplog.records) == 10
    assert all(instance.startswith("urn:uuid:") for instance in found)


def test_debug_shows_all() -> None:
    """With `debug` the document shows the detail of a 5xx."""
    problem = Unavailable("no answer", data={"host": "here"}).problem(debug=True)
    assert (problem["detail"], problem["host"], problem["status"]) == ("no answer", "here", 503)
    assert "instance" in problem


def test_data_cannot_pretend() -> None:
    """Members of `data` do not replace the document's own members."""
    data = {"status": 200, "code": "fine", "title": "x", "type": "y", "detail": "z"}
    problem = NotFound("there is none", data=data).problem()
    assert problem["status"] == 404
    assert problem["code"] == "not_found"
    assert problem["detail"] == "there is none"


def test_an_error_without_words() -> None:
    """An error without a message has its title as detail."""
    assert NotFound().problem()["detail"] == "Not found"
    assert str(NotFound()) == ""


def test_what_conflicts_and_invalid_data_add() -> None:
    """A Conflict adds its reason, InvalidData every problem with its location."""
    assert Conflict("taken", reason="exists").problem()["reason"] == "exists"
    assert Conflict().reason == "stale_revision"
    problem = InvalidData.field("email", "is taken", "unique").problem()
    assert problem["errors"] == [{"loc": ["email"], "msg": "is taken", "type": "unique"}]


def test_headers() -> None:
    """Retry-After is in whole seconds, rounded up; a decision brings its own headers."""
    assert NotFound().headers == {}
    assert Unavailable().headers == {}
    assert Unavailable(retry_after=1.2).headers == {"Retry-After": "2"}
    assert Unavailable(retry_after=0).headers == {"Retry-After": "0"}
    assert TooManyRequests(retry_after=-3).headers == {"Retry-After": "0"}
    decision = Decision(False, 10, 0, 2.5, 60)
    error = TooManyRequests("slow down", decision)
    assert (error.retry_after, error.headers) == (2.5, decision.headers())


SAMPLES: list[DataError] = [
    *(cls("detail", data={"n": 1}) for cls in CLASSES.values()),
    Conflict("taken", reason="lease_lost", data={"id": "1"}),
    InvalidData("bad", errors=[{"loc": ("a", 0), "msg": "m", "type": "t"}]),
    TooManyRequests("slow", Decision(False, 1, 0, 2.0, 3.0, name="x"), data={"a": 1}),
    Unavailable("away", retry_after=2.5),
]


@pytest.mark.parametrize("error", SAMPLES, ids=lambda error: type(error).__name__)
def test_pickling(error: DataError) -> None:
    """An error comes back equal from pickle, as it must between processes."""
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert type(copy) is type(error)
    assert vars(copy) == vars(error)
    assert (str(copy), copy.args) == (str(error), error.args)
    assert copy.headers == error.headers


# --- what pydantic found, without what was put in


class Cat(BaseModel):
    """One kind of pet."""

    kind: Literal["cat"]


class Dog(BaseModel):
    """Another kind."""

    kind: Literal["dog"]


class Person(BaseModel):
    """Everything that can quote its input."""

    model_config = {"extra": "forbid"}

    name: str = Field(pattern=r"^[a-z]{3,30}$")
    age: int = Field(ge=0, le=150)
    pet: Annotated[Cat | Dog, Field(discriminator="kind")] | None = None
    other: (
        Annotated[
            Annotated[Cat, Tag("c")] | Annotated[Dog, Tag("d")],
            Discriminator(lambda value: value["kind"]),
        ]
        | None
    ) = None
    card: str = ""
    tags: list[str] = []
    notes: dict[str, list[int]] = {}
    born: str = ""

    @field_validator("card")
    @classmethod
    def _card(cls, value: str) -> str:
        if value:
            raise ValueError(f"{value!r} is no card")
        return value

    @field_validator("tags")
    @classmethod
    def _tags(cls, value: list[str]) -> list[str]:
        assert not value, f"{value[0].upper()[:0]}{value} are too many"
        return value

    @field_validator("born")
    @classmethod
    def _born(cls, value: str) -> str:
        if value:
            raise PydanticCustomError(
                "not_born", "{value} is no birthday", {"value": value.split()[0]}
            )
        return value

    @model_validator(mode="before")
    @classmethod
    def _whole(cls, value: Any) -> Any:
        if isinstance(value, dict) and value.get("age") == 77:
            raise ValueError(f"{value['name']} cannot be 77")
        return value


GOOD: dict[str, Any] = {"name": "bob", "age": 7}
LEAKS: dict[str, dict[str, Any]] = {
    "pattern": {"name": "hunter2 Hunter2"},
    "number": {"age": "hunter2"},
    "range": {"age": 8_675_309},
    "tag": {"pet": {"kind": "hunter2"}},
    "callable tag": {"other": {"kind": "hunter2"}},
    "value error": {"card": "hunter2"},
    "value error with escapes": {"card": "hunter2\n'é"},
    "assertion": {"tags": ["hunter2", "x"]},
    "custom error": {"born": "hunter2 today"},
    "of the whole": {"name": "hunter2", "age": 77},
    "nested": {"notes": {"a": [1, "hunter2", None, {"b": "hunter2"}]}},
    "type": {"name": ["hunter2"], "tags": "hunter2", "notes": "hunter2"},
}


def invalid(changes: dict[str, Any]) -> InvalidData:
    """Return the error of a document with these changes."""
    with pytest.raises(ValidationError) as caught:
        Person.model_validate({**GOOD, **changes})
    return InvalidData.of(caught.value)


@pytest.mark.parametrize("changes", LEAKS.values(), ids=LEAKS)
def test_no_input_is_repeated(changes: dict[str, Any]) -> None:
    """No message quotes the input, wherever in the document it was."""
    error = invalid(changes)
    shown = json.dumps(error.problem()) + str(error) + repr(error) + repr(error.errors)
    assert "hunter2" not in shown.lower()
    assert "8675309" not in shown
    assert error.errors
    for found in error.errors:
        assert set(found) == {"loc", "msg", "type"}
        assert found["msg"]


def test_every_problem_is_listed() -> None:
    """One error lists every problem with its location and type."""
    error = invalid({"name": "B", "age": -1, "notes": {"a": ["x"]}, "extra": 1})
    assert [(found["loc"], found["type"]) for found in error.errors] == [
        (("name",), "string_pattern_mismatch"),
        (("age",), "greater_than_equal"),
        (("notes", "a", 0), "int_parsing"),
        (("extra",), "extra_forbidden"),
    ]
    assert str(error) == "Person: 4 invalid: name, age, notes.a.0, extra"


def test_messages_that_quote_nothing_stay() -> None:
    """Pydantic's messages stay, also when the input has words in common with them."""
    assert invalid({"age": 151}).errors[0]["msg"] == "Input should be less than or equal to 150"
    assert "'^[a-z]{3,30}$'" in invalid({"name": "String should match"}).errors[0]["msg"]
    assert invalid({"pet": {"kind": "x"}}).errors[0]["type"] == "union_tag_invalid"


def test_the_message_of_a_validator_stays_unless_it_quotes() -> None:
    """A validator's message stays unless it quotes the input."""

    class Period(BaseModel):
        start: int
        end: int

        @model_validator(mode="after")
        def _order(self) -> Period:
            if self.end < self.start:
                raise ValueError("the end is before the start")
            return self

    with pytest.raises(ValidationError) as caught:
        Period(start=2026, end=2025)
    error = InvalidData.of(caught.value)
    assert error.errors[0]["msg"] == "Value error, the end is before the start"
    assert error.errors[0]["loc"] == ()
    assert "document" in str(error)
