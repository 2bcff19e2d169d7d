"""Databases and views are made at start-up, by many processes at the same time."""

import needs_couch  # if no server answers, says how to start one

# --8<-- [start:recipe]
import asyncio
import os
import sys

from datapatterns.couch import AsyncCouch, DesignDocument, View

URL = os.environ.get("COUCHDB_URL", "http://admin:password@127.0.0.1:5984")
BY_YEAR = View("function (doc) { if (doc.born) emit(doc.born, null); }", reduce="_count")
DESIGNS = {"recipe_people": [DesignDocument("by_year", {"by_year": BY_YEAR})]}


async def start_up(couch: AsyncCouch) -> None:
    """Make the databases and views that do not exist; every process calls this first."""
    await couch.ensure(databases=["recipe_people", "recipe_messages"], designs=DESIGNS)


async def main() -> None:
    async with AsyncCouch(URL) as couch:
        if "process" in sys.argv:
            await start_up(couch)
            return
        people, messages = couch.database("recipe_people"), couch.database("recipe_messages")
        for database in (people, messages):
            await database.create() or await database.destroy()

        command = [sys.executable, __file__, "process"]
        processes = [await asyncio.create_subprocess_exec(*command) for _ in range(3)]
        print([await process.wait() for process in processes])

        print((await messages.info())["doc_count"])
        design = await people.get("_design/by_year")
        print(list(design["views"]), "written once:", design["_rev"].startswith("1-"))
        await start_up(couch)  # nothing has changed, so nothing is written
        print((await people.get("_design/by_year"))["_rev"] == design["_rev"])


asyncio.run(main())
