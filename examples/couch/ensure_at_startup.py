"""Databases and views are made at start-up, by many processes at the same time."""

import needs_couch  # if no server answers, says how to start one

# --8<-- [start:recipe]
import os
import subprocess
import sys

from datapatterns.couch import Couch, DesignDocument, View

URL = os.environ.get("COUCHDB_URL", "http://admin:password@127.0.0.1:5984")
BY_YEAR = View("function (doc) { if (doc.born) emit(doc.born, null); }", reduce="_count")
DESIGNS = {"recipe_people": [DesignDocument("by_year", {"by_year": BY_YEAR})]}


def start_up(couch: Couch) -> None:
    """Make the databases and views that do not exist; every process calls this first."""
    couch.ensure(databases=["recipe_people", "recipe_messages"], designs=DESIGNS)


with Couch(URL) as couch:
    if "process" in sys.argv:
        start_up(couch)
        sys.exit()
    for name in ("recipe_people", "recipe_messages"):
        couch.database(name).create() or couch.database(name).destroy()

    command = [sys.executable, __file__, "process"]
    processes = [subprocess.Popen(command) for _ in range(3)]
    print([process.wait() for process in processes])

    print(couch.database("recipe_messages").info()["doc_count"])
    design = couch.database("recipe_people").get("_design/by_year")
    print(list(design["views"]), "written once:", design["_rev"].startswith("1-"))
    start_up(couch)  # nothing has changed, so nothing is written
    print(couch.database("recipe_people").get("_design/by_year")["_rev"] == design["_rev"])
