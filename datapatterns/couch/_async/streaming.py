"""A connection that a feed reads from: one request at a time, read as its reply arrives.

# unasync: by hand

`datapatterns/couch/_sync/streaming.py` has the same names on threads. The bytes are the server's
own: no compression, which would hold rows back, and no splitting into lines, which the HTTP
libraries do at U+2028 and other characters that JSON may hold.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import suppress
from typing import Any, TypeVar

from datapatterns.codecs import loads
from datapatterns.couch import drivers
from datapatterns.couch.errors import couch_errors, of_reply
from datapatterns.errors import BadGateway, DecodeFailed, TimedOut, Unavailable

T = TypeVar("T")

_HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity"}
_SENDING = {**_HEADERS, "Content-Type": "application/json"}
_LONGEST_ANSWER = 2**20  # bytes of what `ask` returns, and of a refusal


class AsyncLine:
    """An HTTP client of its own, so that the address is looked up anew and no pool is held up.

    `open` waits for the reply's header, `more` for the next piece of its body; each is given the
    seconds it may take. `interrupt`, from any thread, ends the one under way with Unavailable. A
    line on which anything failed is to be closed.
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
        """Send a request and wait for the reply's header; raise our error for a refusal."""
        await self.hang_up()
        await self._limited(self._send(method, path, params, body), within)

    async def _send(
        self, method: str, path: str, params: dict[str, str] | None, body: bytes | None
    ) -> None:
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
        status: int = self._response.status_code
        if not 200 <= status < 300:
            try:
                said = loads(await self._whole())
            except DecodeFailed:
                said = None
            raise of_reply(status, said, self._response.headers)

    async def more(self, within: float) -> bytes:
        """Return the next piece of the body, empty at its end."""
        return await self._limited(self._piece(), within)

    async def _piece(self) -> bytes:
        return b"" if self._pieces is None else await anext(self._pieces, b"")

    async def ask(self, method: str, path: str, *, body: bytes | None = None, within: float) -> Any:
        """Return the JSON of a short reply."""
        await self.open(method, path, body=body, within=within)
        data = await self._limited(self._whole(), within)
        try:
            return loads(data)
        except DecodeFailed as error:
            raise BadGateway("the server answered something that CouchDB does not") from error

    async def _whole(self) -> bytes:
        data = bytearray()
        while piece := await self._piece():
            data += piece
            if len(data) > _LONGEST_ANSWER:
                raise BadGateway("the server answered something that CouchDB does not")
        return bytes(data)

    async def _limited(self, call: Awaitable[T], seconds: float) -> T:
        """The call's result; TimedOut when it takes longer, Unavailable when interrupted.

        No task is made for it: moving the deadline of the timeout is what interrupts.
        """
        try:
            async with asyncio.timeout(0 if self._interrupted else seconds) as self._scope:
                with couch_errors():
                    return await call
        except TimeoutError as error:
            if self._interrupted:
                raise Unavailable("the feed was stopped") from error
            raise TimedOut("the server fell silent") from error
        finally:
            self._scope = None

    def interrupt(self) -> None:
        """End the call under way, and every later one, with Unavailable."""
        self._interrupted = True
        with suppress(RuntimeError):  # that loop is closed: nobody waits there any more
            self._loop.call_soon_threadsafe(self._expire)

    def _expire(self) -> None:
        if self._scope is not None:
            self._scope.reschedule(0.0)

    async def hang_up(self) -> None:
        """Leave what is left of a reply; if that is anything, its connection ends."""
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
