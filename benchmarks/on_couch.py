"""All questions about the patterns on CouchDB, on one server: `scripts/bench couch`."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from benchmarks import couch_cancelled, couch_depth, couch_feed, couch_many, couch_single
from benchmarks._couch_server import server
from benchmarks._runner import Bench, main, versions
from datapatterns.testing.servers.couch import CouchServer

LINES = [
    couch_many.concurrent_gets, couch_many.concurrent_creates, couch_single.single_gets,
    couch_depth.page_at_depth, couch_cancelled.cancelled, couch_feed.feed_rate,
    couch_feed.feed_memory,
]  # fmt: skip


def facts(bench: Bench) -> Iterable[str]:
    """Return the versions of the server and of the peers."""
    yield f"server: {server.running.version}"
    yield "peers: " + versions("aiocouch", "couchdb3", "ibmcloudant", "httpx2", "httpx")


if __name__ == "__main__":
    with CouchServer() as server.running, suppress(KeyboardInterrupt):
        main("CouchDB: patterns beside their peers", LINES, facts)
