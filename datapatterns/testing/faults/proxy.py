"""A TCP proxy that makes faults: it stands between a client under test and a real server.

It runs on an event loop in a thread of its own, so that blocking tests can use it too, and knows
nothing of the protocol. Requests and replies are counted by what arrives in one piece, which is
exact for clients that ask and wait, as drivers of databases do.

    with FaultProxy("127.0.0.1", server.port) as proxy:
        client = redis.Redis(port=proxy.port)
        proxy.lose_reply(to=b"INCR")
        client.incr("hits")                 # the server counts, the client never hears of it
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Self

__all__ = [
    "FaultProxy",
]

HOST = "127.0.0.1"
CHUNK = 65_536

_End = Literal["reset", "silence", "close"]


@dataclass
class _Loss:
    """The loss of the reply to the next request with these bytes, after `skip` others."""

    to: bytes
    skip: int
    after: int  # bytes of the reply that still arrive
    how: _End


class _Link:
    """The connection of one client, and the connection to the server behind it."""

    def __init__(
        self,
        proxy: FaultProxy,
        client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        server: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        self.proxy = proxy
        self.from_client, self.to_client = client
        self.from_server, self.to_server = server
        self.loss: _Loss | None = None  # of the reply that comes next
        self.dead = False  # the client still believes in it, but nothing arrives any more

    async def run(self) -> None:
        """Carry bytes both ways until either side ends."""
        pumps = [asyncio.ensure_future(self.upwards()), asyncio.ensure_future(self.downwards())]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            if self.dead or self.proxy.black_holed:
                await pumps[0]  # to the client an end of the server is not to be seen
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            self.to_server.close()
            self.to_client.close()

    async def upwards(self) -> None:
        """Carry bytes from the client to the server."""
        while data := await self.from_client.read(CHUNK):
            if self.dead or self.proxy.black_holed:
                continue
            self.proxy.requests += 1
            self.loss = self.loss or self.proxy.loss_of(data)
            self.to_server.write(data)
            await self.to_server.drain()

    async def downwards(self) -> None:
        """Carry bytes from the server to the client."""
        while data := await self.from_server.read(CHUNK):
            if self.dead or self.proxy.black_holed:
                continue
            if (loss := self.loss) is not None and len(data) >= loss.after:
                if not await self._lose(loss, data):
                    return
                continue
            if loss is not None:
                loss.after -= len(data)
            await self._deliver(data)

    async def _lose(self, loss: _Loss, data: bytes) -> bool:
        """Deliver the part that still arrives and lose the rest; return whether to stay open."""
        self.proxy.lost += 1
        self.loss = None
        if loss.after:
            await self._deliver(data[: loss.after])
        if loss.how == "reset":
            self.reset()
        self.dead = loss.how == "silence"
        return self.dead

    async def _deliver(self, data: bytes) -> None:
        if self.proxy.swallow:
            self.proxy.swallowed += data.count(self.proxy.swallow)
            if not (data := data.replace(self.proxy.swallow, b"")):
                return
        self.proxy.replies += 1
        if self.proxy.delay:
            await asyncio.sleep(self.proxy.delay)
        size, pause = self.proxy.drip
        for at in range(0, len(data), size or len(data)):
            self.to_client.write(data[at : at + (size or len(data))])
            await self.to_client.drain()
            if size:
                await asyncio.sleep(pause)

    def reset(self) -> None:
        """End both connections with RST, as a dying host or a firewall does."""
        for writer in (self.to_client, self.to_server):
            sock: socket.socket | None = writer.get_extra_info("socket")
            if sock is not None:
                with contextlib.suppress(OSError):
                    linger = struct.pack("ii", 1, 0)  # on, for no time: close() sends RST
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.transport.abort()


class FaultProxy:
    """Passes bytes on to a server; on demand it loses, delays, cuts or redirects them.

    `delay` (seconds a reply) and `drip` (bytes a piece, seconds between) hold until set back to 0
    and (0, 0.0). `swallow` is left out of all replies, until set back to b"": a heartbeat of
    CouchDB's is b"1\\r\\n\\n\\r\\n". `requests`, `replies`, `connections`, `lost` and `swallowed`
    count what happened.
    """

    def __init__(self, host: str, port: int) -> None:
        self.target = (host, port)
        self.port = 0
        self.delay = 0.0
        self.drip = (0, 0.0)
        self.swallow = b""
        self.black_holed = False
        self.requests = self.replies = self.connections = self.lost = self.swallowed = 0
        self._losses: list[_Loss] = []
        self._links: set[_Link] = set()
        self._server: asyncio.Server | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault-proxy")

    @property
    def open(self) -> int:
        """How many connections are open now."""
        return len(self._links)

    def lose_reply(self, to: bytes = b"", *, skip: int = 0, silent: bool = False) -> None:
        """Lose the reply to the next request with `to` in it, after `skip` such requests.

        The server gets the request and answers; then the connection is reset or, if `silent`, left
        open without another byte.
        """
        self.cut_reply(to, skip=skip, how="silence" if silent else "reset")

    def cut_reply(
        self, to: bytes = b"", *, after: int = 0, skip: int = 0, how: _End = "reset"
    ) -> None:
        """Cut the reply to the next request with `to` in it after `after` bytes of it.

        Then the connection is reset, or closed as by a process that ends ("close"), or left open
        without another byte ("silence"). This can cut a stream in the middle of a line.
        """
        self._losses.append(_Loss(to, skip, after, how))

    def forget_losses(self) -> None:
        """Take back every `lose_reply` and `cut_reply` that has not happened yet."""
        self._losses.clear()

    def loss_of(self, data: bytes) -> _Loss | None:
        """Return the loss that is due for the reply to this request, or None."""
        for loss in list(self._losses):
            if loss.to in data:
                if loss.skip == 0:
                    self._losses.remove(loss)
                    return loss
                loss.skip -= 1
        return None

    def reset(self) -> None:
        """Cut every open connection with RST."""
        self._call(self._reset())

    async def _reset(self) -> None:
        for link in list(self._links):
            link.reset()

    def half_open(self) -> None:
        """Let every open connection die without telling the client; new ones work."""
        for link in list(self._links):
            link.dead = True

    def black_hole(self, on: bool = True) -> None:
        """Accept connections and bytes but answer nothing, until switched off."""
        self.black_holed = on

    def refuse(self) -> None:
        """Stop listening and cut all open connections: the port refuses new ones."""
        self._call(self._refuse())

    def listen(self) -> None:
        """Listen again, on the same port."""
        self._call(self._listen())

    def move(self, host: str, port: int) -> None:
        """Send new connections to another server, and cut the open ones."""
        self.target = (host, port)
        self.reset()

    def _call(self, work: Coroutine[None, None, None]) -> None:
        done: Future[None] = asyncio.run_coroutine_threadsafe(work, self._loop)
        done.result(10)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, HOST, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _refuse(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        await self._reset()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            server = await asyncio.open_connection(*self.target)
        except OSError:
            writer.transport.abort()
            return
        link = _Link(self, (reader, writer), server)
        self._links.add(link)
        try:
            # Cancelled only when the proxy closes, and then there is nobody to tell.
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await link.run()
        finally:
            self._links.discard(link)

    async def _close(self) -> None:
        await self._refuse()
        ours = asyncio.current_task()
        tasks = [task for task in asyncio.all_tasks() if task is not ours]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def start(self) -> Self:
        """Listen on a free port."""
        self._thread.start()
        self.listen()
        return self

    def close(self) -> None:
        """Cut all connections and end the thread."""
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
