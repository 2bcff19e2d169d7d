"""What the routes ask of a request: whose it is, and whether its body is JSON."""

from __future__ import annotations

import re
from typing import Annotated, Any

from fastapi import Depends, Header, Request

from datapatterns import Document, Page
from datapatterns.demo.mailroom.live import Live
from datapatterns.demo.mailroom.models import USERNAME
from datapatterns.demo.mailroom.office import Mailroom
from datapatterns.demo.mailroom.workers import Crew
from datapatterns.errors import Unauthorized
from datapatterns.web import UnsupportedMediaType, client_host
from datapatterns.web.asgi import Scope, header

# Who makes the request. There are no passwords here: in an application of yours this is whoever the
# session or the token belongs to.
PERSON = "Mailroom-Person"


def mailroom_of(scope: Scope) -> Mailroom:
    """The open Mailroom that serves this request."""
    mailroom: Mailroom = scope["app"].state.mailroom
    return mailroom


def requester(scope: Scope) -> str | None:
    """Whose request it is: a person's, else an address's."""
    name = header(scope, PERSON)
    return name if name is not None and re.fullmatch(USERNAME, name) else client_host(scope)


def limited(scope: Scope) -> str | None:
    """Whom to charge for the request; nobody for the page and what it shows beside the mail."""
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
        raise Unauthorized(f"say who you are in the header {PERSON}")
    return person


Office = Annotated[Mailroom, Depends(_mailroom)]
Workers = Annotated[Crew, Depends(_crew)]
Listeners = Annotated[Live, Depends(_live)]
Sender = Annotated[str, Depends(_sender)]


async def counted(mailroom: Office) -> None:
    """Count the request in the calendar."""
    await mailroom.calendar.add("requests")


async def json_only(request: Request) -> None:
    """Refuse a body that does not say that it is JSON."""
    if request.method not in ("POST", "PUT", "PATCH"):
        return
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise UnsupportedMediaType("expected application/json")


def listed(page: Page[Any]) -> dict[str, Any]:
    """A page as JSON; the same cursors are in the header Link."""
    items: list[Document] = page.items
    return {"items": items, "next": page.next, "previous": page.previous}
