"""The driver's own errors, provoked for real: their texts are what `driver.py` goes by."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from datapatterns.errors import (
    Conflict,
    DataCorrupted,
    DataError,
    InvalidArgument,
    Locked,
    NotFound,
    OutcomeUnknown,
    Unavailable,
)
from datapatterns.level import Level
from datapatterns.level.engine.driver import (
    DriverCorruption,
    DriverError,
    DriverIOError,
    open_database,
    opening_failed,
    reading_failed,
    writing_failed,
)

ROWS = 500


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a directory with a table on disk, and as many rows again in its log."""
    path = tmp_path / "data"
    database = open_database(str(path), create_if_missing=True)
    for number in range(2 * ROWS):
        if number == ROWS:
            database.compact_range(start=b"", stop=b"\xff")
        database.put(b"%06d" % number, b"value %d" % number * 10)
    database.close()
    return path


def raw_failure(path: Path, **options: Any) -> Exception:
    """Return the driver's own error on opening."""
    with pytest.raises(DriverError) as caught:
        open_database(str(path), **options)
    return caught.value


def text_of(error: Exception) -> str:
    """Return the driver's message, which is bytes."""
    assert isinstance(error.args[0], bytes)
    return error.args[0].decode()


def test_missing(tmp_path: Path) -> None:
    """No directory and create=False: NotFound, and no directory is left behind."""
    error = raw_failure(tmp_path / "none", create_if_missing=False)
    assert text_of(error).endswith("none: does not exist (create_if_missing is false)")
    assert isinstance(opening_failed(error), NotFound)
    for path in (tmp_path / "nothing", tmp_path / "nor" / "its" / "parents"):
        with pytest.raises(NotFound):
            Level.open(path, create=False)
        assert not path.exists()


def test_empty_directory(tmp_path: Path) -> None:
    """An empty directory is no LevelDB yet: NotFound with create=False, and it stays empty."""
    with pytest.raises(NotFound):
        Level.open(tmp_path, create=False)
    assert not list(tmp_path.iterdir())


def test_exists(path: Path) -> None:
    """error_if_exists on a LevelDB: Conflict with the reason `exists`."""
    error = raw_failure(path, error_if_exists=True)
    assert text_of(error).endswith("data: exists (error_if_exists is true)")
    with pytest.raises(Conflict) as caught:
        Level.open(path, error_if_exists=True)
    assert caught.value.reason == "exists"
    with Level.open(path):
        with pytest.raises(Conflict):
            Level.open(path, error_if_exists=True)


def test_locked_by_another_process(path: Path, start: Callable[..., Any]) -> None:
    """Locked by another process: 423 with its pid."""
    child = start("hold.py", path)
    assert child.stdout.readline() == "open\n"
    error = raw_failure(path)
    assert isinstance(error, DriverIOError)
    assert text_of(error).startswith(f"IO error: lock {path}/LOCK: ")
    with pytest.raises(Locked) as caught:
        Level.open(path)
    assert caught.value.data == {"pid": child.pid}
    assert str(child.pid) in str(caught.value)


def test_locked_by_a_raw_handle_of_this_process(path: Path) -> None:
    """Held by somebody who uses the driver itself in this process: Locked."""
    database = open_database(str(path))
    error = raw_failure(path)
    assert text_of(error) == f"IO error: lock {path}/LOCK: already held by process"
    with pytest.raises(Locked):
        Level.open(path)
    database.close()
    Level.open(path).close()


def flip(file: Path, at: float = 0.5) -> None:
    """Flip a bit of the file."""
    data = bytearray(file.read_bytes())
    data[int(len(data) * at)] ^= 0x40
    file.write_bytes(data)


def cut(file: Path, share: float = 0.5) -> None:
    """Keep only a part of the file."""
    os.truncate(file, int(file.stat().st_size * share))


def as_directory(file: Path) -> None:
    """Put a directory in the place of the file."""
    file.unlink()
    file.mkdir()


