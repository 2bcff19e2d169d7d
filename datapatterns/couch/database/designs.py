"""Design documents as values: what a database should have, compared with what it has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, cast

from datapatterns.core.checks import check_name
from datapatterns.core.codecs import dumps
from datapatterns.errors import InvalidArgument

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class View:
    """A view: the source of its map function and, if it has one, of its reduce function.

    The built-in reducers (`_count`, `_sum`, `_stats`, `_approx_count_distinct`) run inside the
    server, many times as fast as a reduce function in JavaScript.
    """

    map: str
    reduce: str | None = None

    def __post_init__(self) -> None:
        check_name("a view's map function", self.map)
        if self.reduce is not None:
            check_name("a view's reduce function", self.reduce)

    def stored(self) -> Json:
        """Return the view as a design document holds it."""
        return (
            {"map": self.map} if self.reduce is None else {"map": self.map, "reduce": self.reduce}
        )


@dataclass(frozen=True, slots=True)
class DesignDocument:
    """A design document: its views by name, and optionally filters and a validation of writes.

    The server builds all views of one design document together, and all of them again when one
    changes. With one design document for each index, a change rebuilds one index only. `options`
    are CouchDB's own: `partitioned`, `local_seq`, `include_design`. `validate` is a
    `validate_doc_update` function.

    The stored document gets the fields given here; its other fields stay as they are.
    """

    name: str
    views: Mapping[str, View] = field(default_factory=dict[str, View])
    filters: Mapping[str, str] = field(default_factory=dict[str, str], kw_only=True)
    validate: str | None = field(default=None, kw_only=True)
    language: str = field(default="javascript", kw_only=True)
    options: Mapping[str, bool] = field(default_factory=dict[str, bool], kw_only=True)

    def __post_init__(self) -> None:
        check_name("a design document's name", self.name)
        for name, view in self.views.items():
            if check_name("a view's name", name) == "lib" or not _is(view, View):
                raise InvalidArgument(
                    "views must map names to View objects; the name lib is reserved by CouchDB"
                )
        for name, source in self.filters.items():
            check_name("a filter's name", name)
            check_name("a filter's function", source)
        if self.validate is not None:
            check_name("a validation's function", self.validate)
        dumps(self.stored())

    @property
    def id(self) -> str:
        """Return the id of the document."""
        return f"_design/{self.name}"

    def stored(self) -> Json:
        """Return the fields that the stored document must have."""
        fields: Json = {
            "language": self.language,
            "views": {name: view.stored() for name, view in self.views.items()},
        }
        if self.options:
            fields["options"] = dict(self.options)
        if self.filters:
            fields["filters"] = dict(self.filters)
        if self.validate is not None:
            fields["validate_doc_update"] = self.validate
        return fields

    def is_in(self, document: Mapping[str, Any]) -> bool:
        """Return whether the stored document has all of `stored()` unchanged."""
        return all(
            name in document and canonical(document[name]) == canonical(value)
            for name, value in self.stored().items()
        )

    def aside(self) -> DesignDocument:
        """Return a second design document with the same index, under a name of its own.

        Two design documents with equal views, language and options share one index.
        """
        index = {name: self.stored().get(name) for name in ("views", "language", "options")}
        digest = blake2b(canonical(index), digest_size=8).hexdigest()
        return DesignDocument(
            f"{self.name}~{digest}", self.views, language=self.language, options=self.options
        )


def canonical(value: object) -> bytes:
    """Return JSON that is the same for equal values, whatever the order of their fields."""
    return dumps(_sorted(value))


def _sorted(value: Any) -> Any:
    """Return the value with the fields of all its objects sorted by name."""
    if isinstance(value, Mapping):
        fields = cast("Mapping[str, Any]", value)
        return {name: _sorted(fields[name]) for name in sorted(fields)}
    if isinstance(value, list):
        return [_sorted(each) for each in value]  # pyright: ignore[reportUnknownVariableType] - it is JSON
    return value


def _is(value: object, kind: type) -> bool:
    """Return whether an argument, which callers may leave unchecked, is of that type."""
    return isinstance(value, kind)


def check_designs(designs: Iterable[DesignDocument]) -> list[DesignDocument]:
    """Return the design documents as a list; raise InvalidArgument if two share a name."""
    if not _is(designs, Iterable):
        raise InvalidArgument("designs must be a list of DesignDocument objects for each database")
    named: dict[str, DesignDocument] = {}
    for design in designs:
        if not _is(design, DesignDocument):
            raise InvalidArgument("a design must be a DesignDocument")
        if named.setdefault(design.name, design) != design:
            raise InvalidArgument("two design documents share a name")
    return list(named.values())
