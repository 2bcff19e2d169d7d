"""Documents that other programs have stored, or other versions of a program, in LevelDB."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import AliasChoices, ConfigDict, Field, field_validator

from datapatterns import (
    AsyncStore,
    Conflict,
    DecodeFailed,
    Document,
    Each,
    HookFailed,
    Index,
    IndexNotUnique,
    InvalidData,
    NotFound,
    Unavailable,
    UtcDatetime,
)
from datapatterns.level import AsyncChangesFeed, AsyncLevel, AsyncRepository
from datapatterns.level.engine.engine import Engine


class Thing(Document):
    """A document with a value of any type."""

    v: Any = None


BY_V = Index("i", "v")


@pytest.fixture
async def level(tmp_path: Path) -> AsyncIterator[AsyncLevel]:
    """Return an open directory."""
    async with AsyncLevel.open(tmp_path / "d") as level:
        yield level


def things_of(level: AsyncLevel, *indexes: Index) -> AsyncRepository[Thing]:
    """Return the repository with these indexes."""
    return AsyncRepository(level, "things", Thing, indexes=indexes)


def engine_of(level: AsyncLevel) -> Engine:
    """Return what stands below the hooks of the level."""
    return level._space.engine  # pyright: ignore[reportPrivateUsage] - no public way leads past it


def write_below(level: AsyncLevel, id: bytes, data: bytes) -> None:
    """Store the bytes as another program does: past hooks, indexes and the change log."""
    engine_of(level).database.put(b"!things!" + id, data)


def entries(level: AsyncLevel, index: str = "i") -> int:
    """Return the number of entries that are stored for the index."""
    rows = engine_of(level).view.keys(b"!$index!!things.%b!" % index.encode(), b"!$index!~")
    return sum(1 for key in rows if key.startswith(b"!$index!!things.%b!" % index.encode()))


# --- what an index holds follows its definition


class Old(Document):
    """The first version of a model."""

    name: str = ""
    tags: list[str] = Field(default=[])
    size: int = 1


class Renamed(Document):
    """A field has another name, and may be stored under its former one."""

    label: str = Field("", validation_alias=AliasChoices("label", "name"))


class Added(Document):
    """A field with a default is new."""

    name: str = ""
    country: str = "GB"


class Moved(Document):
    """Its default is another one."""

    name: str = ""
    country: str = "FR"


def is_small(fields: Mapping[str, Any]) -> bool:
    """Return whether the size is below 3."""
    return fields["size"] < 3


CHANGED = [
    (Old, Index("i", "name"), Renamed, Index("i", "label"), ["n0", "n1", "n2", "n3"]),
    (Old, Index("i", "name"), Added, Index("i", "country"), ["GB"] * 4),
    (Added, Index("i", "country"), Moved, Index("i", "country"), ["FR", "FR", "FR", "GB"]),
    (Old, Index("i", "size"), Old, Index("i", "size", where=is_small), [0, 1, 2]),
    (Old, Index("i", "size", where=is_small), Old, Index("i", "size"), [0, 1, 2, 3]),
    (
        Old,
        Index("i", "size", where=lambda fields: fields["size"] > 1),
        Old,
        Index("i", "size", where=is_small, version=2),
        [0, 1, 2],
    ),
    (Old, Index("i", "tags"), Old, Index("i", Each("tags")), ["a", "a", "a", "n1", "n2", "n3"]),
    (Old, Index("i", Each("tags")), Old, Index("i", "name"), ["n0", "n1", "n2", "n3"]),
    (Old, Index("i", "name"), Old, Index("i", "name", unique=True), ["n0", "n1", "n2", "n3"]),
]


@pytest.mark.parametrize(("first", "before", "second", "after", "expected"), CHANGED)
async def test_a_changed_index_is_filled_anew(
    tmp_path: Path,
    first: type[Document],
    before: Index,
    second: type[Document],
    after: Index,
    expected: list[Any],
) -> None:
    """Whatever changes its entries fills it, and no entry of the former definition is left."""
    async with AsyncLevel.open(tmp_path / "d") as level:
        await AsyncRepository(level, "things", first, indexes=[before]).ensure()
        documents = level.sublevel("things")
        for n in range(4):
            stored: dict[str, Any] = {"name": f"n{n}", "size": n}
            stored["tags"] = ["a", f"n{n}", "a"][: 3 if n else 0]
            if n == 3 and first is Added:
                stored["country"] = "GB"
            await documents.put(str(n), stored)
    async with AsyncLevel.open(tmp_path / "d") as level:
        things = AsyncRepository(level, "things", second, indexes=[after])
        counts = await things.counts("i")
        assert sorted(value for value, n in counts.items() for _ in range(n)) == expected
        assert entries(level) == len(expected)
        assert (await level.check()).problems == []


async def test_an_index_that_has_not_changed_is_not_filled(tmp_path: Path) -> None:
    """Opening the collection again reads no documents: a lost entry stays lost until a reindex."""
    async with AsyncLevel.open(tmp_path / "d") as level:
        await things_of(level, BY_V).create(Thing(id="a", v=1))
        [key] = engine_of(level).view.keys(b"!$index!!things.i!", b'!$index!!things.i"')
        engine_of(level).database.delete(key)
    async with AsyncLevel.open(tmp_path / "d") as level:
        things = things_of(level, BY_V)
        assert await things.count("i") == 0
        await things.reindex()
        assert await things.count("i") == 1


async def test_two_definitions_of_one_name_at_once(level: AsyncLevel) -> None:
    """The second is refused, since each write keeps the entries of the first."""
    AsyncRepository(level, "things", Added, indexes=[Index("i", "country")])
    with pytest.raises(Exception, match="other fields or options is in use"):
        AsyncRepository(level, "things", Moved, indexes=[Index("i", "country")])


# --- documents of other programs

DEEP = b"[" * 300 + b"]" * 300
POISON = {
    b"deep": b'{"v":%b}' % DEEP,
    b"deep_elsewhere": b'{"v":1,"more":%b}' % DEEP,
    b"long": b'{"v":%b}' % (b"7" * 700),
    b"text": b"no JSON",
    b"half": b'{"v":1',
    b"list": b"[1]",
    b"none": b"",
    b"bytes": b"\xff\xfe",
    b"lone": b'{"v":"\\ud800"}',
    b"nested": b'{"v":%b}' % (b"[" * 120 + b"]" * 120),
    b"rev": b'{"v":1,"_rev":"%b"}' % (b"9" * 5_000),
    b"rev_of_ours": b'no JSON, but "v":1,"_rev":"1"}',
    b"\x80\x80": b'{"v":1}',
}
# These are documents, which only an index over the value cannot hold; the revision is no matter.
FITTING = {b"long", b"nested", b"rev"}
NO_ID = b"\x80\x80"


@pytest.mark.parametrize("id", POISON)
async def test_what_another_program_has_stored_stops_nobody(
    level: AsyncLevel, id: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """Others are written, read, indexed and queried beside it; it is logged and can be removed."""
    await things_of(level).create(Thing(id="a", v=1))
    write_below(level, id, POISON[id])
    things = things_of(level, BY_V)
    with caplog.at_level(logging.WARNING):
        await things.create(Thing(id="b", v=2))
    if id in FITTING - {b"rev"}:
        assert f"leaves out the document {id.decode()!r}" in caplog.text
    await things.update("a", {"v": 3})
    assert [thing.v for thing in await things.query("i", start=2)] == [2, 3]
    assert await things.reindex() >= 2
    bad: list[DecodeFailed] = []
    shown = await things.list(on_bad=bad.append)
    assert {"a", "b"} <= {thing.id for thing in shown}
    assert len(bad) == (id not in FITTING)
    if bad:
        assert bad[0].data["id"] == (id.decode() if id != NO_ID else r"\x80\x80")
        with pytest.raises(DecodeFailed):
            await things.list()
    problems = await things.check()
    assert len(problems) == (id != b"rev")
    await level.check()
    if id != NO_ID:
        await things.destroy(id.decode())
        assert not await things.exists(id.decode())
        assert await things.check() == []


@pytest.mark.parametrize("id", sorted(set(POISON) - FITTING - {NO_ID}))
async def test_writing_over_what_cannot_be_read(level: AsyncLevel, id: bytes) -> None:
    """It is DecodeFailed and stays as it is; a program that removes it can create another."""
    things = things_of(level, BY_V)
    await things.ensure()
    write_below(level, id, POISON[id])
    key = id.decode()
    for call in (
        lambda: things.update(key, {"v": 1}),
        lambda: things.patch(key, {"v": 1}),
        lambda: things.put(Thing(id=key, v=1)),
        lambda: things.get(key),
        lambda: things.get_raw(key),
    ):
        with pytest.raises(DecodeFailed) as raised:
            await call()
        assert raised.value.data == {"id": key}
    with pytest.raises(Conflict):
        await things.create(Thing(id=key, v=1))
    await things.destroy(key)
    await things.create(Thing(id=key, v=2))
    assert await things.counts("i") == {2: 1}


async def test_overwritten_documents_in_an_index(level: AsyncLevel) -> None:
    """Their entries are removed with the document, or by the next filling."""
    things = things_of(level, BY_V)
    await things.create(Thing(id="a", v=1))
    await things.create(Thing(id="b", v=2))
    write_below(level, b"a", POISON[b"deep"])
    await things.reindex()
    assert await things.counts("i") == {2: 1}
    await things.destroy("a")
    assert await things.counts("i") == {2: 1}


async def test_a_value_that_an_index_cannot_hold(level: AsyncLevel) -> None:
    """Writing it is InvalidData, unless the stored document could not be held either."""
    things = things_of(level, BY_V)
    await things.create(Thing(id="a", v=1))
    calls: list[Any] = [
        lambda: things.create(Thing(id="big", v=10**700)),
        lambda: things.update("a", {"v": 10**700}),
        lambda: things.put(Thing(id="a", v=10**700)),
    ]
    for call in calls:
        with pytest.raises(InvalidData, match="v"):
            await call()
    assert (await things.get("a")).v == 1
    write_below(level, b"big", b'{"v":%d,"more":1}' % 10**700)
    await things.update("big", {"v": 10**701})
    assert (await things.get("big")).v == 10**701
    assert await things.counts("i") == {1: 1}
    assert (await level.check()).problems == [
        "collection 'things', documents that the index 'i' leaves out: 1"
    ]
    await things.update("big", {"v": 2})
    assert await things.counts("i") == {1: 1, 2: 1}
    assert (await level.check()).ok


async def test_a_condition_that_raises(level: AsyncLevel) -> None:
    """A write of such a document is HookFailed and stores nothing; stored ones are left out."""
    things = things_of(level)
    await things.create(Thing(id="a", v=0))
    await things.create(Thing(id="b", v=1))
    inverse = Index("i", "v", where=lambda fields: 1 / fields["v"] > 0)
    things = things_of(level, inverse)
    assert await things.counts("i") == {1: 1}
    with pytest.raises(HookFailed):
        await things.create(Thing(id="c", v=0))
    assert not await things.exists("c")
    await things.update("a", {"v": 2})
    assert await things.counts("i") == {1: 1, 2: 1}


async def test_members_with_an_underscore_survive(level: AsyncLevel) -> None:
    """Another program's members are neither read nor removed by an update."""
    things = things_of(level)
    documents = level.sublevel("things")
    await documents.put("a", {"v": 1, "_theirs": 7, "more": 8})
    await things.update("a", {"v": 2})
    stored = await documents.get("a")
    assert (stored["v"], stored["_theirs"], stored["more"]) == (2, 7, 8)
    assert (await things.get("a")).rev == stored["_rev"] == "2"


