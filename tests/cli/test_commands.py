"""The commands: their output, their effects and their errors."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from datapatterns import Store
from datapatterns.testing.conformance.samples import Person

from .conftest import Run

COMMANDS = [
    ["tour"], ["migrate"], ["check"], ["recover"],
    ["queue", "stats"], ["queue", "dead"], ["queue", "requeue"], ["changes", "tail"],
]  # fmt: skip


def fill(url: str, namespace: str) -> None:
    """Store a queue with one ready and two dead items, a counter, and some documents."""
    with Store.from_url(url, namespace=namespace) as store:
        mail = store.work_queue("mail")
        mail.push_many([{"to": "a"}, {"to": "b"}, {"to": "c"}])
        for reason in ("[red]no such address", "line\nbreak"):
            delivery = mail.take()
            assert delivery is not None
            delivery.bury(reason)
        store.counter("visits").increment(5)
        people = store.repository("people", Person)
        people.create_many([Person(id="ann", age=1), Person(id="bob")])
        people.destroy("bob")


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_shows_an_example(run: Run, command: list[str]) -> None:
    """The help of every command has an example."""
    shown = run(*command, "--help")
    assert shown.code == 0
    assert f"Example: datapatterns {' '.join(command)}" in shown.out
    assert "--json" in shown.out


def test_queue_commands(run: Run, place: tuple[str, str]) -> None:
    """The queue commands show figures and dead letters, and requeue them."""
    url, namespace = place
    fill(url, namespace)
    to = (url, "mail", "-n", namespace)
    counts = {"ready": 1, "delayed": 0, "leased": 0, "dead": 2, "requeued": 0}
    assert run("queue", "stats", *to, "--json").json == counts
    assert "dead                2" in run("queue", "stats", *to).out
    letters = run("queue", "dead", *to, "--json").json
    assert [letter["item"] for letter in letters] == [{"to": "a"}, {"to": "b"}]
    assert letters[0]["error"] == "[red]no such address"
    assert len(run("queue", "dead", *to, "--limit", "1", "--json").json) == 1
    shown = run("queue", "dead", *to).out
    assert "[red]no such address" in shown
    assert "line\N{REPLACEMENT CHARACTER}break" in shown
    assert run("queue", "requeue", *to).code == 2
    assert run("queue", "requeue", *to, "x", "--all").code == 2
    one = letters[1]["id"]
    assert run("queue", "requeue", *to, one, "nobody", "--json").json == {"requeued": 1}
    assert "1 requeued" in run("queue", "requeue", *to, "--all").out
    assert run("queue", "stats", *to, "--json").json["ready"] == 3
    assert "no dead letters" in run("queue", "dead", *to).out


def test_changes_tail(run: Run, tmp_path: Path) -> None:
    """`changes tail` shows all changes, those after a position, a number of them, or waits."""
    url = f"level:{tmp_path}/data"
    fill(url, "")
    lines = run("changes", "tail", url, "people", "--json").out.splitlines()
    first, second = map(json.loads, lines)
    assert first["document"]["age"] == 1
    assert second["deleted"]
    assert second["document"] is None
    plain = run("changes", "tail", url, "people").out.splitlines()
    assert [line.split("\t")[1] for line in plain] == ["'ann'", "'bob'"]
    assert plain[1].endswith("deleted")
    rest = run("changes", "tail", url, "people", "--since", first["seq"]).out.splitlines()
    assert rest == plain[1:]
    followed = run("changes", "tail", url, "people", "--follow", "--limit", "2").out.splitlines()
    assert followed == plain
    assert not run("changes", "tail", url, "people", "--since", "now").out
    assert run("changes", "tail", url, "people", "--since", "x").code == 2


def test_migrate(run: Run, tmp_path: Path, redis_url: str) -> None:
    """`migrate` lists what it carries and what not, in both directions, and verifies."""
    old, new = f"level:{tmp_path}/old", f"level:{tmp_path}/new"
    space = f"cli-{tmp_path.name}-{os.getpid()}"
    fill(old, "")
    dry = run("migrate", old, new, "--dry-run")
    assert "2  change log entries" in dry.out
    assert "nothing was written" in dry.out
    assert not (tmp_path / "new").exists()
    there = run("migrate", old, redis_url, "--to-namespace", space, "--verify")
    assert there.code == 0
    assert "to carry:" in there.out
    assert "3  work queue 'mail'" in there.out
    assert "both stores are equal" in there.out
    again = run("migrate", old, redis_url, "--to-namespace", space)
    assert again.code == 1
    assert again.err.startswith("error: Conflict: the target has data already: counters")
    back = run("migrate", redis_url, new, "-n", space, "--to-namespace", "", "--verify", "--json")
    assert back.json["ok"]
    assert sum(unit["carried"] for unit in back.json["units"]) == 5
    digests = {
        (u["kind"], u["name"]): u["verified"]["source"]["digest"] for u in back.json["units"]
    }
    same = run("migrate", old, new, "--only-verify", "--json").json
    assert digests == {
        (u["kind"], u["name"]): u["verified"]["target"]["digest"] for u in same["units"]
    }
    with Store.from_url(new) as store:
        assert store.counter("visits").increment() == 6
    differs = run("migrate", old, new, "--only-verify")
    assert differs.code == 1
    assert "differs: counters: 0 missing, 1 different" in differs.out
    merged = run("migrate", old, new, "--merge", "--verify", "--kind", "counter")
    assert merged.code == 0
    assert "existed already" in merged.out


def test_check_and_recover(run: Run, tmp_path: Path) -> None:
    """`check` reports damage, and `recover` repairs it and keeps a copy."""
    folder = tmp_path / "data"
    fill(f"level:{folder}", "")
    assert run("check", str(folder), "--json").json == {"ok": True, "problems": []}
    assert run("check", f"level:{folder}").out.endswith("data: sound\n")
    assert run("recover", str(folder), "--json").json["copy"] is None
    damaged = max(folder.glob("*.ldb"))
    data = bytearray(damaged.read_bytes())
    data[len(data) // 3] ^= 0xFF
    damaged.write_bytes(data)
    found = run("check", str(folder))
    assert found.code == 1
    assert "stored data is damaged" in found.out
    saved = run("recover", str(folder), "--json")
    assert saved.json["ok"]
    assert Path(saved.json["copy"]).is_dir()
    assert run("check", str(folder)).code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["queue", "stats", "level:{}/absent", "q"], 1, "Not found: there is no LevelDB"),
        (["check", "{}/absent"], 1, "Not found: there is no LevelDB"),
        (["migrate", "level:{}/absent", "level:{}/new"], 1, "Not found: there is no LevelDB"),
        (["queue", "stats", "mongo://u:hidden@h", "q"], 2, "Invalid argument: the URL of a store"),
        (["queue", "stats", "level:x?size=5", "q"], 2, "Invalid argument: the options"),
        (["queue", "stats", "redis+cluster://h?user=hidden", "q"], 2, "Invalid argument: "),
        (["queue", "stats", "redis://u:hidden@127.0.0.1:1/0", "q"], 1, "Unavailable: "),
        (["changes", "tail", "redis://127.0.0.1:1", "q", "--since", "x"], 1, "Not supported: "),
    ],
    ids=lambda value: value[2] if isinstance(value, list) and len(value) > 2 else None,
)
def test_errors_are_one_line(
    run: Run, tmp_path: Path, arguments: list[str], code: int, message: str
) -> None:
    """An error is one line without traceback or password, or JSON with --json."""
    arguments = [argument.format(tmp_path) for argument in arguments]
    failed = run(*arguments)
    assert (failed.code, failed.out) == (code, "")
    assert failed.err.startswith(f"error: {message}")
    assert failed.err.count("\n") == 1
    as_json = run(*arguments, "--json")
    assert as_json.code == code
    assert message.startswith(as_json.json["error"]["title"])
    assert "hidden" not in failed.err + as_json.out + as_json.err
    assert not list(tmp_path.iterdir())


def test_the_same_place_twice(run: Run, place: tuple[str, str]) -> None:
    """Migrating a store into itself is refused as wrong usage."""
    url, namespace = place
    fill(url, namespace)
    refused = run("migrate", url, url, "-n", namespace, "--merge")
    assert refused.code == 2
    assert "same namespace" in refused.err


def test_a_directory_in_use(run: Run, tmp_path: Path) -> None:
    """A directory that another process has open is refused with its pid."""
    program = (
        "import sys; from datapatterns import Store\n"
        "with Store.from_url(sys.argv[1]) as store: print('open', flush=True); sys.stdin.read()"
    )
    url = f"level:{tmp_path}/data"
    with subprocess.Popen(
        [sys.executable, "-c", program, url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        refused = run("migrate", url, f"level:{tmp_path}/new", "--json")
        holder.communicate()
    assert refused.code == 1
    assert refused.json["error"]["code"] == "locked"
    assert str(holder.pid) in refused.json["error"]["detail"]
    assert not (tmp_path / "new").exists()


def test_what_was_not_expected(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An unexpected error is one line, without its text."""

    def fail(*_: Any, **__: Any) -> Any:
        raise OSError("a secret")

    monkeypatch.setattr(Store, "from_url", fail)
    failed = run("queue", "stats", "redis://h", "q")
    assert failed.code == 1
    hint = "set DATAPATTERNS_TRACEBACK=1 to see the traceback"
    assert failed.err == f"error: Unexpected: OSError; {hint}\n"


def program(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python code in a process of its own."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("missing", "arguments", "extra"),
    [
        ("rich", ["tour"], "cli"),
        ("typer", ["tour"], "cli"),
        ("redis", ["queue", "stats", "redis://h", "q"], "redis"),
        ("plyvel", ["check", "somewhere"], "level"),
    ],
)
def test_a_missing_extra_is_named(missing: str, arguments: list[str], extra: str) -> None:
    """A missing extra is named on one line."""
    code = (
        "import sys\n"
        f"for name in ({missing!r}, {missing!r} + '_next'): sys.modules[name] = None\n"
        "from datapatterns.cli import main\nmain()"
    )
    failed = program(code, *arguments)
    assert failed.returncode == 1
    assert failed.stderr.count("\n") == 1
    assert failed.stderr.startswith("error: ")
    assert f"datapatterns[{extra}]" in failed.stderr
