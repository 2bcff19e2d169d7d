"""The one CouchDB server of a run, and what the questions share."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from benchmarks._runner import Bench
from datapatterns import Document
from datapatterns.couch import Couch, Database
from datapatterns.testing.servers.couch import CouchServer

TASKS = 100


class Note(Document):
    """A small document."""

    n: int
    text: str


class Server:
    """The one server of the run; `running` is set by the program that starts it."""

    running: CouchServer

    @property
    def bare(self) -> str:
        """Return the URL of the server without the credentials."""
        parts = urlsplit(self.running.url)
        return f"http://{parts.hostname}:{parts.port}"

    @property
    def auth(self) -> tuple[str, str]:
        """Return user name and password."""
        parts = urlsplit(self.running.url)
        return str(parts.username), str(parts.password)


server = Server()


def filled(bench: Bench, count: int) -> Database:
    """Return a new database with `count` documents, which is removed when the line ends."""
    couch = bench.stack.enter_context(Couch(server.running.url))
    database = couch.database(f"bench-{uuid.uuid4().hex[:8]}")
    database.create()
    bench.stack.callback(database.destroy)
    for begin in range(0, count, 1_000):
        numbers = range(begin, min(begin + 1_000, count))
        database.bulk([{"_id": f"{n:08}", "n": n, "text": "x" * 100} for n in numbers])
    return database


def runner(bench: Bench) -> asyncio.Runner:
    """Return one event loop for all rounds of a line."""
    return bench.stack.enter_context(asyncio.Runner())


async def by_tasks(work: Callable[[int], Awaitable[Any]], count: int) -> float:
    """Return how many calls of `work` a hundred tasks make a second, over `count` calls."""
    numbers = iter(range(count))

    async def task() -> None:
        for number in numbers:
            await work(number)

    began = time.perf_counter()
    await asyncio.gather(*[task() for _ in range(TASKS)])
    return count / (time.perf_counter() - began)


def http_client(library: Any, kind: str = "AsyncClient", **options: Any) -> Any:
    """Return a plain client of httpx or httpx2."""
    return getattr(library, kind)(base_url=server.bare, auth=server.auth, timeout=30.0, **options)


def timed(work: Callable[[str], object], count: int) -> float:
    """Return milliseconds for one call of `work`, over `count` calls."""
    began = time.perf_counter()
    for number in range(count):
        work(f"{number:08}")
    return (time.perf_counter() - began) * 1_000 / count
