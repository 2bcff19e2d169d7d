"""The first people and messages, so that the page is not empty."""

from __future__ import annotations

from datetime import UTC, datetime

from datapatterns import DataError
from datapatterns.demo.mailroom.models import GROUPS, Message, Person, Welcome, now
from datapatterns.demo.mailroom.office import Mailroom

_PEOPLE = (
    ("ada", "Ada Lovelace", "Notes by the translator", "mailroom.example"),
    ("grace", "Grace Hopper", "It is easier to ask forgiveness", "mailroom.example"),
    (
        "edsger",
        "Edsger Dijkstra",
        "Simplicity is a prerequisite for reliability",
        "mailroom.example",
    ),
    ("barbara", "Barbara Liskov", "Substitute with care", "mailroom.example"),
    ("charles", "Charles Babbage", "This address bounces", "bounce.example"),
)
_GROUPS = {GROUPS[0]: ("ada", "grace"), GROUPS[1]: ("grace", "edsger", "barbara")}
# Days and hours ago, from, to, subject, text.
_MESSAGES = (
    (13, 4, "charles", "ada", "The engine", "The brass for the mill has arrived. Come and see."),
    (12, 2, "ada", "charles", "Re: The engine", "I will bring the tables. Please check note G."),
    (11, 7, "grace", "ada", "A moth", "Relay 70, panel F. We taped it into the book."),
    (11, 6, "ada", "grace", "Re: A moth", "At last a bug that one can point at."),
    (9, 3, "edsger", "barbara", "On structure", "The jump makes the invariant hard to find."),
    (8, 1, "barbara", "edsger", "Re: On structure", "Then let the type say what may be assumed."),
    (7, 8, "grace", "barbara", "Compilers", "They told me computers could only do arithmetic."),
    (6, 2, "edsger", "ada", "Testing", "It shows the presence of bugs, never their absence."),
    (5, 5, "ada", "barbara", "Note G", "The loop ran. The seventh number is right."),
    (4, 9, "barbara", "ada", "Re: Note G", "Which invariant did you keep between the rounds?"),
    (4, 3, "ada", "grace", "Lunch", "Is Thursday still good? I have a question about loops."),
    (3, 6, "grace", "edsger", "Nanoseconds", "Enclosed: a piece of wire, thirty centimetres."),
    (2, 4, "edsger", "grace", "Re: Nanoseconds", "Thank you. It hangs over my desk."),
    (1, 7, "grace", "ada", "Re: Lunch", "Thursday at noon. Bring the question and an answer."),
    (1, 2, "barbara", "grace", "A draft", "Could you read section three before Friday?"),
    (0, 5, "edsger", "ada", "A proof", "Shorter than the last one. I hope it is also clearer."),
    (0, 2, "grace", "ada", "The wire", "One more nanosecond for your collection is in the post."),
)
_HOUR = 3_600_000  # milliseconds


async def fill(mailroom: Mailroom) -> None:
    """Store the sample, unless there are people already."""
    if await mailroom.people.count():
        return
    for username, name, motto, domain in _PEOPLE:
        email = f"{username}@{domain}"
        person = Person(username=username, email=email, name=name, motto=motto)
        for outcome in await mailroom.people.create_many([person]):
            if isinstance(outcome, DataError):
                return  # another process is storing the sample
        letter = Welcome(username=username, email=email, name=name)
        await mailroom.letters.push(letter, id=username)
    for group, members in _GROUPS.items():
        await mailroom.groups.add(group, *members)
    for message in await mailroom.messages.create_many(_messages()):
        if isinstance(message, Message):
            sent = datetime.fromtimestamp(message.sent_at / 1_000, UTC)
            await mailroom.calendar.add("messages", at=sent, op_id=message.id)


def _messages() -> list[Message]:
    at = now()
    return [
        Message(
            sender=sender,
            recipient=recipient,
            subject=subject,
            text=text,
            sent_at=at - (days * 24 + hours) * _HOUR,
        )
        for days, hours, sender, recipient, subject, text in _MESSAGES
    ]
