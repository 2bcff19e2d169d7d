"""The servers that the other tests use: start, kill, restart, two at once."""

from __future__ import annotations

import base64
import http.client
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from datapatterns.testing.faults.proxy import FaultProxy
from datapatterns.testing.servers import couch_at_hand
from datapatterns.testing.servers.couch import (
    PASSWORD,
    USER,
    CouchServer,
    PouchServer,
    find_couchdb,
    find_standin,
    request,
    version_of_couchdb,
)
from datapatterns.testing.servers.couch_at_hand import Couch, CouchAtHand, GivenCouch
from datapatterns.testing.servers.redis import HOST, ServerFailed, free_port
from datapatterns.testing.waiting import eventually

STANDIN = Path(__file__).parent.parent / "node-couch"
HEARTBEAT = b"1\r\n\n\r\n"  # a chunk of one newline
Kind = Callable[..., CouchServer | PouchServer]


@pytest.fixture(scope="module", params=["couchdb", "express-pouchdb"])
def kind(request: pytest.FixtureRequest) -> Kind:
    """Each kind of server that is installed."""
    if request.param == "couchdb":
        if find_couchdb() is None:
            pytest.skip("needs a real CouchDB 3; none is installed")
        return CouchServer
    if (program := find_standin(STANDIN)) is None:
        if os.environ.get("CI"):
            pytest.fail("express-pouchdb is not installed")
        pytest.skip("express-pouchdb is not installed")
    return lambda **options: PouchServer(program, **options)


@pytest.fixture(scope="module")
def server(kind: Kind) -> Iterator[CouchServer | PouchServer]:
    """A running server; a test that ends it starts it again."""
    with kind() as server:
        yield server


def test_killed_and_started_again(server: CouchServer | PouchServer) -> None:
    """After SIGKILL and a new start, port, data and identity are unchanged."""
    url, first, welcome = server.url, server.pid, request(server.url)
    request(url, "/mail", method="PUT")
    server.kill()
    assert server.pid is None
    with pytest.raises(OSError, match=r"refused|reset"):
        request(url)
    server.start()
    assert server.pid not in (first, None)
    assert server.url == url
    assert request(url, "/mail")["db_name"] == "mail"
    assert request(url) == welcome


def test_stopped_and_moved(server: CouchServer | PouchServer) -> None:
    """A stopped server can be started on another port, with its data."""
    request(server.url, "/moved", method="PUT")
    old = server.port
    server.stop()
    server.stop()  # does nothing
    server.move()
    assert server.port != old
    assert request(server.url, "/moved")["db_name"] == "moved"


def test_two_at_once(kind: Kind, server: CouchServer | PouchServer) -> None:
    """Two servers share no data, and a closed one leaves no folder behind."""
    request(server.url, "/ours", method="PUT")
    with kind() as other:
        assert other.folder.exists()
        assert "ours" not in request(other.url, "/_all_dbs")
        assert "ours" in request(server.url, "/_all_dbs")
    assert not other.folder.exists()


def test_password(server: CouchServer | PouchServer) -> None:
    """Without the admin's password nobody creates a database; wrong ones lock no one out."""
    for stranger in (f"http://{HOST}:{server.port}", f"http://admin:wrong@{HOST}:{server.port}"):
        for _ in range(6):
            with pytest.raises(OSError, match="401"):
                request(stranger, "/guarded", method="PUT")
    request(server.url, "/guarded", method="PUT")


def test_paused(server: CouchServer | PouchServer) -> None:
    """A paused server accepts connections and answers nothing until it is resumed."""
    server.pause()
    with pytest.raises(TimeoutError):
        request(server.url, timeout=0.2)
    server.resume()
    assert request(server.url)


def test_taken_port(kind: Kind) -> None:
    """A server on a port in use fails and says why."""
    with socket.create_server((HOST, 0)) as taken:
        server = kind(port=taken.getsockname()[1])
        try:
            with pytest.raises(ServerFailed, match=r"(?i)eaddrinuse"):
                server.start()
        finally:
            server.close()


def test_version(server: CouchServer | PouchServer) -> None:
    """The version known before the start is that of the running server."""
    assert server.version.split()[1] == request(server.url)["version"]
    assert server.real == ("couchdb" in request(server.url))


