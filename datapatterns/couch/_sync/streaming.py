"""A connection that a feed reads from: one request at a time, read as its reply arrives.

# unasync: by hand

`datapatterns/couch/_async/streaming.py` has the same names on asyncio, and is the face to read
first. A thread cannot be interrupted while it waits for a server, so each request has a thread of
its own for that: it keeps what arrives until it is asked for, up to a bound, and the caller waits
for it with a timeout. Shutting down its socket ends it.
"""

from __future__ import annotations

import socket
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from datapatterns.codecs import loads
from datapatterns.couch import drivers
from datapatterns.couch.errors import couch_errors, of_reply
from datapatterns.errors import BadGateway, DecodeFailed, TimedOut, Unavailable

_HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity"}
_SENDING = {**_HEADERS, "Content-Type": "application/json"}
_LONGEST_ANSWER = 2**20  # bytes of what `ask` returns, and of a refusal
_AHEAD = 2**18  # bytes that are read before they are asked for
_GRACE = 0.5  # seconds for a thread to end whose socket was shut down


class Line:
    """An HTTP client of its own, so that the address is looked up anew and no pool is held up.

    `open` waits for the reply's header, `more` for the next piece of its body; each is given the
    seconds it may take. `interrupt`, from any thread, ends the one under way with Unavailable. A
    line on which anything failed is to be closed.

    A thread that is still waiting for a server to take its connection cannot be reached: it is left
    behind, and ends by itself within the 5 seconds that connecting may take.
    """

    def __init__(self, client: Any, *, lent: bool = False) -> None:
        self._client, self._lent = client, lent
        self._interrupted = threading.Event()
        self._exchange: _Exchange | None = None
        self._plug = _Plug()

    def open(
        self,
        method: str,
        path: str,
        *,
        params: dict[str, str] | None = None,
        body: bytes | None = None,
        within: float,
    ) -> None:
        """Send a request and wait for the reply's header; raise our error for a refusal."""
        self.hang_up()
        with couch_errors():
            request = self._client.build_request(
                method,
                path,
                params=params,
                content=body,
                headers=_HEADERS if body is None else _SENDING,
                timeout=(drivers.CONNECT_TIMEOUT, None, None, None),  # `within` limits the rest
                extensions={"trace": self._plug.trace},
            )
        exchange = _Exchange(self._client, request, self._interrupted, self._plug)
        self._exchange = exchange  # first this, then the look: so no `interrupt` falls in between
        exchange.start()
        exchange.wait(lambda: exchange.response is not None, within)
        status: int = exchange.response.status_code
        if not 200 <= status < 300:
            try:
                said = loads(self._whole(within))
            except DecodeFailed:
                said = None
            raise of_reply(status, said, exchange.response.headers)

    def more(self, within: float) -> bytes:
        """Return the next piece of the body, empty at its end."""
        return b"" if self._exchange is None else self._exchange.take(within)

    def ask(self, method: str, path: str, *, body: bytes | None = None, within: float) -> Any:
        """Return the JSON of a short reply."""
        self.open(method, path, body=body, within=within)
        try:
            return loads(self._whole(within))
        except DecodeFailed as error:
            raise BadGateway("the server answered something that CouchDB does not") from error

    def _whole(self, within: float) -> bytes:
        data = bytearray()
        while piece := self.more(within):
            data += piece
            if len(data) > _LONGEST_ANSWER:
                raise BadGateway("the server answered something that CouchDB does not")
        return bytes(data)

    def interrupt(self) -> None:
        """End the call under way, and every later one, with Unavailable."""
        self._interrupted.set()
        exchange = self._exchange
        if exchange is not None:
            exchange.wake()

    def hang_up(self) -> None:
        """Leave what is left of a reply; if that is anything, its connection ends."""
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.end()

    def close(self) -> None:
        """Hang up, and close the client unless it was lent."""
        exchange = self._exchange
        self.hang_up()
        self._plug.close()
        if not self._lent and (exchange is None or exchange.over(self._client.close)):
            with suppress(*drivers.LOST, OSError):
                self._client.close()


