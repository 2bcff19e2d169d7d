"""Idempotency keys: a request runs once, and its answer is repeated."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from web.apps import Exploding, pieces_of

from datapatterns import AsyncStore
from datapatterns.errors import InvalidArgument, Unavailable
from datapatterns.web import IdempotencyMiddleware, stored_answers
from datapatterns.web.idempotency import key_of


@pytest.fixture(params=["level", "redis"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[AsyncStore]:
    """Yield an open store of each backend."""
    url = f"level:{tmp_path}/data"
    if request.param == "redis":
        url = request.getfixturevalue("redis_url")
    async with AsyncStore.from_url(url, namespace=f"test-{uuid.uuid4()}") as store:
        yield store


def caller(scope: Any) -> str | None:
    """Return the caller that the header names."""
    return next((v.decode() for k, v in scope["headers"] if k == b"x-user"), None)


class Shop:
    """An application that counts its orders; its attributes say how it answers."""

    def __init__(self) -> None:
        self.orders = 0
        self.status = 201
        self.size = 0
        self.raises: Exception | None = None
        self.arrived, self.go = asyncio.Event(), asyncio.Event()
        self.go.set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Handle an order."""
        body = (await receive())["body"]
        self.orders += 1
        number = self.orders
        self.arrived.set()
        await self.go.wait()
        if self.raises is not None:
            raise self.raises
        headers = [(b"location", b"/orders/%d" % number), (b"x-\xe4", b"\xf6")]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send(
            {"type": "http.response.body", "body": body + b"x" * self.size, "more_body": True}
        )
        await send({"type": "http.response.body", "body": b" order %d" % number})


async def order(
    app: Any, key: str | None = "k1", body: Any = b"tea", **more: Any
) -> httpx2.Response:
    """Send an order with the key."""
    headers = {"x-user": "ada"} | ({} if key is None else {"idempotency-key": key})
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        path, method = more.pop("path", "/orders?a=1"), more.pop("method", "POST")
        options = {"headers": headers | more.pop("headers", {}), "content": body}
        return await client.request(method, path, **options)


def guarded(shop: Any, store: AsyncStore, **options: Any) -> IdempotencyMiddleware:
    """Return the shop behind the middleware."""
    return IdempotencyMiddleware(
        shop, lambda scope: stored_answers(store), subject=caller, **options
    )


async def test_a_repeated_request_gets_the_first_answer(store: AsyncStore) -> None:
    """A repeated request gets the same status, headers and body, and runs once."""
    shop = Shop()
    app = guarded(shop, store)
    first, again = await order(app), await order(app, '"k1"')
    assert (first.status_code, first.content) == (201, b"tea order 1")
    assert (again.status_code, again.content) == (201, b"tea order 1")
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert {k: v for k, v in again.headers.raw if k != b"idempotency-replayed"} == dict(
        first.headers.raw
    )
    assert shop.orders == 1


async def test_another_key_or_caller_or_no_key_is_another_request(store: AsyncStore) -> None:
    """A request with another key, another caller or no key runs by itself."""
    shop = Shop()
    app = guarded(shop, store)
    await order(app)
    for number, (key, user) in enumerate([("k2", "ada"), ("k1", "eve"), (None, "ada")], start=2):
        reply = await order(app, key, headers={"x-user": user})
        assert reply.content == b"tea order %d" % number
    assert (await order(app, method="PUT")).content == b"tea order 5"


async def test_a_key_that_came_with_another_request_is_422(store: AsyncStore) -> None:
    """Another body, path, query, method or type with the same key is 422, and does not run."""
    shop = Shop()
    app = guarded(shop, store)
    await order(app)
    others: list[dict[str, Any]] = [
        {"body": b"coffee"},
        {"path": "/orders?a=2"},
        {"path": "/other?a=1"},
        {"method": "PATCH"},
        {"headers": {"content-type": "text/plain"}},
    ]
    for other in others:
        reply = await order(app, **other)
        assert (reply.status_code, reply.json()["code"]) == (422, "idempotency_key_reused")
    assert shop.orders == 1


async def test_while_the_first_one_runs_the_others_are_refused(store: AsyncStore) -> None:
    """Of ten requests at once the others get 409, and later the answer."""
    shop = Shop()
    shop.go.clear()
    app = guarded(shop, store)
    tasks = [asyncio.create_task(order(app)) for _ in range(10)]
    done = asyncio.as_completed(tasks)
    refused = [await next(done) for _ in range(9)]
    assert {(reply.status_code, reply.json()["code"]) for reply in refused} == {(409, "conflict")}
    shop.go.set()
    assert (await next(done)).content == b"tea order 1"
    assert (await order(app)).content == b"tea order 1"
    assert shop.orders == 1


async def test_an_error_is_an_answer(store: AsyncStore) -> None:
    """The answers to bad requests and failed requests are stored too."""
    shop = Shop()
    app = guarded(Exploding(shop), store)
    for key, kind, status in [("a", "missing", 404), ("b", "OutcomeUnknown", 504)]:
        replies = [await order(app, key, headers={"boom": kind}) for _ in range(2)]
        assert [reply.status_code for reply in replies] == [status, status]
        assert replies[0].content == replies[1].content
        assert replies[1].headers["idempotency-replayed"] == "true"


