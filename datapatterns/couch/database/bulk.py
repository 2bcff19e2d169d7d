"""How many documents go into one bulk request, and the body of such a request."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from datapatterns.errors import BadGateway, InvalidArgument, TooLarge

T = TypeVar("T")
E = TypeVar("E", bound=BaseException)

MOST = 500  # documents in a request
MOST_BYTES = 2**22  # of them together; a larger document goes alone
_FIRST = 100  # documents in a request before it is known how large they are

# The errors of a request that the server did not understand or could not carry out as a whole. Its
# documents are then sent one by one, so that only the faulty one fails.
REFUSED = (InvalidArgument, TooLarge, BadGateway)


class Sizes:
    """Estimates how large the documents of a database are, from the replies seen so far."""

    def __init__(self) -> None:
        self._each = MOST_BYTES / _FIRST

    def saw(self, size: int, documents: int) -> None:
        """Learn from a reply of `size` bytes with so many documents.

        Larger documents raise the estimate at once; smaller ones lower it step by step.
        """
        each = size / max(1, documents)
        self._each = max(each, (self._each + each) / 2)

    @property
    def at_once(self) -> int:
        """Return how many documents to read in one request."""
        return max(1, min(MOST, int(MOST_BYTES / max(1.0, self._each))))


def parts(items: Sequence[tuple[T, bytes]]) -> Iterator[Sequence[tuple[T, bytes]]]:
    """Split the items, in their order, into parts of at most `MOST` items and `MOST_BYTES`."""
    begin = size = 0
    for at, (_, data) in enumerate(items):
        if at > begin and (at - begin == MOST or size + len(data) > MOST_BYTES):
            yield items[begin:at]
            begin, size = at, 0
        size += len(data)
    if items:
        yield items[begin:]


def bulk_body(documents: Iterable[bytes], *, new_edits: bool = True) -> bytes:
    """Return the body of `_bulk_docs` for documents that are JSON already."""
    end = b"]}" if new_edits else b'],"new_edits":false}'
    return b'{"docs":[' + b",".join(documents) + end


def again(error: E) -> E:
    """Return a copy of the error for another caller, since raising it adds a traceback to it."""
    other = copy.copy(error)
    other.__cause__ = error.__cause__
    return other
