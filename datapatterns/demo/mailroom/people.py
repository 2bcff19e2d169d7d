"""Routes for people: register, look up, edit."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Query, Request, Response

from datapatterns.demo.mailroom.models import NewPerson, Person, Welcome
from datapatterns.demo.mailroom.requests import Office, counted, json_only, listed
from datapatterns.web import etag, if_match, links

router = APIRouter(prefix="/api/people", dependencies=[Depends(json_only), Depends(counted)])


@router.post("", status_code=201)
async def register(new: NewPerson, mailroom: Office, response: Response) -> Person:
    """Register a person and queue the welcome letter; answer 409 if the username is taken."""
    person = await mailroom.people.create(Person(**new.model_dump()))
    letter = Welcome(username=person.username, email=person.email, name=person.name)
    await mailroom.letters.push(letter, id=person.username)
    await mailroom.tell("person.registered", username=person.username, name=person.name)
    response.headers.update({"ETag": etag(person), "Location": f"/api/people/{person.username}"})
    return person


@router.get("")
async def everybody(
    request: Request,
    response: Response,
    mailroom: Office,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    after: str | None = None,
) -> dict[str, Any]:
    """Return a page of the people, by username."""
    page = await mailroom.people.list(limit=limit, after=after)
    response.headers.update(links(page, request.url))
    return listed(page)


@router.get("/{username}")
async def look_up(username: str, mailroom: Office, response: Response) -> Person:
    """Return a person; the ETag is the revision."""
    person = await mailroom.people.get(username)
    response.headers["ETag"] = etag(person)
    return person


@router.patch("/{username}")
async def edit(
    username: str,
    changes: Annotated[dict[str, Any], Body()],
    mailroom: Office,
    request: Request,
    response: Response,
) -> Person:
    """Apply a JSON Merge Patch; answer 412 if the person was changed since it was read.

    Without If-Match the answer is 428. The repository refuses unknown and immutable fields.
    """
    with if_match(request) as match:
        person = await mailroom.people.patch(username, changes, rev=match.rev)
    await mailroom.tell("person.edited", username=username, name=person.name)
    response.headers["ETag"] = etag(person)
    return person


@router.put("/{username}")
async def replace(username: str, person: Person, mailroom: Office, response: Response) -> Person:
    """Replace the whole document, which carries its revision; answer 409 if that is stale.

    The repository refuses a change of an immutable field.
    """
    person = await mailroom.people.replace(person.model_copy(update={"id": username}))
    await mailroom.tell("person.edited", username=username, name=person.name)
    response.headers["ETag"] = etag(person)
    return person