# --- unique indexes


class User(Document):
    """A document with an address."""

    email: str


async def test_a_unique_index_that_cannot_be_filled(
    level: AsyncLevel, caplog: pytest.LogCaptureFixture
) -> None:
    """IndexNotUnique with both ids, logged as an error, only for those who declare it."""
    plain: AsyncRepository[User] = AsyncRepository(level, "users", User)
    for id in ("one", "two"):
        await plain.create(User(id=id, email="x"))
    strict = AsyncRepository(level, "users", User, indexes=[Index("e", "email", unique=True)])
    for call in (
        lambda: strict.create(User(email="new")),
        lambda: strict.update("one", {"email": "y"}),
        lambda: strict.count("e"),
        strict.ensure,
        strict.reindex,
    ):
        caplog.clear()
        with pytest.raises(IndexNotUnique) as raised:
            await call()
        assert raised.value.data["index"] == "e"
        assert sorted(raised.value.data["ids"]) == ["one", "two"]
        [record] = [each for each in caplog.records if each.levelno == logging.ERROR]
        assert "'one'" in record.getMessage()
        assert "'two'" in record.getMessage()
    await plain.create(User(id="three", email="x"))
    for id in ("two", "three"):
        await plain.update(id, {"email": id})
    assert await strict.count("e") == 3
    with pytest.raises(Conflict):
        await plain.create(User(email="x"))


