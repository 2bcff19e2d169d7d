"""The texts of mails, and how mails are sent."""

from __future__ import annotations

import asyncio
import smtplib
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

from datapatterns import InvalidArgument
from datapatterns.demo.mailroom.models import Message, Person, Welcome

DOMAIN = "mailroom.example"
_FROM = f"Mailroom <post@{DOMAIN}>"
_TIMEOUT = 10.0
_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}


class Undeliverable(Exception):
    """The mail server refused a mail; the text of the error is its reply."""


def notification(message: Message, recipient: Person) -> EmailMessage:
    """Return the mail that tells a person about a message.

    Its Message-ID is made of the message's id, so a receiver recognises a mail that is sent again.
    """
    return _mail(
        message.id,
        recipient.email,
        f"New message: {message.subject}",
        f"Dear {recipient.name},\n\n{message.sender} wrote to you:\n\n{message.text}\n",
    )


def welcome(letter: Welcome) -> EmailMessage:
    """Return the letter to a person who has registered."""
    return _mail(
        f"welcome.{letter.username}",
        letter.email,
        "Welcome to Mailroom",
        f"Dear {letter.name},\n\nyour inbox is ready.\n",
    )


def _mail(id: str, to: str, subject: str, text: str) -> EmailMessage:
    mail = EmailMessage()
    mail["From"] = _FROM
    mail["To"] = to
    mail["Subject"] = subject
    mail["Message-ID"] = f"<{id}@{DOMAIN}>"
    mail.set_content(text)
    return mail


class Post:
    """A mail server: `smtp://host:port`, `smtp+starttls://user:password@host`, `smtps://…`.

    Raise InvalidArgument for a URL of another kind.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port, parts = None, None, urlsplit("")
        if host is None or parts.scheme not in _PORTS:
            schemes = ", ".join(f"{scheme}://" for scheme in _PORTS)
            raise InvalidArgument(f"the URL of a mail server must begin with one of: {schemes}")
        self.scheme = parts.scheme
        self.host, self.port = host, port or _PORTS[parts.scheme]
        self.user = None if parts.username is None else unquote(parts.username)
        self.password = unquote(parts.password or "")

    async def send(self, mail: EmailMessage) -> None:
        """Send the mail; raise Undeliverable if the server refuses it."""
        await asyncio.to_thread(self._send, mail)

    def _send(self, mail: EmailMessage) -> None:
        connect = smtplib.SMTP_SSL if self.scheme == "smtps" else smtplib.SMTP
        with connect(self.host, self.port, timeout=_TIMEOUT) as server:
            if self.scheme == "smtp+starttls":
                server.starttls()
            if self.user is not None:
                server.login(self.user, self.password)
            try:
                server.send_message(mail)
            except smtplib.SMTPRecipientsRefused as error:
                replies = {
                    f"{code} {text.decode(errors='replace')}"
                    for code, text in error.recipients.values()
                }
                raise Undeliverable(", ".join(sorted(replies))) from error
