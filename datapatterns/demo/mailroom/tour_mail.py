"""Parts of the tour: messages, the workers, live events, and a second process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter as Tally
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from datapatterns.demo.mailroom.client import Client
from datapatterns.demo.mailroom.mails import DOMAIN
from datapatterns.demo.mailroom.stage import Stage
from datapatterns.demo.tour import promise

_LETTERS = 12  # sent while the worker is killed
_DELAY = 0.15  # seconds that the mail server takes for each


def send(stage: Stage) -> dict[str, Any]:
    """Send messages to Grace; a request that is sent twice gets the same answer twice."""
    for number in range(7):
        stage.send("ada", "grace", f"Number {number}")
    body = {"recipient": "grace", "subject": "Number 7", "text": "Only once."}
    headers = {"Idempotency-Key": "a-key-of-the-page"}
    first, again = (
        stage.client.ask("POST", "/api/messages", body, person="ada", headers=headers)
        for _ in range(2)
    )
    stage.expect(201, first)
    stage.expect(201, again)
    promise(
        again.headers.get("idempotency-replayed") == "true",
        "the second answer is marked as replayed",
    )
    promise(again.body == first.body, "both answers have the same message")
    promise(stage.client.get("/api/people/grace/inbox")["total"] == 8, "it is stored once")
    return {"messages": 8}


def page(stage: Stage) -> dict[str, Any]:
    """Follow the Link headers to the end of the inbox, and back to its beginning."""
    path, pages = "/api/people/grace/inbox?limit=3", list[list[str]]()
    reply = stage.client.ask("GET", path)
    while True:
        pages.append([message["subject"] for message in reply.body["items"]])
        if "next" not in reply.links:
            break
        reply = stage.client.ask("GET", reply.links["next"])
    stage.screen.say(" | ".join(", ".join(subjects) for subjects in pages))
    found = [subject for subjects in pages for subject in subjects]
    promise(
        found == [f"Number {n}" for n in range(7, -1, -1)],
        "each message is shown once, the newest first",
    )
    back = [pages[-1]]
    while "prev" in reply.links:
        reply = stage.client.ask("GET", reply.links["prev"])
        back.append([message["subject"] for message in reply.body["items"]])
    promise(back == pages[::-1], "the way back has the same pages")
    other = stage.client.ask("GET", "/api/people/ada/inbox?after=" + _cursor(stage, path))
    stage.expect(400, other, "invalid_argument")
    return {"messages": len(found), "pages": len(pages)}


def _cursor(stage: Stage, path: str) -> str:
    cursor: str = stage.client.get(path)["next"]
    return cursor


def count(stage: Stage) -> dict[str, Any]:
    """Send a message to Barbara; her count grows by one."""
    before = stage.client.get("/api/counts")
    stage.send("grace", "barbara", "For the count")
    after = stage.client.get("/api/counts")
    stage.screen.say(", ".join(f"{name} {n}" for name, n in after.items()))
    promise(
        after == {**before, "barbara": before.get("barbara", 0) + 1}, "one more message is counted"
    )
    return {"people with mail": len(after)}


def kill(stage: Stage) -> dict[str, Any]:
    """Kill the worker while it sends, and start it again: every message gets its mail."""
    client = stage.client
    stage.until("the worker has caught up", lambda: _unnotified(stage) == 0)
    before = len(_arrived(stage))
    client.ask("PUT", "/api/mails", {"delay": _DELAY})
    ids = [stage.send("barbara", "edsger", f"Letter {number}") for number in range(_LETTERS)]
    stage.until("some mails are out", lambda: len(_arrived(stage)) >= before + _LETTERS // 3)
    killed = stage.expect(200, client.ask("POST", "/api/workers/notifier/kill", {}))
    promise(killed.body == {"killed": True}, "the worker was running")
    promise(not client.get("/api/workers")["running"]["notifier"], "the worker is killed")
    left = _unnotified(stage)
    promise(left > 0, "the worker was killed before it had sent all mails")
    ids.append(stage.send("barbara", "edsger", "Sent while nobody works"))
    client.ask("PUT", "/api/mails", {"delay": 0})
    stage.expect(200, client.ask("POST", "/api/workers/notifier/start", {}))
    stage.until("all are notified", lambda: _unnotified(stage) == 0)
    mails = Tally(_arrived(stage))
    wanted = {f"<{id}@{DOMAIN}>" for id in ids}
    promise(wanted <= mails.keys(), "every message has its mail")
    twice = sum(mails[id] - 1 for id in wanted)
    promise(twice <= 1, "only the mail that was being sent is sent again, with the same id")
    stage.screen.say(f"killed with {left} to go; {len(wanted)} mails, {twice} of them repeated")
    return {"mails": len(wanted), "left when killed": left, "repeated": twice}


def _arrived(stage: Stage) -> list[str]:
    """Return the ids of the mails about messages."""
    mails: list[dict[str, str]] = stage.client.get("/api/mails")["items"]
    return [m["message_id"] for m in mails if not m["message_id"].startswith("<welcome.")]


def _unnotified(stage: Stage) -> int:
    """Return how many messages are not marked as notified yet."""
    inboxes = [
        stage.client.get(f"/api/people/{name}/inbox?limit=100", person=name)["items"]
        for name in stage.client.get("/api/counts")
    ]
    return sum(message["notified_at"] is None for inbox in inboxes for message in inbox)


def writers(stage: Stage) -> dict[str, Any]:
    """Compare the ranking with the numbers of messages sent."""
    stage.until("the worker has caught up", lambda: stage.client.get("/api/workers")["lag"] == 0)
    ranking = stage.client.get("/api/writers")
    sent = {
        entry["player"]: stage.client.get(f"/api/people/{entry['player']}/sent")["total"]
        for entry in ranking
    }
    promise(
        {e["player"]: e["score"] for e in ranking} == sent, "the scores are the numbers of messages"
    )
    promise([e["rank"] for e in ranking] == list(range(1, len(ranking) + 1)), "ranks are in order")
    stage.screen.say(", ".join(f"{e['rank']}. {e['player']} {e['score']:.0f}" for e in ranking))
    return {"writers": len(ranking)}


def letters(stage: Stage) -> dict[str, Any]:
    """Let a letter fail three times and become a dead letter; requeue it and see it sent."""
    welcomed = {f"<welcome.{name}@{DOMAIN}>" for name in ("ada", "grace", "edsger", "barbara")}
    stage.until("the letters are sent", lambda: welcomed <= set(_mails(stage)))
    stage.register(["charles"], "bounce.example")
    stage.until("the letter is dead", lambda: stage.client.get("/api/letters")["dead"] == 1)
    dead = stage.client.get("/api/letters")["letters"][0]
    stage.screen.say(f"{dead['id']}: {dead['error']}, after {dead['attempts']} attempts")
    promise(dead["attempts"] == 3, "it was tried three times")
    stage.client.ask("PUT", "/api/mails", {"bouncing": False})
    requeued = stage.expect(200, stage.client.ask("POST", "/api/letters/requeue", {}))
    promise(requeued.body == {"requeued": 1}, "the dead letter is requeued")
    stage.until("the letter is sent", lambda: f"<welcome.charles@{DOMAIN}>" in _mails(stage))
    stage.until("the queue is empty", lambda: not _queued(stage))
    mails = Tally(_mails(stage))
    twice = [id for id in mails if id.startswith("<welcome.") and mails[id] > 1]
    promise(not twice, "no letter was sent twice")
    return {"letters": len(welcomed) + 1, "dead and revived": 1}


def _mails(stage: Stage) -> list[str]:
    return [mail["message_id"] for mail in stage.client.get("/api/mails")["items"]]


def _queued(stage: Stage) -> int:
    stats = stage.client.get("/api/letters")
    left: int = stats["ready"] + stats["delayed"] + stats["leased"] + stats["dead"]
    return left


def live(stage: Stage) -> dict[str, Any]:
    """Open two pages; both receive the events of a message and of its notification."""
    with stage.client.events() as one, stage.client.events() as other:
        id = stage.send("edsger", "ada", "Is this live?")
        for event in ("message.new", "message.notified"):
            for page in (one, other):
                heard = page.wait_for(event, id)
                promise(heard["recipient"] == "ada", "the event names the recipient")
        stage.screen.say("both pages received message.new and message.notified")
    return {"pages": 2, "events": 2}


def second_process(stage: Stage) -> dict[str, Any]:
    """Start a second process: on servers it shares all state, on LevelDB it is refused."""
    stores = stage.client.get("/api/desk")["stores"]
    with _another(stage) as child:
        first = json.loads(child.stdout.readline() if child.stdout else "{}")
        if "level" not in stores:
            return _shared(stage, Client(first["url"]))
        child.wait(timeout=60)
        error = first["error"]
        stage.screen.say(f"423 {error['code']}: {error['detail']}")
        promise(error["code"] == "locked" and child.returncode == 1, "the process is refused")
        promise("--fast" in error["detail"], "the error says what to do")
        return {"status": 423}


@contextmanager
def _another(stage: Stage) -> Generator[subprocess.Popen[str]]:
    """Start another process on the same stores, whose URLs are in its environment only."""
    settings = stage.settings
    stores = {"MAILROOM_DOCUMENTS": settings.documents, "MAILROOM_FAST": settings.fast or ""}
    limits = ["--limit", str(settings.limit), "--window", str(settings.window)]
    command = [sys.executable, "-m", "datapatterns", "demo", "--json", "--port", "0"]
    child = subprocess.Popen(  # noqa: S603 - our own
        [*command, "--namespace", settings.namespace, "--no-sample", *limits],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **stores},
    )
    with child:
        try:
            yield child
        except BaseException:
            child.kill()
            raise
        if child.poll() is None:
            child.terminate()
            promise(child.wait(timeout=60) == 0, "the process stops on SIGTERM")


def _shared(stage: Stage, other: Client) -> dict[str, Any]:
    """Check that both processes share messages, events, limits and groups."""
    with other.events() as page:
        id = stage.send("grace", "ada", "Through the other door")
        page.wait_for("message.new", id)
    newest = other.get("/api/people/ada/inbox?limit=1", person="ada")["items"][0]
    promise(newest["id"] == id, "the message is in the other's inbox")
    left = [c.ask("GET", "/api/people/ada", person="lone") for c in (stage.client, other)]
    quotas = [int(reply.headers["ratelimit"].split("r=")[1].split(";")[0]) for reply in left]
    promise(quotas[1] == quotas[0] - 1, "both count the same person's requests")
    promise(stage.client.get("/api/groups") == other.get("/api/groups"), "they share the groups")
    stage.screen.say("the other process shares messages, events, limits and groups")
    return {"processes": 2}
