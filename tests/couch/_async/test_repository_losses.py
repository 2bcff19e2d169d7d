"""Replies that are lost, cut short, or not from a CouchDB."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import httpx
import httpx2
import pytest

from datapatterns import (
    BadGateway,
    DataError,
    NotFound,
    OutcomeUnknown,
    Unauthorized,
    Unavailable,
)
from datapatterns.couch import AsyncCouch, AsyncDatabase
from datapatterns.couch._async.repository import AsyncRepository
from datapatterns.testing._async.concurrently import concurrently
from datapatterns.testing.conformance.samples import BY_AGE, Person
from datapatterns.testing.faults.proxy import FaultProxy
from datapatterns.testing.servers import couch_at_hand
from datapatterns.testing.servers.redis import HOST, free_port

Proxy = Callable[[str, int], FaultProxy]

# By name: the call, what its request begins with, and the age that it stores.
CALLS: dict[str, tuple[Callable[[Any, Any], Any], bytes, int | None]] = {
    "create": (lambda people, _: people.create(Person(id="new", age=5)), b"PUT ", 5),
    "replace": (lambda people, ann: people.replace(ann.model_copy(update={"age": 5})), b"PUT ", 5),
    "update": (lambda people, _: people.update("ann", {"age": 5}), b"PUT ", 5),
    "update-rev": (lambda p, ann: p.update("ann", {"age": 5}, rev=ann.rev), b"PUT ", 5),
    "destroy": (lambda people, _: people.destroy("ann"), b"DELETE ", None),
}


def through(proxy: FaultProxy, url: str, **options: Any) -> AsyncCouch:
    """Return a client that reaches the server through the proxy."""
    parts = urlsplit(url)
    return AsyncCouch(f"http://{parts.username}:{parts.password}@{HOST}:{proxy.port}", **options)


@pytest.mark.parametrize("silent", [False, True])
@pytest.mark.parametrize("call", CALLS)
async def test_a_lost_reply_is_an_unknown_outcome(
    couch_server: couch_at_hand.Couch,
    database: AsyncDatabase,
    fault_proxy: Proxy,
    call: str,
    silent: bool,
) -> None:
    """A write whose reply is lost is OutcomeUnknown, took effect once and is not sent again."""
    work, request, expected = CALLS[call]
    proxy = fault_proxy(HOST, urlsplit(couch_server.url).port or 0)
    timeout = 4.0 if silent else 30.0  # seconds: a silent loss is noticed after all of it
    async with through(proxy, couch_server.url, timeout=timeout) as couch:
        people = AsyncRepository(couch, database.name, Person, ensure=False)
        ann = await people.create(Person(id="ann", age=1))
        proxy.lose_reply(to=request, silent=silent)
        with pytest.raises(OutcomeUnknown) as raised:
            await work(people, ann)
        assert proxy.lost == 1
        assert "password" not in f"{raised.value} {raised.value.problem()}"
        found = await people.find("new" if call == "create" else "ann")
        assert (found and found.age) == expected
        if found is not None:
            assert str(found.rev)[:2] == ("1-" if call == "create" else "2-")


async def test_lost_replies_to_many(
    couch_server: couch_at_hand.Couch, database: AsyncDatabase, fault_proxy: Proxy
) -> None:
    """Only the documents of the request whose reply was lost are OutcomeUnknown."""
    proxy = fault_proxy(HOST, urlsplit(couch_server.url).port or 0)
    async with through(proxy, couch_server.url) as couch:
        people = AsyncRepository(couch, database.name, Person)
        await people.ensure()
        proxy.lose_reply(to=b"POST ", skip=1)
        made = await people.create_many(Person(id=str(n)) for n in range(1_100))
        assert [isinstance(one, OutcomeUnknown) for one in made] == [
            500 <= n < 1_000 for n in range(1_100)
        ]
        assert await people.count() == 1_100


async def test_reads_are_asked_again(
    couch_server: couch_at_hand.Couch, database: AsyncDatabase, fault_proxy: Proxy
) -> None:
    """A read is repeated after a lost reply or a broken connection."""
    proxy = fault_proxy(HOST, urlsplit(couch_server.url).port or 0)
    async with through(proxy, couch_server.url) as couch:
        people = AsyncRepository(couch, database.name, Person, indexes=[BY_AGE])
        await people.create(Person(id="ann", age=1))
        assert await people.count("by_age") == 1
        reads: list[Callable[[], Any]] = [
            lambda: people.get("ann"),
            lambda: people.exists("ann"),
            lambda: people.get_many(["ann"]),
            lambda: people.query("by_age"),
            lambda: people.count(),
            lambda: people.list(),
        ]
        for read in reads:
            before = await read()
            proxy.lose_reply()
            assert await read() == before
            proxy.reset()
            assert await read() == before
        assert proxy.lost == len(reads)
        proxy.refuse()
        for read in reads[:1]:
            with pytest.raises(Unavailable):
                await read()
        proxy.listen()
        assert (await people.get("ann")).age == 1


async def test_nobody_there_and_wrong_credentials(
    couch_server: couch_at_hand.Couch, database: AsyncDatabase
) -> None:
    """No server is Unavailable, a wrong password is Unauthorized, and no error shows it."""
    parts = urlsplit(couch_server.url)
    wrong = f"http://{parts.username}:not-this-one@{HOST}:{parts.port}"
    for url, kind in (
        (f"http://a:not-this-one@{HOST}:{free_port()}", Unavailable),
        (wrong, Unauthorized),
    ):
        async with AsyncCouch(url) as couch:
            people = AsyncRepository(couch, database.name, Person)
            calls: list[tuple[Callable[[Any], Any], Any]] = [
                (people.create, Person(id="ann")),
                (people.get, "ann"),
                (people.count, None),
            ]
            for call, argument in calls:
                with pytest.raises(kind) as raised:
                    await call(argument)
                assert "not-this-one" not in f"{raised.value} {raised.value.problem()}"
    assert await database.all_docs({}) == []


Answer = Callable[[Any, Any], Any]
ANSWERS: dict[str, Answer] = {
    "cut short": lambda library, _: library.Response(200, content=b'{"_id": "ann", "_re'),
    "no JSON": lambda library, _: library.Response(200, html="<h1>It works!</h1>"),
    "other JSON": lambda library, _: library.Response(200, json=[1]),
    "without a revision": lambda library, _: library.Response(200, json={"_id": "ann"}),
    "teapot": lambda library, _: library.Response(418, json={"error": "teapot"}),
    "no page": lambda library, _: library.Response(404, html="<h1>Not found</h1>"),
    "elsewhere": lambda library, _: library.Response(
        302, headers={"location": "http://other.example/"}
    ),
}


@pytest.mark.parametrize("library", [httpx2, httpx], ids=["httpx2", "httpx"])
@pytest.mark.parametrize("answer", ANSWERS)
async def test_answers_that_couchdb_does_not_give(library: Any, answer: str) -> None:
    """A strange answer is BadGateway for a read, OutcomeUnknown for a write that may be done."""
    asked: list[Any] = []

    def handle(request: Any) -> Any:
        asked.append(request)
        return ANSWERS[answer](library, request)

    async with library.AsyncClient(
        transport=library.MockTransport(handle),
        base_url="http://one.example",
        auth=("ann", "secret"),
        follow_redirects=True,
    ) as client:
        people = AsyncRepository(client, "people", Person, ensure=False)
        with pytest.raises(BadGateway):
            await people.get("ann")
        with pytest.raises(BadGateway):
            await people.count()
        with pytest.raises((BadGateway, OutcomeUnknown)) as raised:
            await people.create(Person(id="ann"))
        gone_through = answer in ("cut short", "no JSON", "other JSON", "without a revision")
        assert isinstance(raised.value, OutcomeUnknown) == gone_through
        assert len(asked) == 3, "it was asked again"
        assert {request.url.host for request in asked} == {"one.example"}


FAILED = {"error": "error", "reason": "{badmatch,{error,enoent}}"}
UNOPENED = {"error": "internal_server_error", "reason": "No DB shards could be opened."}


@pytest.mark.parametrize("failing", [1, 3])
@pytest.mark.parametrize("said", [FAILED, UNOPENED], ids=["failed", "unopened"])
async def test_a_server_that_fails(said: dict[str, str], failing: int) -> None:
    """After a 500 a read is sent three times in all, a write once, with an error that fits."""
    asked: list[Any] = []

    def handle(request: Any) -> Any:
        asked.append(request)
        if len(asked) <= failing:
            return httpx2.Response(500, json=said)
        return httpx2.Response(404, json={"error": "not_found", "reason": "missing"})

    async with httpx2.AsyncClient(
        transport=httpx2.MockTransport(handle), base_url="http://one.example"
    ) as client:
        people = AsyncRepository(client, "people", Person, ensure=False)
        with pytest.raises(DataError) as raised:
            await people.get("ann")
        expected = NotFound if failing == 1 else BadGateway if said is FAILED else Unavailable
        assert (type(raised.value), len(asked)) == (expected, min(failing + 1, 3))
        asked.clear()
        with pytest.raises(OutcomeUnknown if said is FAILED else Unavailable):
            await people.create(Person(id="ann"))
        assert len(asked) == 1


async def test_a_database_that_went_away(database: AsyncDatabase) -> None:
    """A database that another client removed is NotFound, also for calls that share a request."""
    people = AsyncRepository(database.couch, database.name, Person, indexes=[BY_AGE])
    await people.create(Person(id="ann"))
    await database.destroy()
    calls: list[tuple[Any]] = [(call,) for call in (people.find, people.get, people.exists) * 3]

    async def missing(call: Any) -> None:
        with pytest.raises(NotFound):
            await call("ann")

    await concurrently(missing, calls)
    with pytest.raises(NotFound):
        await people.query("by_age")
    [outcome] = await people.create_many([Person(id="ann")])
    assert isinstance(outcome, NotFound)
    await people.ensure()
    assert await people.count("by_age") == 0
