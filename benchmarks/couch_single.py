"""How long does a single get take?"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import couchdb3
import httpx2
from ibm_cloud_sdk_core.authenticators import BasicAuthenticator
from ibmcloudant.cloudant_v1 import CloudantV1

from benchmarks._couch_server import Note, filled, http_client, server, timed
from benchmarks._runner import Bench, Line, at_most
from datapatterns.couch import Repository


def single_gets(bench: Bench) -> Line:
    """Gets: one at a time."""
    database, count = filled(bench, 500), bench.scaled(500)
    name, close = database.name, bench.stack.callback
    client = http_client(httpx2, "Client")
    close(client.close)
    notes = Repository(database.couch, name, Note, ensure=False)
    three = couchdb3.Database(name, url=server.bare, user=server.auth[0], password=server.auth[1])
    cloudant = CloudantV1(BasicAuthenticator(*server.auth))
    cloudant.set_service_url(server.bare)
    sides: dict[str, Callable[[str], object]] = {
        "ours": database.get,
        "ours, repository": notes.get,
        "raw httpx2": lambda id: client.get(f"/{name}/{id}").json(),
        "couchdb3": three.get,
        "ibmcloudant": lambda id: cloudant.get_document(db=name, doc_id=id).get_result(),
    }
    return Line(
        "ms",
        {each: partial(timed, work, count) for each, work in sides.items()},
        {"raw httpx2": at_most(1.15)},
    )
