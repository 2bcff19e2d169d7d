"""Replies that our JSON parser refuses, since a document in them is nested too deeply or has a
whole number of too many digits. CouchDB stores such documents, and they must not spoil the others.

The documents are cut out of the reply, and each is parsed by itself. The cost is one pass over the
reply, with no recursion, and only for replies that could not be parsed as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, cast

from datapatterns.core.codecs import loads
from datapatterns.errors import DecodeFailed

# At which level of nesting the documents of a reply begin.
DOCUMENT = 1  # the reply itself
ROW = 4  # {"rows": [{"doc": {
LEAF = 6  # {"results": [{"docs": [{"ok": {

_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[\[\]{}]', re.DOTALL)
# JSON with less than both of these is refused for another reason: it is broken.
_DEEP = 190
_LONG = re.compile(rb"\d{4300}")


class _Cutter:
    """Cuts the objects and arrays that begin at one level out of JSON text."""

    def __init__(self, level: int) -> None:
        self.parts: list[tuple[bytes, int]] = []  # each with its own depth
        self._level = level

    def rest(self, data: bytes) -> bytes:
        """Return the text with `[n]` in the place of the part of number n.

        Raise DecodeFailed if brackets do not match in number.
        """
        kept: list[bytes] = []
        depth = deepest = begin = end = 0
        for token in _TOKEN.finditer(data):
            kind = data[token.start() : token.start() + 1]
            if kind in (b"[", b"{"):
                depth += 1
                if depth == self._level:
                    begin, deepest = token.start(), depth
                deepest = max(deepest, depth)
            elif kind in (b"]", b"}"):
                if depth == self._level:
                    kept += [data[end:begin], b"[%d]" % len(self.parts)]
                    end = token.end()
                    self.parts.append((data[begin:end], deepest - depth + 1))
                depth -= 1
        if depth:
            raise DecodeFailed("a reply is cut short")
        return b"".join([*kept, data[end:]])


def salvaged(data: bytes, level: int) -> Any:
    """Return the JSON value; what cannot be parsed at this level of nesting stays text, as bytes.

    Raise DecodeFailed if it is no JSON.
    """
    cutter = _Cutter(level)
    rest = loads(cutter.rest(data))
    return _filled(rest, [_parsed(*part) for part in cutter.parts], level)


def _parsed(part: bytes, depth: int) -> Any:
    try:
        return loads(part)
    except DecodeFailed:
        if depth < _DEEP and _LONG.search(part) is None:
            raise
        return part


def _filled(value: Any, parts: Sequence[Any], level: int) -> Any:
    """Return the value with the parts in their places."""
    if isinstance(value, list):
        items = cast("list[Any]", value)  # type: ignore[redundant-cast]  # pyright sees list[Unknown]
        if level == 1:
            return parts[items[0]]
        return [_filled(item, parts, level - 1) for item in items]
    if isinstance(value, dict):
        members = cast("dict[str, Any]", value)
        return {name: _filled(item, parts, level - 1) for name, item in members.items()}
    return value
