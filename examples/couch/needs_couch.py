"""Exits with a hint if no CouchDB server answers at the URL that the recipe will use."""

import os
import socket
import sys
from urllib.parse import urlsplit

HELP = """No server answers at {host}:{port}. Start a server there:

    docker run --rm -p {port}:5984 -e COUCHDB_USER=admin -e COUCHDB_PASSWORD=password couchdb:3

or set the URL of a server: COUCHDB_URL=http://name:password@host:port python {program}"""

STORE = os.environ.get("STORE_URL")
URL = STORE or os.environ.get("COUCHDB_URL") or "http://admin:password@127.0.0.1:5984"


def check(url: str) -> None:
    parts = urlsplit(url.removeprefix("couch+"))
    if parts.scheme not in ("http", "https"):
        return  # another backend
    host, port = parts.hostname or "127.0.0.1", parts.port or 5984
    try:
        socket.create_connection((host, port), timeout=5).close()
    except OSError:
        sys.exit(HELP.format(host=host, port=port, program=sys.argv[0]))


check(URL)
