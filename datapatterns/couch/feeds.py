"""What a changes feed computes without a server: its requests, and the changes in the replies.

A continuous reply is one row a line, an empty line for each heartbeat, and, when the server ends
it, a line with `last_seq`. A normal reply has its rows on lines of their own as well, within the
brackets of one JSON object, so both are read as they arrive and neither is ever held as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final, Generic, Literal, TypeVar, cast

from datapatterns.changes import Change
from datapatterns.codecs import dumps, loads
from datapatterns.couch.documents import fields_in
from datapatterns.documents import Document, load
from datapatterns.errors import (
    BadGateway,
    DataError,
    DecodeFailed,
    InvalidArgument,
    NotFound,
    Unavailable,
)
from datapatterns.names import check_name

M = TypeVar("M", bound=Document)

Row = dict[str, Any]
Raw = Mapping[str, Any]
Policy = Literal["restart", "fail"]

BEGINNING: Final = "0"
LONGEST_HEARTBEAT = 60.0  # seconds: the server takes no longer ones
_LONGEST_ROW = 2**28  # bytes; CouchDB's documents have at most 2**32, its default is 8 million
_STRANGE = "the server answered something that CouchDB does not"
_DOCUMENT = b',"doc":'  # in JSON never within a string: there the quotes would be escaped


class Gone(NotFound):
    """The collection was deleted, or deleted and made again; `last_seq` is how far it was read."""

    def __init__(self, detail: str, last_seq: str) -> None:
        super().__init__(detail, data={"last_seq": last_seq})
        self.last_seq = last_seq


class CouchChange(Change[M]):
    """A change whose document is validated when it is first looked at."""

    __slots__ = ("_model", "_raw")

    def __init__(
        self, id: str, seq: str, rev: str, deleted: bool, raw: Any, model: type[M] | None
    ) -> None:
        super().__init__(id, seq, rev, deleted)
        self._raw = raw
        self._model = model

    @property
    def document(self) -> M | None:
        """The document as it is now, None when it was deleted; DecodeFailed if it does not fit."""
        if self._raw is not None:
            self._document = self._load(self._raw)
            self._raw = None
        return super().document

    def _load(self, raw: Any) -> M | DataError:
        if isinstance(raw, DataError):
            return raw
        try:
            rev = str(raw.get("_rev", self.rev))
            if self._model is None:
                return cast("M", {**fields_in(raw), "id": self.id, "rev": rev})
            return load(self._model, self.id, rev, fields_in(raw))
        except DataError as error:
            return error


@dataclass(frozen=True, slots=True)
class Reading(Generic[M]):
    """What a feed was asked to read, and how; times in seconds."""

    model: type[M] | None = None
    filter: Callable[[Change[M]], bool] | None = None
    selector: bytes | None = None
    include_docs: bool = True
    heartbeat: float = 30.0
    inactivity: float | None = None
    on_recreated: Policy = "restart"

    def __post_init__(self) -> None:
        if self.on_recreated not in {"restart", "fail"}:
            raise InvalidArgument("on_recreated is 'restart' or 'fail'")

    @property
    def beat(self) -> float:
        """Seconds between two heartbeats of the server."""
        return min(self.heartbeat, LONGEST_HEARTBEAT)

    @property
    def silence(self) -> float:
        """Seconds after which a connection on which nothing came counts as lost."""
        return max(1.25 * self.beat, self.beat + 1.0)

    def request(
        self, since: str, *, limit: int | None = None
    ) -> tuple[str, dict[str, str], bytes | None]:
        """Method, parameters and body: of a batch, or without a limit of all that comes."""
        params = {"since": since}
        if limit is None:
            params |= {"feed": "continuous", "heartbeat": str(max(1, round(self.beat * 1000)))}
        else:
            params |= {"feed": "normal", "limit": str(limit)}
        if self.include_docs:
            params["include_docs"] = "true"
        if self.selector is None:
            return "GET", params, None
        params["filter"] = "_selector"
        return "POST", params, self.selector

    @property
    def filter_hash(self) -> str:
        """Tells selectors apart; a predicate is code, and cannot be told from another."""
        return "" if self.selector is None else blake2b(self.selector, digest_size=8).hexdigest()

    def change(self, row: Row, seq: str) -> Change[M]:
        """The change that a row tells of."""
        deleted = bool(row.get("deleted"))
        raw = row.get("doc") if self.include_docs and not deleted else None
        return CouchChange(row["id"], seq, row["changes"][0]["rev"], deleted, raw, self.model)

    def wanted(self, change: Change[M]) -> bool:
        """Whether the filter accepts it."""
        return self.filter is None or self.filter(change)


def selector_of(filter: object) -> bytes | None:
    """The body that goes with `filter=_selector`, if that is what the filter is."""
    return dumps({"selector": cast("Raw", filter)}) if isinstance(filter, Mapping) else None


def position(since: object) -> str:
    """The position to ask the server for; InvalidArgument for what cannot be one."""
    return BEGINNING if since is None else check_name("since, unless it is None,", since)


def is_design(row: Row) -> bool:
    """Whether the row is about a design document, which is no document of the collection."""
    return str(row["id"]).startswith("_design/")


def instance_of(info: Raw) -> str:
    """When the database was made, empty where the server does not tell.

    Since CouchDB 3.3 that is in seconds. A database made again within the second of its predecessor
    looks the same; but the server, whose positions name the file they belong to, then reads from
    the beginning by itself.
    """
    made = str(info.get("instance_start_time", ""))
    return "" if made == "0" else made


class Rows:
    """The rows of one reply, out of the pieces in which it arrives."""

    def __init__(self) -> None:
        self.end: Row | None = None  # the line with `last_seq`
        self.count = 0
        self.beats = 0  # empty lines: in a continuous reply, heartbeats
        self._parts: list[bytes] = []  # of a line that is not complete yet
        self._size = 0
        self._error: DataError | None = None

    def take(self, data: bytes) -> list[Row]:
        """Return the rows that this piece completes; the error for a bad line comes behind them.

        Lines end with `\\n` and nothing else: a document may hold U+2028 and its like.
        """
        if self._error is not None:
            raise self._error
        if b"\n" not in data:
            self._keep(data)
            return []
        lines = data.split(b"\n")
        lines[0] = b"".join([*self._parts, lines[0]])
        self._parts, self._size = [lines.pop()], 0
        return self._rows(lines)

    def finish(self) -> list[Row]:
        """Return what is left when the reply is over; of a broken one that is no whole line."""
        if self._error is not None:
            raise self._error
        rest, self._parts = b"".join(self._parts), []
        return self._rows([rest]) if rest.strip() else []

    def _keep(self, data: bytes) -> None:
        self._parts.append(data)
        self._size += len(data)
        if self._size > _LONGEST_ROW:
            raise BadGateway("the server sends a line without end")

    def _rows(self, lines: list[bytes]) -> list[Row]:
        rows: list[Row] = []
        try:
            for line in lines:
                self._line(line, rows)
        except DataError as error:
            if not rows:
                raise
            self._error = error
        self.count += len(rows)
        return rows

    def _line(self, line: bytes, rows: list[Row]) -> None:
        line = line.strip(b" \r,")
        if not line:
            self.beats += self.end is None
        elif line in (b'{"results":[', b"]"):
            pass
        elif line.startswith(b'"last_seq"'):
            self.end = _parsed(b"{" + line)
        else:
            row = _row(line)
            if "changes" in row:
                rows.append(_checked(row))
            elif "last_seq" in row:
                self.end = row
                rows += map(_checked, row.get("results", ()))
            else:  # an error, told in the middle of a reply that began well
                raise Unavailable("the server broke off its reply")


def _row(line: bytes) -> Row:
    try:
        return _parsed(line)
    except BadGateway as error:
        # A whole line with a document that CouchDB takes and we cannot read, such as one nested 300
        # deep: it must not stop the others.
        head, found, _ = line.partition(_DOCUMENT)
        if not found or not line.endswith(b"}}"):
            raise
        row = _parsed(head + b"}")
        row["doc"] = DecodeFailed(
            f"the stored document {row.get('id')!r} is not JSON", data={"id": row.get("id")}
        )
        row["doc"].__cause__ = error.__cause__
        return row


def _checked(row: Row) -> Row:
    try:
        known = isinstance(row["id"], str) and isinstance(row["changes"][0]["rev"], str)
    except (KeyError, IndexError, TypeError):
        known = False
    if not known:
        raise BadGateway(_STRANGE)
    return row


def _parsed(line: bytes) -> Row:
    try:
        row = loads(line)
    except DecodeFailed as error:
        raise BadGateway(_STRANGE) from error
    if not isinstance(row, dict):
        raise BadGateway(_STRANGE)
    return cast("Row", row)
