"""Routes for messages: send one, and read an inbox page by page."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from datapatterns.core.documents import new_id
from datapatterns.demo.mailroom.models import INBOX, SENT, Message, NewMessage
from datapatterns.demo.mailroom.requests import Office, Sender, counted, json_only, listed
from datapatterns.web import links

router = APIRouter(prefix="/api", dependencies=[Depends(json_only), Depends(counted)])

Limit = Annotated[int, Query(ge=1, le=200)]


@router.post("/messages", status_code=201)
async def send(new: NewMessage, sender: Sender, mailroom: Office, response: Response) -> Message:
    """Send a message; answer 404 if sender or recipient is unknown.

    With an Idempotency-Key, a repeated request gets the first answer and sends no second message.
    """
    await mailroom.people.get(sender)
    await mailroom.people.get(new.recipient)
    message = Message(id=new_id(), sender=sender, **new.model_dump())
    message = await mailroom.messages.create(message)
    sent = datetime.fromtimestamp(message.sent_at / 1_000, UTC)
    await mailroom.calendar.add("messages", at=sent, op_id=message.id)
    await mailroom.tell(
        "message.new",
        id=message.id,
        sender=sender,
        recipient=message.recipient,
        subject=message.subject,
    )
    response.headers["Location"] = f"/api/messages/{message.id}"
    return message


@router.get("/messages/{id}")
async def read(id: str, mailroom: Office) -> Message:
    """Return a message."""
    return await mailroom.messages.get(id)


@router.get("/people/{username}/inbox")
async def inbox(
    username: str,
    request: Request,
    response: Response,
    mailroom: Office,
    limit: Limit = 20,
    after: str | None = None,
) -> dict[str, Any]:
    """Return a page of the messages to a person, the newest first, and their number."""
    return await _page(INBOX.name, username, request, response, mailroom, limit, after)


@router.get("/people/{username}/sent")
async def outbox(
    username: str,
    request: Request,
    response: Response,
    mailroom: Office,
    limit: Limit = 20,
    after: str | None = None,
) -> dict[str, Any]:
    """Return a page of the messages from a person, the newest first, and their number."""
    return await _page(SENT.name, username, request, response, mailroom, limit, after)


async def _page(
    index: str,
    username: str,
    request: Request,
    response: Response,
    mailroom: Office,
    limit: int,
    after: str | None,
) -> dict[str, Any]:
    await mailroom.people.get(username)
    page = await mailroom.messages.query(index, username, descending=True, limit=limit, after=after)
    response.headers.update(links(page, request.url))
    return {**listed(page), "total": await mailroom.messages.count(index, username)}
