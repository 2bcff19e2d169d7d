"""The clients that this library opened and has closed: redis-py would connect them again.

Every function that takes a connection from a client calls `check_open` first. A client that the
caller lent is never noted here.
"""

from __future__ import annotations

from typing import Any
from weakref import WeakSet

from datapatterns.errors import Closed

_closed: WeakSet[Any] = WeakSet()


def note_closed(client: Any) -> None:
    """Make `check_open` raise Closed for this client from now on."""
    _closed.add(client)


def is_closed(client: Any) -> bool:
    """Return whether this library has closed the client."""
    return client in _closed


def check_open(client: Any) -> None:
    """Raise Closed if this library has closed the client."""
    if is_closed(client):
        raise Closed("the store is closed")
