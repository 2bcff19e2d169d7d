"""A directory written by Node's classic-level is read here, and the other way round."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from datapatterns import Document, Index
from datapatterns.errors import DecodeFailed, Locked
from datapatterns.level import Level, Repository

NODE = Path(__file__).parents[1] / "node"

pytestmark = pytest.mark.node


@pytest.fixture(autouse=True, scope="module")
def packages() -> None:
    """Skip the tests where Node or its packages are missing; in CI fail."""
    missing = None
    if shutil.which("node") is None:
        missing = "Node is not on the PATH"
    elif not (NODE / "node_modules" / "classic-level").is_dir():
        missing = "classic-level is not installed: npm ci --ignore-scripts in tests/node"
    if missing and os.environ.get("CI"):
        pytest.fail(missing)
    if missing:
        pytest.skip(missing)


def node(path: Path, *steps: dict[str, Any], **options: Any) -> list[Any]:
    """Run the steps in Node and return their results."""
    request = {"path": str(path), "options": options, "steps": steps}
    done = subprocess.run(
        ["node", str(NODE / "interop.mjs")],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    results: list[Any] = json.loads(done.stdout)
    return results


def shown(value: Any) -> Any:
    """Return a value as JSON for Node."""
    return {"$bytes": value.hex()} if isinstance(value, bytes) else value


JSON_VALUES: list[Any] = [
    0,
    -1,
    1.5,
    1e21,
    2**53,
    "",
    "grüße 👋\u2028",
    True,
    False,
    [],
    {},
    [1, "two", None, {"three": [3.25]}],
    {"é": "x", "": 0, "nested": {"a": [None]}},
]

# encoding, values in the form that both sides take
VALUES: dict[str, list[Any]] = {
    "utf8": ["", "plain", "grüße 👋", "\0\x7f", "{not json", "x" * 100_000],
    "json": JSON_VALUES,
    "buffer": [b"", b"\0\xff", bytes(range(256)), os.urandom(5_000)],
    "hex": ["", "00ff", "deadbeef"],
    "base64": ["", "AP8=", "3q2+7w==", "YQ=="],
}

KEYS: dict[str, list[Any]] = {
    "utf8": ["a", "!", "!a!b", "ü", "👋", "\0", "z" * 300, " "],
    "json": [1, -1.5, "a", "", True, [1, "x"], {"k": [1]}],
    "buffer": [b"\0", b"\xff\xfe", b"!a!", bytes(range(1, 256))],
    "hex": ["00", "ff00", "deadbeef"],
    "base64": ["AA==", "/w==", "3q2+7w=="],
}

SUBLEVELS: list[list[str]] = [[], ["users"], ["a", "b"], ["#~", "x.y", "Z"]]


def inner(level: Level, names: list[str], keys: str, values: str) -> Level:
    """Return the nested sublevel with these names."""
    for name in names:
        level = level.sublevel(name, key_encoding=keys, value_encoding=values)
    return level


@pytest.mark.parametrize("values", VALUES)
@pytest.mark.parametrize("names", SUBLEVELS, ids="/".join)
def test_values_both_ways(tmp_path: Path, names: list[str], values: str) -> None:
    """Every encoding of values, in nested sublevels: each side reads what the other wrote."""
    step = {"sublevel": names, "keyEncoding": "utf8", "valueEncoding": values}
    cases = list(enumerate(VALUES[values]))
    with Level.open(tmp_path / "ours", value_encoding=values) as level:
        for n, value in cases:
            inner(level, names, "utf8", values).put(f"k{n:02}", value)
        if values == "buffer":  # abstract-level's name for ours
            inner(level, names, "utf8", "binary").put("k00", b"")
    (entries,) = node(tmp_path / "ours", {**step, "op": "entries"}, valueEncoding=values)
    assert entries == [[f"k{n:02}", shown(value)] for n, value in cases]

    puts = [{**step, "op": "put", "key": f"k{n:02}", "value": shown(v)} for n, v in cases]
    gets = [{**step, "op": "get", "key": f"k{n:02}"} for n, _ in cases]
    results = node(tmp_path / "theirs", *puts, *gets, valueEncoding=values)
    assert results[len(cases) :] == [shown(value) for _, value in cases]
    with Level.open(tmp_path / "theirs", value_encoding=values) as level:
        found = dict(inner(level, names, "utf8", values).items())
        assert found == {f"k{n:02}": value for n, value in cases}
        for n, value in cases:
            assert inner(level, names, "utf8", values).get(f"k{n:02}") == value


@pytest.mark.parametrize("keys", KEYS)
@pytest.mark.parametrize("names", SUBLEVELS[:3], ids="/".join)
def test_keys_both_ways(tmp_path: Path, names: list[str], keys: str) -> None:
    """Every encoding of keys: found by the other side, and in the same order."""
    step = {"sublevel": names, "keyEncoding": keys, "valueEncoding": "json"}
    with Level.open(tmp_path / "ours", key_encoding=keys) as level:
        part = inner(level, names, keys, "json")
        for n, key in enumerate(KEYS[keys]):
            part.put(key, n)
        ordered = [[shown(key), value] for key, value in part.items()]
    gets = [{**step, "op": "get", "key": shown(key)} for key in KEYS[keys]]
    options = {"keyEncoding": keys, "valueEncoding": "json"}
    results = node(tmp_path / "ours", *gets, {**step, "op": "entries"}, **options)
    assert results[:-1] == list(range(len(KEYS[keys])))
    assert results[-1] == ordered

    puts = [
        {**step, "op": "put", "key": shown(key), "value": n} for n, key in enumerate(KEYS[keys])
    ]
    node(tmp_path / "theirs", *puts, **options)
    with Level.open(tmp_path / "theirs", key_encoding=keys) as level:
        part = inner(level, names, keys, "json")
        assert [part.get(key) for key in KEYS[keys]] == list(range(len(KEYS[keys])))
        assert [[shown(key), value] for key, value in part.items()] == ordered


def test_same_bytes_on_disk(tmp_path: Path) -> None:
    """Both sides give the very same keys and values to LevelDB."""
    names = ["a", "b"]
    with Level.open(tmp_path / "ours") as level:
        for path in ([], ["a"], names):
            inner(level, path, "utf8", "json").put("key", {"n": 1, "s": "ü"})
    step = {"op": "put", "valueEncoding": "json", "key": "key", "value": {"n": 1, "s": "ü"}}
    node(tmp_path / "theirs", *({**step, "sublevel": path} for path in ([], ["a"], names)))
    rows = []
    for side in ("ours", "theirs"):
        with Level.open(tmp_path / side, key_encoding="binary", value_encoding="binary") as level:
            rows.append(list(level.items()))
    assert rows[0] == rows[1]
    assert [key for key, _ in rows[0]] == [b"!a!!b!key", b"!a!key", b"key"]


def test_batches_across_sublevels(tmp_path: Path) -> None:
    """Batches with deletes, across sublevels, by both sides in turn on one directory."""
    path = tmp_path / "d"
    with Level.open(path) as level:
        users, posts = level.sublevel("users"), level.sublevel("posts")
        batch = level.batch()
        for n in range(10):
            batch.put(f"u{n}", {"n": n}, sublevel=users).put(f"p{n}", [n], sublevel=posts).put(
                f"r{n}", n
            )
        batch.write()
    put = {"type": "put", "value": "theirs", "valueEncoding": "json"}
    operations = [
        *({"type": "del", "key": f"u{n}", "sublevel": ["users"]} for n in range(5)),
        *({**put, "key": f"p{n}", "sublevel": ["posts"]} for n in range(8, 12)),
        {**put, "key": "r0"},
    ]
    node(path, {"op": "batch", "operations": operations})
    with Level.open(path) as level:
        users, posts = level.sublevel("users"), level.sublevel("posts")
        assert dict(users.items()) == {f"u{n}": {"n": n} for n in range(5, 10)}
        ours, theirs = {f"p{n}": [n] for n in range(1, 5)}, {"p10": "theirs", "p11": "theirs"}
        assert dict(posts.items(gte="p1", lt="p5")) == ours | theirs
        assert level.get("r0") == "theirs"
        level.batch([{"type": "delete", "key": f"u{n}", "sublevel": users} for n in range(5, 10)])
    (entries,) = node(path, {"op": "entries", "sublevel": ["users"]})
    assert entries == []


def test_ranges_agree(tmp_path: Path) -> None:
    """The same range options give the same entries on both sides, downwards too."""
    path = tmp_path / "d"
    with Level.open(path) as level:
        for part in (level, level.sublevel("s")):
            for n in range(0, 40, 2):
                part.put(f"{n:02}", n)
    ranges: list[dict[str, Any]] = [
        {},
        {"reverse": True},
        {"limit": 3},
        {"gt": "04", "lte": "20"},
        {"gte": "05", "lt": "20", "reverse": True},
        {"gt": "04", "reverse": True, "limit": 4},
        {"gte": "38"},
        {"gt": "38"},
        {"lt": "00"},
        {"gte": "20", "lte": "20"},
        {"gte": "30", "lt": "10"},
        {"limit": 0},
    ]
    for names in ([], ["s"]):
        steps = [
            {"op": "entries", "sublevel": names, "valueEncoding": "json", "range": options}
            for options in ranges
        ]
        results = node(path, *steps)
        with Level.open(path) as level:
            part = inner(level, names, "utf8", "json")
            for options, theirs in zip(ranges, results, strict=True):
                assert [list(entry) for entry in part.items(**options)] == theirs, options


def test_tables_both_ways(tmp_path: Path) -> None:
    """Compacted tables, ours with a bloom filter and theirs, are read by the other side."""
    path = tmp_path / "d"
    with Level.open(path, write_buffer_size=65_536) as level:
        for n in range(5_000):
            level.put(f"k{n:05}", {"n": n})
        level.compact()
    assert list(path.glob("*.ldb"))
    gets = [{"op": "get", "key": f"k{n:05}", "valueEncoding": "json"} for n in range(0, 5_100, 50)]
    results = node(path, *gets, {"op": "put", "key": "more", "value": "theirs"}, {"op": "compact"})
    assert results[:-2] == [{"n": n} if n < 5_000 else None for n in range(0, 5_100, 50)]
    with Level.open(path) as level:
        assert len(list(level.keys())) == 5_001
        assert level.get("k00050") == {"n": 50}
        assert level.get("absent") is None
        assert level.sublevel("x", value_encoding="utf8").get("y") is None
        with pytest.raises(DecodeFailed):
            level.get("more")  # they wrote plain text
        assert level.check().ok


def test_pid_file_is_no_trouble(tmp_path: Path) -> None:
    """Our pid file lies beside the data; Node neither minds nor removes a stale one."""
    path = tmp_path / "d"
    Level.open(path).close()
    (path / "datapatterns.pid").write_text("12345678\n")
    node(path, {"op": "put", "key": "a", "value": "1"})
    assert (path / "datapatterns.pid").read_text() == "12345678\n"
    with Level.open(path) as level:
        assert level.get("a") == 1


def test_each_locks_the_other_out(tmp_path: Path) -> None:
    """While we have the directory open, Node cannot open it, and the other way round."""
    path = tmp_path / "d"
    with Level.open(path) as level:
        with pytest.raises(AssertionError, match="LEVEL_LOCKED"):
            node(path, {"op": "put", "key": "a", "value": "1"})
        level.put("ours", True)
    script = (
        "import { ClassicLevel } from 'classic-level';"
        f"const db = new ClassicLevel({json.dumps(str(path))});"
        "await db.open(); console.log('open'); process.stdin.resume();"
        "process.stdin.on('end', () => db.close())"
    )
    holder = subprocess.Popen(
        ["node", "--input-type=module", "-e", script],
        cwd=NODE,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        with pytest.raises(Locked) as caught:
            Level.open(path)
        assert caught.value.data == {}  # we do not know who it is
    finally:
        holder.communicate(timeout=30)
    assert holder.returncode == 0


class User(Document):
    """What the repository below holds."""

    name: str


def test_repository_is_plain_json_to_node(tmp_path: Path) -> None:
    """Node reads a repository's documents as JSON; what it writes itself shows here too."""
    path = tmp_path / "d"
    with Level.open(path) as level:
        users = Repository(level, "users", User, indexes=[Index("by_name", "name")])
        rev = users.create(User(id="1", name="Ada")).rev
    step = {"sublevel": ["users"], "valueEncoding": "json"}
    results = node(
        path,
        {**step, "op": "get", "key": "1"},
        {**step, "op": "put", "key": "2", "value": {"name": "Grace"}},
    )
    assert results[0] == {"name": "Ada", "_rev": rev}
    with Level.open(path) as level:
        users = Repository(level, "users", User, indexes=[Index("by_name", "name")])
        assert users.get("2").name == "Grace"
        assert [user.name for user in users.query("by_name")] == ["Ada"]  # Node keeps no index
        assert not level.check().ok
        users.reindex()
        assert [user.name for user in users.query("by_name")] == ["Ada", "Grace"]
        assert level.check().ok
