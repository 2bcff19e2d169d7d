"""The data of the desk: counts, charts, quota, ranking, groups, queue, workers, live events."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from datapatterns import NotFound
from datapatterns.demo.mailroom.models import GROUPS, INBOX
from datapatterns.demo.mailroom.office import Mailroom
from datapatterns.demo.mailroom.requests import Listeners, Office, Sender, Workers
from datapatterns.demo.mailroom.workers import NAMES, NOTIFIER

router = APIRouter(prefix="/api")

_SPANS = {"hour": timedelta(hours=23), "day": timedelta(days=13), "month": timedelta(days=330)}


@router.get("/counts")
async def counts(mailroom: Office) -> dict[str, int]:
    """Return how many messages each person has received."""
    return dict(await mailroom.messages.counts(INBOX.name))


@router.get("/quota")
async def quota(sender: Sender, mailroom: Office) -> dict[str, float]:
    """Return how many requests the person has left, without charging one."""
    after = await mailroom.limiter.peek(sender)  # what would be left after one more
    return {
        "limit": after.limit,
        "window": mailroom.settings.window,
        "remaining": after.remaining + 1 if after.allowed else 0,
        "retry_after": after.retry_after,
    }


@router.get("/calendar/{subject}")
async def calendar(
    subject: Literal["requests", "messages"],
    mailroom: Office,
    bucket: Literal["hour", "day", "month"] = "day",
) -> dict[str, Any]:
    """Return a series for a chart, and the counts of today, this month, this year, and ever."""
    end = datetime.now(UTC)
    keys = {"today": "%Y-%m-%d", "month": "%Y-%m", "year": "%Y", "total": "total"}
    figures = await asyncio.gather(
        *(mailroom.calendar.read(subject, end.strftime(form)) for form in keys.values())
    )
    series = await mailroom.calendar.series(subject, bucket, end - _SPANS[bucket], end)
    return {"series": series, "figures": dict(zip(keys, figures, strict=True))}


@router.get("/writers")
async def writers(mailroom: Office) -> list[dict[str, Any]]:
    """Return the five people who wrote most messages."""
    return [asdict(writer) for writer in await mailroom.writers.top(5)]


@router.get("/groups")
async def groups(mailroom: Office) -> dict[str, list[str]]:
    """Return the members of each group, and the people who are in both."""
    *single, both = await asyncio.gather(
        *(mailroom.groups.union(group) for group in GROUPS), mailroom.groups.intersection(*GROUPS)
    )
    return {
        **{group: sorted(members) for group, members in zip(GROUPS, single, strict=True)},
        "both": sorted(both),
    }


@router.put("/groups/{group}/{username}", status_code=204)
async def join(group: str, username: str, mailroom: Office) -> None:
    """Add a person to a group."""
    _check(group)
    await mailroom.people.get(username)
    await mailroom.groups.add(group, username)
    await mailroom.tell("group.joined", group=group, username=username)


@router.delete("/groups/{group}/{username}", status_code=204)
async def leave(group: str, username: str, mailroom: Office) -> None:
    """Remove a person from a group."""
    _check(group)
    if not await mailroom.groups.remove(group, username):
        raise NotFound("this person is not a member of the group")
    await mailroom.tell("group.left", group=group, username=username)


def _check(group: str) -> None:
    if group not in GROUPS:
        raise NotFound(f"there is no such group; the groups are {' and '.join(GROUPS)}")


@router.get("/letters")
async def letters(mailroom: Office) -> dict[str, Any]:
    """Return the numbers of welcome letters by state, and the dead letters."""
    dead = await mailroom.letters.dead_letters()
    return {
        **asdict(await mailroom.letters.stats()),
        "letters": [
            {"id": letter.id, "attempts": letter.attempts, "error": letter.error} for letter in dead
        ],
    }


@router.get("/workers")
async def workers(mailroom: Office, crew: Workers) -> dict[str, Any]:
    """Return which workers are running, and how many changes the notifier is behind."""
    feed = mailroom.feed()
    lag = await feed.lag(await feed.checkpoints.load(NOTIFIER))
    return {"running": {name: crew.running(name) for name in NAMES}, "lag": max(0, lag)}


@router.get("/mails")
async def mails(mailroom: Office) -> dict[str, Any]:
    """Return the mails that arrived at the sink of this process, the newest first."""
    sink = mailroom.sink
    if sink is None:
        raise NotFound("mail goes to the server that --smtp names, not to a sink of this process")
    return {
        "items": [asdict(mail) for mail in reversed(sink.mails)],
        "bouncing": sink.bouncing,
        "delay": sink.delay,
    }


@router.get("/desk")
async def desk(mailroom: Office, crew: Workers, live: Listeners) -> dict[str, Any]:
    """Return all of this at once, for the page."""
    parts = {
        "people": _people(mailroom),
        "counts": counts(mailroom),
        "requests": calendar("requests", mailroom, "hour"),
        "messages": calendar("messages", mailroom, "day"),
        "writers": writers(mailroom),
        "groups": groups(mailroom),
        "letters": letters(mailroom),
        "workers": workers(mailroom, crew),
    }
    values = await asyncio.gather(*parts.values())
    sink = mailroom.sink
    mailed = None if sink is None else {"arrived": len(sink.mails), "bouncing": sink.bouncing}
    stores = mailroom.documents.capabilities.backend, mailroom.fast.capabilities.backend
    around = {"mails": mailed, "pages": live.pages, "stores": stores}
    return {**dict(zip(parts, values, strict=True)), **around}


async def _people(mailroom: Mailroom) -> list[dict[str, Any]]:
    page = await mailroom.people.list(limit=100)
    return [person.model_dump(include={"username", "name", "motto"}) for person in page]


@router.get("/events", response_class=StreamingResponse)
async def events(live: Listeners) -> StreamingResponse:
    """Return the live events of all processes as server-sent events."""
    return StreamingResponse(live.stream(), media_type="text/event-stream")
