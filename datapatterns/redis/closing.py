"""Which clients of our own were closed: redis-py would connect them again without a word.

Looked at wherever a connection is taken. A lent client is never among them.
"""

from __future__ import annotations

from typing import Any
from weakref import WeakSet

from datapatterns.errors import Closed

_closed: WeakSet[Any] = WeakSet()


def note_closed(client: Any) -> None:
    """Refuse this client from now on."""
    _closed.add(client)


def is_closed(client: Any) -> bool:
    """Whether the client was closed by us."""
    return client in _closed


def check_open(client: Any) -> None:
    """Closed if the client was closed."""
    if is_closed(client):
        raise Closed("the store is closed")
