"""Pages by `skip` become slower with their depth, and pages by key do not."""

import needs_couch  # if no server answers, says how to start one

# --8<-- [start:recipe]
import os
import time

from datapatterns.couch import Couch, DesignDocument, View

URL = os.environ.get("COUCHDB_URL", "http://admin:password@127.0.0.1:5984")
BY_NUMBER = View("function (doc) { if (doc.number) emit(doc.number, null); }")
COUNT, DEEP = 2_000, 1_900

with Couch(URL) as couch:
    database = couch.database("recipe_deep_pages")
    database.create() or database.destroy()
    couch.ensure(designs={database.name: [DesignDocument("numbers", {"by_number": BY_NUMBER})]})
    database.bulk({"_id": f"{n:05}", "number": n} for n in range(1, COUNT + 1))
    database.view("numbers", "by_number", limit=1)  # builds the index

    def by_skip(skip: int) -> list[int]:
        body = {"skip": skip, "limit": 10, "reduce": False}
        path = f"{database.path}/_design/numbers/_view/by_number"
        return [row["key"] for row in couch.read("POST", path, body=body)["rows"]]

    def milliseconds(read: object, *arguments: object) -> float:
        """Return the shortest time of five calls."""
        times = []
        for _ in range(5):
            start = time.perf_counter()
            read(*arguments)
            times.append(time.perf_counter() - start)
        return min(times) * 1_000

    def by_key(start: int) -> list[int]:
        return [row.key for row in database.view("numbers", "by_number", start=start, limit=10)]

    print(by_skip(DEEP) == by_key(DEEP + 1))
    for name, read in (("skip", by_skip), ("key", by_key)):
        print(f"{name}: {milliseconds(read, 1):.1f} ms, deep {milliseconds(read, DEEP):.1f} ms")
