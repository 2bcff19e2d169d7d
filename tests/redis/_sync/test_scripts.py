# Generated from tests/redis/_async/test_scripts.py by scripts/unasync.py; do not edit.
"""Scripts by digest: one round trip, two if the server forgot them, one effect."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from datapatterns import InvalidArgument, OutcomeUnknown
from datapatterns.redis import Scripts
from datapatterns.redis._sync.lua import SCRIPTS
from datapatterns.redis.wire.errors import REFUSALS
from datapatterns.testing.faults.proxy import FaultProxy
from datapatterns.testing.servers.redis import HOST, RedisServer

ADD = """-- Returns the new value, a text and some bytes.
if ARGV[1] == 'no' then return redis.error_reply('DP_OVERFLOW too much') end
return {redis.call('INCRBY', KEYS[1], ARGV[1]), 'text', '\\255\\0'}
"""


@pytest.fixture
def scripts(tmp_path: Path) -> Scripts:
    """Return the scripts of a folder."""
    (tmp_path / "raise.lua").write_text("return redis.call('INCRBY', KEYS[1], ARGV[1])")
    (tmp_path / "add.lua").write_text(ADD)
    (tmp_path / "get.lua").write_text("-- Returns the value.\nreturn redis.call('GET', KEYS[1])")
    return Scripts(tmp_path)


def test_a_script_runs_on_every_client(client: Any, scripts: Scripts, namespace: str) -> None:
    """Replies are numbers and bytes, which are never decoded."""
    key = f"{{{namespace}}}n".encode()
    assert scripts.read(client, "get", [key]) is None
    assert scripts.write(client, "add", [key], [2]) == [2, b"text", b"\xff\x00"]
    assert scripts.write(client, "add", [key], [3]) == [5, b"text", b"\xff\x00"]
    assert scripts.read(client, "get", [key]) == b"5"


def test_a_flushed_script_comes_back(
    redis_server: RedisServer,
    fault_proxy: Callable[[str, int], FaultProxy],
    connect: Any,
    scripts: Scripts,
) -> None:
    """A call costs one round trip, or two after SCRIPT FLUSH, and counts once."""
    proxy = fault_proxy(HOST, redis_server.port)
    client = connect(proxy)
    redis_server.ask("DEL", "n")
    scripts.write(client, "add", [b"n"], [1])
    for turn in range(2, 12):
        before = proxy.requests
        assert (scripts.write(client, "add", [b"n"], [1]))[0] == turn * 2 - 2
        assert proxy.requests - before == 1
        redis_server.ask("SCRIPT", "FLUSH")
        before = proxy.requests
        assert (scripts.write(client, "add", [b"n"], [1]))[0] == turn * 2 - 1
        assert proxy.requests - before == 2
    redis_server.ask("SCRIPT", "FLUSH")
    assert scripts.read(client, "get", [b"n"]) == b"21"


@pytest.mark.parametrize("flushed", [False, True])
def test_a_lost_reply_of_a_script(
    redis_server: RedisServer,
    fault_proxy: Callable[[str, int], FaultProxy],
    connect: Any,
    scripts: Scripts,
    flushed: bool,
) -> None:
    """A lost reply to EVALSHA or EVAL is OutcomeUnknown, and the script ran once."""
    proxy = fault_proxy(HOST, redis_server.port)
    client = connect(proxy)
    scripts.write(client, "add", [b"n"], [1])
    redis_server.ask("SET", "n", 0)
    if flushed:
        redis_server.ask("SCRIPT", "FLUSH")
    proxy.lose_reply(to=b"EVAL\r\n" if flushed else b"EVALSHA")
    with pytest.raises(OutcomeUnknown):
        scripts.write(client, "add", [b"n"], [1])
    assert proxy.lost == 1
    assert redis_server.ask("GET", "n") == "1"


def test_a_script_refuses_with_our_errors(client: Any, scripts: Scripts, namespace: str) -> None:
    """The first word of a script's error reply decides which error is raised."""
    with pytest.raises(InvalidArgument, match="64 bits"):
        scripts.write(client, "add", [f"{{{namespace}}}n".encode()], ["no"])


def test_a_script_in_a_pipeline(client: Any, scripts: Scripts, namespace: str) -> None:
    """In a pipeline or a transaction a script runs even if the server does not know it."""
    keys = [f"{{{namespace}}}{n}".encode() for n in range(3)]
    pipeline = client.pipeline()
    for key in keys:
        scripts.queue(pipeline, "raise", [key], [7])
        scripts.queue(pipeline, "get", [key])
    assert [int(reply) for reply in pipeline.execute()] == [7] * 6


def test_an_unknown_script_is_refused(client: Any, scripts: Scripts) -> None:
    """A name without a script is InvalidArgument."""
    with pytest.raises(InvalidArgument):
        scripts.write(client, "nothing", [b"n"])


def test_a_script_includes_another_file(client: Any, tmp_path: Path, namespace: str) -> None:
    """An include line is replaced by the text of the file, which is not a script itself."""
    (tmp_path / "_answer.lua").write_text("local answer = 6 * 7\n")
    (tmp_path / "ask.lua").write_text("-- include _answer.lua\nreturn {KEYS[1], answer}")
    scripts = Scripts(tmp_path)
    key = f"{{{namespace}}}n".encode()
    assert scripts.read(client, "ask", [key]) == [key, 42]
    with pytest.raises(InvalidArgument):
        scripts.read(client, "_answer", [key])


def test_scripts_of_a_folder_within_the_folder(client: Any, tmp_path: Path, namespace: str) -> None:
    """A script of a subfolder has its path as name, and includes files relative to itself."""
    (tmp_path / "_answer.lua").write_text("local answer = 6 * 7")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "ask.lua").write_text("-- include ../_answer.lua\nreturn answer")
    key = f"{{{namespace}}}n".encode()
    assert Scripts(tmp_path).read(client, "deep/ask", [key]) == 42


def test_a_missing_include_is_refused(tmp_path: Path) -> None:
    """A missing file is InvalidArgument with both names when the folder is read."""
    (tmp_path / "ask.lua").write_text("-- include _answer.lua\nreturn answer")
    with pytest.raises(InvalidArgument, match=r"ask\.lua includes _answer\.lua"):
        Scripts(tmp_path)


def test_every_refusal_of_a_script_is_in_the_table() -> None:
    """Scripts use exactly the codes in the table of refusals."""
    texts = b"".join(SCRIPTS._texts.values())
    used = {code.decode() for code in re.findall(rb"DP_[A-Z]+", texts)}
    # Arithmetic of the server refuses with texts of its own, which stand for this one.
    assert used | {"DP_OVERFLOW"} == set(REFUSALS)


def test_every_script_says_what_it_returns() -> None:
    """The first line says it, and no script uses a clock but the server's TIME."""
    texts = SCRIPTS._texts
    assert texts
    for name, text in texts.items():
        assert text.startswith(b"-- Returns "), name
        assert b"os.time" not in text, name
