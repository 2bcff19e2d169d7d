# Generated from datapatterns/couch/_async/couch.py by scripts/unasync.py; do not edit.
"""A CouchDB server: one client, and the two ways in which everything else talks to it."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote, urlsplit, urlunsplit

from datapatterns._sync.concurrency import Semaphore
from datapatterns.backoff import Backoff
from datapatterns.checks import Duration, seconds
from datapatterns.codecs import dumps, loads
from datapatterns.couch import drivers
from datapatterns.couch._sync.database import Database
from datapatterns.couch._sync.ensure import Progress, ensure
from datapatterns.couch.designs import DesignDocument
from datapatterns.couch.drivers import Client, Clients, HttpClient
from datapatterns.couch.errors import couch_errors, of_reply, status_of
from datapatterns.errors import BadGateway, Closed, DataError, DecodeFailed, InvalidArgument

logger = logging.getLogger("datapatterns.couch")

_TRIES = 3
_AGAIN = Backoff(base=0.05, cap=1.0)
_HEADERS = {"Accept": "application/json"}
_SENDING = {**_HEADERS, "Content-Type": "application/json"}
_FORM = "http://user:password@host:port, in a store with couch+ before it"
Params = Mapping[str, str | int | bool]


class Couch:
    """A server to make databases on, over one HTTP client.

    `Couch("http://user:password@127.0.0.1:5984")` opens a client of its own and closes it;
    a lent `httpx2` or `httpx` client (with its `base_url` and `auth`) is used as it is and left
    open. `read` asks up to three times, with pauses (full jitter, or the server's Retry-After), as
    long as all of it takes no longer than `timeout`; `write` sends once, and a lost reply is
    OutcomeUnknown. Neither follows redirects: credentials go nowhere else.

    At most `max_connections` requests are under way, the others wait before the client's pool, not
    in it. `timeout` is in seconds, for every request; connecting takes at most 5 of them. A feed
    reads over a client of its own with the same settings, `stream_client` if that is given: a lent
    client's certificates and proxies cannot be read from it.
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
                self.client: HttpClient = Client(**self._settings)
        elif self._lent:
            self.client = client
            self._settings = {}
        else:
            raise InvalidArgument("a Couch is made of a URL or of an httpx2 or httpx client")
        self.timeout = timeout
        self.stream_client = stream_client
        self._free = Semaphore(max_connections)
        self.batching: dict[str, Any] = {}  # by database: its repositories share it

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.client.base_url.host!r})"

    def database(self, name: str, *, partitioned: bool = False) -> Database:
        """Return the database of that name, which need not exist yet."""
        return Database(self, name, partitioned=partitioned)

    def ensure(
        self,
        databases: Iterable[str] = (),
        designs: Mapping[str, Iterable[DesignDocument]] | None = None,
        *,
        wait_built: bool = False,
        progress: Progress | None = None,
    ) -> None:
        """Return when these databases exist, and those of the designs, and hold the designs.

        Any number of processes may do so at once, with other versions of a design too, one of which
        it ends on. With `wait_built` a new index is complete before anybody reads from it, and
        `progress(design, done, total)` is told of the changes it has to go through.
        """
        ensure(self, databases, designs, wait_built=wait_built, progress=progress)

    def ping(self) -> None:
        """Return if a CouchDB answers; BadGateway if something else does."""
        said = self.read("GET", "/")
        if "couchdb" not in said:
            raise BadGateway("what answers there is no CouchDB")

    def read(
        self, method: str, path: str, *, params: Params | None = None, body: object = None
    ) -> Any:
        """Return the JSON of the reply to a request that changes nothing, sent again when lost."""
        return self.parsed(self.fetch(method, path, params=params, body=body))

    def fetch(
        self, method: str, path: str, *, params: Params | None = None, body: object = None
    ) -> Any:
        """Return the reply to a request that changes nothing, sent again when that may help.

        That is after a lost reply, after "not now", and after a server that failed: a database that
        is being removed makes CouchDB fail in many ways before it says that there is none.
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
        response = self._request(method, path, params, body, sent=False)
        if response.status_code >= 400:
            self.parsed(response)
        return response

    def write(
        self, method: str, path: str, *, params: Params | None = None, body: object = None
    ) -> Any:
        """Return the JSON of the reply to a request sent once; OutcomeUnknown if it was lost."""
        response = self._request(method, path, params, body, sent=True)
        return self.parsed(response, sent=True)

    def _request(
        self, method: str, path: str, params: Params | None, body: object, *, sent: bool
    ) -> Any:
        content = None if body is None else body if isinstance(body, bytes) else dumps(body)
        client: Any = self.client
        with self._free:
            with couch_errors(sent=sent):
                return client.request(
                    method,
                    path,
                    params=None if params is None else {k: _param(v) for k, v in params.items()},
                    content=content,
                    headers=_HEADERS if content is None else _SENDING,
                    follow_redirects=False,
                    timeout=self.timeout,
                )

    def parsed(self, response: Any, *, sent: bool = False) -> Any:
        """Return the JSON of a reply; raise our error if it is no success."""
        status: int = response.status_code
        try:
            body = loads(response.content)
        except DecodeFailed:
            body = None
        if 200 <= status < 300 and body is not None:
            if status == 202:
                logger.info("the server accepted a write without a quorum", extra={"status": 202})
            return body
        raise of_reply(status, body, response.headers, sent=sent)

    def streaming(self) -> HttpClient:
        """Return a further client for this server, to be closed by who asked for it."""
        if self.client.is_closed:
            raise Closed("the client is closed")
        return Client(**self._settings) if self._settings else drivers.another(self.client)

    def close(self) -> None:
        """Close the client, unless it was lent."""
        if not self._lent:
            self.client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def couch_of(client: Couch | HttpClient) -> Couch:
    """The server behind what a pattern was given: a Couch, or a lent client."""
    return client if isinstance(client, Couch) else Couch(client)


def parse_url(url: str) -> tuple[str, tuple[str, str] | None]:
    """The URL without its credentials, and these."""
    try:
        parts = urlsplit(url.removeprefix("couch+"))
        host, port = parts.hostname, parts.port
    except ValueError:
        raise InvalidArgument(f"a CouchDB's URL is {_FORM}") from None
    if parts.scheme not in {"http", "https"} or not host or parts.query or parts.fragment:
        raise InvalidArgument(f"a CouchDB's URL is {_FORM}, without options")
    place = f"[{host}]" if ":" in host else host
    place = place if port is None else f"{place}:{port}"
    auth = None
    if parts.username is not None:
        auth = unquote(parts.username), unquote(parts.password or "")
    return urlunsplit((parts.scheme, place, parts.path, "", "")), auth


def _param(value: str | int | bool) -> str:
    """CouchDB reads `true` and `false`."""
    return str(value).lower() if isinstance(value, bool) else str(value)