async def test_what_nobody_handles_is_not_run_again(store: AsyncStore) -> None:
    """After an unhandled error the repetition gets a 500 without detail."""
    shop = Shop()
    shop.raises = RuntimeError("hunter2")
    app = guarded(shop, store)
    assert [(await order(app)).status_code for _ in range(2)] == [500, 500]
    assert shop.orders == 1
    assert "hunter2" not in (await order(app)).text


async def test_try_again_later_frees_the_key(store: AsyncStore) -> None:
    """An answer of 503 is not stored."""
    shop = Shop()
    shop.raises = Unavailable("the tea is out", retry_after=1)
    app = guarded(shop, store)
    assert (await order(app)).headers["retry-after"] == "1"
    shop.raises = None
    assert (await order(app)).content == b"tea order 2"


async def test_a_lease_that_ran_out_is_taken_over_once(store: AsyncStore) -> None:
    """After a crash one repetition runs; the lost request does not overwrite its answer."""
    shop = Shop()
    shop.go.clear()
    app = guarded(shop, store, lease=0.01)
    lost = asyncio.create_task(order(app))
    await shop.arrived.wait()
    await asyncio.sleep(0.02)
    other = Shop()
    other.orders = 1
    assert (await order(guarded(other, store))).content == b"tea order 2"
    shop.go.set()
    assert (await lost).content == b"tea order 1"
    assert (await order(app)).content == b"tea order 2"
    assert (shop.orders, other.orders) == (1, 2)


async def test_a_slow_request_is_stored_after_its_lease(store: AsyncStore) -> None:
    """An answer that comes after the lease is stored, unless another request has taken over."""
    shop = Shop()
    shop.go.clear()
    app = guarded(shop, store, lease=0.01)
    slow = asyncio.create_task(order(app))
    await shop.arrived.wait()
    await asyncio.sleep(0.02)
    shop.go.set()
    assert (await slow).content == b"tea order 1"
    assert (await order(app)).content == b"tea order 1"
    assert shop.orders == 1


async def test_answers_expire_and_are_removed(store: AsyncStore) -> None:
    """A key is free after `ttl`, and expired records are removed."""
    shop = Shop()
    app = guarded(shop, store, ttl=0.001)
    for number in range(25):
        assert (await order(app, f"k{number % 5}x{number}")).status_code == 201
        await asyncio.sleep(0.002)
    assert await stored_answers(store).count() == 0
    assert (await order(app, "same")).content == b"tea order 26"
    await asyncio.sleep(0.002)
    assert (await order(app, "same")).content == b"tea order 27"


async def test_an_answer_above_the_limit_is_sent_but_not_repeated(store: AsyncStore) -> None:
    """An answer that is too large is sent whole, and its repetition gets 409."""
    shop = Shop()
    shop.size = 2_000
    app = guarded(shop, store, most=1_000)
    first, again = await order(app), await order(app)
    assert (first.status_code, len(first.content)) == (201, 2_011)
    assert (again.status_code, shop.orders) == (409, 1)


async def test_a_body_above_the_limit_is_413(store: AsyncStore) -> None:
    """A body above the limit is refused, since it would be held in memory."""
    shop = Shop()
    app = guarded(shop, store, most=10)
    assert (await order(app, body=b"x" * 11)).status_code == 413
    assert (await order(app, body=pieces_of(6, 6))).status_code == 413
    assert shop.orders == 0
    assert (await order(app, body=pieces_of(3, 3))).content.startswith(b"xxxxxx")


async def test_a_required_key(store: AsyncStore) -> None:
    """A request without the required key is 400, unless it has no subject."""
    shop = Shop()
    app = guarded(shop, store, required=True)
    reply = await order(app, None)
    assert (reply.status_code, shop.orders) == (400, 0)
    assert (await order(app, None, method="GET")).status_code == 201


async def test_a_store_that_fails_afterwards_costs_no_answer(tmp_path: Path) -> None:
    """The client gets the answer, and the key stays taken until its lease ends."""
    store = AsyncStore.from_url(f"level:{tmp_path}/data")
    await store.open()
    shop = Shop()
    shop.go.clear()
    app = guarded(shop, store)
    first = asyncio.create_task(order(app))
    await shop.arrived.wait()
    await store.close()
    shop.go.set()
    assert (await first).content == b"tea order 1"


@pytest.mark.parametrize("value", ["", '""', '"a', "a b", "ä", "x" * 256, '"a", "b"', '"a";x=1'])
def test_what_is_no_key(value: str) -> None:
    """A malformed key is 400."""
    with pytest.raises(InvalidArgument):
        key_of(value)


def test_a_key_may_be_quoted() -> None:
    """A key may be a quoted string, as in the draft, or plain."""
    assert key_of("a-1") == key_of('"a-1"') == "a-1"
    assert key_of(r'"a\"b\\c d"') == 'a"b\\c d'
    assert key_of(None) is None