class Tagged(Document):
    """A document with several keys."""

    tags: list[str] = Field(default=[])


async def test_unique_elements(level: AsyncLevel) -> None:
    """No two documents have an element in common; one may have it twice."""
    tagged = AsyncRepository(
        level, "things", Tagged, indexes=[Index("i", Each("tags"), unique=True)]
    )
    await tagged.create(Tagged(id="a", tags=["x", "y", "x"]))
    assert await tagged.count("i") == 2
    calls: list[Any] = [
        lambda: tagged.create(Tagged(id="b", tags=["z", "y"])),
        lambda: tagged.put(Tagged(id="b", tags=["x"])),
    ]
    for call in calls:
        with pytest.raises(Conflict) as raised:
            await call()
        assert raised.value.data == {"index": "i"}
    await tagged.update("a", {"tags": ["y", "z"]})
    await tagged.create(Tagged(id="b", tags=["x"]))
    assert await tagged.counts("i") == {"x": 1, "y": 1, "z": 1}
    await tagged.destroy("a")
    assert entries(level) == 1


# --- writes


async def test_hooks_see_and_change_what_is_put(level: AsyncLevel) -> None:
    """What a hook makes of a document is what the write returns, and what indexes hold."""
    things = things_of(level, BY_V)
    await things.ensure()
    documents = level.sublevel("things")
    documents.hooks.prewrite.add(lambda operation, batch: _double(operation))
    assert (await things.create(Thing(id="a", v=1))).v == 2
    assert (await things.put(Thing(id="a", v=3))).v == 6
    assert (await things.update("a", {"v": 5})).v == 10
    assert await things.counts("i") == {10: 1}


