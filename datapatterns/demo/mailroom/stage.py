"""What the parts of the tour share."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from datapatterns.demo.mailroom.client import Client, Reply
from datapatterns.demo.mailroom.office import Settings
from datapatterns.demo.tour import BrokenPromise, Screen, promise

_DEADLINE = 60.0  # seconds, generous for slow machines


@dataclass(frozen=True)
class Stage:
    """A running Mailroom, and the output of the tour."""

    client: Client
    settings: Settings
    screen: Screen

    def expect(self, status: int, reply: Reply, code: str | None = None) -> Reply:
        """Show the reply, and check its status and code."""
        self.screen.say(str(reply))
        promise(reply.status == status, f"expected {status}, not {reply}")
        promise(code is None or reply.body.get("code") == code, f"expected {code}, not {reply}")
        return reply

    def until(self, what: str, done: Callable[[], bool]) -> None:
        """Wait until the condition holds."""
        deadline = time.monotonic() + _DEADLINE
        while not done():
            if time.monotonic() > deadline:
                raise BrokenPromise(f"did not happen within {_DEADLINE:.0f} seconds: {what}")
            time.sleep(0.05)

    def register(self, usernames: Iterable[str], domain: str = "mailroom.example") -> None:
        """Register people."""
        for username in usernames:
            body = {"username": username, "email": f"{username}@{domain}", "name": username.title()}
            reply = self.client.ask("POST", "/api/people", body)
            promise(reply.status == 201, f"{username} can register; the answer was {reply}")

    def send(self, sender: str, recipient: str, subject: str) -> str:
        """Send a message and return its id."""
        body = {"recipient": recipient, "subject": subject, "text": "Yours,\nas ever."}
        reply = self.client.ask("POST", "/api/messages", body, person=sender)
        promise(reply.status == 201, f"a message is accepted; the answer was {reply}")
        id: str = reply.body["id"]
        return id
