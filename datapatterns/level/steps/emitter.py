"""Where the emitters of one process meet: nothing of an event is stored, so there are no keys."""

from __future__ import annotations

import threading
from typing import Any, Protocol


class Listening(Protocol):
    """The listeners of one emitter, of either face."""

    def any(self) -> bool:
        """Return whether there are listeners to what others emit."""
        ...

    def hear(self, key: str, message: tuple[str, bytes]) -> None:
        """Hand the message to the listeners of exactly this event."""
        ...

    def hear_matching(self, message: tuple[str, bytes]) -> None:
        """Hand the message to the listeners of patterns that match its event."""
        ...


class Hub:
    """The emitters of one name in one directory, of both faces and of all handles."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._emitters: dict[int, Listening] = {}

    @classmethod
    def of(cls, shared: dict[object, Any], namespace: bytes, name: str) -> Hub:
        """Return the hub of that name; the first call makes it."""
        return shared.setdefault(("emitter", namespace, name), cls())

    def join(self, listeners: Listening) -> None:
        """Hand every message to these listeners from now on."""
        with self._lock:
            self._emitters[id(listeners)] = listeners

    def leave(self, listeners: Listening) -> None:
        """Hand these listeners nothing more, unless one has been added to them meanwhile."""
        with self._lock:
            if not listeners.any():
                self._emitters.pop(id(listeners), None)

    def send(self, event: str, data: bytes) -> None:
        """Hand out a message, under the lock, so that all get everything in the same order."""
        with self._lock:
            for listeners in self._emitters.values():
                listeners.hear(event, (event, data))
                listeners.hear_matching((event, data))