OPENING: list[tuple[str, Callable[[Path], None], str]] = [
    ("CURRENT", flip, "Corruption: CURRENT points to a non-existent file: "),
    ("CURRENT", cut, "Corruption: CURRENT file does not end with newline"),
    ("CURRENT", as_directory, "IO error: "),
    ("MANIFEST-*", flip, "Corruption: "),
    ("MANIFEST-*", lambda file: cut(file, 0), "Corruption: no meta-nextfile entry in descriptor"),
    ("MANIFEST-*", Path.unlink, "Corruption: CURRENT points to a non-existent file: "),
    ("MANIFEST-*", as_directory, "IO error: "),
    ("*.log", flip, "Corruption: checksum mismatch"),
    ("*.log", as_directory, "IO error: "),
    ("*.ldb", Path.unlink, "Corruption: 1 missing files; e.g.: "),
]


@pytest.mark.parametrize(("pattern", "damage", "text"), OPENING)
def test_damaged_on_opening(
    path: Path, pattern: str, damage: Callable[[Path], None], text: str
) -> None:
    """A damaged CURRENT, MANIFEST or log, or a lost table, is refused; the text says recover."""
    damage(next(path.glob(pattern)))
    error = raw_failure(path, paranoid_checks=True)
    assert text_of(error).startswith(text)
    with pytest.raises(DataCorrupted, match="recover=True") as caught:
        Level.open(path)
    assert str(path) not in str(caught.value)


LOSSES: list[tuple[str, Callable[[Path], None]]] = [
    ("CURRENT", Path.unlink),
    ("*.log", Path.unlink),
    ("MANIFEST-*", lambda file: cut(file, 0.6)),
]


@pytest.mark.parametrize(("pattern", "damage"), LOSSES)
def test_losses_that_leveldb_does_not_notice(
    path: Path, pattern: str, damage: Callable[[Path], None]
) -> None:
    """Without CURRENT or a log, or with its manifest cut, LevelDB opens with less: refused."""
    damage(next(path.glob(pattern)))
    before = {file.name: file.stat().st_size for file in path.iterdir()}
    with pytest.raises(DataCorrupted, match="recover=True"):
        Level.open(path)
    assert before == {file.name: file.stat().st_size for file in path.iterdir()}
    database = open_database(str(path), create_if_missing=True, paranoid_checks=True)
    assert sum(1 for _ in database.iterator()) < 2 * ROWS
    database.close()


def reads(level: Level) -> Iterator[Callable[[], Any]]:
    """Return every way to read row 10."""
    yield lambda: level.get("000010")
    yield lambda: level.has("000010")
    yield lambda: level.get_many(["000010", "000900"])
    yield lambda: list(level.items())
    yield lambda: list(level.keys(reverse=True))
    yield lambda: list(level.values(gte="000005", lt="000020"))


READING: list[tuple[Callable[[Path], None], str]] = [
    (lambda file: flip(file, 0.02), "Corruption: block checksum mismatch"),
    (cut, "IO error: "),
    (lambda file: cut(file, 0.99), "IO error: "),
    (lambda file: cut(file, 0), "IO error: "),
    (as_directory, "IO error: "),
]


@pytest.mark.parametrize(("damage", "text"), READING)
def test_damaged_table(path: Path, damage: Callable[[Path], None], text: str) -> None:
    """A damaged or cut table opens, and every read that touches it is DataCorrupted."""
    damage(next(path.glob("*.ldb")))
    with Level.open(path, value_encoding="utf8") as level:
        for read in reads(level):
            for _ in range(2):  # a first try must not make the second one look well
                with pytest.raises(DataCorrupted) as caught:
                    read()
            cause = caught.value.__cause__
            assert isinstance(cause, DriverError)
            assert text_of(cause).startswith(text)
        assert not level.check().ok


def test_damaged_table_stops_writing(path: Path) -> None:
    """When compaction meets a damaged table, writing is refused as DataCorrupted."""
    flip(next(path.glob("*.ldb")))
    with Level.open(path, value_encoding="utf8") as level:
        for number in range(ROWS):
            level.put(f"{number:06}", "over the damaged table")
        level.compact()
        with pytest.raises(DataCorrupted) as caught:
            level.put("more", "x")
        assert isinstance(caught.value.__cause__, DriverCorruption)


@pytest.mark.parametrize("below", ["", "inner"])
def test_not_a_directory(tmp_path: Path, below: str) -> None:
    """A file at the path, or above it, is InvalidArgument; without create it is NotFound."""
    (tmp_path / "file").write_text("not a LevelDB")
    path = tmp_path / "file" / below
    error = raw_failure(path, create_if_missing=True)
    assert text_of(error).endswith("LOCK: Not a directory")
    assert isinstance(opening_failed(error), InvalidArgument)
    with pytest.raises(InvalidArgument):
        Level.open(path)
    with pytest.raises((InvalidArgument, NotFound)):
        Level.open(path, create=False)


