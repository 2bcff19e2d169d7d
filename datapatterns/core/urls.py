"""Taking URLs apart so that no password can stand in an error, its cause or its context.

The errors of `urllib` quote parts of a URL. So they are dropped before an error of ours is raised.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar
from urllib.parse import SplitResult, urlsplit

from datapatterns.errors import InvalidArgument

T = TypeVar("T")

ENCODE = "percent-encode the characters / ? # @ : % of a password in a URL, such as %2F for /"


def without_cause(make: Callable[[], T], message: str) -> T:
    """Return what `make` returns; if it raises ValueError, raise InvalidArgument with the message.

    The error has neither cause nor context.
    """
    try:
        return make()
    except ValueError:
        pass
    raise InvalidArgument(message)


def split_url(url: object, message: str) -> SplitResult:
    """Return the parts of the URL of a server; raise InvalidArgument with the message if it is bad.

    An @ behind the host is refused: then a character of the password has ended the host, and a part
    of the password would be taken for something else.
    """
    if not isinstance(url, str):
        raise InvalidArgument(message)
    behind = url.partition("://")[2]
    host = min((behind.find(mark) for mark in "/?#" if mark in behind), default=len(behind))
    if "@" in behind[host:]:
        raise InvalidArgument(f"{message}; {ENCODE}")
    return without_cause(partial(urlsplit, url), message)
