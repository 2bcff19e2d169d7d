"""Runs into limits of the operating system: a full disk, no file descriptors left."""

import resource
import signal
import sys

from datapatterns.errors import DataError
from datapatterns.level import Level
from datapatterns.level.engine.driver import open_database


def limit(what: int, soft: int | None) -> None:
    """Set a limit, or take it away again."""
    _, hard = resource.getrlimit(what)
    resource.setrlimit(what, (hard if soft is None else soft, hard))


def full_disk(path: str) -> None:
    """Write until nothing more fits, make room, and write on; then count what was promised."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    acknowledged, errors = [], []
    level = Level.open(path)
    limit(resource.RLIMIT_FSIZE, 100_000)
    for number in range(2_000):
        if number == 1_500:
            limit(resource.RLIMIT_FSIZE, None)
        try:
            if number % 2:
                level.put(str(number), "x" * 100)
            else:
                level.batch([{"type": "put", "key": str(number), "value": "x" * 100}])
            acknowledged.append(number)
        except DataError as error:
            errors.append(error.code)
    assert level.get(str(acknowledged[0])) == "x" * 100, "reading goes on"
    try:
        Level.open(path)
    except DataError as error:
        errors.append(f"second handle: {error.code}")
    level.close()
    with Level.open(path) as level:
        lost = [number for number in acknowledged if level.get(str(number)) is None]
        level.put("after", 1)
        assert level.check().ok
    print(len(acknowledged), len(lost), errors[0], sorted(set(errors[1:])))


def no_descriptors(path: str) -> None:
    """Read from a table when the process may open no further file."""
    database = open_database(path, create_if_missing=True)
    database.put(b"a", b"1")
    database.compact_range(start=b"", stop=b"\xff")
    database.close()
    with Level.open(path) as level:
        limit(resource.RLIMIT_NOFILE, 3)
        try:
            level.get("a")
        except DataError as error:
            print(error.code, repr(error.__cause__))
        limit(resource.RLIMIT_NOFILE, None)
        assert level.get("a") == 1


{"full_disk": full_disk, "no_descriptors": no_descriptors}[sys.argv[1]](sys.argv[2])
