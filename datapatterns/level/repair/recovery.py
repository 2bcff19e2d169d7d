"""Check a directory, and recover as much as possible of a damaged one."""

from __future__ import annotations

import logging
import os
import shutil
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from datapatterns.errors import DataCorrupted, Forbidden, Locked, Unavailable
from datapatterns.level.engine import registry
from datapatterns.level.engine.driver import (
    Database,
    DriverError,
    DriverReader,
    open_database,
    opening_failed,
    reading_failed,
    repair_database,
)
from datapatterns.level.engine.engine import Engine
from datapatterns.level.engine.readers import View
from datapatterns.level.repair import logs, manifest, rebuilding
from datapatterns.level.repair.inspection import Inspection

logger = logging.getLogger("datapatterns.level")

Row = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Report:
    """Whether everything could be read and fits together; `problems` names no key and no value."""

    ok: bool
    problems: list[str] = field(default_factory=list[str])


def check(engine: Engine) -> Report:
    """Read everything as it is at this moment, and compare documents, indexes and change logs.

    Indexes are compared with their documents where this process has declared them; else only
    whether each entry has its document. Costs a read for each entry of an index or a log.
    """
    snapshot = engine.database.snapshot()
    inspection = Inspection(View(snapshot), engine)
    read = 0
    try:
        for key, value in rows(snapshot):
            read += 1
            inspection.look_at(key, value)
    except DriverError as error:
        about = {"path": str(engine.path), "entries": read}
        logger.warning("a LevelDB directory is damaged", exc_info=error, extra=about)
        damaged = f"stored data is damaged: reading ended after {read} entries"
        return Report(False, [damaged, *inspection.problems()])
    finally:
        snapshot.close()
    problems = inspection.problems()
    return Report(not problems, problems)


def rows(reader: DriverReader) -> Iterator[Row]:
    """Iterate over all rows; LevelDB's own iterator, unlike the driver's, raises for damage."""
    iterator = reader.raw_iterator(verify_checksums=True, fill_cache=False)
    try:
        iterator.seek_to_first()
        while iterator.valid():
            yield iterator.item()
            iterator.next()
    finally:
        iterator.close()


def recover(path: Path) -> None:
    """Make a damaged directory readable, keeping a copy of it as `<path>.damaged-<UTC time>`.

    A directory that can be read to its end, or that has no database yet, stays as it is. In any
    other, recovery cuts the damage out of the log; only if that does not suffice, LevelDB rebuilds
    its tables, which can bring back what was overwritten or deleted. Then recovery corrects the
    change logs of collections, and repositories fill their indexes again. LevelDB is always strict
    in this: if it is not, it merges damaged blocks into new tables, whose checksums are right.
    Raise Locked, also if this process has the directory open, and DataCorrupted if all this fails.
    """
    with registry.reserved(path) as real:
        if not manifest.is_database(real):
            return
        with _alone(real), _as_it_is(real) as before:
            if not _is_sound(real):
                _recover(real, before)


def _recover(path: Path, before: Path) -> None:
    copy = _copy(before, path)
    message = "recovering a damaged LevelDB directory; its copy is %s"
    logger.warning(message, copy, extra={"path": str(path), "copy": str(copy)})
    for log in path.glob("*.log"):
        if log.is_file():
            logs.cut_out_damage(log)
    lost = manifest.loss(path)
    if lost is not None and not lost.unknown_tables:
        _open_once(path)  # begins a new log; LevelDB would delete tables that it does not know
    if not _is_sound(path):
        _repair(path)
        if not _is_sound(path):
            raise DataCorrupted("this LevelDB directory cannot be recovered; a copy was kept")
    with _opened(path) as database:
        rebuilding.rebuild(database)


@contextmanager
def _alone(path: Path) -> Generator[None]:
    """Keep other processes from recovering the directory too, with a lock of its own.

    LevelDB's own lock is free between the steps. The system ends this one with the process.
    """
    if sys.platform == "win32":
        yield
    else:
        import fcntl  # which Windows has not

        try:
            directory = os.open(path, os.O_RDONLY)
        except PermissionError as error:
            raise Forbidden("this LevelDB directory may not be read by this user") from error
        try:
            fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(directory)
            raise Locked("another process is recovering this LevelDB directory") from error
        try:
            yield
        finally:
            os.close(directory)


def _is_sound(path: Path) -> bool:
    """Return whether the directory opens strictly and can be read to its end."""
    if manifest.loss(path) is not None:
        return False
    try:
        with _opened(path) as database:
            for _ in rows(database):
                pass
    except DataCorrupted:
        return False
    except DriverError as error:
        failure = reading_failed(error)
        if isinstance(failure, DataCorrupted):
            return False
        raise failure from error
    return True


@contextmanager
def _opened(path: Path) -> Generator[Database]:
    try:
        database = open_database(str(path), create_if_missing=False, paranoid_checks=True)
    except DriverError as error:
        raise registry.refusal(error, path) from error
    try:
        yield database
    finally:
        database.close()


@contextmanager
def _as_it_is(path: Path) -> Generator[Path]:
    """Yield a copy made before LevelDB opens the directory, or the directory if that fails.

    Live tables are only linked: LevelDB deletes them, but never changes them. What is left over
    from a crash it may write over. Not LOCK: the system drops a process's lock on a file with any
    handle to it that is closed.
    """
    live, place = manifest.live_tables(path), path.with_name(f".{path.name}.{os.getpid()}")

    def keep(source: str, target: str) -> None:
        if os.path.basename(source) in live:
            os.link(source, target)
        else:
            shutil.copy2(source, target)

    try:
        shutil.copytree(path, place, copy_function=keep, ignore=shutil.ignore_patterns("LOCK"))
        before = place
    except OSError:
        before = path
    try:
        yield before
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _copy(before: Path, path: Path) -> Path:
    """Copy the directory beside itself; if there is no room, nothing else may be tried."""
    name = f"{path.name}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    copy, again = path.with_name(name), 1
    while copy.exists():
        again += 1
        copy = path.with_name(f"{name}-{again}")
    try:
        shutil.copytree(before, copy, symlinks=True)
    except OSError as error:
        shutil.rmtree(copy, ignore_errors=True)
        raise Unavailable("the damaged LevelDB directory could not be copied") from error
    return copy


def _open_once(path: Path) -> None:
    try:
        open_database(str(path), create_if_missing=False, paranoid_checks=True).close()
    except DriverError as error:
        _refuse_if_locked(error, path)


def _repair(path: Path) -> None:
    try:
        repair_database(str(path))
    except DriverError as error:
        _refuse_if_locked(error, path)
        raise DataCorrupted("this LevelDB directory cannot be repaired; a copy was kept") from error
    # LevelDB keeps there what it could not use; all of it is in the copy.
    shutil.rmtree(path / "lost", ignore_errors=True)
    _merge(path)


def _merge(path: Path) -> None:
    """Merge the tables into one order. A repair leaves them side by side, in an order that is not
    that of their age: until then, reading one key can give an older value than iterating does."""
    try:
        with _opened(path) as database:
            iterator = database.raw_iterator()
            iterator.seek_to_last()
            last = iterator.item()[0] if iterator.valid() else b""
            iterator.close()
            database.compact_range(start=b"", stop=last + b"\x00")
    except (DataCorrupted, DriverError) as error:
        raise DataCorrupted("this LevelDB directory cannot be repaired; a copy was kept") from error


def _refuse_if_locked(error: Exception, path: Path) -> None:
    if isinstance(opening_failed(error), Locked):
        raise registry.refusal(error, path) from error
