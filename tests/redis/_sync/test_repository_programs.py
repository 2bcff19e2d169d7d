# Generated from tests/redis/_async/test_repository_programs.py by scripts/unasync.py; do not edit.
"""What several programs with different models and indexes make of one collection in Redis."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import Field

from datapatterns import (
    Conflict,
    DecodeFailed,
    Document,
    Each,
    Index,
    IndexNotUnique,
    InvalidData,
    Unavailable,
)
from datapatterns.core.records import Record
from datapatterns.core.schema_versions import upgrades
from datapatterns.redis._sync.document_records import DocumentRecords
from datapatterns.redis._sync.repository import Repository
from datapatterns.redis.hashes import raw_of
from datapatterns.redis.index_states import KnownIndex, index_key
from datapatterns.redis.keys import Keys

Call = Callable[[], Any]

HUGE = b"9" * 700  # a number that no index can hold
DEEP = b"[" * 300 + b"]" * 300  # JSON that the parser does not read


class Note(Document):
    """A document with fields of several kinds."""

    title: str = ""
    value: Any = None
    tags: list[str] = Field(default_factory=list[str])


BY_TITLE = Index("by_title", "title", unique=True)
BY_VALUE = Index("by_value", "value")
BY_TAG = Index("by_tag", Each("tags"), unique=True)


@pytest.fixture
def keys(namespace: str) -> Keys:
    """Return the keys of the collection `notes`."""
    return Keys.of(namespace, "repository", "notes")


def notes_of(client: Any, namespace: str, *indexes: Index, **options: Any) -> Any:
    """Return a repository, as another program would make it."""
    return Repository(client, "notes", Note, indexes=indexes, namespace=namespace, **options)


def raw_at(client: Any, key: bytes) -> dict[bytes, bytes]:
    """Return the fields of a hash as the server stores them."""
    found = client.execute_command("HGETALL", key, NEVER_DECODE=True)
    return raw_of(found) or {}


# --- unique indexes that a program does not declare


def test_a_unique_index_of_elements_binds_others(client: Any, namespace: str) -> None:
    """An element that another document has is a Conflict for a program without the index."""
    tagged, plain = notes_of(client, namespace, BY_TAG), notes_of(client, namespace)
    tagged.create(Note(id="a", tags=["x", "y"]))
    plain.create(Note(id="b", tags=["z"]))
    calls: tuple[Call, ...] = (
        lambda: plain.create(Note(id="c", tags=["w", "y"])),
        lambda: plain.update("b", {"tags": ["x"]}),
        lambda: plain.put(Note(id="b", tags=["x"])),
    )
    for write in calls:
        with pytest.raises(Conflict, match="which other programs declare") as taken:
            write()
        assert (taken.value.reason, taken.value.data) == ("exists", {"index": "by_tag"})
    one, two = plain.create_many([Note(id="d", tags=["v"]), Note(id="e", tags=["v", "u"])])
    assert one.tags == ["v"]
    assert isinstance(two, Conflict)
    plain.destroy("a")
    plain.update("b", {"tags": ["x", "y"]})
    assert tagged.counts("by_tag") == {"x": 1, "y": 1, "v": 1}


def test_a_unique_index_with_a_condition_binds_others(client: Any, namespace: str) -> None:
    """A program that cannot ask the condition claims the values; the index has what it admits."""
    active = Index("active", "title", unique=True, where=lambda fields: fields["value"] is not None)
    knows, plain = notes_of(client, namespace, active), notes_of(client, namespace)
    knows.create(Note(id="a", title="one", value=1))
    knows.create(Note(id="b", title="one"))
    with pytest.raises(Conflict, match="declare it here too"):
        plain.create(Note(id="c", title="one", value=3))
    with pytest.raises(Conflict):
        plain.update("b", {"value": 2})
    plain.create(Note(id="c", title="two", value=3))
    with pytest.raises(Conflict):
        knows.create(Note(id="d", title="two", value=4))
    plain.create(Note(id="e", title="three"))
    assert knows.counts("active") == {"one": 1, "two": 1}
    assert (knows.create(Note(id="f", title="three", value=1))).value == 1
    assert [one.id for one in knows.query("active")] == ["a", "f", "c"]


def test_a_unique_index_over_duplicates(
    client: Any, namespace: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It is IndexNotUnique with both ids for those who declare it, logged; others go on."""
    plain, strict = notes_of(client, namespace), notes_of(client, namespace, BY_TITLE, BY_VALUE)
    plain.create_many(Note(id=id, title="same") for id in "ab")
    for call in (
        lambda: strict.create(Note(title="new")),
        lambda: strict.query("by_title"),
        lambda: strict.update("a", {"title": "other"}),
        strict.ensure,
        strict.reindex,
    ):
        with pytest.raises(IndexNotUnique) as refused:
            call()
        assert refused.value.data == {"ids": ["a", "b"], "index": "by_title"}
        assert refused.value.status == 500
    assert "the documents 'a' and 'b'" in caplog.text
    assert {each.levelname for each in caplog.records} == {"ERROR"}
    assert strict.count("by_value") == 2  # another index is not stopped by it
    plain.create(Note(id="c", title="same"))
    plain.destroy("c")
    plain.update("b", {"title": "other"})
    assert strict.counts("by_title") == {"same": 1, "other": 1}
    with pytest.raises(Conflict):
        plain.update("b", {"title": "same"})


