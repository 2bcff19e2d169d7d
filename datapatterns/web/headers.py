"""HTTP headers for documents and pages: ETag and If-Match for revisions, Link for pages."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, Self
from urllib.parse import quote, unquote

from datapatterns.core.documents import Document
from datapatterns.core.pages import Page
from datapatterns.errors import (
    Conflict,
    InvalidArgument,
    PreconditionFailed,
    PreconditionRequired,
)

# Characters of a revision that stay as they are in a tag; all others are percent-encoded.
_PLAIN = "-._~!$&'()*+;=:@/"
# RFC 9110, 8.8.3: any visible character except the quote, and characters above ASCII.
_TAG = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')


class Headers(Protocol):
    """The headers of a request, in any framework."""

    def get(self, key: str, /) -> str | None:
        """Return the header with this name, in upper or lower case."""
        ...


class HasHeaders(Protocol):
    """A request, in any framework."""

    @property
    def headers(self) -> Any:
        """Return the headers of the request."""
        ...


def etag(document: Document) -> str:
    """Return the strong entity tag of the document's revision, for the header ETag."""
    if document.rev is None:
        raise InvalidArgument("the document was never stored and has no revision; store it first")
    return f'"{quote(document.rev, safe=_PLAIN)}"'


def if_match(source: HasHeaders | str | None, *, required: bool = True) -> IfMatch:
    """Return the revisions in the header If-Match; `source` is a request, or the header's value.

    Raise PreconditionRequired if the header is absent, unless `required=False`, and
    InvalidArgument if its value is not a list of entity tags.
    """
    value = source if source is None or isinstance(source, str) else _if_match_of(source.headers)
    if value is None:
        if required:
            raise PreconditionRequired("send the header If-Match with the ETag that you have read")
        return IfMatch(None)
    if value.strip(" \t") == "*":
        return IfMatch(None)
    return IfMatch(frozenset(_revisions(value)))


@dataclass(frozen=True, slots=True)
class IfMatch:
    """The revisions that a request may change; None stands for any (`*`, or no header at all).

    Pass `rev` to the write: the store compares and writes in one step, so no other writer can come
    between. As a context manager it turns the store's Conflict (`stale_revision`) into
    PreconditionFailed, since the client named the revision:

        with if_match(request) as match:
            user = users.update(id, changes, rev=match.rev)

    `rev` accepts one tag. For a list of tags read the document first, and use
    `rev=match.rev_of(document)`. Weak tags never match, as RFC 9110 requires for If-Match.
    """

    revs: frozenset[str] | None

    @property
    def rev(self) -> str | None:
        """Return the one revision, None for any; raise PreconditionFailed if all tags are weak."""
        if self.revs is None:
            return None
        if not self.revs:
            raise _failed()
        if len(self.revs) > 1:
            raise InvalidArgument("If-Match has several entity tags; send one")
        return next(iter(self.revs))

    def rev_of(self, document: Document) -> str | None:
        """Return the document's revision, None for any; raise PreconditionFailed if none match."""
        if self.revs is None:
            return None
        if document.rev not in self.revs:
            raise _failed()
        return document.rev

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        stale = isinstance(error, Conflict) and error.reason == "stale_revision"
        if stale and self.revs is not None:
            raise _failed() from error


def links(page: Page[Any], url: object) -> dict[str, str]:
    """Return the header Link (RFC 8288) of the page at this URL; no header for a single page."""
    value = page.links(str(url))
    return {"Link": value} if value else {}


def _failed() -> PreconditionFailed:
    return PreconditionFailed("the document was changed since it was read; read it again")


def _if_match_of(headers: Any) -> str | None:
    """Return all lines of the header, joined; frameworks have different methods for that."""
    name = "if-match"
    every: Callable[[str], list[str]] | None = getattr(headers, "getlist", None)
    if every is None and hasattr(headers, "getall"):
        return ", ".join(headers.getall(name, [])) or headers.get(name)
    lines = every(name) if every is not None else None
    return ", ".join(lines) if lines else headers.get(name)


def _revisions(value: str) -> list[str]:
    """Return the revisions of the strong tags in the list."""
    revisions: list[str] = []
    rest = value.strip(" \t,")
    while rest:
        found = _TAG.match(rest)
        if found is None:
            raise InvalidArgument(
                'If-Match must be a list of quoted entity tags, such as "3", or *'
            )
        weak, tag = found.groups()
        plain = unquote(tag)
        # A tag that etag() would have written differently is not ours, and matches no revision.
        if not weak and quote(plain, safe=_PLAIN) == tag:
            revisions.append(plain)
        after = rest[found.end() :].lstrip(" \t")
        if after and not after.startswith(","):
            raise InvalidArgument("If-Match must have commas between its entity tags")
        rest = after.lstrip(" \t,")
    if not value.strip(" \t,"):
        raise InvalidArgument("If-Match is empty; send an entity tag, or *")
    return revisions
