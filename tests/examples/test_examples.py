"""Every recipe is a program that runs as it stands and prints what its page says."""

from __future__ import annotations

import io
import os
import re
import runpy
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from datapatterns import Unsupported
from datapatterns.testing.plugin import in_ci_or_skip
from datapatterns.testing.servers.couch_at_hand import Couch
from datapatterns.testing.servers.redis import RedisServer

EXAMPLES = Path(__file__).parents[2] / "examples"
PROGRAMS = sorted(path for path in EXAMPLES.glob("*/*.py") if not path.stem.startswith("needs_"))
SOURCES = {path: path.read_text("utf-8") for path in PROGRAMS}
LONGEST = 75  # lines
# What cannot share a process with others: pytest within pytest, and Django's settings.
ALONE = {
    *("together/own_tests.py", "together/own_tests_async.py"),
    *("together/own_backend.py", "together/own_backend_async.py"),
    "couch/web_errors.py",
}
# What starts several processes.
CROWDED = {
    *("couch/ensure_at_startup.py", "couch/ensure_at_startup_async.py"),
    *("couch/stopping.py", "couch/stopping_async.py"),
}
# What has one face only.
ONE_FACE = {
    "couch/connections.py": "it compares calls of many tasks with one another",
    "couch/web_errors.py": "nothing in it waits: the frameworks' test clients are synchronous",
    "together/idempotency_key.py": "it is an ASGI application, and async already",
    "together/limited_api.py": "it is an ASGI application, and async already",
}
# The stand-in for CouchDB pages otherwise, and has neither its welcome nor its replicator.
REAL = {
    *("connect", "connect_async", "inverted_index", "inverted_index_async"),
    *("pages", "pages_async", "replicated_conflicts", "replicated_conflicts_async"),
}


def name_of(path: Path) -> str:
    """Return the name of a program, such as `redis/counter.py`."""
    return path.relative_to(EXAMPLES).as_posix()


def expected(path: Path) -> str:
    """Return the expected output; an async twin has the same."""
    return path.with_name(path.stem.removesuffix("_async") + ".txt").read_text("utf-8")


def pattern(text: str) -> re.Pattern[str]:
    """Return a pattern: an ellipsis stands for any text, alone in its line for any lines."""
    lines = (
        "(.+\n)+" if line == "…\n" else re.escape(line).replace("…", ".+")
        for line in text.splitlines(keepends=True)
    )
    return re.compile("".join(lines))


@pytest.fixture(scope="module")
def own_redis() -> Iterator[RedisServer]:
    """Yield a server for the programs only: some of them flush scripts or kill clients."""
    with in_ci_or_skip("Redis"):
        server = RedisServer().start()
    yield server
    server.close()


