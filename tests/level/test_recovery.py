"""`check` and `recover=True`: what is reported, what is put right, and who is refused."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest

from datapatterns import Document, Index
from datapatterns.errors import DataCorrupted, DataError, Locked, Unavailable
from datapatterns.level import AsyncLevel, ChangesFeed, Level, Repository
from datapatterns.level.repair import manifest, recovery


class User(Document):
    """What the repositories of these tests hold."""

    name: str
    age: int | None = None


INDEXES = [Index("by_age", "age"), Index("by_name", "name", unique=True)]


def repository(level: Level, name: str = "users", **options: Any) -> Repository[User]:
    """Return the repository that these tests use."""
    return Repository(level, name, User, indexes=INDEXES, **options)


def fill(level: Level, count: int = 20, **options: Any) -> Repository[User]:
    """Create users u000, u001, and so on."""
    users = repository(level, **options)
    for n in range(count):
        users.create(User(id=f"u{n:03}", name=f"name {n}", age=n % 5))
    return users


def tell_all(feed: ChangesFeed[User]) -> dict[str, tuple[str, bool]]:
    """Return the last seq of each id in the feed, and whether the id was deleted there."""
    return {change.id: (change.seq, change.deleted) for change in feed.read(None, 10_000)}


def raw(level: Level) -> Any:
    """Return the driver's own handle, whose writes keep neither indexes nor the change log."""
    return level._space.engine.database


def flip_middle(file: Path) -> None:
    """Flip a bit in the middle of the file."""
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 0x40
    file.write_bytes(data)


# --- check


def test_healthy(tmp_path: Path) -> None:
    """A database in use, nested sublevels and binary keys included, has no problems."""
    with Level.open(tmp_path / "d") as level:
        users = fill(level)
        for n in range(0, 20, 3):
            users.update(f"u{n:03}", {"age": 50 + n})
        for n in range(0, 20, 4):
            users.destroy(f"u{n:03}")
        users.create(User(id="u000", name="again"))
        fill(level.sublevel("app"))
        repository(level, "a.b%c é!").create(User(id="!$index!!x.y!", name="!$changes!!users!"))
        full = repository(level, "full", change_log="full")
        full.create(User(id="1", name="x"))
        full.update("1", {"age": 3})
        full.create(User(id="2", name="y"))
        full.destroy("2")
        repository(level, "none", change_log=None).create(User(id="1", name="x"))
        level.sublevel("bytes", key_encoding="binary").put(b"!\xff!", 1)
        level.put("!odd", 1)
        assert level.check() == recovery.Report(True)
    with Level.open(tmp_path / "d") as level:  # and where nobody has declared anything yet
        assert level.check() == recovery.Report(True)
        ChangesFeed(level, "full").read()  # a feed does not know which log is kept
        assert level.check() == recovery.Report(True)


async def test_async_check(tmp_path: Path) -> None:
    """The async face reports the same."""
    async with AsyncLevel.open(tmp_path / "d") as level:
        await level.put("a", 1)
        assert (await level.check()).ok
        raw(level).put(b"!$changes!!users!short", b"[]")  # type: ignore[arg-type]
        assert not (await level.check()).ok


def lose_document(level: Level, users: Repository[User]) -> None:
    """Remove a document, and nothing else."""
    raw(level).delete(b"!users!u001")


def lose_change(level: Level, users: Repository[User]) -> None:
    """Remove the change of a document."""
    rev = int(users.get("u001").rev or 0)
    raw(level).delete(b"!$changes!!users!" + rev.to_bytes(8, "big"))


def lose_entry(level: Level, users: Repository[User]) -> None:
    """Remove an index entry."""
    database = raw(level)
    key = next(iter(database.iterator(start=b"!$index!!users.by_age!", include_value=False)))
    database.delete(key)


def older_document(level: Level, users: Repository[User]) -> None:
    """Put an older version of a document in the place of the last one."""
    before = raw(level).get(b"!users!u001")
    users.update("u001", {"age": 99})
    raw(level).put(b"!users!u001", before)


def resurrected_document(level: Level, users: Repository[User]) -> None:
    """Store a deleted document again."""
    before = raw(level).get(b"!users!u001")
    users.destroy("u001")
    raw(level).put(b"!users!u001", before)


