"""How much goes into one request for many documents, and what it is made of."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from datapatterns.errors import BadGateway, InvalidArgument, TooLarge

T = TypeVar("T")
E = TypeVar("E", bound=BaseException)

MOST = 500  # documents in a request
MOST_BYTES = 2**22  # of them together; a larger one goes alone
_FIRST = 100  # documents in a request before it is known how large they are

# What a server says of a request that it did not understand or could not carry out as a whole:
# then each member is sent by itself, so that nobody pays for another's mistake.
REFUSED = (InvalidArgument, TooLarge, BadGateway)


class Sizes:
    """How large the documents of a database are, as far as they have been seen."""

    def __init__(self) -> None:
        self._each = MOST_BYTES / _FIRST

    def saw(self, size: int, documents: int) -> None:
        """Learn from a reply: at once that they are large, little by little that they are small."""
        each = size / max(1, documents)
        self._each = max(each, (self._each + each) / 2)

    @property
    def at_once(self) -> int:
        """How many to read in one request."""
        return max(1, min(MOST, int(MOST_BYTES / max(1.0, self._each))))


def parts(items: Sequence[tuple[T, bytes]]) -> Iterator[Sequence[tuple[T, bytes]]]:
    """The items in their order, in parts of at most so many and so many bytes."""
    begin = size = 0
    for at, (_, data) in enumerate(items):
        if at > begin and (at - begin == MOST or size + len(data) > MOST_BYTES):
            yield items[begin:at]
            begin, size = at, 0
        size += len(data)
    if items:
        yield items[begin:]


def bulk_body(documents: Iterable[bytes]) -> bytes:
    """The body of `_bulk_docs` for documents that are JSON already."""
    return b'{"docs":[' + b",".join(documents) + b"]}"


def again(error: E) -> E:
    """The same error for another caller: who raises it writes a traceback into it."""
    other = copy.copy(error)
    other.__cause__ = error.__cause__
    return other
