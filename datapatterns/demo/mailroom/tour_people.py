"""Parts of the tour: people, limits, the calendar, groups, and bad input."""

from __future__ import annotations

import math
import time
from typing import Any

from datapatterns.demo.mailroom.client import Reply
from datapatterns.demo.mailroom.stage import Stage
from datapatterns.demo.tour import promise

PEOPLE = ("ada", "grace", "edsger", "barbara")


def register(stage: Stage) -> dict[str, Any]:
    """Register four people; a taken username is refused, and all errors of a bad one are listed."""
    stage.register(PEOPLE)
    ada = {"username": "ada", "email": "other@mailroom.example", "name": "Another Ada"}
    taken = stage.expect(409, stage.client.ask("POST", "/api/people", ada), "conflict")
    promise(taken.body["reason"] == "exists", "the answer has the reason")
    wrong = {"username": "A!", "email": "nowhere", "name": "", "extra": 1}
    refused = stage.expect(400, stage.client.ask("POST", "/api/people", wrong), "invalid_data")
    places = {error["loc"][-1] for error in refused.body["errors"]}
    promise(places == set(wrong), "every error is listed")
    promise("nowhere" not in str(refused.body), "the answer does not repeat the input")
    promise(
        len(stage.client.get("/api/people")["items"]) == len(PEOPLE), "no refused person is stored"
    )
    return {"people": len(PEOPLE), "refused": 2}


def edit(stage: Stage) -> dict[str, Any]:
    """Edit Ada twice with the same revision; the second edit is refused, in three ways."""

    def patch(changes: dict[str, Any], match: str | None) -> Reply:
        headers = {} if match is None else {"If-Match": match}
        return stage.client.ask("PATCH", "/api/people/ada", changes, headers=headers)

    read = stage.client.ask("GET", "/api/people/ada")
    tag = read.headers["etag"]
    first = stage.expect(200, patch({"motto": "First"}, tag))
    promise(first.headers["etag"] != tag, "a change makes a new ETag")
    stage.expect(412, patch({"motto": "Second"}, tag), "precondition_failed")
    stage.expect(428, patch({"motto": "Second"}, None), "precondition_required")
    stale = {**read.body, "motto": "Second"}
    replaced = stage.client.ask("PUT", "/api/people/ada", stale)
    promise(stage.expect(409, replaced, "conflict").body["reason"] == "stale_revision", "stale")
    fresh = first.headers["etag"]
    other = {"email": "else@mailroom.example"}
    stage.expect(400, patch(other, fresh), "invalid_data")
    replaced = stage.client.ask("PUT", "/api/people/ada", {**first.body, **other})
    stage.expect(400, replaced, "invalid_data")
    stage.expect(400, patch({"motto": "Second"}, "no tag"), "invalid_argument")
    stage.expect(412, patch({"motto": "Second"}, '"tampered"'), "precondition_failed")
    promise(stage.client.get("/api/people/ada") == first.body, "the first change is kept")
    return {"stored": 1, "refused": 7}


def exceed(stage: Stage) -> dict[str, Any]:
    """Make requests until one is refused; no more than the limit are admitted."""
    limit, admitted = stage.settings.limit, 0
    begun = time.monotonic()
    refused = stage.client.ask("GET", "/api/people/edsger", person="edsger", patient=False)
    while refused.status == 200 and admitted < 20 * limit:
        admitted += 1
        windows = 1 + math.floor((time.monotonic() - begun) / stage.settings.window)
        promise(admitted <= limit * windows, "the limit holds")
        refused = stage.client.ask("GET", "/api/people/edsger", person="edsger", patient=False)
    stage.expect(429, refused, "rate_limited")
    for name in ("RateLimit-Policy", "RateLimit", "Retry-After"):
        stage.screen.say(f"{name}: {refused.headers[name.lower()]}")
    other = stage.client.ask("GET", "/api/people/grace", person="grace", patient=False)
    promise(other.status == 200, "other people are not affected")
    quota = stage.client.get("/api/quota", person="edsger")
    promise(
        quota["limit"] == limit and not quota["remaining"],
        "reading the quota charges nothing",
    )
    time.sleep(float(refused.headers["retry-after"]))
    again = stage.client.ask("GET", "/api/people/edsger", person="edsger", patient=False)
    promise(again.status == 200, "after Retry-After the next request passes")
    return {"admitted": admitted, "limit": limit}