def _double(operation: Any) -> None:
    """Double the value of the document that is stored."""
    if operation.type == "put":
        operation.value = {**operation.value, "v": operation.value["v"] * 2}


class Session(Document):
    """A document that expires."""

    until: UtcDatetime | None = None
    n: int = 0


async def test_expired_documents_leave_entries_nor_changes_behind(level: AsyncLevel) -> None:
    """A sweep removes them in steps, with their entries, and followers are told."""
    now = datetime.now(UTC)
    sessions = AsyncRepository(level, "things", Session, expires="until", indexes=[Index("i", "n")])
    await sessions.create_many(
        Session(id=str(n), until=now + timedelta(hours=-1 if n % 2 else 1), n=n) for n in range(250)
    )
    write_below(level, b"bad", POISON[b"deep"])
    assert await sessions.count() == 126
    assert entries(level, "%24expires") == entries(level) == 125
    feed = AsyncChangesFeed(level, "things", Session)
    deleted = [change for change in await feed.read(None, 500) if change.deleted]
    assert {int(change.id) % 2 for change in deleted} == {1}
    assert len(deleted) == 125


async def test_expiry_without_ensure(level: AsyncLevel) -> None:
    """Until somebody has called `ensure`, what needs the index is Unavailable."""
    await things_of(level).create(Thing(id="a"))
    sessions = AsyncRepository(level, "things", Session, expires="until", ensure=False)
    with pytest.raises(Unavailable):
        await sessions.sweep()
    await sessions.ensure()
    assert await sessions.sweep() == 0
    with pytest.raises(NotFound):
        await sessions.destroy("b")


# --- changes


class Picky(Document):
    """A model with a validator that has a fault, and one field under another name."""

    model_config = ConfigDict(extra="forbid")
    v: Any = None

    @field_validator("v")
    @classmethod
    def look_up(cls, value: Any) -> Any:
        """Raise KeyError for all but 1."""
        return {1: 1}[value]


SPOILT = [b'{"v":13}', b'{"v":1,"unknown":2}', b'{"v":1,"more":%b}' % DEEP, b"no JSON", b"[]"]


@pytest.mark.parametrize("data", SPOILT)
async def test_a_change_of_a_document_that_cannot_be_decoded(
    level: AsyncLevel, data: bytes
) -> None:
    """Only its own `document` raises DecodeFailed, with the id; the feed goes on."""
    things = things_of(level)
    for id in "abc":
        await things.create(Thing(id=id, v=1))
    write_below(level, b"b", data)
    feed = AsyncChangesFeed(level, "things", Picky)
    first, second, third = await feed.read()
    assert [change.document is not None for change in (first, third)] == [True, True]
    with pytest.raises(DecodeFailed) as raised:
        print(second.document)
    assert raised.value.data == {"id": "b"}


async def test_foreign_id_and_rev_in_a_feed(level: AsyncLevel) -> None:
    """A change shows the key and the revision of the store, with a model and without one."""
    things = things_of(level)
    await level.sublevel("things").put("a", {"id": 7, "rev": [], "v": 1})
    await things.update("a", {"v": 2})
    [change] = await AsyncChangesFeed(level, "things", Thing).read()
    assert change.document == Thing(id="a", rev="2", v=2)
    plain: AsyncChangesFeed[Any] = AsyncChangesFeed(level, "things")
    [raw] = await plain.read()
    assert raw.document == {"id": "a", "rev": "2", "v": 2}


async def test_a_store_takes_the_options(tmp_path: Path) -> None:
    """A store hands `expires` on."""
    async with AsyncStore.from_url(f"level:{tmp_path}/data") as store:
        sessions = store.repository("sessions", Session, expires="until")
        made = await sessions.put(Session(id="a", until=datetime.now(UTC) - timedelta(hours=1)))
        assert made.id == "a"
        assert await sessions.find("a") is None
