"""The patterns on CouchDB beside the clients people use for it, all on one server."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import aiocouch
import couchdb3
import httpx
import httpx2
from ibm_cloud_sdk_core.authenticators import BasicAuthenticator
from ibmcloudant.cloudant_v1 import CloudantV1

from benchmarks._runner import Bench, Line, at_least, at_most, main, versions
from datapatterns import Document
from datapatterns.couch import (
    AsyncCouch,
    AsyncRepository,
    Couch,
    Database,
    DesignDocument,
    Repository,
    View,
)
from datapatterns.testing.couch_servers import CouchServer

TASKS = 100
DESIGN = DesignDocument("by", {"n": View("function (doc) { emit(doc.n, null); }")})


class Note(Document):
    """What is stored."""

    n: int
    text: str


class Server:
    """The one server of the run."""

    running: CouchServer

    @property
    def bare(self) -> str:
        """Its address without the credentials."""
        parts = urlsplit(self.running.url)
        return f"http://{parts.hostname}:{parts.port}"

    @property
    def auth(self) -> tuple[str, str]:
        """The credentials."""
        parts = urlsplit(self.running.url)
        return str(parts.username), str(parts.password)


server = Server()


def filled(bench: Bench, count: int) -> Database:
    """A new database with so many documents, removed at the end."""
    couch = bench.stack.enter_context(Couch(server.running.url))
    database = couch.database(f"bench-{uuid.uuid4().hex[:8]}")
    database.create()
    bench.stack.callback(database.destroy)
    for begin in range(0, count, 1_000):
        numbers = range(begin, min(begin + 1_000, count))
        database.bulk([{"_id": f"{n:08}", "n": n, "text": "x" * 100} for n in numbers])
    return database


def runner(bench: Bench) -> asyncio.Runner:
    """One event loop for all rounds of a line."""
    return bench.stack.enter_context(asyncio.Runner())


async def by_tasks(work: Callable[[int], Awaitable[Any]], count: int) -> float:
    """How many a second, with a hundred tasks that take the next number each."""
    numbers = iter(range(count))

    async def task() -> None:
        for number in numbers:
            await work(number)

    began = time.perf_counter()
    await asyncio.gather(*[task() for _ in range(TASKS)])
    return count / (time.perf_counter() - began)


# --- many at once


def http_client(library: Any, kind: str = "AsyncClient", **options: Any) -> Any:
    """A plain client of httpx or httpx2."""
    return getattr(library, kind)(base_url=server.bare, auth=server.auth, timeout=30.0, **options)


def concurrent_gets(bench: Bench) -> Line:
    """Gets: 1,000 by 100 tasks at once."""
    database, loop, count = filled(bench, 1_000), runner(bench), bench.scaled(1_000)

    async def ours() -> float:
        async with AsyncCouch(server.running.url) as couch:
            notes = AsyncRepository(couch, database.name, Note, ensure=False)
            return await by_tasks(lambda n: notes.get(f"{n:08}"), count)

    async def aio() -> float:
        user, password = server.auth
        async with aiocouch.CouchDB(server.bare, user=user, password=password) as couch:
            notes = await couch[database.name]
            return await by_tasks(lambda n: notes.get(f"{n:08}"), count)

    async def raw() -> float:
        async with http_client(httpx2) as client:

            async def get(n: int) -> None:
                assert (await client.get(f"/{database.name}/{n:08}")).json()["n"] == n

            return await by_tasks(get, count)

    sides = {"ours": ours, "aiocouch": aio, "raw httpx2": raw}
    return Line(
        "gets/s",
        {name: (lambda side=side: loop.run(side())) for name, side in sides.items()},
        {"aiocouch": at_least(3.0)},
        rounds=5,
    )


def concurrent_creates(bench: Bench) -> Line:
    """Creates: 1,000 by 100 tasks at once."""
    database, loop, count = filled(bench, 0), runner(bench), bench.scaled(1_000)

    async def ours() -> float:
        async with AsyncCouch(server.running.url) as couch:
            notes = AsyncRepository(couch, database.name, Note, ensure=False)
            return await by_tasks(lambda n: notes.create(Note(n=n, text="x")), count)

    async def aio() -> float:
        user, password = server.auth
        async with aiocouch.CouchDB(server.bare, user=user, password=password) as couch:
            notes = await couch[database.name]

            async def create(n: int) -> None:
                note = await notes.create(uuid.uuid4().hex, data={"n": n, "text": "x"})
                await note.save()

            return await by_tasks(create, count)

    async def raw() -> float:
        async with http_client(httpx2) as client:

            async def create(n: int) -> None:
                path = f"/{database.name}/{uuid.uuid4().hex}"
                assert (await client.put(path, json={"n": n, "text": "x"})).is_success

            return await by_tasks(create, count)

    sides = {"ours": ours, "aiocouch": aio, "raw httpx2": raw}
    return Line(
        "creates/s",
        {name: (lambda side=side: loop.run(side())) for name, side in sides.items()},
        {"aiocouch": at_least(3.0)},
        rounds=5,
    )


# --- one at a time


def timed(work: Callable[[str], object], count: int) -> float:
    """Milliseconds for each."""
    began = time.perf_counter()
    for number in range(count):
        work(f"{number:08}")
    return (time.perf_counter() - began) * 1_000 / count


def single_gets(bench: Bench) -> Line:
    """Gets: one at a time."""
    database, count = filled(bench, 500), bench.scaled(500)
    name, close = database.name, bench.stack.callback
    client = http_client(httpx2, "Client")
    close(client.close)
    notes = Repository(database.couch, name, Note, ensure=False)
    three = couchdb3.Database(name, url=server.bare, user=server.auth[0], password=server.auth[1])
    cloudant = CloudantV1(BasicAuthenticator(*server.auth))
    cloudant.set_service_url(server.bare)
    sides: dict[str, Callable[[str], object]] = {
        "ours": database.get,
        "ours, repository": notes.get,
        "raw httpx2": lambda id: client.get(f"/{name}/{id}").json(),
        "couchdb3": three.get,
        "ibmcloudant": lambda id: cloudant.get_document(db=name, doc_id=id).get_result(),
    }
    return Line(
        "ms",
        {each: partial(timed, work, count) for each, work in sides.items()},
        {"raw httpx2": at_most(1.15)},
    )


# --- pages, feeds, cancelled tasks


def page_at_depth(bench: Bench) -> Line:
    """Page: 50 rows behind 100,000, and the first 50."""
    depth, count = bench.scaled(100_000), bench.scaled(200)
    database = filled(bench, depth + 50)
    database.couch.ensure(designs={database.name: [DESIGN]}, wait_built=True)
    deep: str | None = None
    for _ in range(10):
        deep = database.view("by", "n", limit=depth // 10, after=deep).next
    assert [row.key for row in database.view("by", "n", after=deep)][:1] == [depth]

    def read(after: str | None) -> float:
        return timed(lambda _: database.view("by", "n", after=after), count)

    return Line(
        "ms",
        {"ours, at depth": lambda: read(deep), "ours, first page": lambda: read(None)},
        {"ours, first page": at_most(1.2)},
    )


def reader(who: str, database: Database, count: int) -> dict[str, float]:
    """What a reader in a process of its own reports."""
    command = [sys.executable, "-m", "benchmarks._couch_feed", who, server.running.url]
    command += [database.name, str(count)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def feed_rate(bench: Bench) -> Line:
    """Feed: changes a second with their documents, of 20,000."""
    count = bench.scaled(20_000)
    database = filled(bench, count)

    def process(who: str) -> float:
        said = reader(who, database, count)
        assert said["found"] == count
        return count / said["seconds"]

    def curl() -> float:
        url = f"{server.running.url}/{database.name}/_changes?include_docs=true"
        began = time.perf_counter()
        command = [shutil.which("curl") or "curl", "-sS", url]
        found = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout.count(b'"seq"')
        took = time.perf_counter() - began
        assert found == count
        return count / took

    return Line(
        "changes/s",
        {
            "ours": partial(process, "ours"),
            "curl": curl,
            "ibmcloudant": partial(process, "cloudant"),
        },
        {"curl": at_least(0.9), "ibmcloudant": at_least(1.0)},
        rounds=3,
    )


def feed_memory(bench: Bench) -> Line:
    """Feed: memory above idle while a slow consumer follows 100,000 changes."""
    count = bench.scaled(100_000)
    database = filled(bench, count)
    return Line(
        "MB",
        {"ours": lambda: float(reader("slow", database, count)["found"])},
        own={"ours": at_most(50.0)},
        rounds=1,
        warm_up=False,
    )


def cancelled(bench: Bench) -> Line:
    """Cancelling: of 40 calls after 30 cancelled ones on 10 connections, how many are answered."""
    database, loop = filled(bench, 100), runner(bench)

    async def calls(get: Callable[[str], Awaitable[Any]]) -> float:
        for wait in (0.0, 0.001, 0.003):
            tasks = [asyncio.ensure_future(get(f"{n:08}")) for n in range(30)]
            await asyncio.sleep(wait)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        tasks = [asyncio.ensure_future(get(f"{n:08}")) for n in range(40)]
        await asyncio.wait(tasks, timeout=10)
        answered = sum(t.done() and not t.cancelled() and t.exception() is None for t in tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return float(answered)

    async def ours() -> float:
        async with AsyncCouch(server.running.url, max_connections=10) as couch:
            return await calls(couch.database(database.name).get)

    async def raw(library: Any) -> float:
        limits = library.Limits(max_connections=10)
        async with http_client(library, limits=limits) as client:
            return await calls(lambda id: client.get(f"/{database.name}/{id}"))

    return Line(
        "answered",
        {
            "ours": lambda: loop.run(ours()),
            "raw httpx2": lambda: loop.run(raw(httpx2)),
            "raw httpx": lambda: loop.run(raw(httpx)),
        },
        own={"ours": at_least(40.0)},
        rounds=3,
    )


LINES = [
    concurrent_gets, concurrent_creates, single_gets, page_at_depth, cancelled, feed_rate,
    feed_memory,
]  # fmt: skip


def facts(bench: Bench) -> Iterable[str]:
    """The server's version and the peers'."""
    yield f"server: {server.running.version}"
    yield "peers: " + versions("aiocouch", "couchdb3", "ibmcloudant", "httpx2", "httpx")


if __name__ == "__main__":
    with CouchServer() as server.running, suppress(KeyboardInterrupt):
        main("CouchDB: patterns beside their peers", LINES, facts)
