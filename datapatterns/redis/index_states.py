"""The indexes of a collection as Redis has them: their names, their states, their definitions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from datapatterns.core import tuples
from datapatterns.core.codecs import loads
from datapatterns.core.index_columns import Column
from datapatterns.core.indexes import Each, Index
from datapatterns.core.model_fields import MISSING, StoredField
from datapatterns.errors import DataCorrupted, DecodeFailed, Unavailable


def index_key(index: Index) -> bytes:
    """Return the name of the index in Redis, which differs when its definition differs."""
    digest = blake2b(index.definition().encode(), digest_size=4).hexdigest()
    return tuples.pack((index.name, digest))


@dataclass(frozen=True, slots=True)
class IndexState:
    """The state of an index, which is stored as the text `token:complete:at:definition`.

    The token is that of one declaration: an index that was forgotten and declared again has another
    one. `at` is the least id, in UTF-8, of the documents that are still to be indexed, or None when
    the index is not being filled. A complete index has an `at` while it is filled again. The
    definition of a unique index is stored for writers that do not declare it; others have "".
    """

    token: str
    complete: bool = False
    at: bytes | None = b""
    definition: str = ""

    @classmethod
    def of(cls, text: bytes) -> IndexState:
        """Return the state in the text; raise DataCorrupted if it is not one."""
        try:
            token, complete, at, definition = text.decode().split(":", 3)
            return cls(token, complete == "1", None if at == "-" else bytes.fromhex(at), definition)
        except ValueError as error:
            raise DataCorrupted("the stored state of an index cannot be read") from error

    def __bytes__(self) -> bytes:
        at = "-" if self.at is None else self.at.hex()
        return f"{self.token}:{int(self.complete)}:{at}:{self.definition}".encode()


@dataclass(frozen=True, slots=True)
class KnownIndex:
    """An index that a writer keeps, its name in Redis, and how it keeps it.

    It is "ordered" or "unique" if the repository declares it. A unique index that only other
    programs declare is "bound", or "claimed" if it has a condition, which is not known here: then
    every document with values for it gets entries and a mark, for the others to ask the condition.
    """

    key: bytes
    index: Index
    kind: str

    @classmethod
    def own(cls, index: Index) -> KnownIndex:
        """Return an index that the repository declares."""
        return cls(index_key(index), index, "unique" if index.unique else "ordered")

    @classmethod
    def foreign(cls, key: bytes, definition: bytes) -> KnownIndex:
        """Return the unique index of another program; raise Unavailable if it cannot be read."""
        try:
            columns, each, unique, condition = loads(definition)
            steps = tuple(map(_column, columns))
            fields = [".".join(step.name for step in column) for column in steps]
            chosen = [Each(name) if n == each else name for n, name in enumerate(fields)]
            index = Index(tuples.unpack(key)[0], *chosen, unique=unique).of_columns(steps)
        except (DecodeFailed, ValueError, TypeError, LookupError) as error:
            message = "another program declares a unique index that this version cannot keep"
            raise Unavailable(message) from error
        return cls(key, index, "bound" if condition is None else "claimed")


def _column(steps: Sequence[Any]) -> Column:
    return tuple(
        StoredField(
            str(sources[0][0]),
            tuple(map(tuple, sources)),
            MISSING if default is None else default[0],
        )
        for sources, default in steps
    )
