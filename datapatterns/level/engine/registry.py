"""The directories that this process has open: one engine for each real path, shared by all handles.

LevelDB allows one process a directory. That process writes its pid beside the data, so that the
error in another process can name it. A forked child may use nothing of its parent's and may open
nothing itself, since LevelDB would wait for its background thread, which does not exist there.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from datapatterns.errors import (
    Conflict,
    DataCorrupted,
    DataError,
    Forbidden,
    InvalidArgument,
    Locked,
    NotFound,
    Unavailable,
)
from datapatterns.level.engine.driver import DriverError, open_database, opening_failed
from datapatterns.level.engine.engine import Engine
from datapatterns.level.repair import manifest

PID_FILE = "datapatterns.pid"
_BLOOM_BITS = 10  # an absent key costs 1.8 us with them, 5.8 without
_CACHE = 32 << 20  # bytes of blocks; with LevelDB's 8 MiB most reads of 20 MB miss

_engines: dict[Path, Engine] = {}
_reserved: set[Path] = set()
_opening = threading.Lock()
_used = _forked = False  # whether LevelDB was used in this process, or in the one it is a fork of


def acquire(
    path: Path, *, create: bool = True, error_if_exists: bool = False, **options: Any
) -> Engine:
    """Return the engine of that directory; open it unless another handle has done so."""
    path = _real(path)
    _begin_use()
    with _opening:
        if path in _reserved:
            raise Locked("this LevelDB directory is being recovered by this process")
        engine = _engines.get(path)
        if engine is None:
            engine = _engines[path] = _open(path, create, error_if_exists, options)
        elif error_if_exists:
            raise Conflict("there is a LevelDB at this path already", reason="exists")
        elif engine.refusal is not None:
            raise Unavailable(engine.refusal)
        engine.handles += 1
        return engine


def release(engine: Engine) -> None:
    """Close the engine if this was its last handle."""
    with _opening:
        engine.handles -= 1
        if engine.handles == 0 and _engines.get(engine.path) is engine:
            del _engines[engine.path]
            # Before the lock is released: afterwards it may be the pid of the next process.
            with suppress(OSError):
                (engine.path / PID_FILE).unlink()
            engine.close()


@contextmanager
def reserved(path: Path) -> Generator[Path]:
    """Keep this process from opening the directory in the block; yield its real path.

    Raise Locked if it is open here.
    """
    path = _real(path)
    _begin_use()
    with _opening:
        if path in _engines or path in _reserved:
            raise Locked("this LevelDB directory is open in this process: close it first")
        _reserved.add(path)
    try:
        yield path
    finally:
        _reserved.discard(path)


def _begin_use() -> None:
    global _used
    if _forked:
        raise Unavailable(
            "LevelDB was used in this process before it was forked, and would hang here: open it "
            "after the fork only, or start the process afresh (spawn)"
        )
    _used = True


def _real(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, ValueError, RuntimeError) as error:  # a loop of links; a NUL in it
        raise InvalidArgument("this cannot be the path of a LevelDB") from error


def _open(path: Path, create: bool, error_if_exists: bool, options: dict[str, Any]) -> Engine:
    if create:
        _make_directory(path)
    elif not manifest.is_database(path):
        # LevelDB says so too, but leaves a directory behind.
        raise NotFound("there is no LevelDB at this path, and create=False")
    if manifest.loss(path) is not None:
        raise DataCorrupted("this LevelDB directory has lost a file; open it with recover=True")
    try:
        database = open_database(
            str(path),
            create_if_missing=create,
            error_if_exists=error_if_exists,
            paranoid_checks=True,
            bloom_filter_bits=_BLOOM_BITS,
            **{"lru_cache_size": _CACHE, **options},
        )
    except DriverError as error:
        raise refusal(error, path) from error
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidArgument("an option for opening a LevelDB is not of its type") from error
    try:
        _write_pid(path)
    except BaseException:
        database.close()  # now, not when the error is forgotten
        raise
    return Engine(path, database)


def _make_directory(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except PermissionError as error:
        raise Forbidden("the directory of this LevelDB may not be made by this user") from error
    except OSError as error:
        raise InvalidArgument("the directory of this LevelDB cannot be made") from error
    except ValueError as error:
        raise InvalidArgument("this cannot be the path of a LevelDB") from error


def _write_pid(path: Path) -> None:
    try:
        (path / PID_FILE).write_text(f"{os.getpid()}\n")
    except OSError as error:
        raise Unavailable("this LevelDB directory could not be written to") from error


def refusal(error: Exception, path: Path) -> DataError:
    """Return our error for a directory that the driver did not open."""
    failure = opening_failed(error)
    return _locked(path) if isinstance(failure, Locked) else failure


def _locked(path: Path) -> Locked:
    """Return the error for a directory in use, with the pid of its holder if that is known."""
    pid = _holder(path)
    who = f"process {pid}" if pid is not None else "another process"
    return Locked(
        f"this LevelDB directory is in use by {who}. Several processes? "
        "Change the URL to redis:// or couch+http://. Do not delete the LOCK file: "
        "it is what keeps two processes from destroying the data",
        data={} if pid is None else {"pid": pid},
    )


def _holder(path: Path) -> int | None:
    """Return the pid beside the data if that process is alive; a killed one leaves it there."""
    try:
        pid = int((path / PID_FILE).read_text())
    except (OSError, ValueError):
        return None
    if pid <= 0:
        return None  # kill would mean whole groups by these
    try:
        os.kill(pid, 0)
    except PermissionError:
        return pid  # another user's
    except (OSError, OverflowError):
        return None
    return pid


def _forget_after_fork() -> None:
    """Refuse every use in a forked child, and never run the driver's destructors there."""
    global _opening, _forked
    _opening = threading.Lock()
    _forked = _used
    for engine in _engines.values():
        # Destroying any of it can wait for a background thread that does not exist here.
        pinned: list[object] = [engine.database]
        for gate in engine.gates:
            gate.usable = False
            gate.refusal = "this LevelDB was opened before a fork, and belongs to the parent"
            pinned += gate.open
        for resource in pinned:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(resource))
    _engines.clear()
    _reserved.clear()


if sys.platform != "win32":  # where no process forks
    os.register_at_fork(after_in_child=_forget_after_fork)
