# Generated from datapatterns/couch/http/_async/client.py by scripts/unasync.py; do not edit.
"""Requests to a CouchDB server: reads, which are repeated, and writes, which are sent once."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote, urlunsplit

from datapatterns.core.backoff import Backoff
from datapatterns.core.checks import Duration, seconds
from datapatterns.core.codecs import dumps, loads
from datapatterns.core.urls import split_url, without_cause
from datapatterns.couch.http import drivers
from datapatterns.couch.http.drivers import Client, Clients, HttpClient
from datapatterns.couch.http.errors import couch_errors, of_reply, status_of
from datapatterns.couch.http.salvage import salvaged
from datapatterns.errors import BadGateway, Closed, DataError, DecodeFailed, InvalidArgument
from datapatterns.patterns._sync.concurrency import Semaphore

logger = logging.getLogger("datapatterns.couch")

_TRIES = 3
_AGAIN = Backoff(base=0.05, cap=1.0)
_HEADERS = {"Accept": "application/json"}
_SENDING = {**_HEADERS, "Content-Type": "application/json"}
_FORM = "http://user:password@host:port, with couch+ before it for a store"
Params = Mapping[str, str | int | bool]


class CouchClient:
    """Sends requests to one CouchDB server, over one HTTP client.

    `read` asks up to three times, with pauses (full jitter, or the server's Retry-After), as long
    as all of it takes no longer than `timeout`. `write` sends once; a lost reply is OutcomeUnknown.
    Neither follows redirects, so that no other server receives the credentials.

    At most `max_connections` requests are under way; further ones wait before they enter the HTTP
    client's pool. `timeout` limits each request; connecting takes at most 5 s.
    A changes feed reads over an HTTP client of its own: `stream_client` if that is given, else one
    with the same settings, except for a lent client's certificates and proxies, which cannot be
    read from it.
    """

    def __init__(
        self,
        client: str | HttpClient,
        *,
        max_connections: int = 20,
        timeout: Duration = 30.0,
        stream_client: HttpClient | None = None,
    ) -> None:
        if max_connections < 1:
            raise InvalidArgument("max_connections must be above 0")
        timeout = seconds("timeout", timeout, least=0.001)
        self._lent = isinstance(client, Clients)
        if isinstance(client, str):
            base_url, auth = parse_url(client)
            self._settings = drivers.settings(base_url, auth, timeout, max_connections)
            with couch_errors():
                self.http: HttpClient = Client(**self._settings)
        elif self._lent:
            self.http = client
            self._settings = {}
        else:
            raise InvalidArgument("a Couch is made from a URL, or from an httpx2 or httpx client")
        self.timeout = timeout
        self.stream_client = stream_client
        self._free = Semaphore(max_connections)
        self.batchers: dict[str, Any] = {}  # by database: see `batcher_of`

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.http.base_url.host!r})"

    def ping(self) -> None:
        """Return if a CouchDB answers; raise BadGateway if something else does."""
        if "couchdb" not in self.read("GET", "/"):
            raise BadGateway("the server that answers is not a CouchDB")

    def read(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        body: object = None,
        documents: int = 0,
    ) -> Any:
        """Return the JSON of the reply to a request that changes nothing; see `fetch`.

        `documents` is the level at which documents begin in the reply; one that cannot be parsed is
        given as its bytes (see `salvaged`).
        """
        reply = self.fetch(method, path, params=params, body=body)
        return self.parsed(reply, documents=documents)

    def fetch(
        self, method: str, path: str, *, params: Params | None = None, body: object = None
    ) -> Any:
        """Return the reply to a request that changes nothing, which is repeated if that may help.

        That is so after a lost reply, after a reply that asks for patience, and after any 5xx:
        while a database is being removed, CouchDB fails in many ways before it answers 404.
        """
        ends = time.monotonic() + self.timeout
        for attempt in range(1, _TRIES + 1):
            try:
                return self._answered(method, path, params, body)
            except DataError as error:
                asked: float = getattr(error, "retry_after", None) or 0.0
                pause = max(_AGAIN(attempt), asked)
                passing = error.retryable or status_of(error) >= 500
                if not passing or attempt == _TRIES or time.monotonic() + pause > ends:
                    raise
            time.sleep(pause)
        raise AssertionError("unreachable")

    def _answered(self, method: str, path: str, params: Params | None, body: object) -> Any:
        """Return the reply to one request; raise our error unless it is a success."""
        response = self._request(method, path, params, body, sent=False)
        if response.status_code >= 400:
            self.parsed(response)
        return response

    def write(
        self, method: str, path: str, *, params: Params | None = None, body: object = None
    ) -> Any:
        """Return the JSON of the reply to a request that is sent once.

        Raise OutcomeUnknown if the reply was lost.
        """
        response = self._request(method, path, params, body, sent=True)
        return self.parsed(response, sent=True)

    def _request(
        self, method: str, path: str, params: Params | None, body: object, *, sent: bool
    ) -> Any:
        """Return the reply to one request, whatever its status."""
        content = None if body is None else body if isinstance(body, bytes) else dumps(body)
        http: Any = self.http
        with self._free:
            with couch_errors(sent=sent):
                return http.request(
                    method,
                    path,
                    params=None if params is None else {k: _param(v) for k, v in params.items()},
                    content=content,
                    headers=_HEADERS if content is None else _SENDING,
                    follow_redirects=False,
                    timeout=self.timeout,
                )

    def parsed(self, response: Any, *, sent: bool = False, documents: int = 0) -> Any:
        """Return the JSON of a reply; raise our error unless it is a success."""
        status: int = response.status_code
        body = _json_in(response.content, documents)
        if 200 <= status < 300 and body is not None:
            if status == 202:
                logger.info("the server accepted a write without a quorum", extra={"status": 202})
            return body
        raise of_reply(status, body, response.headers, sent=sent)

    def streaming(self) -> HttpClient:
        """Return a new HTTP client for this server, which the caller must close."""
        if self.http.is_closed:
            raise Closed("the client is closed")
        return Client(**self._settings) if self._settings else drivers.another(self.http)

    def close(self) -> None:
        """Close the HTTP client, unless it was lent."""
        if not self._lent:
            self.http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _json_in(content: bytes, documents: int) -> Any:
    """Return the JSON value of a reply, None if it is no JSON."""
    with suppress(DecodeFailed):
        return loads(content)
    if documents:
        with suppress(DecodeFailed):
            return salvaged(content, documents)
    return None


def client_of(client: CouchClient | HttpClient) -> CouchClient:
    """Return the client unchanged if it is ours, else one of ours over the lent HTTP client."""
    return client if isinstance(client, CouchClient) else CouchClient(client)


def parse_url(url: str) -> tuple[str, tuple[str, str] | None]:
    """Return the URL without its credentials, and the credentials if it has some."""
    bad = f"the URL of a CouchDB must be {_FORM}"
    parts = split_url(url.removeprefix("couch+"), bad)
    host, port = without_cause(lambda: (parts.hostname, parts.port), bad)
    if parts.scheme not in {"http", "https"} or not host or parts.query or parts.fragment:
        raise InvalidArgument(f"{bad}, without options")
    address = f"[{host}]" if ":" in host else host
    address = address if port is None else f"{address}:{port}"
    auth = None
    if parts.username is not None:
        auth = unquote(parts.username), unquote(parts.password or "")
    return urlunsplit((parts.scheme, address, parts.path, "", "")), auth


def _param(value: str | int | bool) -> str:
    """Return a parameter as CouchDB reads it: `true` and `false` in small letters."""
    return str(value).lower() if isinstance(value, bool) else str(value)
