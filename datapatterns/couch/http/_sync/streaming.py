"""A connection that a feed reads from: one request at a time, read as its reply arrives.

# unasync: by hand

`datapatterns/couch/http/_async/streaming.py` has the same names on asyncio; read it first. A thread
that waits for a server cannot be interrupted. So each request has a thread of its own, which keeps
what arrives, up to a bound, until the caller takes it; the caller waits for that thread with a
timeout. Shutting down the socket ends the thread.
"""

from __future__ import annotations

import socket
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from datapatterns.core.codecs import loads
from datapatterns.couch.http import drivers
from datapatterns.couch.http.errors import couch_errors, of_reply, unexpected_answer
from datapatterns.errors import DataError, DecodeFailed, TimedOut, Unavailable

_HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity"}
_SENDING = {**_HEADERS, "Content-Type": "application/json"}
_LONGEST_ANSWER = 2**20  # bytes of what `ask` returns, and of a refusal
_AHEAD = 2**18  # bytes that are read before they are asked for
_GRACE = 0.5  # seconds for a thread to end whose socket was shut down


class Connection:
    """Sends requests over an HTTP client of its own and gives their replies in pieces.

    With a client of its own it looks the server's address up again and blocks no pool. `open` waits
    for the reply's header, `more` for the next piece of its body, each for the given seconds at
    most. `interrupt`, from any thread, ends the call under way with Unavailable. Close a connection
    after any failure.

    A thread that still waits for the server to accept its connection cannot be interrupted. It is
    left behind and ends by itself within the 5 seconds that connecting may take.
    """

    def __init__(self, client: Any, *, lent: bool = False) -> None:
        self._client, self._lent = client, lent
        self._interrupted = threading.Event()
        self._exchange: _Exchange | None = None
        self._held = _HeldSocket()

    def open(
        self,
        method: str,
        path: str,
        *,
        params: dict[str, str] | None = None,
        body: bytes | None = None,
        within: float,
    ) -> None:
        """Send a request and wait for the reply's header; raise our error if it is no success."""
        self.hang_up()
        with couch_errors():
            request = self._client.build_request(
                method,
                path,
                params=params,
                content=body,
                headers=_HEADERS if body is None else _SENDING,
                timeout=(drivers.CONNECT_TIMEOUT, None, None, None),  # `within` limits the rest
                extensions={"trace": self._held.trace},
            )
        exchange = _Exchange(self._client, request, self._interrupted, self._held)
        self._exchange = exchange  # set before the flag is read, so that no `interrupt` is missed
        exchange.start()
        exchange.wait(lambda: exchange.response is not None, within)
        if not 200 <= exchange.response.status_code < 300:
            raise self._refusal(exchange.response, within)

    def _refusal(self, response: Any, within: float) -> DataError:
        """Return our error for a reply that is no success."""
        try:
            body = loads(self._whole(within))
        except DecodeFailed:
            body = None
        return of_reply(response.status_code, body, response.headers)

    def more(self, within: float) -> bytes:
        """Return the next piece of the body, empty bytes at its end."""
        return b"" if self._exchange is None else self._exchange.take(within)

    def ask(self, method: str, path: str, *, body: bytes | None = None, within: float) -> Any:
        """Return the JSON of a short reply."""
        self.open(method, path, body=body, within=within)
        try:
            return loads(self._whole(within))
        except DecodeFailed as error:
            raise unexpected_answer() from error

    def _whole(self, within: float) -> bytes:
        """Return a short body; raise BadGateway for a long one."""
        data = bytearray()
        while piece := self.more(within):
            data += piece
            if len(data) > _LONGEST_ANSWER:
                raise unexpected_answer()
        return bytes(data)

    def interrupt(self) -> None:
        """End the call under way, and every later one, with Unavailable."""
        self._interrupted.set()
        exchange = self._exchange
        if exchange is not None:
            exchange.wake()

    def hang_up(self) -> None:
        """Drop the rest of a reply; if there is any, its TCP connection is closed."""
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.end()

    def close(self) -> None:
        """Hang up, and close the client unless it was lent."""
        exchange = self._exchange
        self.hang_up()
        self._held.close()
        if not self._lent and (exchange is None or exchange.over(self._client.close)):
            with suppress(*drivers.LOST, OSError):
                self._client.close()