def lost_deletion(level: Level, users: Repository[User]) -> None:
    """Remove everything of a deletion but its mark."""
    stored = dict(raw(level).iterator())
    users.destroy("u001")
    for key in {key for key, _ in raw(level).iterator()} - set(stored):
        if key.startswith(b"!$deleted"):
            continue
        raw(level).delete(key)
    for key, value in stored.items():
        raw(level).put(key, value)


def broken_document(level: Level, users: Repository[User]) -> None:
    """Store a document that is not JSON."""
    raw(level).put(b"!users!u001", b"no json")


def broken_change(level: Level, users: Repository[User]) -> None:
    """Store an invalid entry of the change log."""
    raw(level).put(b"!$changes!!users!\0\0\0\0\0\0\0\1", b"{}")


def broken_entry(level: Level, users: Repository[User]) -> None:
    """Store an invalid index entry."""
    raw(level).put(b"!$index!!users.by_age!\xfe", b"")


DAMAGE = [
    (lose_document, r"'users', (changes|entries of the index 'by_(age|name)') without "),
    (lose_change, "'users', documents without their change: 1"),
    (lose_entry, "'users', documents missing from the index 'by_age': 1"),
    (older_document, "'users', (documents (older|missing|without)|entries of the index 'by_age')"),
    (resurrected_document, "'users', documents (that are marked|older|missing|without)"),
    (lost_deletion, "'users', documents that are marked as deleted: 1"),
    (broken_document, "'users', documents that are no JSON objects|entries|changes|documents"),
    (broken_change, "'users', (changes that are none|documents without their change): 1"),
    (broken_entry, "'users', entries of the index 'by_age' that are none: 1"),
]


@pytest.mark.parametrize(("damage", "expected"), DAMAGE)
def test_inconsistencies_are_reported(
    tmp_path: Path, damage: Callable[[Level, Repository[User]], None], expected: str
) -> None:
    """Whatever does not fit together is counted by kind; no key, id or value is named."""
    with Level.open(tmp_path / "d") as level:
        users = fill(level)
        damage(level, users)
        report = level.check()
        assert not report.ok
        assert report.problems
        for problem in report.problems:
            assert re.search(expected, problem), problem
            assert "u001" not in problem
            assert "name 1" not in problem
            assert "!" not in problem


def test_unreadable_table_is_reported(tmp_path: Path) -> None:
    """A damaged table ends the check, which says so without raising."""
    with Level.open(tmp_path / "d") as level:
        fill(level, 500)
        level.compact()
    flip_middle(next((tmp_path / "d").glob("*.ldb")))
    with Level.open(tmp_path / "d") as level:
        report = level.check()
    assert not report.ok
    assert report.problems[0].startswith("stored data is damaged: reading ended after ")


def test_problems_do_not_grow(tmp_path: Path) -> None:
    """A thousand problems of a kind are one line."""
    with Level.open(tmp_path / "d") as level:
        fill(level)
        for n in range(1_000):
            raw(level).put(b"!$index!!users.by_age!\xfe%d" % n, b"")
        assert level.check().problems == [
            "collection 'users', entries of the index 'by_age' that are none: 1000"
        ]


# --- putting collections right


@pytest.mark.parametrize("damage", [damage for damage, _ in DAMAGE])
def test_collections_are_rebuilt(
    tmp_path: Path, damage: Callable[[Level, Repository[User]], None]
) -> None:
    """After a rebuilding, and once the repository is used, everything fits together again."""
    with Level.open(tmp_path / "d") as level:
        users = fill(level)
        users.destroy("u002")
        feed = ChangesFeed(level, "users", User)
        feed.checkpoints.save("worker", "1000")  # ahead of a log that has lost its end
        damage(level, users)
        database = raw(level)
        for _ in range(2):  # interrupted and run again, it ends up at the same
            recovery.rebuilding.rebuild(database)
    with Level.open(tmp_path / "d") as level:
        users = repository(level)
        feed = ChangesFeed(level, "users", User)
        if damage is broken_document:  # nobody can put this right: it is to be seen
            assert any("no JSON objects" in problem for problem in level.check().problems)
            level.sublevel("users")._space.engine.database.delete(b"!users!u001")
            return
        users.ensure()
        assert level.check() == recovery.Report(True)
        documents = {user.id: user.rev for user in users.iterate()}
        live = {id: seq for id, (seq, deleted) in tell_all(feed).items() if not deleted}
        assert live == documents
        for index in INDEXES:
            assert {user.id for user in users.iterate(index.name)} == set(documents)
        gone = {lose_document: True, resurrected_document: True}.get(damage, False)
        assert users.exists("u001") is not gone
        assert not users.exists("u002")
        new = users.create(User(id="new", name="new"))
        assert int(new.rev or 0) > 1000, "numbers that workers have passed are not used again"
        assert [change.id for change in feed.read("1000")][-1] == "new"


