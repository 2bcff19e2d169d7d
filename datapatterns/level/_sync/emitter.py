# Generated from datapatterns/level/_async/emitter.py by scripts/unasync.py; do not edit.
"""An emitter in LevelDB's process."""

from __future__ import annotations

from typing_extensions import override

from datapatterns.core.checks import check_flag, check_name
from datapatterns.level._sync.level import Level
from datapatterns.level.engine.space import Space
from datapatterns.level.steps.emitter import Hub
from datapatterns.patterns._sync.emitter import BaseEmitter

_TIMEOUT = 10.0  # seconds; nothing here waits


class Emitter(BaseEmitter):
    """Events between all who have the directory open, which is one process.

    Nothing is stored. A hub in the directory's engine, shared by all handles and both faces, puts
    each message into the buffers of its listeners, in one order for all, and every emitter calls
    its listeners: the sync face on one background thread, the async one on the loop of its first
    `on`, where listeners may be async functions and one that blocks, blocks the loop. So an `emit`
    never waits for a listener, nothing connects, and no message can be missed except by a listener
    that lags more than `buffer` behind, which `gap` announces. `durable` therefore changes nothing.

    A message costs a JSON encoding, and a decoding for each listener. Close the emitter after use:
    closing the directory does not. InvalidArgument for a payload that JSON cannot hold, Closed once
    closed.
    """

    def __init__(
        self, client: Level, name: str = "events", *, durable: bool = False, buffer: int = 1024
    ) -> None:
        check_flag("durable", durable)
        super().__init__(buffer, _TIMEOUT)
        self._space = Space.of(client)
        check_name("a name", name)
        self._hub = Hub.of(self._space.engine.shared, self._space.prefix, name)

    @override
    def _begin(self, event: str, timeout: float, at: None) -> None:
        with self._space.gate:
            self._hub.join(self._listeners)

    @override
    def _end(self, event: str) -> None:
        self._hub.leave(self._listeners)

    @override
    def _send(self, event: str, data: bytes) -> None:
        with self._space.gate:
            self._hub.send(event, data)

    @override
    def _stop(self) -> None:
        self._hub.leave(self._listeners)