def test_a_forgotten_unique_index_binds_nobody(client: Any, namespace: str) -> None:
    """After `reindex` of a program without it nobody is refused, until it is declared again."""
    strict, plain = notes_of(client, namespace, BY_TITLE), notes_of(client, namespace)
    strict.create(Note(id="a", title="one"))
    with pytest.raises(Conflict):
        plain.create(Note(id="b", title="one"))
    plain.reindex()
    plain.create(Note(id="b", title="one"))
    assert client.zcard(plain._indexing.set) == 2
    with pytest.raises(IndexNotUnique):
        strict.count("by_title")
    plain.destroy("b")
    assert strict.count("by_title") == 1
    with pytest.raises(Conflict):
        plain.create(Note(id="b", title="one"))


def test_migrated_documents_are_bound_too(client: Any, namespace: str) -> None:
    """They get entries in a complete unique index; one with a value that is taken is a Conflict."""
    strict = notes_of(client, namespace, BY_TITLE, BY_VALUE)
    strict.create(Note(id="a", title="one"))
    records = DocumentRecords(client, namespace, "notes")
    huge = Record(("c",), {"title": "three", "value": int(HUGE)})
    assert records.add([Record(("b",), {"title": "two"}), huge]) == 2
    assert records.add([Record(("a",), {"title": "other"}), huge]) == 0
    with pytest.raises(Conflict) as taken:
        records.add([Record(("d",), {"title": "two"})])
    assert taken.value.data == {"id": "d", "index": "by_title"}
    assert strict.counts("by_title") == {"one": 1, "two": 1, "three": 1}
    assert strict.count("by_value") == 2  # b has the default; c cannot be in it
    with pytest.raises(Conflict):
        strict.create(Note(title="two"))


def test_a_definition_that_cannot_be_read(client: Any, namespace: str, keys: Keys) -> None:
    """A unique index that a newer version of the library has defined otherwise stops the write."""
    notes = notes_of(client, namespace)
    client.hset(keys("indexes"), b"\x02new\x00\x02d\x00", "0123456789abcdef:1:-:{}")
    with pytest.raises(Unavailable, match="cannot keep"):
        notes.create(Note(id="a"))
    assert not notes.exists("a")


@pytest.mark.parametrize(
    "index", [BY_TITLE, BY_TAG, Index("both", "value.a", "title", unique=True)]
)
def test_a_definition_gives_the_same_entries(index: Index) -> None:
    """What a program learns of an index has the values that the index has itself."""

    class Defaults(Note):
        title: str = Field("none", alias="Title")
        tags: list[str] = Field(["x"], validation_alias="labels", serialization_alias="labels")

    named = {"title": "Title", "tags": "labels"}
    fields = [named.get(name, name) for name in index.fields]
    given = [Each(name) if n == index.each else name for n, name in enumerate(fields)]
    own = Index(index.name, *given, unique=True).of_model(Defaults)
    learned = KnownIndex.foreign(index_key(own), own.definition().encode())
    assert (learned.kind, learned.index.name) == ("bound", index.name)
    for stored in (
        {},
        {"Title": "a", "labels": ["b", "c", "b"], "value": {"a": [1, None]}},
        {"Title": None, "labels": None, "value": {"a": True}},
        {"title": "a", "tags": ["b"], "value": 7},
    ):
        assert learned.index.values(stored) == own.values(stored)


