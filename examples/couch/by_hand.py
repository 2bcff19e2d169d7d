"""By hand, with an HTTP client: create, read, 404, 409, and update with the revision."""

import needs_couch  # if no server answers, says how to start one

# --8<-- [start:recipe]
import os

import httpx2

URL = os.environ.get("COUCHDB_URL", "http://admin:password@127.0.0.1:5984")

with httpx2.Client(base_url=URL, timeout=10) as http:
    http.delete("/recipe_by_hand")
    print("a database", http.put("/recipe_by_hand").status_code)

    reply = http.put("/recipe_by_hand/ada", json={"born": 1815})
    print("a document", reply.status_code, reply.json()["rev"].startswith("1-"))

    ada = http.get("/recipe_by_hand/ada").json()
    print("read", ada["_id"], ada["born"], "_rev" in ada)
    print("nobody", http.get("/recipe_by_hand/bob").status_code)

    # A document can be overwritten only with the revision that was read.
    print("again", http.put("/recipe_by_hand/ada", json={"born": 1816}).status_code)
    ada["city"] = "London"
    reply = http.put("/recipe_by_hand/ada", json=ada)
    print("with its revision", reply.status_code, reply.json()["rev"].startswith("2-"))
