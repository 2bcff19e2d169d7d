"""Connect by URL, and create a database, also when it exists already."""

import needs_couch  # if no server answers, says how to start one

# --8<-- [start:recipe]
import os

from datapatterns import Conflict
from datapatterns.couch import Couch

URL = os.environ.get("COUCHDB_URL", "http://admin:password@127.0.0.1:5984")

with Couch(URL) as couch:
    couch.ping()
    print("no password in", "password" not in repr(couch))

    people = couch.database("recipe_connect")
    if not people.create():
        people.destroy()
        people.create()
    print("made", people.info()["doc_count"])
    print("made again", people.create())  # the server answers 412, since it exists

    rev = people.put("ada", {"born": 1815})
    try:
        people.put("ada", {"born": 1816})
    except Conflict as error:
        print(error.status, error.reason)
    people.put("ada", {"born": 1815, "_rev": rev})
    print(people.get("ada")["_rev"][:2])