@pytest.mark.couchdb3
@pytest.mark.skipif(find_couchdb() is None, reason="needs a real CouchDB 3 that is installed")
def test_settings() -> None:
    """A test's own settings take effect."""
    with CouchServer(settings={"chttpd": {"require_valid_user": "true"}}) as server:
        settings = request(server.url, "/_node/_local/_config/chttpd")
        assert settings["require_valid_user"] == "true"
        assert settings["bind_address"] == HOST


def test_server_of_the_run(couch_server: Couch, start_couch: Callable[[], Couch]) -> None:
    """The run's server and a second one of the same kind answer, and know what they are."""
    assert couch_server.real == ("couchdb" in request(couch_server.url))
    if isinstance(couch_server, GivenCouch):
        pytest.skip("the server at the URL is alone")
    other = start_couch()
    assert other.real == couch_server.real
    assert other.url != couch_server.url


def test_skips_are_told(server: CouchServer | PouchServer, tmp_path: Path) -> None:
    """A test marked `couchdb3` runs on a real CouchDB only; else the run says why it did not."""
    test = tmp_path / "test_marked.py"
    test.write_text(
        "import pytest\n"
        "@pytest.mark.couchdb3\n"
        "def test_it(couch_server): assert couch_server.real\n"
    )
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "datapatterns.testing.plugin", test],
        env={**os.environ, couch_at_hand.COUCHDB_URL: server.url}, cwd=tmp_path,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert server.version in run.stdout
    skipped = f"1 test: needs a real CouchDB 3; here is {server.version}"
    assert ("1 passed" if server.real else skipped) in run.stdout


def test_heartbeats_can_be_swallowed(
    server: CouchServer | PouchServer, fault_proxy: Callable[[str, int], FaultProxy]
) -> None:
    """The proxy drops heartbeats and passes rows on."""
    request(server.url, "/beats", method="PUT")
    proxy = fault_proxy(HOST, server.port)
    proxy.swallow = HEARTBEAT
    feed = http.client.HTTPConnection(HOST, proxy.port, timeout=20)
    words = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    path = "/beats/_changes?feed=continuous&heartbeat=50&since=0"
    feed.request("GET", path, headers={"Authorization": f"Basic {words}"})
    eventually(lambda: proxy.swallowed >= 3, "three heartbeats")
    request(server.url, "/beats", method="POST", body={"_id": "one"})
    assert b'"id":"one"' in feed.getresponse().readline()
    feed.close()


def test_choice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without an installation there is no server; a URL without an answer is an error."""
    monkeypatch.setattr(couch_at_hand, "find_couchdb", lambda: None)
    for name in (couch_at_hand.COUCHDB_URL, couch_at_hand.COUCHDB_CONTAINER):
        monkeypatch.delenv(name, raising=False)
    assert CouchAtHand.look(tmp_path) is None
    with pytest.raises(ServerFailed, match="npm ci"):
        PouchServer(tmp_path / "server.mjs")
    monkeypatch.setenv(couch_at_hand.COUCHDB_URL, f"http://admin:secret@{HOST}:{free_port()}")
    with pytest.raises(ServerFailed) as failed:
        CouchAtHand.look(tmp_path)
    assert "secret" not in str(failed.value)


def test_given(
    server: CouchServer | PouchServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A server at the given URL is preferred, and is never ended."""
    monkeypatch.setenv(couch_at_hand.COUCHDB_URL, server.url + "/")
    at_hand = CouchAtHand.look(tmp_path)
    assert at_hand is not None
    assert at_hand.given is not None
    assert (at_hand.given.url, at_hand.real) == (server.url, server.real)
    assert at_hand.version == server.version
    with pytest.raises(ServerFailed):
        at_hand.given.kill()
    at_hand.given.close()
    assert request(server.url)


def test_versions(tmp_path: Path) -> None:
    """The version of an installation is known without starting it."""
    (tmp_path / "lib" / "couch-3.4.2").mkdir(parents=True)
    (tmp_path / "lib" / "couch_log-3.4.2").mkdir()
    assert version_of_couchdb(tmp_path / "bin" / "couchdb") == "couchdb 3.4.2"


def test_lock_names_no_registry() -> None:
    """The stand-in's lock file names no registry."""
    lock = json.loads((STANDIN / "package-lock.json").read_bytes())
    assert not any("resolved" in package for package in lock["packages"].values())