# --- what an index cannot hold


def test_what_an_index_cannot_hold_stops_nobody(
    client: Any, namespace: str, keys: Keys, caplog: pytest.LogCaptureFixture
) -> None:
    """Stored values that an index cannot hold are left out, and everything else goes on."""
    plain = notes_of(client, namespace)
    plain.create_many(Note(id=id, title=id, value=1) for id in "abc")
    client.hset(keys("doc", "a"), "value", HUGE)
    client.hset(keys("doc", "b"), mapping={"value": DEEP, "tags": "no list"})
    notes = notes_of(client, namespace, BY_VALUE, BY_TITLE, BY_TAG)
    with caplog.at_level(logging.WARNING, "datapatterns.indexes"):
        assert notes.count("by_value") == 2  # b has the text
    assert "the index 'by_value' leaves out the document 'a'" in caplog.text
    assert [one.id for one in notes.query("by_value", 1)] == ["c"]
    problems = notes.check()
    assert {(each.data["id"], each.data.get("index")) for each in problems} == {
        ("a", "by_value"),
        ("b", None),
    }
    assert [one.id for one in notes.list(on_bad=problems.append)] == ["a", "c"]
    notes.create(Note(id="d", title="d", value=2))
    plain.update("c", {"value": 3})
    assert notes.counts("by_title") == dict.fromkeys("abcd", 1)
    # What is written must fit, unless what is stored did not either.
    assert (notes.update("a", {"title": "A"})).title == "A"
    stored = notes.get("a")
    stored.title = "AA"
    assert (notes.replace(stored)).value == int(HUGE)
    calls: tuple[Call, ...] = (
        lambda: notes.create(Note(id="e", value=int(HUGE))),
        lambda: notes.update("c", {"value": int(HUGE)}),
        lambda: notes.put(Note(id="c", title="c", value=int(HUGE))),
    )
    for write in calls:
        with pytest.raises(InvalidData) as refused:
            write()
        assert [error["loc"] for error in refused.value.errors] == [("value",)]
    good, bad = notes.create_many([Note(id="f", title="f"), Note(id="g", value=int(HUGE))])
    assert good.id == "f"
    assert isinstance(bad, InvalidData)
    notes.reindex()
    assert notes.count("by_value") == 4


# --- what is stored


def test_fields_that_an_update_does_not_touch(client: Any, namespace: str, keys: Keys) -> None:
    """They keep their bytes, whatever wrote them; a field that is removed leaves the hash."""

    class Renamed(Document):
        title: str
        text: str = Field("", validation_alias="body", serialization_alias="body")
        schema_version = 2

    @upgrades(Renamed, 1)
    def rename(fields: dict[str, Any]) -> dict[str, Any]:
        fields["list"].append(3)
        return {"body": fields.pop("text"), **fields}

    foreign = {"text": '"t"', "list": "[1,  2]", "other": '{ "a":1 }', "raw": b"\xff", "id": "7"}
    key = keys("doc", "a")
    client.hset(key, mapping={"title": '"old"', **foreign})
    notes = Repository(client, "notes", Renamed, namespace=namespace)
    assert (notes.update("a", {"title": "new"})).text == "t"
    stored = raw_at(client, key)
    assert stored.pop(b"_rev") != b"0"
    assert stored == {
        b"title": b'"new"',
        b"body": b'"t"',
        b"list": b"[1,2,3]",
        b"other": b'{ "a":1 }',
        b"raw": b"\xff",
        b"id": b"7",
        b"$schema_version": b"2",
    }
    notes.replace(notes.get("a"))
    assert set(raw_at(client, key)) == {b"_rev", b"title", b"body", b"$schema_version"}


