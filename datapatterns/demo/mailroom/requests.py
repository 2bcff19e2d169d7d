"""Dependencies of the routes: the person who makes a request, and a check that it is JSON."""

from __future__ import annotations

import re
from typing import Annotated, Any

from fastapi import Depends, Header, Request

from datapatterns import Document, Page, Unauthorized
from datapatterns.demo.mailroom.live import Live
from datapatterns.demo.mailroom.models import USERNAME
from datapatterns.demo.mailroom.office import Mailroom
from datapatterns.demo.mailroom.workers import Crew
from datapatterns.web import UnsupportedMediaType, client_host
from datapatterns.web.asgi import Scope, header

# The header that names the person who makes a request. There are no passwords here: a real
# application takes the person from a session or a token.
PERSON = "Mailroom-Person"


def mailroom_of(scope: Scope) -> Mailroom:
    """Return the Mailroom that serves this request."""
    mailroom: Mailroom = scope["app"].state.mailroom
    return mailroom


def requester(scope: Scope) -> str | None:
    """Return the person who makes the request, or the client's address if none is named."""
    name = header(scope, PERSON)
    return name if name is not None and re.fullmatch(USERNAME, name) else client_host(scope)


def limited(scope: Scope) -> str | None:
    """Return the subject of the rate limit; only requests about people and messages are limited."""
    counted = scope["path"].startswith(("/api/people", "/api/messages"))
    return requester(scope) if counted else None


def _mailroom(request: Request) -> Mailroom:
    return mailroom_of(request.scope)


def _crew(request: Request) -> Crew:
    crew: Crew = request.app.state.crew
    return crew


def _live(request: Request) -> Live:
    live: Live = request.app.state.live
    return live


def _sender(person: Annotated[str | None, Header(alias=PERSON)] = None) -> str:
    if person is None or not re.fullmatch(USERNAME, person):
        raise Unauthorized(f"name the person who makes this request in the header {PERSON}")
    return person


Office = Annotated[Mailroom, Depends(_mailroom)]
Workers = Annotated[Crew, Depends(_crew)]
Listeners = Annotated[Live, Depends(_live)]
Sender = Annotated[str, Depends(_sender)]


async def counted(mailroom: Office) -> None:
    """Count the request in the calendar."""
    await mailroom.calendar.add("requests")


async def json_only(request: Request) -> None:
    """Refuse a body whose content type is not JSON."""
    if request.method not in ("POST", "PUT", "PATCH"):
        return
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise UnsupportedMediaType("the body must be sent as application/json")


def listed(page: Page[Any]) -> dict[str, Any]:
    """Return a page as JSON; the header Link has the same cursors."""
    items: list[Document] = page.items
    return {"items": items, "next": page.next, "previous": page.previous}
