"""Do cancelled calls block the connections of later ones?"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import httpx2

from benchmarks._couch_server import filled, http_client, runner, server
from benchmarks._runner import Bench, Line, at_least
from datapatterns.couch import AsyncCouch


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
