"""A connection that a feed reads from: one request at a time, read as its reply arrives.

# unasync: by hand

`datapatterns/couch/http/_sync/streaming.py` has the same names on threads. The bytes are passed on
as the server sends them: without compression, which would delay rows, and without the HTTP
libraries' splitting into lines, which also happens at U+2028 and other characters that JSON may
hold.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import suppress
from typing import Any, TypeVar

from datapatterns.core.codecs import loads
from datapatterns.couch.http import drivers
from datapatterns.couch.http.errors import couch_errors, of_reply, unexpected_answer
from datapatterns.errors import DataError, DecodeFailed, TimedOut, Unavailable

T = TypeVar("T")

_HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity"}
_SENDING = {**_HEADERS, "Content-Type": "application/json"}
_LONGEST_ANSWER = 2**20  # bytes of what `ask` returns, and of a refusal


class AsyncConnection:
    """Sends requests over an HTTP client of its own and gives their replies in pieces.

    With a client of its own it looks the server's address up again and blocks no pool. `open` waits
    for the reply's header, `more` for the next piece of its body, each for the given seconds at
    most. `interrupt`, from any thread, ends the call under way with Unavailable. Close a connection
    after any failure.
    """

    def __init__(self, client: Any, *, lent: bool = False) -> None:
        self._client, self._lent = client, lent
        self._loop = asyncio.get_running_loop()
        self._scope: asyncio.Timeout | None = None  # of the call under way
        self._interrupted = False
        self._response: Any = None
        self._pieces: AsyncIterator[bytes] | None = None

    async def open(
        self,
        method: str,
        path: str,
        *,
        params: dict[str, str] | None = None,
        body: bytes | None = None,
        within: float,
    ) -> None:
        """Send a request and wait for the reply's header; raise our error if it is no success."""
        await self.hang_up()
        await self._limited(self._send(method, path, params, body), within)

    async def _send(
        self, method: str, path: str, params: dict[str, str] | None, body: bytes | None
    ) -> None:
        """Send the request; raise our error unless the reply is a success."""
        request = self._client.build_request(
            method,
            path,
            params=params,
            content=body,
            headers=_HEADERS if body is None else _SENDING,
            timeout=(drivers.CONNECT_TIMEOUT, None, None, None),  # `within` limits the rest
        )
        self._response = await self._client.send(request, stream=True, follow_redirects=False)
        self._pieces = self._response.aiter_raw()
        if not 200 <= self._response.status_code < 300:
            raise await self._refusal(self._response)

    async def _refusal(self, response: Any) -> DataError:
        """Return our error for a reply that is no success."""
        try:
            body = loads(await self._whole())
        except DecodeFailed:
            body = None
        return of_reply(response.status_code, body, response.headers)

    async def more(self, within: float) -> bytes:
        """Return the next piece of the body, empty bytes at its end."""
        return await self._limited(self._piece(), within)

    async def _piece(self) -> bytes:
        """Return the next piece of the body, without a time limit."""
        return b"" if self._pieces is None else await anext(self._pieces, b"")

    async def ask(self, method: str, path: str, *, body: bytes | None = None, within: float) -> Any:
        """Return the JSON of a short reply."""
        await self.open(method, path, body=body, within=within)
        data = await self._limited(self._whole(), within)
        try:
            return loads(data)
        except DecodeFailed as error:
            raise unexpected_answer() from error

    async def _whole(self) -> bytes:
        """Return a short body; raise BadGateway for a long one."""
        data = bytearray()
        while piece := await self._piece():
            data += piece
            if len(data) > _LONGEST_ANSWER:
                raise unexpected_answer()
        return bytes(data)

    async def _limited(self, call: Awaitable[T], seconds: float) -> T:
        """Return the call's result; raise TimedOut after `seconds`, Unavailable when interrupted.

        The call needs no task of its own: `interrupt` moves the deadline of the timeout.
        """
        try:
            async with asyncio.timeout(0 if self._interrupted else seconds) as self._scope:
                with couch_errors():
                    return await call
        except TimeoutError as error:
            if self._interrupted:
                raise Unavailable("the feed was stopped") from error
            raise TimedOut("the server sent nothing in time") from error
        finally:
            self._scope = None

    def interrupt(self) -> None:
        """End the call under way, and every later one, with Unavailable."""
        self._interrupted = True
        with suppress(RuntimeError):  # the loop is closed, so no call is under way
            self._loop.call_soon_threadsafe(self._expire)

    def _expire(self) -> None:
        """End the call under way; runs in the loop."""
        if self._scope is not None:
            self._scope.reschedule(0.0)

    async def hang_up(self) -> None:
        """Drop the rest of a reply; if there is any, its TCP connection is closed."""
        response, self._response, self._pieces = self._response, None, None
        if response is not None:
            with suppress(*drivers.LOST, OSError):
                await response.aclose()

    async def close(self) -> None:
        """Hang up, and close the client unless it was lent."""
        await self.hang_up()
        if not self._lent:
            with suppress(*drivers.LOST, OSError):
                await self._client.aclose()
