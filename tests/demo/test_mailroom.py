"""Mailroom without a browser: the tour, the command, mail, and event streams."""

from __future__ import annotations

import asyncio
import json
import os
import smtplib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from email.message import EmailMessage
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from datapatterns import InvalidArgument
from datapatterns.demo.mailroom import tour
from datapatterns.demo.mailroom.client import Client
from datapatterns.demo.mailroom.live import Live
from datapatterns.demo.mailroom.mails import Post
from datapatterns.demo.mailroom.office import Settings
from datapatterns.demo.mailroom.server import Background, address, bind
from datapatterns.demo.mailroom.sink import Sink
from datapatterns.demo.mailroom.stage import Stage
from datapatterns.demo.mailroom.workers import NOTIFIER
from datapatterns.demo.tour import promise
from datapatterns.level import AsyncEmitter, AsyncLevel
from datapatterns.testing.servers.redis import RedisServer
from datapatterns.testing.waiting import PATIENCE


def demo(*arguments: str, documents: str = "", fast: str = "") -> subprocess.CompletedProcess[str]:
    """Run the command."""
    stores = {"MAILROOM_DOCUMENTS": documents, "MAILROOM_FAST": fast}
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "datapatterns", "demo", *arguments],
        env={**os.environ, **stores},
        capture_output=True,
        text=True,
        timeout=4 * PATIENCE,
        check=False,
    )


class Nowhere:
    """An output that shows nothing."""

    def step(self, title: str) -> None:
        """Show nothing."""

    def say(self, line: str) -> None:
        """Show nothing."""

    def progress(self, done: int, total: int) -> None:
        """Show nothing."""


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    """Yield a client of an empty Mailroom on a directory of its own."""
    with Background(Settings(f"level:{tmp_path / 'data'}", limit=1_000)) as served:
        yield Client(served.url)


def test_the_tour_on_the_embedded_store() -> None:
    """Every part keeps its promises, the killed worker and the second process included."""
    run = demo("--tour", "--json", "--window", "3")
    assert run.returncode == 0, run.stdout + run.stderr
    report = json.loads(run.stdout)
    assert report["ok"]
    assert len(report["parts"]) == len(tour.PARTS)
    assert report["parts"]["14. A second process"]["status"] == 423


@pytest.mark.slow
def test_the_tour_on_servers(redis_url: str, couch_server: Any) -> None:
    """The tour runs on CouchDB with Redis, with workers and Mailroom in several processes."""
    url = f"couch+{couch_server.url}".replace("couch+couch+", "couch+")
    run = demo("--tour", "--json", "--window", "3", documents=url, fast=redis_url)
    assert run.returncode == 0, run.stdout + run.stderr
    assert json.loads(run.stdout)["parts"]["14. A second process"]["processes"] == 2