@pytest.mark.parametrize("version", [b"3", b"1e9", b'"new"', b"true", b"[]", b"no json"])
def test_what_a_newer_program_wrote_stays(
    client: Any, namespace: str, keys: Keys, version: bytes
) -> None:
    """A document of a newer, or unreadable, schema version is never overwritten; it can go."""
    notes = notes_of(client, namespace, BY_TITLE)
    a = notes.create(Note(id="a", title="one"))
    client.hset(keys("doc", "a"), "$schema_version", version)
    before = raw_at(client, keys("doc", "a"))
    calls: tuple[Call, ...] = (
        lambda: notes.replace(Note(id="a", rev=a.rev)),
        lambda: notes.put(Note(id="a")),
        lambda: notes_of(client, namespace).update("a", {"title": "two"}),
    )
    for write in calls:
        with pytest.raises(DecodeFailed) as refused:
            write()
        assert refused.value.data == {"id": "a"}
    assert raw_at(client, keys("doc", "a")) == before
    notes.destroy("a")
    assert raw_at(client, keys("doc", "a")) == {}
    assert notes.count("by_title") == 0


def test_counts_tell_true_from_one(client: Any, namespace: str) -> None:
    """Values that Python takes for equal are counted apart, as they are apart in the index."""
    notes = notes_of(client, namespace, BY_VALUE)
    values = [True, 1, 1.0, False, 0, None]
    notes.create_many(Note(id=str(n), value=value) for n, value in enumerate(values))
    counts = notes.counts("by_value")
    assert [(value, counts[value]) for value in (True, 1, False, 0, None)] == [
        (True, 1),
        (1, 2),
        (False, 1),
        (0, 1),
        (None, 1),
    ]


def test_a_document_several_times_on_a_page(client: Any, namespace: str) -> None:
    """An index with `Each` gives a document once for each of its elements, page by page."""
    notes = notes_of(client, namespace, Index("by_tag", Each("tags")))
    notes.create_many(Note(id=id, tags=[f"t{n}" for n in range(5)]) for id in "ab")
    found = [one.id for one in notes.iterate("by_tag")]
    assert found == ["a", "b"] * 5
    page = notes.query("by_tag", limit=3)
    assert [one.id for one in page] == ["a", "b", "a"]
    notes.update("a", {"tags": ["t0", "t0", "t9"]})
    assert notes.counts("by_tag") == {"t0": 2, **{f"t{n}": 1 for n in (1, 2, 3, 4, 9)}}


def test_a_long_list_in_an_index(client: Any, namespace: str, keys: Keys) -> None:
    """More entries than a script's stack holds are written, moved and removed."""
    notes = notes_of(client, namespace, BY_TAG)
    tags = [f"t{n}" for n in range(9_000)]
    notes.create(Note(id="a", tags=tags))
    assert notes.count("by_tag") == 9_000
    notes.update("a", {"tags": [*tags[4_000:], "new"]})
    assert notes.count("by_tag") == 5_001
    notes.reindex()
    assert notes.count("by_tag") == 5_001
    notes.destroy("a")
    assert client.zcard(keys("index")) == 0


# --- round trips


def test_round_trips_beside_a_unique_index_of_others(
    redis_server: Any, fault_proxy: Callable[[str, int], Any], connect: Any, namespace: str
) -> None:
    """A program's first write beside such an index takes one trip more, the next ones do not."""
    notes_of(connect(redis_server), namespace, BY_TITLE).create(Note(title="first"))
    proxy = fault_proxy("127.0.0.1", redis_server.port)
    client = connect(proxy)
    notes = notes_of(client, namespace)
    guarded = notes_of(client, namespace, immutable={"title"})
    notes.find("nothing")  # connects

    def trips(call: Callable[[], Any]) -> int:
        before = proxy.requests
        call()
        return int(proxy.requests - before)

    assert trips(lambda: notes.create(Note(id="a", title="a"))) == 2
    assert trips(lambda: notes.create(Note(id="b", title="b"))) == 1
    assert trips(lambda: notes.update("b", {"title": "c"})) == 1
    b = notes.get("b")
    b.value = 1
    assert trips(lambda: notes.replace(b)) == 1
    assert trips(lambda: notes.put(b)) == 2
    b = notes.get("b")
    assert trips(lambda: guarded.replace(b)) == 3  # its first write, and it reads
    b = guarded.get("b")
    assert trips(lambda: guarded.replace(b)) == 1  # what it replaces is remembered
    b = notes.update("b", {"value": 2})
    assert trips(lambda: guarded.replace(b)) == 2
    assert trips(lambda: notes.destroy("b")) == 1
