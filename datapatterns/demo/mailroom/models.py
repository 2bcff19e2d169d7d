"""The documents that Mailroom stores, and the bodies of requests."""

from __future__ import annotations

import time

from pydantic import BaseModel, ConfigDict, Field

from datapatterns import Document, Index

USERNAME = r"^[a-z0-9]{3,30}$"
_EMAIL = r"^[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$"
_LINE = r"^[^\x00-\x1f\x7f\u2028\u2029]+$"  # a header of a mail is one line

# Whole numbers sort the same on every store. Messages of the same millisecond are ordered by their
# ids, which sort by time too.
Milliseconds = int


def now() -> Milliseconds:
    """Return the present time, in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


class NewPerson(BaseModel):
    """The body of a request that registers a person."""

    model_config = ConfigDict(extra="forbid")

    username: str = Field(pattern=USERNAME)
    email: str = Field(pattern=_EMAIL, max_length=254)
    name: str = Field(pattern=_LINE, max_length=80)
    motto: str = Field("", max_length=200)


class Person(Document):
    """A person with an inbox. The username is the id, so it is unique on every store."""

    username: str = Field(pattern=USERNAME)
    email: str = Field(pattern=_EMAIL, max_length=254)
    name: str = Field(pattern=_LINE, max_length=80)
    motto: str = Field("", max_length=200)
    joined_at: Milliseconds = Field(default_factory=now)


class NewMessage(BaseModel):
    """The body of a request that sends a message; the sender is the person who makes it."""

    model_config = ConfigDict(extra="forbid")

    recipient: str = Field(pattern=USERNAME)
    subject: str = Field(pattern=_LINE, max_length=120)
    text: str = Field(min_length=1, max_length=5_000)


class Message(Document):
    """A message, with the time of its notification by mail, or the reason why that was refused."""

    sender: str
    recipient: str
    subject: str
    text: str
    sent_at: Milliseconds = Field(default_factory=now)
    notified_at: Milliseconds | None = None
    bounced: str | None = None


class Welcome(BaseModel):
    """A welcome letter to a person who has registered."""

    username: str
    email: str
    name: str


# Read backwards, an index has the newest messages first. Its prefix gives the counts by person.
INBOX = Index("inbox", "recipient", "sent_at")
SENT = Index("sent", "sender", "sent_at")

GROUPS = ("moderators", "paying")
