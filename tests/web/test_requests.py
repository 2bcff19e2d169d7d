"""Requests that are refused before they reach a handler: JSON, types, sizes, fields."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
from web.apps import FRAMEWORKS, SECRET, Form, asgi_call, client, pieces_of

from datapatterns.errors import InvalidArgument, InvalidData
from datapatterns.web import BodyLimitMiddleware, UnsupportedMediaType, read_json

FORMS = [name for name in FRAMEWORKS if name in ("fastapi", "flask", "litestar")]
JSON = {"content-type": "application/json"}


@pytest.mark.parametrize("framework", FORMS)
def test_malformed_json_is_a_problem(framework: str) -> None:
    """Malformed JSON is 400, and the answer does not repeat it."""
    call = client(framework, http_errors=True)
    reply = call("POST", "/form", content=f'{{"age": {SECRET}', headers=JSON)
    assert reply.status == 400
    assert reply.headers["content-type"] == "application/problem+json"
    assert SECRET.encode() not in reply.body


@pytest.mark.parametrize("framework", FORMS)
def test_a_wrong_content_type_is_a_problem(framework: str) -> None:
    """A wrong content type is a 4xx, whichever the framework uses."""
    call = client(framework, http_errors=True)
    reply = call("POST", "/form", content=SECRET, headers={"content-type": "text/plain"})
    assert reply.status in (400, 415)
    assert reply.headers["content-type"] == "application/problem+json"
    assert SECRET.encode() not in reply.body


@pytest.mark.parametrize("framework", ["fastapi", "litestar"])
def test_fields_that_do_not_fit_are_listed_without_the_input(framework: str) -> None:
    """A request that the framework refuses becomes InvalidData."""
    call = client(framework, http_errors=True)
    reply = call("POST", "/form", json={"age": SECRET})
    assert reply.status == 400
    assert reply.json()["code"] == "invalid_data"
    assert [error["loc"][-1] for error in reply.json()["errors"]] == ["age"]
    assert SECRET.encode() not in reply.body


def test_the_allowed_methods_go_along() -> None:
    """The headers of a framework's own error are kept."""
    reply = client("flask", http_errors=True)("DELETE", "/form")
    assert reply.status == 405
    assert reply.json()["code"] == "method_not_allowed"
    assert "POST" in reply.headers["allow"]


def test_read_json_tells_what_is_wrong() -> None:
    """read_json reports a wrong content type, bad JSON and wrong fields."""
    assert read_json(b'{"age": 3}', Form).age == 3
    assert read_json(b'{"age": 3}', Form, content_type="application/vnd.x+json; q=1").age == 3
    with pytest.raises(UnsupportedMediaType):
        read_json(b'{"age": 3}', Form, content_type="text/plain")
    for body in (b"", b"{", b"[]", b'{"age": "hunter2"}', b"\xff"):
        with pytest.raises(InvalidData) as caught:
            read_json(body, Form, content_type="application/json")
        assert "hunter2" not in str(caught.value.problem())


async def reads_all(scope: Any, receive: Any, send: Any) -> None:
    """Echo the body, and answer 500 to any error."""
    body, more, status = b"", True, 200
    try:
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
    except Exception:
        status = 500
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": body})


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_a_body_above_the_limit_is_413(chunked: bool) -> None:
    """A body above the limit is 413, with or without a length."""
    call = asgi_call(BodyLimitMiddleware(reads_all, 10))
    most, over = (pieces_of(5, 5), pieces_of(5, 6)) if chunked else (b"x" * 10, b"x" * 11)
    assert call("POST", "/", content=most).body == b"x" * 10
    reply = call("POST", "/", content=over)
    assert reply.status == 413
    assert reply.json()["code"] == "too_large"
    assert reply.json()["limit"] == 10


def test_a_length_that_is_none_is_400() -> None:
    """A malformed Content-Length is 400, even if the server passes it on."""
    call = asgi_call(BodyLimitMiddleware(reads_all, 10))
    assert call("POST", "/", content=b"", headers={"content-length": "-1"}).status == 400
    with pytest.raises(InvalidArgument):
        BodyLimitMiddleware(reads_all, -1)


def test_fastapi_says_413_of_a_chunked_body() -> None:
    """A chunked body is 413 in FastAPI, which by itself answers 400."""
    from web.apps import fastapi

    app = fastapi(http_errors=True)
    app.add_middleware(BodyLimitMiddleware, limit=10)
    reply = asgi_call(app)("POST", "/form", content=pieces_of(6, 6), headers=JSON)
    assert reply.status == 413
    assert httpx2.Headers(reply.headers)["content-type"] == "application/problem+json"
