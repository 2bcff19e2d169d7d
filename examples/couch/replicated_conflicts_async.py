"""Find and resolve conflicts that replication has left."""

import needs_couch  # if no server answers, says how to start one

# --8<-- [start:recipe]
import asyncio
import os

from datapatterns import Document
from datapatterns.couch import AsyncConflictResolver, AsyncCouch, AsyncRepository

URL = os.environ.get("COUCHDB_URL", "http://admin:password@127.0.0.1:5984")


class Traveller(Document):
    visited: list[str]


async def replicate(couch: AsyncCouch, source: str, target: str) -> None:
    root = URL.rstrip("/")
    body = {"source": f"{root}/{source}", "target": f"{root}/{target}"}
    await couch.write("POST", "/_replicate", body=body)


def merge(versions: list[Traveller]) -> Traveller:
    """Return the merge. It depends on the versions only, since other sites may merge them too."""
    cities = {city for version in versions for city in version.visited}
    return versions[0].model_copy(update={"visited": sorted(cities)})


async def main() -> None:
    async with AsyncCouch(URL) as couch:
        for name in ("recipe_london", "recipe_paris"):
            await couch.database(name).create() or await couch.database(name).destroy()
            await couch.database(name).create()
        london = AsyncRepository(couch, "recipe_london", Traveller)
        paris = AsyncRepository(couch, "recipe_paris", Traveller)
        await london.create(Traveller(id="ada", visited=["London"]))
        await replicate(couch, "recipe_london", "recipe_paris")

        # The sites are disconnected, and both change the document.
        await london.update("ada", {"visited": ["London", "Bath"]})
        await paris.update("ada", {"visited": ["London", "Lyon"]})
        await replicate(couch, "recipe_paris", "recipe_london")

        resolver = AsyncConflictResolver(couch, "recipe_london", Traveller, merge)
        conflicted = list(await resolver.conflicted())
        print("open versions", len(await resolver.read("ada")), "of", conflicted)
        print((await resolver.resolve("ada")).visited)
        print("open versions", len(await resolver.read("ada")))

        await replicate(couch, "recipe_london", "recipe_paris")  # the merge is replicated too
        print((await paris.get("ada")).visited)


asyncio.run(main())