@pytest.mark.parametrize("log", ["latest", "full"])
def test_old_revision_of_a_restored_document_is_stale(
    tmp_path: Path, log: Literal["latest", "full"]
) -> None:
    """A document that is older than its change gets a new number: followers hear of it."""
    with Level.open(tmp_path / "d") as level:
        users = fill(level, change_log=log)
        before = raw(level).get(b"!users!u001")
        newer = users.update("u001", {"age": 99})
        raw(level).put(b"!users!u001", before)
        recovery.rebuilding.rebuild(raw(level))
    with Level.open(tmp_path / "d") as level:
        users = repository(level, change_log=log)
        feed = ChangesFeed(level, "users", User)
        (change,) = feed.read(newer.rev)
        assert (change.id, change.deleted) == ("u001", False)
        with pytest.raises(DataError):
            users.replace(newer)
        assert users.get("u001").age == 1


def test_rebuilding_leaves_the_healthy_alone(tmp_path: Path) -> None:
    """Nothing of a healthy collection changes but the notes that indexes are complete."""
    with Level.open(tmp_path / "d") as level:
        users = fill(level)
        users.destroy("u003")
        fill(level.sublevel("app"))
        level.put("other", 1)
        before = dict(raw(level).iterator())
        recovery.rebuilding.rebuild(raw(level))
        after = dict(raw(level).iterator())
        changed = {key for key in before | after if before.get(key) != after.get(key)}
        assert all(b"!$meta!!users!" in key for key in changed)


# --- recover=True


def test_nothing_there_yet(tmp_path: Path) -> None:
    """A new path is made as ever."""
    with Level.open(tmp_path / "new" / "d", recover=True) as level:
        level.put("a", 1)
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["d"]


def test_healthy_is_left_as_it_is(tmp_path: Path) -> None:
    """A directory that can be read to its end is not copied."""
    with Level.open(tmp_path / "d") as level:
        fill(level)
        before = dict(raw(level).iterator())
    for _ in range(2):
        with Level.open(tmp_path / "d", recover=True) as level:
            assert dict(raw(level).iterator()) == before
    assert [file.name for file in tmp_path.iterdir()] == ["d"]


def test_open_in_this_process(tmp_path: Path, run: Callable[..., str]) -> None:
    """Recovery of a directory that this process has open is refused, and does not touch its lock:
    the system drops all locks on a file when a process closes any of its handles to it."""
    with Level.open(tmp_path / "d") as level:
        with pytest.raises(Locked):
            Level.open(tmp_path / "d", recover=True)
        level.put("a", 1)
        assert json.loads(run("refused.py", tmp_path / "d"))["code"] == "locked"
    with Level.open(tmp_path / "d", recover=True) as level:
        assert level.get("a") == 1


def test_open_in_another_process(tmp_path: Path, start: Callable[..., Any]) -> None:
    """So is that of one that another process has open, whose pid is told."""
    child = start("hold.py", tmp_path / "d")
    assert child.stdout.readline() == "open\n"
    with pytest.raises(Locked) as caught:
        Level.open(tmp_path / "d", recover=True)
    assert caught.value.data == {"pid": child.pid}
    assert [file.name for file in tmp_path.iterdir()] == ["d"]


def damaged_log(path: Path) -> None:
    """Make a directory with users, and a flipped bit in its log."""
    with Level.open(path) as level:
        fill(level, 500)
    flip_middle(max(path.glob("*.log")))


