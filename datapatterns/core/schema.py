"""The steps between documents and what is stored of them: checking, loading, revising.

What a backend stores is the JSON object of the model's fields under their stored names, without
`id` and `rev`, with the computed fields, and with the model's `schema_version` if it is above 1.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Generic, NamedTuple, TypeVar, cast

from pydantic import BaseModel
from pydantic_core import to_json

from datapatterns.core.checks import check_name, check_names
from datapatterns.core.codecs import loads
from datapatterns.core.documents import Document, check_model, give_identity, new_id
from datapatterns.core.model_fields import (
    MISSING,
    check_carried,
    sources,
    stored_field,
    unordered,
)
from datapatterns.core.model_json import ModelJson, listed
from datapatterns.core.schema_versions import (
    SCHEMA_VERSION,
    check_upgrades,
    check_version,
    schema_version,
    upgraded,
)
from datapatterns.errors import DecodeFailed, FieldError, InvalidArgument, InvalidData

D = TypeVar("D", bound=Document)

OURS = frozenset({"id", "rev"})


class Written(Generic[D]):
    """A document to store: its id, the document as it will be read, and its stored fields."""

    __slots__ = ("_fields", "data", "document", "id")

    def __init__(self, id: str, document: D, data: bytes) -> None:
        self.id, self.document, self.data = id, document, data
        self._fields: dict[str, Any] | None = None

    @property
    def fields(self) -> dict[str, Any]:
        """Return the stored fields as JSON values."""
        if self._fields is None:
            fields: dict[str, Any] = loads(self.data)
            self._fields = fields
            return fields
        return self._fields

    def stored(self, rev: str) -> D:
        """Return the document, which is stored under this revision now."""
        give_identity(self.document, self.id, rev)
        return self.document


class Stored(NamedTuple):
    """A stored document: its id, its revision, and its fields, as an object or as JSON."""

    id: str
    rev: str
    fields: Mapping[str, Any] | bytes


class Schema(Generic[D]):
    """The options of a repository that concern its documents.

    With `read_only`, the model may have fields that could not be stored, such as secrets.
    """

    def __init__(
        self,
        model: type[D],
        id_from: str | None = None,
        immutable: Collection[str] = (),
        update_model: type[BaseModel] | None = None,
        expires: str | None = None,
        *,
        read_only: bool = False,
    ) -> None:
        check_model("model", model, Document)
        if update_model is not None:
            check_model("update_model", update_model, BaseModel)
        self.model = model
        self.update_json = None if update_model is None else ModelJson(update_model)
        self.json = ModelJson(model, apart=OURS, computed=True)
        self.version = schema_version(model)
        check_upgrades(model)
        if not read_only:
            check_carried("a repository", model, OURS)
        self.fields = {
            name: stored_field(model, name) for name in model.model_fields if name not in OURS
        }
        self.stored_names = {field.name for field in self.fields.values()}
        self.id_from = id_from
        self.immutable = frozenset(check_names("immutable", immutable))
        self._check_fields("immutable", self.immutable)
        if id_from is not None:
            self._check_fields("id_from", {check_name("id_from", id_from)})
        # Whether a document that is replaced is compared with the stored one.
        self.compares = bool(self.immutable) or update_model is not None
        # What no update may name: immutable fields, and the field that gives the id.
        self.fixed = self.immutable.union(() if id_from is None else (id_from,))
        if any(name.startswith(("_", "$")) for name in self.stored_names):
            raise InvalidArgument("stored names that begin with _ or $ belong to the stores")
        self.expires = self._check_expires(expires)
        self._set_names()

    def _check_fields(self, option: str, named: Collection[str]) -> None:
        """Raise InvalidArgument if the option names a field that the model does not have."""
        if unknown := set(named) - set(self.model.model_fields):
            what = f"{option} must be of the fields of {self.model.__name__}"
            raise InvalidArgument(f"{what}, not {', '.join(sorted(unknown))}")

    def _check_expires(self, expires: str | None) -> str | None:
        """Return the option unchanged; raise InvalidArgument unless it names a UtcDatetime."""
        if expires is None:
            return None
        self._check_fields("expires", {check_name("expires", expires)})
        field = self.model.model_fields[expires]
        parts = (field.annotation, *getattr(field.annotation, "__args__", ()))
        kinds = {getattr(part, "__origin__", part) for part in parts}
        if datetime not in kinds and not any(
            getattr(kind, "__name__", "") == "AwareDatetime" for kind in kinds
        ):
            raise InvalidArgument(f"expires must name a datetime field, which {expires} is not")
        if kind := unordered(self.model, expires):
            raise InvalidArgument(
                f"expires must name a field whose JSON sorts by time: declare {expires} as"
                f" UtcDatetime, not as a plain {kind}"
            )
        return expires

    def _set_names(self) -> None:
        """Set what tells the members of stored JSON from the fields that validation reads."""
        model = self.model
        read = {path[0] for field in self.fields.values() for path in field.sources}
        computed = {
            name if info.alias is None else info.alias
            for name, info in model.model_computed_fields.items()
        }
        self._hidden = OURS | {SCHEMA_VERSION} | (computed - read)
        self._known = read
        self._id = self._name_of_id()
        validators = model.__pydantic_decorators__.model_validators.values()
        # Whether validation may be given the stored JSON with members that it does not know.
        self._ignores_more = (
            model.model_config.get("extra") in (None, "ignore")
            and not any(one.info.mode != "after" for one in validators)
            and self.version == 1
            and self._id == "id"
            and OURS.isdisjoint(read)
        )

    def _name_of_id(self) -> str:
        """Return the name under which validation reads the id."""
        for path in sources(self.model, "id"):
            if len(path) == 1 and isinstance(path[0], str):
                return path[0]
        raise InvalidArgument(f"{self.model.__name__}.id must be read from a member of the JSON")

    # --- whole documents

    def new(self, document: D) -> Written[D]:
        """Return what to store of a new document; its id is the field `id_from`, or its own.

        Raise InvalidArgument if it is not of the model, InvalidData if it does not validate, or
        would be read as another document.
        """
        self._check_instance(document)
        if self.id_from is None:
            return self._written(check_name("an id", document.id), document)
        id = getattr(document, self.id_from, None)
        try:
            return self._written(check_name("an id", id), document)
        except InvalidArgument:
            self._written(new_id(), document)  # what the model itself says about it is better
            raise

    def replacement(self, document: D) -> Written[D]:
        """Return what to store in place of the document with this id; errors as of `new`."""
        self._check_instance(document)
        id = check_name("the id of a document to replace", document.id)
        if self.id_from is not None and getattr(document, self.id_from) != id:
            raise InvalidData.field(self.id_from, "cannot be changed", "frozen_field")
        return self._written(id, document)

    def _check_instance(self, document: object) -> None:
        if not isinstance(document, self.model):
            raise InvalidArgument(f"expected a {self.model.__name__}")

    def _written(self, id: str, document: D) -> Written[D]:
        data = self.json.write(document)
        self.json.check_finite(data)
        if document.__pydantic_extra__:
            self._check_extra(document)
        try:
            read = self._read_json(id, data) if self._ignores_more else self.read(id, loads(data))
        except DecodeFailed as error:
            raise InvalidData(f"{self.model.__name__} cannot be read back: {error}") from error
        own = vars(read)
        own["id"], own["rev"] = document.id, document.rev
        self.json.check_same(document, read)
        own["id"], own["rev"] = id, None
        return Written(id, read, data if self.version == 1 else self._with_version(data))

    def _check_extra(self, document: D) -> None:
        """Raise InvalidData for extra fields whose names the stores use for members of theirs."""
        for name in document.__pydantic_extra__ or ():
            if name.startswith("_") or name == SCHEMA_VERSION:
                raise InvalidData.field(name, "the name belongs to the stores", "reserved_name")

    def _with_version(self, data: bytes) -> bytes:
        comma = b"" if data == b"{}" else b","
        return b'%b%b"%b":%d}' % (data[:-1], comma, SCHEMA_VERSION.encode(), self.version)

    def check_replaced(self, id: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        """Check a whole document that is to be stored in place of another.

        Raise InvalidData if an immutable field differs, or if `update_model` refuses the fields
        that differ; DecodeFailed if a newer program wrote the stored one.
        """
        check_version(self.model, id, before)
        if not self.compares:
            return
        before = upgraded(self.model, id, before)
        changed: dict[str, Any] = {}
        for name, field in sorted(self.fields.items()):
            value = field.find(after)
            if same_json(field.find(before), value):
                continue
            if name in self.immutable:
                raise InvalidData.field(name, "cannot be changed", "frozen_field")
            if value is not MISSING:
                changed[name] = value
        if changed and self.update_json is not None:
            self.update_json.read(to_json(changed))

    # --- loading

    def load(self, id: str, rev: str | None, fields: Mapping[str, Any]) -> D:
        """Return the document of the stored fields; raise DecodeFailed if they do not validate."""
        found = self.upgraded(id, fields)
        try:
            document = self.read(id, found)
        except InvalidData as error:
            raise self._undecodable(id, error) from error
        give_identity(document, id, rev)
        return document

    def load_json(self, id: str, rev: str | None, data: bytes) -> D:
        """Return the document of the JSON object of the stored fields, as `load` does.

        Members whose names begin with an underscore belong to the store and are ignored.
        """
        if self._ignores_more and not ((b"$" in data or b"\\" in data) and _may_have_version(data)):
            try:
                document = self._read_json(id, data)
            except InvalidData:
                pass  # the long way finds out what is wrong
            else:
                give_identity(document, id, rev)
                return document
        return self.load(id, rev, self.parsed(id, data))

    def parsed(self, id: str, fields: Mapping[str, Any] | bytes) -> Mapping[str, Any]:
        """Return the stored fields, which may be given as JSON, without those of the store.

        Raise DecodeFailed if the JSON is no object that can be read.
        """
        if not isinstance(fields, bytes):
            return fields
        try:
            found = loads(fields)
        except DecodeFailed as error:
            message = f"the stored document {id!r} is not JSON that can be read"
            raise DecodeFailed(message, data={"id": id}) from error
        if not isinstance(found, dict):
            message = f"the stored document {id!r} is not a JSON object"
            raise DecodeFailed(message, data={"id": id})
        members = cast("dict[str, Any]", found)
        return {name: value for name, value in members.items() if not name.startswith("_")}

    def upgraded(self, id: str, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the stored fields as this version of the model has them."""
        if self.version == 1 and SCHEMA_VERSION not in fields:
            return fields
        return upgraded(self.model, id, fields)

    def _read_json(self, id: str, data: bytes) -> D:
        """Return the document in the JSON of stored fields, if the model ignores unknown members.

        Validation takes the last member of a name, so ours go behind those of other programs.
        """
        members = b"{" if data == b"{}" else data[:-1] + b","
        return self.json.read(b'%b"rev":null,"id":%b}' % (members, to_json(id)))

    def read(self, id: str, fields: Mapping[str, Any]) -> D:
        """Return the document of the stored fields, which are of the present version.

        Raise InvalidData if they do not validate.
        """
        shown = {name: value for name, value in fields.items() if name not in self._hidden}
        own = {self._id: id}
        try:
            data = to_json({**shown, **own})
        except ValueError:  # nested too deeply: perhaps in a field that the model does not know
            known = {name: value for name, value in shown.items() if name in self._known}
            if lost := [name for name, value in known.items() if not _may_be_json(value)]:
                message = "cannot be written as JSON, or is nested too deeply"
                errors = [FieldError(loc=(name,), msg=message, type="not_json") for name in lost]
                raise listed(self.model, errors) from None
            data = to_json({**known, **own})
        return self.json.read(data)

    def _undecodable(self, id: str, error: InvalidData) -> DecodeFailed:
        places = sorted({".".join(map(str, found["loc"])) for found in error.errors})
        where = ", ".join(filter(None, places)) or str(error)
        message = f"the stored document {id!r} does not fit {self.model.__name__}: {where}"
        return DecodeFailed(message, data={"id": id})

    # --- expiry

    def expired(self, fields: Mapping[str, Any], now: datetime) -> bool:
        """Return whether the time of the document with these stored fields is over."""
        if self.expires is None:
            return False
        value = self.fields[self.expires].find(fields)
        try:
            return datetime.fromisoformat(value) <= now
        except (TypeError, ValueError):  # none, or no moment with a time zone: it stays
            return False


def _may_have_version(data: bytes) -> bool:
    """Return whether JSON may have a member with the schema version, perhaps with escapes."""
    return b'"$' in data or b"\\u0024" in data


def _may_be_json(value: object) -> bool:
    try:
        to_json(value)
    except ValueError:
        return False
    return True


def same_json(one: Any, other: Any) -> bool:
    """Return whether two JSON values are equal; True and 1 differ, 1 and 1.0 do not."""
    if one is MISSING or other is MISSING:
        return one is other
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return _same_members(cast("dict[str, Any]", one), cast("dict[str, Any]", other))
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same_json, one, other))  # pyright: ignore[reportUnknownArgumentType] - of any items
    return bool(one == other)


def _same_members(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return one.keys() == other.keys() and all(same_json(one[name], other[name]) for name in one)
