"""The rows of a changes feed, parsed from the pieces in which a reply arrives.

A continuous reply has one row a line, an empty line for each heartbeat, and, when the server ends
it, a line with `last_seq`. A normal reply also has each row on a line of its own, within the
brackets of one JSON object. So one parser reads both, and no reply is ever held as a whole.
"""

from __future__ import annotations

from typing import Any, cast

from datapatterns.core.codecs import loads
from datapatterns.couch.http.errors import unexpected_answer
from datapatterns.errors import BadGateway, DataError, DecodeFailed, Unavailable

ChangeRow = dict[str, Any]

_LONGEST_ROW = 2**28  # bytes; CouchDB's documents have at most 2**32, its default is 8 million
_DOCUMENT = b',"doc":'  # in JSON never within a string: there the quotes would be escaped


def is_design(row: ChangeRow) -> bool:
    """Return whether the row is about a design document, which the feed passes over."""
    return str(row["id"]).startswith("_design/")


class RowParser:
    """Parses the rows of one reply out of the pieces in which it arrives."""

    def __init__(self) -> None:
        self.end: ChangeRow | None = None  # the line with `last_seq`
        self.count = 0
        self.beats = 0  # empty lines: in a continuous reply, heartbeats
        self._parts: list[bytes] = []  # of the line that is still incomplete
        self._size = 0
        self._error: DataError | None = None

    def take(self, data: bytes) -> list[ChangeRow]:
        """Return the rows that this piece completes; the error of a bad line is raised after them.

        Lines end with `\\n` and nothing else: a document may hold U+2028 and similar characters.
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

    def finish(self) -> list[ChangeRow]:
        """Return the row in a last line without `\\n`, when the reply has ended."""
        if self._error is not None:
            raise self._error
        rest, self._parts = b"".join(self._parts), []
        return self._rows([rest]) if rest.strip() else []

    def _keep(self, data: bytes) -> None:
        """Keep a part of a line that is still incomplete; raise BadGateway if it grows too long."""
        self._parts.append(data)
        self._size += len(data)
        if self._size > _LONGEST_ROW:
            raise BadGateway("the server sent a line that is too long for a row")

    def _rows(self, lines: list[bytes]) -> list[ChangeRow]:
        """Return the rows in these lines; keep an error behind them for the next call."""
        rows: list[ChangeRow] = []
        try:
            for line in lines:
                self._line(line, rows)
        except DataError as error:
            if not rows:
                raise
            self._error = error
        self.count += len(rows)
        return rows

    def _line(self, line: bytes, rows: list[ChangeRow]) -> None:
        """Parse one line; append its row, or note a heartbeat or the end of the reply."""
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
            else:  # the server reports an error in the middle of a reply that began well
                raise Unavailable("the server broke off its reply")


def _row(line: bytes) -> ChangeRow:
    """Return the row in a line; a document that cannot be parsed is replaced by a DecodeFailed."""
    try:
        return _parsed(line)
    except BadGateway:
        # A whole line with a document that CouchDB accepts and our parser does not, such as one
        # nested 300 deep: it must not stop the feed.
        head, found, rest = line.partition(_DOCUMENT)
        if not found or not rest.endswith(b"}}"):
            raise
        row = _parsed(head + b"}")
        row["doc"] = _document(row.get("id"), rest[:-1])
        return row


def _document(id: object, data: bytes) -> ChangeRow | DecodeFailed:
    """Return the document; it may be parsed by itself, which is one level less, or not at all."""
    try:
        return _parsed(data)
    except BadGateway as error:
        message = f"the stored document {id!r} is not JSON that can be read"
        failed = DecodeFailed(message, data={"id": id})
        failed.__cause__ = error.__cause__
        return failed


def _checked(row: ChangeRow) -> ChangeRow:
    """Return the row unchanged; raise BadGateway unless it has an id and a revision."""
    try:
        known = isinstance(row["id"], str) and isinstance(row["changes"][0]["rev"], str)
    except (KeyError, IndexError, TypeError):
        known = False
    if not known:
        raise unexpected_answer()
    return row


def _parsed(line: bytes) -> ChangeRow:
    """Return the JSON object in a line; raise BadGateway for anything else."""
    try:
        row = loads(line)
    except DecodeFailed as error:
        raise unexpected_answer() from error
    if not isinstance(row, dict):
        raise unexpected_answer()
    return cast("ChangeRow", row)
