"""A server that answers a changes feed as CouchDB does, and fails as scripted."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from select import select
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

HOST = "127.0.0.1"


class ScriptedCouch:
    """A database of `rows` changes, of which a batch has at most `batch`.

    `fault(n, path)` decides the answer to the n-th request (from 0): None for a success, a status,
    or one of the words "broken" (JSON), "cut" (the connection is closed) and "end" (the feed ends
    normally, at once). Requests for the database itself are counted as well.
    """

    def __init__(self, rows: int = 1000, batch: int = 100) -> None:
        self.rows = [row(n) for n in range(1, rows + 1)]
        self.batch = batch
        self.calls = 0
        self.asked: list[dict[str, str]] = []  # parameters of each request for changes
        self.open = 0
        self.instance = "1700000000"
        self.fault: Callable[[int, str], int | str | None] = lambda n, path: None
        self.closing = threading.Event()
        self.lock = threading.Lock()
        script = self

        class Handler(_Handler):
            couch = script

        self._server = ThreadingHTTPServer((HOST, 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def url(self) -> str:
        """Return the server's URL."""
        return f"http://admin:secret@{HOST}:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


def row(n: int, **more: Any) -> dict[str, Any]:
    """Return the row of the n-th change."""
    rev = f"1-{n:032x}"
    doc = {"_id": f"doc{n}", "_rev": rev, "text": str(n)}
    return {"seq": f"{n}-x", "id": f"doc{n}", "changes": [{"rev": rev}], "doc": doc, **more}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    couch: ScriptedCouch

    def setup(self) -> None:
        super().setup()
        with self.couch.lock:
            self.couch.open += 1

    def finish(self) -> None:
        try:
            super().finish()
        finally:
            with self.couch.lock:
                self.couch.open -= 1

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing."""

    def do_GET(self) -> None:
        """Answer the request."""
        parts = urlsplit(self.path)
        with self.couch.lock:
            number = self.couch.calls
            self.couch.calls += 1
        fault = self.couch.fault(number, parts.path)
        if isinstance(fault, int):
            self._answer(fault, {"error": "scripted", "reason": "as told"})
        elif fault == "cut":
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        elif fault == "broken":
            self._send(200, b'{"results":[\n{"seq":"1-x","id":\n],\n"last')
        elif parts.path.endswith("/_changes"):
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            self.couch.asked.append(query)
            self._changes(query, end=fault == "end")
        else:
            head = f"{len(self.couch.rows)}-x"
            self._answer(200, {"update_seq": head, "instance_start_time": self.couch.instance})

    def do_POST(self) -> None:
        """Read the body, then answer the request."""
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.do_GET()

    do_PUT = do_POST

    def _changes(self, query: dict[str, str], *, end: bool) -> None:
        after = int(query["since"].partition("-")[0])
        rows = [row for row in self.couch.rows if int(_seq(row)) > after]
        if query["feed"] == "continuous":
            self._continuous(rows, query, end=end)
            return
        rows, left = rows[: self.couch.batch], rows[self.couch.batch :]
        last = _last(rows, query)
        lines = ",\n".join(map(_json, rows))
        text = f'{{"results":[\n{lines}\n],\n"last_seq":"{last}","pending":{len(left)}}}\n'
        self._send(200, text.encode())

    def _continuous(self, rows: list[dict[str, Any]], query: dict[str, str], *, end: bool) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for one in rows:
            self._chunk(_json(one).encode() + b"\n")
        if end:
            self._chunk(json.dumps({"last_seq": _last(rows, query), "pending": 0}).encode() + b"\n")
            self.wfile.write(b"0\r\n\r\n")
            return
        self.close_connection = True
        beat = int(query["heartbeat"]) / 1000
        due = time.monotonic() + beat
        with suppress(OSError):
            # A readable connection was closed: a client sends nothing more on it.
            while (
                not self.couch.closing.is_set() and not select([self.connection], [], [], 0.02)[0]
            ):
                if time.monotonic() >= due:
                    due += beat
                    self._chunk(b"\n")

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def _answer(self, status: int, value: object) -> None:
        self._send(status, json.dumps(value).encode())

    def _send(self, status: int, data: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def _json(value: object) -> str:
    """Return JSON without spaces, as CouchDB writes it."""
    return json.dumps(value, separators=(",", ":"))


def _seq(row: dict[str, Any]) -> str:
    return str(row["doc"]["text"])  # the row's `seq` may be null


def _last(rows: list[dict[str, Any]], query: dict[str, str]) -> str:
    return f"{_seq(rows[-1])}-x" if rows else query["since"]
