"""The backends of the library: the module of each, and the schemes of the URLs that it serves.

Importing this imports no driver: `load` imports a backend's module when its first store is made.
Which class is which pattern stands in `Backend.patterns` and `AsyncBackend.patterns` there.
"""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module
from types import ModuleType

from datapatterns.errors import InvalidArgument

# Each module has a `Backend` and an `AsyncBackend`, which are made with a URL and a namespace.
MODULES = {
    "level": "datapatterns.level.backend",
    "redis": "datapatterns.redis.backend",
    "couch": "datapatterns.couch.backend",
}

SCHEMES = {
    "level": "level",
    "redis": "redis",
    "rediss": "redis",
    "valkey": "redis",
    "redis+cluster": "redis",
    "redis+sentinel": "redis",
    "couch+http": "couch",
    "couch+https": "couch",
}


def load(backend: str) -> ModuleType:
    """Import and return the module of the backend; ImportError names the extra to install."""
    return import_module(MODULES[backend])


def backend_of(scheme: str) -> str:
    """Return the name of the backend that serves the scheme; raise InvalidArgument for others."""
    if scheme not in SCHEMES:
        raise InvalidArgument(_unknown(scheme))
    return SCHEMES[scheme]


def _unknown(scheme: str) -> str:
    """Return the message for an unknown scheme: the known ones, and a similar one if any."""
    message = f"the URL of a store begins with one of: {', '.join(SCHEMES)}"
    for similar in get_close_matches(scheme, SCHEMES, n=1, cutoff=0.5):
        message += f"; for {scheme}: it is {similar}:{'' if similar == 'level' else '//'}"
    return message
