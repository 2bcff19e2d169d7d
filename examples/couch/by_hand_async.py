"""By hand, with an HTTP client: create, read, 404, 409, and update with the revision."""

import needs_couch  # if no server answers, says how to start one

# --8<-- [start:recipe]
import asyncio
import os

import httpx2

URL = os.environ.get("COUCHDB_URL", "http://admin:password@127.0.0.1:5984")


async def main() -> None:
    async with httpx2.AsyncClient(base_url=URL, timeout=10) as http:
        await http.delete("/recipe_by_hand")
        print("a database", (await http.put("/recipe_by_hand")).status_code)

        reply = await http.put("/recipe_by_hand/ada", json={"born": 1815})
        print("a document", reply.status_code, reply.json()["rev"].startswith("1-"))

        ada = (await http.get("/recipe_by_hand/ada")).json()
        print("read", ada["_id"], ada["born"], "_rev" in ada)
        print("nobody", (await http.get("/recipe_by_hand/bob")).status_code)

        # A document can be overwritten only with the revision that was read.
        reply = await http.put("/recipe_by_hand/ada", json={"born": 1816})
        print("again", reply.status_code)
        ada["city"] = "London"
        reply = await http.put("/recipe_by_hand/ada", json=ada)
        print("with its revision", reply.status_code, reply.json()["rev"].startswith("2-"))


asyncio.run(main())