def test_a_broken_promise_ends_the_tour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tour ends at a broken promise, and its report is not ok."""
    parts = (
        ("kept", lambda stage: {"kept": 1}),
        ("broken", lambda stage: promise(False, "it holds")),
        ("left out", lambda stage: {}),
    )
    monkeypatch.setattr(tour, "PARTS", parts)
    report = tour.Tour(Settings(f"level:{tmp_path / 'data'}"), Nowhere()).run()
    assert not report.ok
    assert report.broken == ["broken promise: it holds"]
    assert list(report.figures) == ["1. kept"]


@pytest.mark.parametrize(
    ("documents", "fast", "code", "said"),
    [
        ("nowhere:x", "", 2, "the URL of a store begins with"),
        ("redis://127.0.0.1:1", "", 1, "changes"),
        ("level:here", "couch+http://127.0.0.1:1", 1, "calendar counter"),
    ],
)
def test_stores_that_will_not_do(
    documents: str, fast: str, code: int, said: str, tmp_path: Path
) -> None:
    """A store that lacks a pattern is refused on one line, before it is opened."""
    documents = documents.replace("here", str(tmp_path / "data"))
    run = demo(documents=documents, fast=fast)
    assert run.returncode == code
    assert said in run.stderr
    assert len(run.stderr.splitlines()) == 1
    assert not (tmp_path / "data").exists()


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    """A port that is taken is an error; without a port a free one is found."""
    with bind("127.0.0.1", 0) as taken:
        port = address(taken).rpartition(":")[2]
        run = demo("--port", port)
    assert run.returncode == 2
    assert f"127.0.0.1:{port}" in run.stderr
    with bind("127.0.0.1", None) as one, bind("127.0.0.1", None) as other:
        assert address(one) != address(other)


def test_a_killed_worker_loses_nothing(client: Client) -> None:
    """A worker that is killed several times has sent and marked all messages in the end."""
    stage = Stage(client, Settings(""), Nowhere())
    stage.register(["ada", "grace"])
    client.ask("PUT", "/api/mails", {"delay": 0.02})
    ids = {stage.send("ada", "grace", f"Number {number}") for number in range(6)}
    kills = 0
    while client.get("/api/workers")["lag"]:
        arrived = len(client.get("/api/mails")["items"])
        client.ask("POST", f"/api/workers/{NOTIFIER}/kill", {})
        client.ask("POST", f"/api/workers/{NOTIFIER}/start", {})
        kills += 1
        stage.until("it sends", partial(_moved, client, arrived))
    assert kills
    inbox = client.get("/api/people/grace/inbox")["items"]
    assert all(message["notified_at"] for message in inbox)
    mails = [mail["message_id"] for mail in client.get("/api/mails")["items"]]
    assert {f"<{id}@mailroom.example>" for id in ids} <= set(mails)


def _moved(client: Client, arrived: int) -> bool:
    """Return whether a mail has arrived since, or none is left."""
    more = len(client.get("/api/mails")["items"]) > arrived
    return more or not client.get("/api/workers")["lag"]


def test_what_another_site_asks_is_refused(client: Client) -> None:
    """A foreign Host and a cross-site change are refused."""
    body = {"username": "ada", "email": "ada@mailroom.example", "name": "Ada"}
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Host": "elsewhere.example"}):
        reply = client.ask("POST", "/api/people", body, headers=headers)
        assert (reply.status, reply.body["code"]) == (403, "forbidden")
    assert client.get("/api/people")["items"] == []
    page = client.ask("GET", "/")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert b"http://" not in page.body
    assert b"https://" not in page.body


def test_a_letter_to_somebody_with_an_odd_name(client: Client) -> None:
    """Names in any alphabet are accepted, names with a line break are not."""
    for name, status in (("Zoë Ångström 😀", 201), ("Ada\r\nBcc: all@mailroom.example", 400)):
        body = {"username": f"odd{status}", "email": "odd@mailroom.example", "name": name}
        assert client.ask("POST", "/api/people", body).status == status
    stage = Stage(client, Settings(""), Nowhere())
    stage.until("the letter is out", lambda: client.get("/api/mails")["items"] != [])


async def test_the_sink_speaks_smtp() -> None:
    """The sink accepts a mail, refuses a bouncing address, and answers unknown commands."""

    def talk(port: int) -> list[int]:
        mail = EmailMessage()
        mail["From"], mail["To"] = "a@mailroom.example", "b@mailroom.example"
        mail["Subject"], mail["Message-ID"] = "Dots", "<1@mailroom.example>"
        mail.set_content(".\n..\nend\n")
        with smtplib.SMTP("127.0.0.1", port, timeout=PATIENCE) as server:
            server.send_message(mail)
            codes = [server.docmd(line)[0] for line in ("VRFY x", "DATA", "RCPT TO:nobody")]
            return [*codes, server.docmd("RCPT TO:<x@bounce.example>")[0]]

    async with Sink() as sink:
        assert await asyncio.to_thread(talk, sink.port) == [502, 503, 501, 550]
        (mail,) = sink.mails
        assert (mail.message_id, mail.subject) == ("<1@mailroom.example>", "Dots")


@pytest.mark.parametrize("url", ["", "mailroom.example", "http://x", "smtp://", "smtp://x:port"])
def test_a_mail_server_of_no_known_kind(url: str) -> None:
    """An unknown scheme is refused, and the error lists the known ones."""
    with pytest.raises(InvalidArgument, match="smtps"):
        Post(url)


async def test_a_page_that_does_not_keep_up(tmp_path: Path) -> None:
    """A slow page gets a gap, and its memory stays bounded."""
    async with AsyncLevel.open(tmp_path / "data") as level:
        async with AsyncEmitter(level) as emitter, Live(emitter) as live:
            stream = live.stream()
            assert b"hello" in await anext(stream)
            for number in range(1_000):
                await emitter.emit("message.new", {"id": number})
            heard: list[bytes] = []
            while b'"id":999' not in (heard or [b""])[-1]:
                heard.append(await asyncio.wait_for(anext(stream), PATIENCE))
            assert any(message.startswith(b"event: gap") for message in heard)
            assert len(heard) <= 1_000
            live.close()
            assert [message async for message in stream] == []
            assert live.pages == 0


@pytest.mark.slow
def test_a_redis_that_is_killed_and_started_again(tmp_path: Path) -> None:
    """While Redis is down requests get 503; then workers and live events continue."""
    with ExitStack() as stack:
        redis = stack.enter_context(RedisServer())
        settings = Settings(f"level:{tmp_path / 'data'}", redis.url)
        served = stack.enter_context(Background(settings))
        client = Client(served.url)
        stage = Stage(client, settings, Nowhere())
        stage.register(["ada", "grace"])
        with client.events() as page:
            redis.kill()
            away = client.ask("GET", "/api/people/ada", person="ada")
            assert (away.status, away.body["code"]) == (503, "unavailable")
            assert "detail" not in away.body
            redis.start()
            stage.until(
                "it answers",
                lambda: client.ask("GET", "/api/people/ada", person="ada").status == 200,
            )
            page.wait_for("gap")  # what was told meanwhile is gone, and every page knows it
            page.wait_for("message.notified", stage.send("ada", "grace", "Back again"))
