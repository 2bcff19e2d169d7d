"""A client of Mailroom: requests, pages, and the live events of one page."""

from __future__ import annotations

import http.client
import json
import re
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from datapatterns.demo.mailroom.requests import PERSON

_TIMEOUT = 30.0
_LINK = re.compile(r'<([^>]*)>; rel="(\w+)"')


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a request."""

    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def links(self) -> dict[str, str]:
        """Return the paths in the header Link, by relation."""
        found = _LINK.findall(self.headers.get("link", ""))
        return {relation: url[url.index("/api") :] for url, relation in found}

    def __str__(self) -> str:
        if self.headers.get("content-type") != "application/problem+json":
            return str(self.status)
        return f"{self.status} {self.body['code']}: {self.body.get('detail', 'see the log')}"


class Client:
    """Makes requests, each on a connection of its own."""

    def __init__(self, url: str) -> None:
        self.url = url
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        person: str | None = None,
        headers: Mapping[str, str] | None = None,
        raw: bytes | None = None,
        patient: bool = True,
    ) -> Reply:
        """Make the request; if `patient`, wait after a 429 for its Retry-After and try again."""
        sent = {"Content-Type": "application/json", **(headers or {})}
        if person is not None:
            sent[PERSON] = person
        data = raw if body is None else json.dumps(body).encode()
        while True:
            reply = self._once(method, path, data, sent)
            if reply.status != 429 or not patient:
                return reply
            time.sleep(float(reply.headers["retry-after"]))

    def get(self, path: str, *, person: str | None = None) -> Any:
        """Return the body of the answer to a GET; raise RuntimeError unless its status is 200."""
        reply = self.ask("GET", path, person=person)
        if reply.status != 200:
            raise RuntimeError(f"GET {path}: {reply}")
        return reply.body

    def _once(self, method: str, path: str, data: bytes | None, sent: Mapping[str, str]) -> Reply:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=_TIMEOUT)
        try:
            connection.request(method, path, data, dict(sent))
            answer = connection.getresponse()
            headers = {name.lower(): value for name, value in answer.getheaders()}
            content = answer.read()
        finally:
            connection.close()
        is_json = content and "json" in headers.get("content-type", "")
        return Reply(answer.status, headers, json.loads(content) if is_json else content)

    def events(self) -> Events:
        """Return the live events that an open page receives."""
        return Events(self._host, self._port)


class Events:
    """Listens in a `with` block, which is entered when the server has confirmed the connection."""

    def __init__(self, host: str, port: int | None) -> None:
        self._connection = http.client.HTTPConnection(host, port, timeout=_TIMEOUT)
        self._heard: list[tuple[str, Any]] = []
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._listen, name="events")

    def __enter__(self) -> Self:
        self._connection.request("GET", "/api/events")
        self._thread.start()
        self.wait_for("hello")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._connection.sock is not None:
            self._connection.sock.shutdown(2)  # wakes the thread that reads
        self._thread.join()
        self._connection.close()

    def wait_for(self, event: str, id: str | None = None) -> Any:
        """Return the payload of the first such event with this id; wait for it if necessary."""

        def found() -> list[Any]:
            return [p for heard, p in self._heard if heard == event and p.get("id") == id]

        with self._changed:
            if not self._changed.wait_for(found, _TIMEOUT):
                raise TimeoutError(f"no event {event!r} arrived within {_TIMEOUT:.0f} seconds")
            return found()[0]

    def _listen(self) -> None:
        for event, payload in _events(self._connection):
            with self._changed:
                self._heard.append((event, payload))
                self._changed.notify_all()


def _events(connection: http.client.HTTPConnection) -> Iterator[tuple[str, Any]]:
    event = ""
    try:
        for line in connection.getresponse():
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if name == "event":
                event = value
            elif name == "data":
                yield event, json.loads(value)
    except (OSError, http.client.HTTPException, ValueError):
        return  # the page was closed