def test_copy_beside(tmp_path: Path) -> None:
    """The damaged directory is kept, byte for byte, under a name with the time; twice if needed."""
    for n in range(1, 3):
        damaged_log(tmp_path / "d")
        before = {file.name: file.read_bytes() for file in (tmp_path / "d").iterdir()}
        Level.open(tmp_path / "d", recover=True).close()
        copies = sorted(tmp_path.glob("d.damaged-*"))
        assert len(copies) == n
        assert all(re.fullmatch(r"d\.damaged-\d{8}T\d{6}Z(-\d+)?", copy.name) for copy in copies)
        contents = [{file.name: file.read_bytes() for file in copy.iterdir()} for copy in copies]
        del before["LOCK"]
        assert before in contents
        shutil.rmtree(tmp_path / "d")


def test_through_a_link(tmp_path: Path) -> None:
    """Recovered through a symbolic link, the real directory is recovered and copied."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real" / "d")
    damaged_log(tmp_path / "real" / "d")
    Level.open(tmp_path / "link", recover=True).close()
    assert (tmp_path / "link").is_symlink()
    assert len(list((tmp_path / "real").glob("d.damaged-*"))) == 1


def test_no_room_for_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a copy nothing is tried: Unavailable, and the directory is as it was."""
    damaged_log(tmp_path / "d")

    def full(source: Path, target: Path, **options: Any) -> None:
        target.mkdir()
        (target / "part").write_text("some of it")
        raise OSError(28, "No space left on device")

    before = (tmp_path / "d" / "CURRENT").read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copytree", full)
        with pytest.raises(Unavailable):
            Level.open(tmp_path / "d", recover=True)
    assert [file.name for file in tmp_path.iterdir()] == ["d"]
    assert (tmp_path / "d" / "CURRENT").read_bytes() == before
    Level.open(tmp_path / "d", recover=True).close()


@pytest.mark.parametrize("pattern", ["*.log", "*.ldb"])
def test_recovered_collection(tmp_path: Path, pattern: str) -> None:
    """A repository over a recovered directory: what is left fits together, and goes on."""
    path = tmp_path / "d"
    with Level.open(path, write_buffer_size=65_536, block_size=1_024) as level:
        users = repository(level)
        for n in range(1_500):
            users.create(User(id=f"u{n:04}", name=f"name {n}", age=n % 5))
            if n >= 10 and n % 3 == 0:
                users.update(f"u{n - 5:04}", {"age": 70 + n % 5})
            if n >= 10 and n % 5 == 0:
                users.destroy(f"u{n - 9:04}")
    victim = max(path.glob(pattern))
    if pattern == "*.ldb":  # one that counts: LevelDB may have left others behind
        current = path / (path / "CURRENT").read_text().strip()
        victim = path / f"{max(manifest.read(current.read_bytes()).tables):06}.ldb"
    flip_middle(victim)
    with Level.open(path, recover=True) as level:
        users = repository(level)
        users.ensure()
        assert level.check() == recovery.Report(True)
        documents = {user.id: user for user in users.iterate()}
        assert len(documents) > 100
        for index in INDEXES:
            assert {user.id for user in users.iterate(index.name)} == set(documents)
        live = {
            id: seq
            for id, (seq, deleted) in tell_all(ChangesFeed(level, "users", User)).items()
            if not deleted
        }
        assert live == {id: user.rev for id, user in documents.items()}
        users.create(User(id="new", name="new"))
    assert len(list(tmp_path.glob("d.damaged-*"))) == 1


async def test_async_recovery(tmp_path: Path) -> None:
    """The async face recovers the same way."""
    damaged_log(tmp_path / "d")
    with pytest.raises(DataCorrupted):
        await AsyncLevel.open(tmp_path / "d")
    async with AsyncLevel.open(tmp_path / "d", recover=True) as level:
        assert (await level.check()).ok


def test_many_recover_at_once(tmp_path: Path, start: Callable[..., Any]) -> None:
    """Several processes that recover one directory at once: one does, the others are refused."""
    damaged_log(tmp_path / "d")
    children = [start("recover.py", tmp_path / "d") for _ in range(4)]
    outcomes = [json.loads(child.communicate(timeout=60)[0]) for child in children]
    assert "opened" in outcomes
    assert set(outcomes) <= {"opened", "locked"}
    Level.open(tmp_path / "d").close()
    assert len(list(tmp_path.glob("d.damaged-*"))) == 1