def run(path: Path, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> str:
    """Run the program, in this process if possible, and return its output."""
    for name in ("DB_PATH", "STORE_URL", "REDIS_URL", "COUCHDB_URL", "DATAPATTERNS_REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    if name_of(path) in ALONE:
        command = [sys.executable, str(path)]
        return subprocess.run(
            command, stdout=subprocess.PIPE, text=True, timeout=100, check=True
        ).stdout
    monkeypatch.syspath_prepend(str(path.parent))
    monkeypatch.setattr(sys, "argv", [str(path)])
    output = io.StringIO()
    with redirect_stdout(output):
        runpy.run_path(str(path), run_name="__main__")
    return output.getvalue()


def of(folder: str, *, using: str = "") -> list[Path]:
    """Return the programs of a folder, or those of them that contain a text."""
    return [path for path, text in SOURCES.items() if path.parent.name == folder and using in text]


def cases(paths: list[Path]) -> list[Any]:
    """Return the programs with marks: those that start several processes are slow."""
    slow, real = pytest.mark.slow, pytest.mark.couchdb3
    return [
        pytest.param(
            path,
            marks=[slow] * (name_of(path) in {*ALONE, *CROWDED}) + [real] * (path.stem in REAL),
        )
        for path in paths
    ]


@pytest.mark.parametrize("path", of("level"), ids=name_of)
def test_level(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On LevelDB a program prints what its page says, also when its data is there already."""
    for _ in range(2):
        printed = run(path, monkeypatch, {"DB_PATH": str(tmp_path / "data")})
        assert printed == expected(path)


@pytest.mark.parametrize("path", of("redis"), ids=name_of)
def test_redis(path: Path, own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """On Redis a program prints what its page says."""
    own_redis.ask("FLUSHALL")
    printed = run(path, monkeypatch, redis_environment(own_redis))
    assert pattern(expected(path)).fullmatch(printed), printed


def redis_environment(server: RedisServer) -> dict[str, str]:
    """Return the environment by which the programs find the server."""
    return {"REDIS_URL": server.url, "STORE_URL": server.url, "REDIS_PORT": str(server.port)}


@pytest.mark.parametrize("path", cases(of("couch")), ids=name_of)
def test_couch(path: Path, couch_server: Couch, monkeypatch: pytest.MonkeyPatch) -> None:
    """On CouchDB a program prints what its page says."""
    url = couch_server.url
    printed = run(path, monkeypatch, {"COUCHDB_URL": url, "STORE_URL": f"couch+{url}"})
    assert pattern(expected(path)).fullmatch(printed), printed


@pytest.mark.parametrize("path", cases(of("together")), ids=name_of)
def test_together(
    path: Path,
    request: pytest.FixtureRequest,
    own_redis: RedisServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A program that needs several servers prints what its page says."""
    environment = {
        "REDIS_URL": own_redis.url,
        "DATAPATTERNS_REDIS_URL": own_redis.url,
        "STORE_URL": f"level:{tmp_path / 'data'}",
    }
    if "COUCHDB_URL" in SOURCES[path]:
        environment["COUCHDB_URL"] = request.getfixturevalue("couch_server").url
    own_redis.ask("FLUSHALL")
    printed = run(path, monkeypatch, environment)
    assert pattern(expected(path)).fullmatch(printed), printed


ANYWHERE = of("together", using='"level:./data"')
# What needs a unique index, which CouchDB lacks.
UNIQUE = {"together/soft_delete.py", "together/soft_delete_async.py"}


@pytest.mark.parametrize("path", ANYWHERE, ids=name_of)
def test_without_a_server_by_default_and_on_redis(
    path: Path, own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that uses LevelDB by default prints the same on Redis."""
    printed = run(path, monkeypatch, redis_environment(own_redis))
    assert pattern(expected(path)).fullmatch(printed), printed


@pytest.mark.parametrize("path", ANYWHERE, ids=name_of)
def test_without_a_server_by_default_and_on_couch(
    path: Path, couch_server: Couch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that uses LevelDB by default prints the same on CouchDB, if that can do it."""
    environment = {"STORE_URL": f"couch+{couch_server.url}"}
    if name_of(path) in UNIQUE:
        with pytest.raises(Unsupported):
            run(path, monkeypatch, environment)
        return
    printed = run(path, monkeypatch, environment)
    assert pattern(expected(path)).fullmatch(printed), printed


PORTABLE = [*of("redis", using='"STORE_URL"'), *of("couch", using='"STORE_URL"')]


@pytest.mark.parametrize("path", PORTABLE, ids=name_of)
def test_the_same_without_a_server(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that takes the URL of a store prints the same on one LevelDB directory."""
    printed = run(path, monkeypatch, {"STORE_URL": f"level:{tmp_path / 'data'}"})
    assert pattern(expected(path)).fullmatch(printed), printed


@pytest.mark.parametrize("path", of("couch", using='"STORE_URL"'), ids=name_of)
def test_documents_on_redis(
    path: Path, own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program about documents prints the same on Redis, unless it needs a changes feed."""
    if "store.changes(" in SOURCES[path]:
        with pytest.raises(Unsupported):
            run(path, monkeypatch, redis_environment(own_redis))
        return
    printed = run(path, monkeypatch, redis_environment(own_redis))
    assert pattern(expected(path)).fullmatch(printed), printed


def test_without_a_server_it_says_how_to_start_one() -> None:
    """Without a server a program prints how to start one, and no traceback."""
    environment = {**os.environ, "REDIS_URL": "redis://127.0.0.1:1"}
    environment.pop("STORE_URL", None)
    ended = subprocess.run(
        [sys.executable, EXAMPLES / "redis" / "counter.py"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1
    assert "redis-server --port 1" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_every_program_is_short() -> None:
    """Every program has at most LONGEST lines."""
    too_long = [name_of(path) for path, text in SOURCES.items() if text.count("\n") > LONGEST]
    assert too_long == []


def test_no_program_hides_a_module() -> None:
    """No program has the name of a standard module, since its folder is first on the path."""
    hidden = [path for path in PROGRAMS if path.stem in sys.stdlib_module_names]
    assert hidden == []


def test_each_program_has_a_twin() -> None:
    """Every program has an async twin, unless ONE_FACE gives a reason."""
    names = {name_of(path) for path in PROGRAMS}
    single = {
        name
        for name in names
        if not name.endswith("_async.py") and name.replace(".py", "_async.py") not in names
    }
    assert single == set(ONE_FACE)


def test_twins_show_the_same_problem() -> None:
    """A program and its async twin have the same first line."""
    for path, text in SOURCES.items():
        if path.stem.endswith("_async"):
            twin = path.with_name(path.stem.removesuffix("_async") + ".py")
            assert text.splitlines()[0] == SOURCES[twin].splitlines()[0], name_of(path)
