"""Connect by URL, and create a database, also when it exists already."""

import needs_couch  # if no server answers, says how to start one

# --8<-- [start:recipe]
import asyncio
import os

from datapatterns import Conflict
from datapatterns.couch import AsyncCouch

URL = os.environ.get("COUCHDB_URL", "http://admin:password@127.0.0.1:5984")


async def main() -> None:
    async with AsyncCouch(URL) as couch:
        await couch.ping()
        print("no password in", "password" not in repr(couch))

        people = couch.database("recipe_connect")
        if not await people.create():
            await people.destroy()
            await people.create()
        print("made", (await people.info())["doc_count"])
        print("made again", await people.create())  # the server answers 412, since it exists

        rev = await people.put("ada", {"born": 1815})
        try:
            await people.put("ada", {"born": 1816})
        except Conflict as error:
            print(error.status, error.reason)
        await people.put("ada", {"born": 1815, "_rev": rev})
        print((await people.get("ada"))["_rev"][:2])


asyncio.run(main())