@pytest.mark.parametrize("create", [True, False])
@pytest.mark.parametrize("name", ["a\0b", "x" * 300, "\ud800"])
def test_names_that_cannot_be(tmp_path: Path, name: str, create: bool) -> None:
    """A NUL in the path, a lone surrogate or too long a name: refused, and nothing is made."""
    with pytest.raises((InvalidArgument, NotFound)):
        Level.open(tmp_path / name, create=create)
    with pytest.raises((InvalidArgument, NotFound)):
        Level.open(f"{tmp_path}/{name}", create=create)
    assert not list(tmp_path.iterdir())


def test_loop_of_links(tmp_path: Path) -> None:
    """A symbolic link to itself is InvalidArgument."""
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(InvalidArgument):
        Level.open(tmp_path / "loop")


def test_no_permission(path: Path, run: Callable[..., str]) -> None:
    """A directory that may not be written or read, and a parent that may not: Forbidden."""
    # Not below pytest's directory, into which no other user can look.
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o755)
        data = Path(place) / "data"
        shutil.copytree(path, data)
        for file in data.iterdir():
            file.chmod(0o400)
        for mode in (0o555, 0o000):
            data.chmod(mode)
            found = json.loads(run("refused.py", data, "as-nobody"))
            assert found["code"] == "forbidden"
            assert "LOCK: Permission denied" in found["cause"]
        data.chmod(0o555)
        found = json.loads(run("refused.py", data / "new", "as-nobody", "create"))
        assert found["code"] == "forbidden"
        data.chmod(0o755)


def test_unwritable(path: Path) -> None:
    """When the pid file cannot be written, Unavailable; the directory is not held any longer."""
    (path / "datapatterns.pid").mkdir()
    with pytest.raises(Unavailable):
        Level.open(path)
    (path / "datapatterns.pid").rmdir()
    Level.open(path, value_encoding="utf8").close()


def test_full_disk(tmp_path: Path, run: Callable[..., str]) -> None:
    """After a failed write no write is accepted until the directory is opened anew: LevelDB
    accepts them, and loses them at the next opening."""
    acknowledged, lost, first, later = run("limits.py", "full_disk", tmp_path / "d").split(" ", 3)
    assert int(acknowledged) > 100
    assert int(lost) == 0
    assert first == "outcome_unknown"
    assert later.strip() == "['second handle: unavailable', 'unavailable']"


def test_no_file_descriptors(tmp_path: Path, run: Callable[..., str]) -> None:
    """Out of file descriptors is Unavailable, not damage."""
    found = run("limits.py", "no_descriptors", tmp_path / "d")
    assert found.startswith("unavailable ")
    assert ".ldb: Too many open files" in found


@pytest.mark.parametrize(
    ("translate", "expected"),
    [
        (opening_failed, Unavailable),
        (reading_failed, Unavailable),
        (writing_failed, OutcomeUnknown),
    ],
)
def test_unknown_errors(translate: Callable[[Exception], DataError], expected: type) -> None:
    """An error nobody knows is 503, or 504 for a write; the driver's text is not repeated."""
    new = DriverError(b"IO error: /secret: something new")
    for error in (new, DriverIOError(), DriverError(1)):
        found = translate(error)
        assert type(found) is expected
        assert "secret" not in str(found)


def test_options_of_a_wrong_type(tmp_path: Path) -> None:
    """Options that the driver does not know, or of a wrong type, are InvalidArgument."""
    for options in ({"no_such_option": 1}, {"write_buffer_size": "x"}, {"block_size": -(2**70)}):
        with pytest.raises(InvalidArgument):
            Level.open(tmp_path / "d", **options)


def test_copy_is_a_directory_like_any_other(path: Path, tmp_path: Path) -> None:
    """A copy of a closed directory opens and holds the same."""
    shutil.copytree(path, tmp_path / "copy")
    with Level.open(tmp_path / "copy", value_encoding="utf8") as level:
        assert len(list(level.keys())) == 2 * ROWS
