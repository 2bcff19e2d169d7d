"""The repository's scripts stopped after each of their writes, as a cluster may stop a script."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import pytest
from pydantic import Field

from datapatterns import BadGateway, Document, Each, Index, NotFound
from datapatterns.core.indexes import entry
from datapatterns.redis._async.lua import SCRIPTS
from datapatterns.redis._async.repository import AsyncRepository
from datapatterns.redis.hashes import parse, raw_of
from datapatterns.testing.servers.redis import RedisServer

# Put before a script: it counts down at each write, and stops the script at the one after the last.
STOP = b"""local left, whole = %d, redis
local redis = setmetatable({call = function(command, ...)
  local kind = string.sub(command, 1, 4)
  if kind == 'HSET' or kind == 'HDEL' or kind == 'ZADD' or kind == 'ZREM' or command == 'DEL' then
    if left == 0 then error('stopped') end
    left = left - 1
  end
  return whole.call(command, ...)
end}, {__index = whole})
"""


class Paper(Document):
    """A document with tags, and a title that is unique."""

    title: str
    tags: list[str] = Field(default_factory=list[str])
    year: int | None = None


INDEXES = (
    Index("by_title", "title", unique=True),
    Index("by_tag", Each("tags")),
    Index("by_year", "year"),
)


@contextmanager
def stopped(script: str, writes: int) -> Iterator[None]:
    """Stop the script after so many writes."""
    text, digest = SCRIPTS._texts[script], SCRIPTS._digests[script]
    changed = STOP % writes + text
    SCRIPTS._texts[script] = changed
    SCRIPTS._digests[script] = hashlib.sha1(changed, usedforsecurity=False).hexdigest()
    try:
        yield
    finally:
        SCRIPTS._texts[script], SCRIPTS._digests[script] = text, digest


async def check(papers: Any, *, exact: bool) -> None:
    """Assert that each stored document is listed and has its entries, `exact`: and no others."""
    client, indexing = papers.redis, papers._indexing
    members = set(await client.zrange(indexing.set, 0, -1))
    wanted: set[bytes] = set()
    async for key in client.scan_iter(match=indexing.key("*").replace(b"%2A", b"*")):
        id = key.split(b":")[-1].decode()
        raw = raw_of(await client.hgetall(key))
        assert raw is not None
        wanted.add(b"d" + id.encode())
        for one in indexing.known():
            values = one.index.stored_values(id, parse(raw))
            wanted |= {b"e" + one.key + entry(each, id) for each in values}
    assert wanted <= members
    if exact:
        assert wanted == members


async def again(papers: Any, change: Callable[[Any], Awaitable[Any]]) -> None:
    """Call the change once more, as a program does whose call has failed."""
    try:
        await change(papers)
    except NotFound:  # of a destroy that went so far
        await papers.reindex()


CALLS: dict[str, Callable[[Any], Awaitable[Any]]] = {
    "create": lambda papers: papers.create(Paper(id="new", title="New", tags=["x", "y"], year=1)),
    "put": lambda papers: papers.put(Paper(id="new", title="New", tags=["x", "y"], year=1)),
    "update": lambda papers: papers.update("old", {"title": "Renamed", "tags": ["b", "c", "d"]}),
    "update-year": lambda papers: papers.update("old", {"year": 7}),
    "patch": lambda papers: papers.patch("old", {"year": None, "tags": None}),
    "destroy": lambda papers: papers.destroy("old"),
}


async def replace(papers: Any) -> None:
    """Replace the document, whose hash has a field of another program."""
    paper = await papers.get("old")
    await papers.replace(paper.model_copy(update={"title": "Replaced", "tags": ["z"]}))


CALLS["replace"] = replace


@pytest.mark.parametrize("call", CALLS)
async def test_a_write_stopped_after_each_of_its_writes(
    redis_server: RedisServer,
    connect: Any,
    namespace: str,
    call: str,
    figures: Callable[..., None],
) -> None:
    """Nothing is lost, whichever write was the last; the call can be repeated."""
    client = await connect(redis_server)
    script = "repository/destroy" if call == "destroy" else "repository/write"
    for writes in count():
        name = f"papers{writes}"
        papers = AsyncRepository(client, name, Paper, indexes=INDEXES, namespace=namespace)
        old = await papers.create(Paper(id="old", title="Old", tags=["a", "b"], year=1))
        await client.hset(papers._indexing.key("old"), "foreign", "1")
        with stopped(script, writes):
            try:
                await CALLS[call](papers)
                break
            except BadGateway:
                pass
        await check(papers, exact=False)
        fresh = AsyncRepository(client, name, Paper, indexes=INDEXES, namespace=namespace)
        if not writes:
            assert (await fresh.get("old")).rev == old.rev
        await again(fresh, CALLS[call])
        await check(fresh, exact=True)
        assert await fresh.count() == (0 if call == "destroy" else 1 + (call in ("create", "put")))
    assert writes > 1
    figures(f"writes after which {call} was stopped", stops=writes)


async def test_filling_stopped_after_each_write(
    redis_server: RedisServer, connect: Any, namespace: str, figures: Callable[..., None]
) -> None:
    """No document loses an entry of another index, and filling goes on."""
    client = await connect(redis_server)
    stops = 0
    for writes in count():
        name = f"papers{writes}"
        first = AsyncRepository(client, name, Paper, indexes=INDEXES[:1], namespace=namespace)
        for number in range(3):
            await first.create(Paper(id=f"{number}", title=f"{number}", tags=["a", "b"], year=1))
        papers = AsyncRepository(client, name, Paper, indexes=INDEXES, namespace=namespace)
        with stopped("repository/fill", writes):
            try:
                await papers.ensure()
                break
            except BadGateway:
                stops += 1
        await check(first, exact=False)
        await papers.ensure()
        await check(papers, exact=True)
    assert stops > 5
    figures("writes after which filling was stopped", stops=stops)
