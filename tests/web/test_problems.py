"""Every DataError becomes its problem document, in every framework, wherever it is raised."""

from __future__ import annotations

import gc
import logging
import warnings

import pytest
from web.apps import FRAMEWORKS, SECRET, Reply, client

from datapatterns.errors import Unavailable

PLACES = {
    "starlette": ("sync", "async", "middleware"),
    "fastapi": ("sync", "async", "dependency", "middleware"),
    "flask": ("sync", "async", "dependency", "after", "middleware"),
    "litestar": ("sync", "async", "dependency", "middleware"),
    "django": ("sync", "async", "middleware"),
    "django-asgi": ("sync", "async", "middleware"),
}
EVERYWHERE = [(name, place) for name in FRAMEWORKS for place in PLACES[name]]
INSIDE = {
    "away": 503,
    "BadGateway": 502,
    "DataCorrupted": 500,
    "OutcomeUnknown": 504,
    "Unsupported": 501,
}


def ask(framework: str, place: str, kind: str, *, debug: bool, method: str = "GET") -> Reply:
    """Make a request that raises an error of the kind at the place."""
    call = client(framework, debug=debug)
    if place == "middleware":
        return call(method, "/sync/ok", headers={"boom": kind})
    return call(method, f"/{place}/{kind}")


def is_problem(reply: Reply) -> bool:
    """Check that the answer is a problem document."""
    return reply.headers["content-type"].partition(";")[0] == "application/problem+json"


@pytest.mark.parametrize(("framework", "place"), EVERYWHERE)
def test_an_error_is_its_problem_document(framework: str, place: str) -> None:
    """An error becomes a status, type, code, detail and extra members."""
    reply = ask(framework, place, "missing", debug=False)
    assert reply.status == 404
    assert is_problem(reply)
    assert reply.json() == {
        "id": "7",
        "type": "about:blank",
        "title": "Not found",
        "status": 404,
        "code": "not_found",
        "detail": "no such user",
    }
    assert int(reply.headers["content-length"]) == len(reply.body)


@pytest.mark.parametrize(("framework", "place"), EVERYWHERE)
def test_the_headers_of_an_error_go_along(framework: str, place: str) -> None:
    """The headers of an error are sent, such as Retry-After."""
    reply = ask(framework, place, "limited", debug=False)
    assert reply.status == 429
    assert reply.headers["retry-after"] == "3"
    assert reply.headers["ratelimit-policy"] == '"api";q=10;w=60'
    assert reply.headers["ratelimit"] == '"api";r=0;t=30'


@pytest.mark.parametrize(("framework", "place"), EVERYWHERE)
def test_what_does_not_validate_is_listed_without_the_input(framework: str, place: str) -> None:
    """All errors are listed, without the values that were sent."""
    reply = ask(framework, place, "invalid", debug=False)
    assert reply.status == 400
    assert reply.json()["errors"][0]["loc"] == ["age"]
    assert SECRET.encode() not in reply.body


@pytest.mark.parametrize("debug", [False, True], ids=["plain", "debug"])
@pytest.mark.parametrize(("framework", "place"), EVERYWHERE)
def test_nothing_of_the_inside_leaves(
    framework: str, place: str, debug: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """A 5xx shows only an id, also in debug mode; the log has the error under that id."""
    for kind, status in INSIDE.items():
        caplog.clear()
        with caplog.at_level(logging.ERROR, "datapatterns"):
            reply = ask(framework, place, kind, debug=debug)
        assert reply.status == status
        assert is_problem(reply)
        assert SECRET not in reply.body.decode() + str(dict(reply.headers))
        assert set(reply.json()) == {"type", "title", "status", "code", "instance"}
        (record,) = [r for r in caplog.records if r.name == "datapatterns.errors"]
        assert vars(record)["instance"] == reply.json()["instance"]
        assert SECRET in record.getMessage()
        assert record.exc_info is not None
    assert ask(framework, place, "away", debug=debug).headers["retry-after"] == "3"


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_stream_that_has_begun_is_left_alone(framework: str) -> None:
    """A stream that has begun gets no second answer, and does not end normally."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # Django leaves the request's file open
        try:
            reply = client(framework)("GET", "/begun")
        except Unavailable:  # the server's part: it cuts the connection
            return
        finally:
            gc.collect()
    assert reply.status == 200
    assert reply.body == b"begun"


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_head_has_the_headers_and_no_body(framework: str) -> None:
    """The answer to HEAD has headers and no body."""
    reply = ask(framework, "middleware", "limited", debug=False, method="HEAD")
    assert reply.status == 429
    assert reply.headers["retry-after"] == "3"
    assert int(reply.headers["content-length"]) > 0


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_what_is_fine_stays_so(framework: str) -> None:
    """Successful answers, and errors that are no DataError, are not changed."""
    call = client(framework)
    fine = call("GET", "/sync/ok")
    assert fine.status == 200
    assert b"fine" in fine.body
    assert call("GET", "/nowhere").headers["content-type"] != "application/problem+json"


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_frameworks_own_errors_can_be_problems(framework: str) -> None:
    """Unknown routes and unhandled errors become problems; the latter show no detail."""
    call = client(framework, http_errors=True)
    missing = call("GET", "/nowhere")
    assert missing.status == 404
    assert is_problem(missing)
    assert missing.json()["code"] == "not_found"
    broken = call("GET", "/sync/other")
    assert broken.status == 500
    assert is_problem(broken)
    assert set(broken.json()) == {"type", "title", "status", "code", "instance"}
    assert SECRET.encode() not in broken.body
