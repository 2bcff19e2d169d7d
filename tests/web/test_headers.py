"""ETag and If-Match carry revisions, and Link carries the cursors of pages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from web.apps import configure_django

from datapatterns import AsyncStore, Document, Page
from datapatterns.errors import (
    Conflict,
    InvalidArgument,
    NotFound,
    PreconditionFailed,
    PreconditionRequired,
)
from datapatterns.web import etag, if_match, links


class Note(Document):
    """A document to be changed."""

    text: str = ""


@given(st.text(st.characters(codec="utf-8"), min_size=1))
def test_every_revision_has_a_tag_that_leads_back(rev: str) -> None:
    """Any revision can be written as a tag and read back."""
    tag = etag(Note(rev=rev))
    assert tag[0] == tag[-1] == '"'
    assert tag.isascii()
    assert not set(tag[1:-1]) & set('" ,\\')
    assert if_match(tag).rev == rev


def test_what_was_never_stored_has_no_tag() -> None:
    """A document without a revision is refused."""
    with pytest.raises(InvalidArgument):
        etag(Note())


def test_any_revision() -> None:
    """A star, or an optional header that is absent, stands for any revision."""
    for match in (if_match("*"), if_match(" * "), if_match(None, required=False)):
        assert match.rev is None
        assert match.rev_of(Note(rev="3")) is None


def test_a_header_is_required() -> None:
    """A missing header is 428, and the detail says what to send."""
    with pytest.raises(PreconditionRequired):
        if_match(None)


def test_a_list_matches_any_of_its_tags() -> None:
    """A list matches any of its tags, also with empty elements and without spaces."""
    for value in ('"1", "2"', '"1","2"', ' "1" ,, "2", ', 'W/"9", "2"'):
        assert if_match(value).rev_of(Note(rev="2")) == "2"
        with pytest.raises(PreconditionFailed):
            if_match(value).rev_of(Note(rev="3"))
    with pytest.raises(InvalidArgument):  # which of them, without looking?
        assert if_match('"1", "2"').rev


def test_weak_and_foreign_tags_never_match() -> None:
    """Weak tags, and tags that etag() would not write, match no revision."""
    for value in ('W/"3"', '"%33"', '"3%"', '"\xe9"', '""'):
        with pytest.raises(PreconditionFailed):
            if_match(value).rev_of(Note(rev="3"))
    with pytest.raises(PreconditionFailed):
        assert if_match('W/"3"').rev


@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        ",",
        "3",
        '"3',
        '3"',
        '"3" "4"',
        '"3";q=1',
        "*, *",
        '"3", *',
        'w/"3"',
        '"a b"',
        "'3'",
    ],
)
def test_what_is_no_list_of_tags_is_400(value: str) -> None:
    """A malformed header is refused with 400."""
    with pytest.raises(InvalidArgument):
        if_match(value)


class Lines:
    """Headers with two lines of If-Match, as a framework stores them."""

    def __init__(self, *lines: str) -> None:
        self.lines = list(lines)

    @property
    def headers(self) -> Lines:
        """Return the headers of the request."""
        return self

    def get(self, key: str) -> str | None:
        """Return the first line of the header."""
        return self.lines[0] if self.lines else None

    def getlist(self, key: str) -> list[str]:
        """Return all lines of the header."""
        return self.lines


def test_a_header_may_have_several_lines() -> None:
    """Several lines of the header are one list."""
    assert if_match(Lines('"1"', '"2"')).revs == {"1", "2"}
    with pytest.raises(PreconditionRequired):
        if_match(Lines())


def requests() -> list[Any]:
    """Return a request with If-Match in each framework."""
    from django.test import RequestFactory
    from flask import Flask, request
    from litestar.testing import RequestFactory as LitestarRequests
    from starlette.requests import Request

    configure_django()
    with Flask("test").test_request_context(headers={"If-Match": '"7"'}):
        flask = request._get_current_object()  # type: ignore[attr-defined]
    scope = {"type": "http", "headers": [(b"if-match", b'"7"')]}
    return [
        Request(scope),
        flask,
        LitestarRequests().get(headers={"If-Match": '"7"'}),
        RequestFactory().get("/", headers={"If-Match": '"7"'}),
    ]


def test_any_frameworks_request_will_do() -> None:
    """The requests of all frameworks are accepted."""
    assert [if_match(request).rev for request in requests()] == ["7"] * 4


async def test_a_guarded_update_is_free_of_races(tmp_path: Path) -> None:
    """The store compares the revision when it writes: one of two writers with one tag gets 412."""
    async with AsyncStore.from_url(f"level:{tmp_path}/data") as store:
        notes = store.repository("notes", Note)
        tag = etag(await notes.create(Note(id="a", text="first")))
        with if_match(tag) as match:
            after = await notes.update("a", {"text": "second"}, rev=match.rev)
        with pytest.raises(PreconditionFailed), if_match(tag) as match:
            await notes.update("a", {"text": "third"}, rev=match.rev)
        with pytest.raises(PreconditionFailed), if_match(f'{tag}, "x"') as match:
            await notes.update("a", {"text": "third"}, rev=match.rev_of(await notes.get("a")))
        with pytest.raises(PreconditionFailed), if_match('"tampered-with"') as match:
            await notes.destroy("a", rev=match.rev)
        assert await notes.get("a") == after
        with if_match(f"{tag}, {etag(after)}") as match:
            await notes.destroy("a", rev=match.rev_of(await notes.get("a")))
        with pytest.raises(NotFound), if_match(tag) as match:
            await notes.update("a", {}, rev=match.rev)


def test_other_conflicts_stay_what_they_are() -> None:
    """Only a stale revision that the client named becomes PreconditionFailed."""
    with pytest.raises(Conflict), if_match('"1"'):
        raise Conflict("taken", reason="exists")
    with pytest.raises(Conflict), if_match("*"):
        raise Conflict("changed", reason="stale_revision")


def test_the_link_header_of_a_page() -> None:
    """A single page has no Link header; any URL object is accepted."""
    assert links(Page([1]), "http://test/users") == {}
    found = links(Page([1], next="abc"), "http://test/users?limit=5&after=old")
    assert found == {"Link": '<http://test/users?limit=5&after=abc>; rel="next"'}
