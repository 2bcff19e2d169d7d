"""An emitter in LevelDB's process."""

from __future__ import annotations

import threading

from datapatterns._async.listening import AsyncListeners, AsyncListening
from datapatterns._sync.listening import Listeners, Listening
from datapatterns.checks import check_name
from datapatterns.level.space import HasSpace
from datapatterns.level.space import LegacySpace as Space

_TIMEOUT = 10.0  # nothing here waits


class _Hub:
    """The emitters of one name in one directory, of both faces, whichever handle they came from."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ears: dict[int, Listeners | AsyncListeners] = {}

    def join(self, ears: Listeners | AsyncListeners) -> None:
        with self._lock:
            self._ears[id(ears)] = ears

    def leave(self, ears: Listeners | AsyncListeners) -> None:
        """Tell it nothing more, unless somebody has begun to listen there meanwhile."""
        with self._lock:
            if not ears.any():
                self._ears.pop(id(ears), None)

    def send(self, event: str, data: bytes) -> None:
        """Under the lock, so that all hear everything in the same order."""
        with self._lock:
            for ears in self._ears.values():
                ears.hear(event, (event, data))
                ears.hear_matching((event, data))


def _hub(space: Space, name: str) -> _Hub:
    key = ("emitter", space.prefix, check_name("a name", name))
    hub: _Hub = space.engine.shared.setdefault(key, _Hub())
    return hub


class Emitter(Listening):
    """Events between all who have the directory open, which is one process.

    Nothing is stored. A hub in the directory's engine, shared by all handles and both faces, puts
    each message into the buffers of its listeners, in one order for all, and every emitter calls
    its listeners: this face on one background thread, the async one on its loop. So an `emit` never
    waits for a listener, nothing connects, and no message can be missed except by a listener that
    lags more than `buffer` behind, which `gap` announces. `durable` therefore changes nothing here.

    A message costs a JSON encoding, and a decoding for each listener. Close the emitter after use:
    closing the directory does not. InvalidArgument for a payload that JSON cannot hold, Closed once
    closed.
    """

    def __init__(
        self, client: HasSpace, name: str = "events", *, durable: bool = False, buffer: int = 1024
    ) -> None:
        super().__init__(buffer, _TIMEOUT)
        self._space = client.space
        self._hub = _hub(self._space, name)

    def _begin(self, event: str, timeout: float, at: None) -> None:
        with self._space.gate:
            self._hub.join(self._listeners)

    def _end(self, event: str) -> None:
        self._hub.leave(self._listeners)

    def _send(self, event: str, data: bytes) -> None:
        with self._space.gate:
            self._hub.send(event, data)

    def _stop(self) -> None:
        self._hub.leave(self._listeners)


class AsyncEmitter(AsyncListening):
    """`Emitter` for asyncio: the same methods, awaited.

    Listeners run on the loop of the first `on`, and may be async functions. One that blocks, blocks
    the loop.
    """

    def __init__(
        self, client: HasSpace, name: str = "events", *, durable: bool = False, buffer: int = 1024
    ) -> None:
        super().__init__(buffer, _TIMEOUT)
        self._space = client.space
        self._hub = _hub(self._space, name)

    async def _begin(self, event: str, timeout: float, at: None) -> None:
        with self._space.gate:
            self._hub.join(self._listeners)

    def _end(self, event: str) -> None:
        self._hub.leave(self._listeners)

    async def _send(self, event: str, data: bytes) -> None:
        with self._space.gate:
            self._hub.send(event, data)

    async def _stop(self) -> None:
        self._hub.leave(self._listeners)