def calendar(stage: Stage) -> dict[str, Any]:
    """Make some requests; the counts of day, month, year and total grow by their number."""
    before, asked = stage.client.get("/api/calendar/requests")["figures"], 7
    for _ in range(asked):
        stage.client.get("/api/people/barbara", person="barbara")
    after = stage.client.get("/api/calendar/requests")
    more = {name: after["figures"][name] - before[name] for name in before}
    promise(more["total"] == asked, f"{asked} requests count as {asked}, not {more['total']}")
    # At midnight a new day begins with a count of its own, so a bucket may have fewer.
    promise(all(count <= asked for count in more.values()), "no bucket counts more than the total")
    promise(len(after["series"]) == 14, "the chart has every day, also those without requests")
    figures: dict[str, int] = after["figures"]
    stage.screen.say(", ".join(f"{name} {count}" for name, count in figures.items()))
    return {"requests": figures["total"]}


def groups(stage: Stage) -> dict[str, Any]:
    """Put people into two groups, one person into both, and read the intersection."""
    for group, members in {"moderators": ("ada", "grace"), "paying": ("grace", "edsger")}.items():
        for member in members:
            reply = stage.client.ask("PUT", f"/api/groups/{group}/{member}", {})
            promise(reply.status == 204, f"{member} can join; the answer was {reply}")
    found = stage.client.get("/api/groups")
    promise(found["both"] == ["grace"], "the intersection has the members of both groups")
    stage.expect(404, stage.client.ask("PUT", "/api/groups/wizards/ada", {}), "not_found")
    stage.expect(404, stage.client.ask("PUT", "/api/groups/paying/nobody", {}), "not_found")
    stage.expect(204, stage.client.ask("DELETE", "/api/groups/moderators/grace"))
    promise(stage.client.get("/api/groups")["both"] == [], "a removed member is not in it")
    return {"groups": 2}


def bad_input(stage: Stage) -> dict[str, Any]:
    """Send bad requests; each gets a problem document with the right code, and none is stored."""
    client, path = stage.client, "/api/messages"
    good = {"recipient": "grace", "subject": "x", "text": "x"}

    def send(
        body: object = None, raw: bytes | None = None, person: str | None = "ada", **headers: str
    ) -> Reply:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return client.ask("POST", path, body, raw=raw, person=person, headers=named)

    before = client.get("/api/counts"), client.get("/api/people/grace/inbox")["total"]
    cases = [
        (400, "invalid_data", send(raw=b'{"recipient": "gra')),
        (400, "bad_request", send(raw=b"[" * 20_000)),  # FastAPI's own code
        (400, "invalid_data", send({**good, "text": ["x"]})),
        (400, "invalid_data", send({**good, "subject": "two\nlines"})),
        (400, "invalid_data", send(raw=b'{"recipient":"grace","subject":"x","text":"\\ud800"}')),
        (415, "unsupported_media_type", send(good, Content_Type="text/plain")),
        (413, "too_large", send({**good, "text": "x" * 40_000})),
        (401, "unauthorized", send(good, person=None)),
        (404, "not_found", send(good, person="nobody")),
        (404, "not_found", send({**good, "recipient": "nobody"})),
        (400, "invalid_argument", client.ask("GET", "/api/people/grace/inbox?after=tampered")),
        (400, "invalid_data", client.ask("GET", "/api/people/grace/inbox?limit=0")),
        (404, "not_found", client.ask("GET", "/api/people/nobody/inbox")),
        (404, "not_found", client.ask("GET", "/api/nothing")),
        (403, "forbidden", send(good, Host="elsewhere.example")),
        (403, "forbidden", send(good, Sec_Fetch_Site="cross-site")),
    ]
    for status, code, reply in cases:
        stage.expect(status, reply, code)
        promise(reply.headers["content-type"] == "application/problem+json", "a problem document")
    after = client.get("/api/counts"), client.get("/api/people/grace/inbox")["total"]
    promise(before == after, "nothing was written")
    return {"refused": len(cases)}
