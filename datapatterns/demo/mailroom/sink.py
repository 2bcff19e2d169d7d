"""A mail server that only stores mails, so that no mail of the example leaves the machine."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from dataclasses import dataclass
from email import message_from_bytes, policy
from types import TracebackType
from typing import Self

from datapatterns.demo.mailroom.models import now

HOST = "127.0.0.1"
_MOST = 1_000_000  # bytes of a mail
_KEPT = 5_000  # mails
_ADDRESS = re.compile(rb"(?:FROM|TO):\s*<([^<>\s]*)>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail as it arrived."""

    message_id: str
    recipient: str
    subject: str
    at: int


class Sink:
    """Speaks enough SMTP for any client, on a free port of the loopback interface.

    It refuses addresses at `bounce.example` while `bouncing` is true, and waits for `delay` seconds
    before it confirms a mail: a worker that is killed in that time has sent a mail, but does not
    know it.
    """

    def __init__(self) -> None:
        self.mails: deque[Mail] = deque(maxlen=_KEPT)
        self.bouncing = True
        self.delay = 0.0
        self.port = 0
        self._server: asyncio.Server | None = None
        self._sessions: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, HOST, 0, limit=_MOST)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._server is not None:
            self._server.close()
        for session in self._sessions:
            session.cancel()
        await asyncio.gather(*self._sessions, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = asyncio.current_task()
        assert session is not None  # noqa: S101 - for the types: a coroutine runs in a task
        self._sessions.add(session)
        try:
            await self._talk(reader, writer)
        except (ConnectionError, ValueError, asyncio.IncompleteReadError):
            pass  # the client disconnected, or sent a line that is longer than _MOST
        finally:
            self._sessions.discard(session)
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the lines of one session until QUIT."""
        recipients: list[str] = []
        answer = "220 mailroom"
        while True:
            writer.write(answer.encode() + b"\r\n")
            await writer.drain()
            line = await reader.readuntil(b"\n")
            match line[:4].upper().rstrip():
                case b"QUIT":
                    writer.write(b"221 bye\r\n")
                    return
                case b"MAIL" | b"RSET":
                    recipients, answer = [], "250 ok"
                case b"RCPT":
                    answer = self._recipient(line, recipients)
                case b"DATA" if recipients:
                    writer.write(b"354 end with a dot on a line of its own\r\n")
                    answer = await self._data(reader, recipients)
                    recipients = []
                case b"DATA":
                    answer = "503 send RCPT first"
                case b"EHLO" | b"HELO" | b"NOOP":
                    answer = "250 mailroom"
                case _:
                    answer = "502 command not implemented"

    def _recipient(self, line: bytes, recipients: list[str]) -> str:
        found = _ADDRESS.search(line)
        if found is None:
            return "501 RCPT TO:<address>"
        address = found[1].decode(errors="replace")
        if self.bouncing and address.endswith("@bounce.example"):
            return "550 no such mailbox"
        recipients.append(address)
        return "250 ok"

    async def _data(self, reader: asyncio.StreamReader, recipients: list[str]) -> str:
        raw = await reader.readuntil(b"\r\n.\r\n")
        mail = message_from_bytes(raw, policy=policy.default)
        id, subject = str(mail["Message-ID"]).strip(), str(mail["Subject"])
        self.mails.extend(Mail(id, recipient, subject, now()) for recipient in recipients)
        if self.delay:
            await asyncio.sleep(self.delay)
        return "250 taken"
