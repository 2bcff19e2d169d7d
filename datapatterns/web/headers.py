"""Headers between documents and HTTP: ETag and If-Match for revisions, Link for pages."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, Self
from urllib.parse import quote, unquote

from datapatterns.documents import Document
from datapatterns.errors import (
    Conflict,
    InvalidArgument,
    PreconditionFailed,
    PreconditionRequired,
)
from datapatterns.pages import Page

# What a revision may keep of itself in a tag; the rest is percent-encoded.
_PLAIN = "-._~!$&'()*+;=:@/"
# RFC 9110, 8.8.3: any visible character but the quote, and those above ASCII.
_TAG = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')


class Headers(Protocol):
    """The headers of a request in any of the frameworks."""

    def get(self, key: str, /) -> str | None:
        """Return the header, whatever its case."""
        ...


class HasHeaders(Protocol):
    """A request of any of the frameworks."""

    @property
    def headers(self) -> Any:
        """The request's headers."""
        ...


def etag(document: Document) -> str:
    """The strong entity tag of the document's revision, for the header ETag."""
    if document.rev is None:
        raise InvalidArgument("a document that was never stored has no revision")
    return f'"{quote(document.rev, safe=_PLAIN)}"'


def if_match(source: HasHeaders | str | None, *, required: bool = True) -> IfMatch:
    """What the request's If-Match (or that header's value) asks for.

    Raises PreconditionRequired if there is none, unless `required=False`, and InvalidArgument for
    what is no list of entity tags.
    """
    value = source if source is None or isinstance(source, str) else _if_match_of(source.headers)
    if value is None:
        if required:
            raise PreconditionRequired("this request needs If-Match with the ETag that was read")
        return IfMatch(None)
    if value.strip(" \t") == "*":
        return IfMatch(None)
    return IfMatch(frozenset(_revisions(value)))


@dataclass(frozen=True, slots=True)
class IfMatch:
    """The revisions a request may change; None stands for any (`*`, or no header at all).

    Writing with `rev` is what makes it safe: the store compares and writes in one step, so nobody
    can come between. As a context manager it turns the store's Conflict (`stale_revision`) into
    PreconditionFailed, since it was the client that named the revision:

        with if_match(request) as match:
            user = users.update(id, changes, rev=match.rev)

    `rev` reads nothing first, and takes one tag. For a list of them read the document and use
    `rev=match.rev_of(document)`. Weak tags never match, as the RFC has it for If-Match.
    """

    revs: frozenset[str] | None

    @property
    def rev(self) -> str | None:
        """The one revision asked for, None for any; PreconditionFailed if only weak ones were."""
        if self.revs is None:
            return None
        if not self.revs:
            raise _failed()
        if len(self.revs) > 1:
            raise InvalidArgument("If-Match takes one entity tag here")
        return next(iter(self.revs))

    def rev_of(self, document: Document) -> str | None:
        """The document's revision to write with, None for any; PreconditionFailed if it differs."""
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
    """The header Link of a page (RFC 8288) at that URL; none if it is the only one."""
    value = page.links(str(url))
    return {"Link": value} if value else {}


def _failed() -> PreconditionFailed:
    return PreconditionFailed("it was changed since; read it again")


def _if_match_of(headers: Any) -> str | None:
    """All lines of the header; frameworks differ in how to ask for more than the first."""
    name = "if-match"
    every: Callable[[str], list[str]] | None = getattr(headers, "getlist", None)
    if every is None and hasattr(headers, "getall"):
        return ", ".join(headers.getall(name, [])) or headers.get(name)
    lines = every(name) if every is not None else None
    return ", ".join(lines) if lines else headers.get(name)


def _revisions(value: str) -> list[str]:
    """The revisions of the strong tags in the list."""
    revisions: list[str] = []
    rest = value.strip(" \t,")
    while rest:
        found = _TAG.match(rest)
        if found is None:
            raise InvalidArgument('If-Match is a list of entity tags, as in "3", or *')
        weak, tag = found.groups()
        plain = unquote(tag)
        # A tag that we would have spelled otherwise is none of ours, and matches nothing.
        if not weak and quote(plain, safe=_PLAIN) == tag:
            revisions.append(plain)
        after = rest[found.end() :].lstrip(" \t")
        if after and not after.startswith(","):
            raise InvalidArgument("entity tags are separated by commas")
        rest = after.lstrip(" \t,")
    if not value.strip(" \t,"):
        raise InvalidArgument("If-Match is empty")
    return revisions
