"""Find and resolve conflicts that replication has left."""

import needs_couch  # if no server answers, says how to start one

# --8<-- [start:recipe]
import os

from datapatterns import Document
from datapatterns.couch import ConflictResolver, Couch, Repository

URL = os.environ.get("COUCHDB_URL", "http://admin:password@127.0.0.1:5984")


class Traveller(Document):
    visited: list[str]


def replicate(couch: Couch, source: str, target: str) -> None:
    root = URL.rstrip("/")
    body = {"source": f"{root}/{source}", "target": f"{root}/{target}"}
    couch.write("POST", "/_replicate", body=body)


def merge(versions: list[Traveller]) -> Traveller:
    """Return the merge. It depends on the versions only, since other sites may merge them too."""
    cities = {city for version in versions for city in version.visited}
    return versions[0].model_copy(update={"visited": sorted(cities)})


with Couch(URL) as couch:
    for name in ("recipe_london", "recipe_paris"):
        couch.database(name).create() or couch.database(name).destroy()
        couch.database(name).create()
    london = Repository(couch, "recipe_london", Traveller)
    paris = Repository(couch, "recipe_paris", Traveller)
    london.create(Traveller(id="ada", visited=["London"]))
    replicate(couch, "recipe_london", "recipe_paris")

    # The sites are disconnected, and both change the document.
    london.update("ada", {"visited": ["London", "Bath"]})
    paris.update("ada", {"visited": ["London", "Lyon"]})
    replicate(couch, "recipe_paris", "recipe_london")

    resolver = ConflictResolver(couch, "recipe_london", Traveller, merge)
    print("open versions", len(resolver.read("ada")), "of", list(resolver.conflicted()))
    print(resolver.resolve("ada").visited)
    print("open versions", len(resolver.read("ada")))

    replicate(couch, "recipe_london", "recipe_paris")  # the merge is replicated too
    print(paris.get("ada").visited)
