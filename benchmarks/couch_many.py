"""How many documents can a hundred tasks read or create a second?"""

from __future__ import annotations

import uuid

import aiocouch
import httpx2

from benchmarks._couch_server import Note, by_tasks, filled, http_client, runner, server
from benchmarks._runner import Bench, Line, at_least
from datapatterns.couch import AsyncCouch, AsyncRepository


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
