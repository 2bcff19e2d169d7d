"""Routes that cause failures: killed workers, bouncing addresses, a slow mail server."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from datapatterns import NotFound
from datapatterns.demo.mailroom.requests import Office, Workers, json_only

router = APIRouter(prefix="/api", dependencies=[Depends(json_only)])


class Nothing(BaseModel):
    """The empty object."""

    model_config = ConfigDict(extra="forbid")


class SinkSettings(BaseModel):
    """How the sink behaves: whether it bounces addresses, and how long it takes for a mail."""

    model_config = ConfigDict(extra="forbid")

    bouncing: bool | None = None
    delay: float | None = Field(None, ge=0, le=5)


@router.post("/workers/{name}/kill")
async def kill(name: str, nothing: Nothing, crew: Workers, mailroom: Office) -> dict[str, bool]:
    """Kill a worker of this process at once."""
    killed = await crew.kill(name)
    if killed:
        await mailroom.tell("worker.killed", name=name)
    return {"killed": killed}


@router.post("/workers/{name}/start")
async def start(name: str, nothing: Nothing, crew: Workers, mailroom: Office) -> dict[str, bool]:
    """Start a worker again."""
    started = await crew.start(name)
    if started:
        await mailroom.tell("worker.started", name=name)
    return {"started": started}


@router.post("/letters/requeue")
async def requeue(nothing: Nothing, mailroom: Office) -> dict[str, int]:
    """Make every dead letter ready again, for three more attempts."""
    requeued = await mailroom.letters.requeue_dead()
    await mailroom.tell("letter.requeued", letters=requeued)
    return {"requeued": requeued}


@router.put("/mails")
async def behave(settings: SinkSettings, mailroom: Office) -> dict[str, bool | float]:
    """Change how the sink of this process behaves."""
    sink = mailroom.sink
    if sink is None:
        raise NotFound("mail goes to the server that --smtp names, not to a sink of this process")
    if settings.bouncing is not None:
        sink.bouncing = settings.bouncing
    if settings.delay is not None:
        sink.delay = settings.delay
    return {"bouncing": sink.bouncing, "delay": sink.delay}
