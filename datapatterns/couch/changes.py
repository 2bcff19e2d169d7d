"""What a changes feed computes without a server: its requests, its positions and its changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final, Generic, TypeVar, cast

from typing_extensions import override

from datapatterns.core.changes import Change
from datapatterns.core.checks import check_choice, check_name
from datapatterns.core.codecs import dumps
from datapatterns.core.documents import Document
from datapatterns.core.options import OnRecreated
from datapatterns.core.schema import Schema
from datapatterns.couch.change_rows import ChangeRow
from datapatterns.couch.database.raw_documents import fields_in
from datapatterns.errors import DataError, NotFound

M = TypeVar("M", bound=Document)

Raw = Mapping[str, Any]


BEGINNING: Final = "0"
LONGEST_HEARTBEAT = 60.0  # seconds: the server accepts no longer ones


class Gone(NotFound):
    """The collection was deleted, or deleted and made again; `last_seq` is how far it was read."""

    def __init__(self, detail: str, last_seq: str) -> None:
        super().__init__(detail, data={"last_seq": last_seq})
        self.last_seq = last_seq


class CouchChange(Change[M]):
    """A change whose document is validated when it is first read."""

    __slots__ = ("_raw", "_schema")

    def __init__(
        self, id: str, seq: str, rev: str, deleted: bool, raw: Any, schema: Schema[M] | None
    ) -> None:
        super().__init__(id, seq, rev, deleted)
        self._raw = raw
        self._schema = schema

    @property
    @override
    def document(self) -> M | None:
        if self._raw is not None:
            self._document = self._load(self._raw)
            self._raw = None
        return super().document

    def _load(self, raw: Any) -> M | DataError:
        """Return the raw document as its model, or the error that reading it raises."""
        if isinstance(raw, DataError):
            return raw
        try:
            rev = str(raw.get("_rev", self.rev))
            if self._schema is None:
                return cast("M", {**fields_in(raw), "id": self.id, "rev": rev})
            return self._schema.load(self.id, rev, fields_in(raw))
        except DataError as error:
            return error


@dataclass(frozen=True, slots=True)
class FeedOptions(Generic[M]):
    """The options of a changes feed; times in seconds."""

    schema: Schema[M] | None = None
    filter: Callable[[Change[M]], bool] | None = None
    selector: bytes | None = None
    include_docs: bool = True
    heartbeat: float = 30.0
    inactivity: float | None = None
    on_recreated: OnRecreated = "restart"

    def __post_init__(self) -> None:
        check_choice("on_recreated", self.on_recreated, ("restart", "fail"))

    @property
    def beat(self) -> float:
        """Return the seconds between two heartbeats of the server."""
        return min(self.heartbeat, LONGEST_HEARTBEAT)

    @property
    def silence(self) -> float:
        """Return the seconds without a byte after which a connection counts as lost."""
        return max(1.25 * self.beat, self.beat + 1.0)

    def request(
        self, since: str, *, limit: int | None = None
    ) -> tuple[str, dict[str, str], bytes | None]:
        """Return method, parameters and body of a request for a batch of `limit` changes.

        Without a limit it is the request for the continuous feed.
        """
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
        """Return a digest of the selector; empty for a predicate, whose code has none."""
        return "" if self.selector is None else blake2b(self.selector, digest_size=8).hexdigest()

    def change(self, row: ChangeRow, seq: str) -> Change[M]:
        """Return the change that a row describes."""
        deleted = bool(row.get("deleted"))
        raw = row.get("doc") if self.include_docs and not deleted else None
        return CouchChange(row["id"], seq, row["changes"][0]["rev"], deleted, raw, self.schema)

    def wanted(self, change: Change[M]) -> bool:
        """Return whether the filter accepts the change."""
        return self.filter is None or self.filter(change)


def selector_of(filter: object) -> bytes | None:
    """Return the body for `filter=_selector` if the filter is a selector, None otherwise."""
    return dumps({"selector": cast("Raw", filter)}) if isinstance(filter, Mapping) else None


def position(since: object) -> str:
    """Return the position to ask the server for; raise InvalidArgument if it cannot be one."""
    return BEGINNING if since is None else check_name("since, unless it is None,", since)


def instance_of(info: Raw) -> str:
    """Return when the database was created, empty if the server does not say.

    CouchDB gives that in seconds (since 3.3). A database that is created again within the same
    second looks the same. The server then reads from the beginning by itself, since its positions
    name the file that they belong to.
    """
    made = str(info.get("instance_start_time", ""))
    return "" if made == "0" else made