class _Plug:
    """The socket of a line's latest connection, to be shut down from another thread.

    The HTTP libraries tell of it through their extension `trace`, before the first byte is sent.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._pulled = self._closed = False

    def trace(self, event: str, info: dict[str, Any]) -> None:
        """Take note of a new connection."""
        if event.endswith((".connect_tcp.complete", ".connect_unix_socket.complete")):
            self._found(info["return_value"])

    def of_reply(self, response: Any) -> None:
        """Take note of a connection that was there already, as a lent client may have one."""
        if self._socket is None and "network_stream" in response.extensions:
            self._found(response.extensions["network_stream"])

    def _found(self, stream: Any) -> None:
        found = stream.get_extra_info("socket")
        # A copy of the descriptor: TLS takes the original away, and shutting it down works all the
        # same.
        copy = found.dup() if isinstance(found, socket.socket) else None
        with self._lock:
            self._release()
            self._socket = copy
            if self._pulled:
                self._shut()
            if self._closed:
                self._release()

    def pull(self) -> None:
        """Shut down the connection, and every later one."""
        with self._lock:
            self._pulled = True
            self._shut()

    def close(self) -> None:
        """Let go of the copy."""
        with self._lock:
            self._closed = True
            self._release()

    def _shut(self) -> None:
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def _release(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class _Exchange:
    """A request and its reply, on a thread of its own."""

    def __init__(
        self, client: Any, request: Any, interrupted: threading.Event, plug: _Plug
    ) -> None:
        self.response: Any = None
        self._client, self._request = client, request
        self._interrupted, self._plug = interrupted, plug
        self._changed = threading.Condition()
        self._pieces = deque[bytes]()
        self._size = 0
        self._finished = self._left = False
        self._error: BaseException | None = None
        self._afterwards: Callable[[], object] | None = None
        self._thread = threading.Thread(target=self._run, name="datapatterns-feed", daemon=True)

    def start(self) -> None:
        """Send the request."""
        self._thread.start()

    def wait(self, ready: Callable[[], bool], seconds: float) -> None:
        """Wait until it is ready; TimedOut, Unavailable when interrupted, or what went wrong."""
        with self._changed:
            self._changed.wait_for(
                lambda: ready() or self._finished or self._interrupted.is_set(), seconds
            )
            if self._interrupted.is_set():
                raise Unavailable("the feed was stopped")
            if ready():
                return
            if self._error is not None:
                with couch_errors():
                    raise self._error
            raise TimedOut("the server fell silent")

    def take(self, seconds: float) -> bytes:
        """Return what has arrived, empty when that is all."""
        self.wait(lambda: bool(self._pieces) or (self._finished and self._error is None), seconds)
        with self._changed:
            data = b"".join(self._pieces)
            self._pieces.clear()
            self._size = 0
            self._changed.notify_all()
        return data

    def wake(self) -> None:
        """Let who waits look again."""
        with self._changed:
            self._changed.notify_all()

    def end(self) -> None:
        """Want nothing more of it."""
        with self._changed:
            self._left = True
            self._changed.notify_all()
            finished = self._finished
        if not finished:
            self._plug.pull()
        self._thread.join(_GRACE)

    def over(self, afterwards: Callable[[], object]) -> bool:
        """Return whether the thread has ended; else it does that afterwards."""
        with self._changed:
            if not self._finished:
                self._afterwards = afterwards
            return self._finished

    def _run(self) -> None:
        try:
            self._exchange()
        except BaseException as error:
            self._error = error
        with self._changed:
            self._finished = True
            self._changed.notify_all()
        if self._afterwards is not None:
            with suppress(*drivers.LOST, OSError):
                self._afterwards()

    def _exchange(self) -> None:
        response = self._client.send(self._request, stream=True, follow_redirects=False)
        try:
            self._plug.of_reply(response)
            with self._changed:
                self.response = response
                self._changed.notify_all()
            for piece in response.iter_raw():
                if not self._keep(piece):
                    return
        finally:
            response.close()

    def _keep(self, piece: bytes) -> bool:
        with self._changed:
            self._pieces.append(piece)
            self._size += len(piece)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._size < _AHEAD or self._left)
            return not self._left