class _HeldSocket:
    """Holds the socket of the latest TCP connection, to shut it down from another thread.

    The HTTP libraries report it through their extension `trace`, before the first byte is sent.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._unwanted = self._closed = False

    def trace(self, event: str, info: dict[str, Any]) -> None:
        """Hold the socket of a new TCP connection; the HTTP library calls this."""
        if event.endswith((".connect_tcp.complete", ".connect_unix_socket.complete")):
            self._found(info["return_value"])

    def of_reply(self, response: Any) -> None:
        """Hold the socket of an existing TCP connection, which a lent client may have used again."""
        if self._socket is None and "network_stream" in response.extensions:
            self._found(response.extensions["network_stream"])

    def _found(self, stream: Any) -> None:
        """Hold a copy of the stream's socket; shut it down if that was asked for before."""
        found = stream.get_extra_info("socket")
        # A copy of the descriptor, since TLS detaches the original; shutting down the copy shuts
        # down the connection.
        copy = found.dup() if isinstance(found, socket.socket) else None
        with self._lock:
            self._release()
            self._socket = copy
            if self._unwanted:
                self._shut()
            if self._closed:
                self._release()

    def shut_down(self) -> None:
        """Shut down the TCP connection, and every later one."""
        with self._lock:
            self._unwanted = True
            self._shut()

    def close(self) -> None:
        """Close the copy."""
        with self._lock:
            self._closed = True
            self._release()

    def _shut(self) -> None:
        """Shut down the TCP connection, if there is one; the lock is held."""
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def _release(self) -> None:
        """Close the copy, if there is one; the lock is held."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class _Exchange:
    """A request and its reply, on a thread of its own."""

    def __init__(
        self, client: Any, request: Any, interrupted: threading.Event, held: _HeldSocket
    ) -> None:
        self.response: Any = None
        self._client, self._request = client, request
        self._interrupted, self._held = interrupted, held
        self._changed = threading.Condition()
        self._pieces = deque[bytes]()
        self._size = 0
        self._finished = self._dropped = False
        self._error: BaseException | None = None
        self._afterwards: Callable[[], object] | None = None
        self._thread = threading.Thread(target=self._run, name="datapatterns-feed", daemon=True)

    def start(self) -> None:
        """Send the request."""
        self._thread.start()

    def wait(self, ready: Callable[[], bool], seconds: float) -> None:
        """Wait until it is ready; raise TimedOut, Unavailable when interrupted, or its error."""
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
            raise TimedOut("the server sent nothing in time")

    def take(self, seconds: float) -> bytes:
        """Return what has arrived since the last call, empty bytes at the end of the reply."""
        self.wait(lambda: bool(self._pieces) or (self._finished and self._error is None), seconds)
        with self._changed:
            data = b"".join(self._pieces)
            self._pieces.clear()
            self._size = 0
            self._changed.notify_all()
        return data

    def wake(self) -> None:
        """Have the waiting caller check again whether it was interrupted."""
        with self._changed:
            self._changed.notify_all()

    def end(self) -> None:
        """Drop the rest of the reply and end the thread."""
        with self._changed:
            self._dropped = True
            self._changed.notify_all()
            finished = self._finished
        if not finished:
            self._held.shut_down()
        self._thread.join(_GRACE)

    def over(self, afterwards: Callable[[], object]) -> bool:
        """Return whether the thread has ended; if not, it will call `afterwards` at its end."""
        with self._changed:
            if not self._finished:
                self._afterwards = afterwards
            return self._finished

    def _run(self) -> None:
        """Send the request and keep its reply and its error; runs in the thread."""
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
        """Send the request and keep the pieces of its reply until `end` is called."""
        response = self._client.send(self._request, stream=True, follow_redirects=False)
        try:
            self._held.of_reply(response)
            with self._changed:
                self.response = response
                self._changed.notify_all()
            for piece in response.iter_raw():
                if not self._keep(piece):
                    return
        finally:
            response.close()

    def _keep(self, piece: bytes) -> bool:
        """Keep a piece and wait for room; return False once `end` was called."""
        with self._changed:
            self._pieces.append(piece)
            self._size += len(piece)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._size < _AHEAD or self._dropped)
            return not self._dropped
