"""Servers for the application: one that runs until it is stopped, and one in a thread."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from ipaddress import ip_address
from types import TracebackType
from typing import Self

import uvicorn
from fastapi import FastAPI

from datapatterns.demo.mailroom.app import LOOPBACK, create_app
from datapatterns.demo.mailroom.office import Settings

PREFERRED = 8025


class Server(uvicorn.Server):
    """A uvicorn server that ends the event streams and returns after a signal."""

    def __init__(self, app: FastAPI, ready: Callable[[], object]) -> None:
        # serve() below runs the lifespan: uvicorn would only log its errors.
        super().__init__(uvicorn.Config(app, lifespan="off", log_level="warning"))
        self._app = app
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and call `ready`."""
        await super().startup(sockets)
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the event streams, for which the server would wait, and stop."""
        self._app.state.live.close()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Stop on SIGINT and SIGTERM, if this is the main thread."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        both = signal.SIGINT, signal.SIGTERM
        before = [signal.signal(number, self.handle_exit) for number in both]
        try:
            yield
        finally:
            for number, handler in zip(both, before, strict=True):
                signal.signal(number, handler)


def bind(host: str, port: int | None) -> socket.socket:
    """Return a listening socket; without a port it takes the preferred one, or any free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    if port is not None:
        return socket.create_server((host, port), family=family)
    try:
        return socket.create_server((host, PREFERRED), family=family)
    except OSError:
        return socket.create_server((host, 0), family=family)


def address(listener: socket.socket) -> str:
    """Return the URL of the listening socket."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def serve(
    settings: Settings,
    listener: socket.socket,
    ready: Callable[[], object],
    made: Callable[[Server], object] = lambda server: None,
) -> None:
    """Open the stores and serve until stopped; errors of opening a store are raised."""
    host = listener.getsockname()[0]
    # A server that listens on all addresses cannot know its host names, so it accepts any.
    anywhere = ip_address(host).is_unspecified
    app = create_app(settings, hosts=None if anywhere else {*LOOPBACK, host})
    async with app.router.lifespan_context(app):
        server = Server(app, ready)
        made(server)
        await server.serve(sockets=[listener])


class Background:
    """Serves in a thread during a `with` block, at `url`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._listener = bind("127.0.0.1", 0)
        self.url = address(self._listener)
        self._server: Server | None = None
        self._error: BaseException | None = None
        self._settled = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mailroom")

    def __enter__(self) -> Self:
        self._thread.start()
        self._settled.wait()
        if self._error is not None:
            self._thread.join()
            raise self._error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._server is not None:
            self._server.should_exit = True
        self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(serve(self.settings, self._listener, self._settled.set, self._made))
        except Exception as error:
            if self._settled.is_set():
                sys.excepthook(type(error), error, error.__traceback__)
            self._error = error
        finally:
            self._listener.close()
            self._settled.set()

    def _made(self, server: Server) -> None:
        self._server = server
