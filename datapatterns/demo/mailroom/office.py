"""The stores of Mailroom, and its patterns on them."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from datapatterns import AsyncStore, Locked
from datapatterns.capabilities import Pattern
from datapatterns.contracts import AsyncWorkerFeed
from datapatterns.demo.mailroom.mails import Post
from datapatterns.demo.mailroom.models import INBOX, SENT, Message, Person, Welcome
from datapatterns.demo.mailroom.sink import HOST, Sink
from datapatterns.web import stored_answers

_DOCUMENTS: tuple[Pattern, ...] = ("repository", "changes")
_FAST: tuple[Pattern, ...] = (
    "calendar_counter",
    "concurrency_limiter",
    "emitter",
    "groups",
    "leaderboard",
    "rate_limiter",
    "work_queue",
)
_ADVICE = (
    "Stop that process, give another directory, or let both run on servers: "
    "--documents couch+http://… --fast redis://…"
)


@dataclass(frozen=True)
class Settings:
    """The URLs of Mailroom's stores, and its other settings."""

    documents: str
    fast: str | None = None  # None: the same store as documents
    namespace: str = "mailroom"
    smtp: str | None = None  # None: a sink within the process
    limit: int = 30  # requests that a person may make in a window
    window: float = 10.0  # seconds
    sample: bool = False  # start with some people and messages


class Mailroom:
    """All patterns of the application, opened with `async with`.

    Documents are in one store; counters, queues and events are in another one, which may be the
    same. The application and its workers share nothing else, so any number of processes can run,
    if the stores accept several processes.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.documents = AsyncStore.from_url(settings.documents, namespace=settings.namespace)
        self.fast = self.documents
        if settings.fast is not None and settings.fast != settings.documents:
            self.fast = AsyncStore.from_url(settings.fast, namespace=settings.namespace)
        for pattern in _DOCUMENTS:
            self.documents.capabilities.require(pattern)
        for pattern in _FAST:
            self.fast.capabilities.require(pattern)
        self.sink: Sink | None = None
        self._opened = AsyncExitStack()

    @property
    def shareable(self) -> bool:
        """Return whether other processes can open the same stores."""
        return all(store.capabilities.processes for store in (self.documents, self.fast))

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            try:
                await stack.enter_async_context(self.documents)
                if self.fast is not self.documents:
                    await stack.enter_async_context(self.fast)
            except Locked as error:
                raise Locked(f"{error.detail}. {_ADVICE}", data=error.data) from error
            self._lay_out()
            await stack.enter_async_context(self.emitter)
            await self.people.ensure()
            await self.messages.ensure()
            self.post = await self._post(stack)
            self._opened = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._opened.aclose()

    def _lay_out(self) -> None:
        """Make the patterns, each with a name of its own."""
        documents, fast, settings = self.documents, self.fast, self.settings
        self.people = documents.repository(
            "people", Person, id_from="username", immutable={"username", "email", "joined_at"}
        )
        self.messages = documents.repository("messages", Message, indexes=[INBOX, SENT])
        self.answers = stored_answers(documents)
        self.limiter = fast.rate_limiter("requests", limit=settings.limit, window=settings.window)
        self.calendar = fast.calendar_counter(
            "calendar", buckets=("total", "year", "month", "day", "hour")
        )
        self.writers = fast.leaderboard("writers")
        self.groups = fast.groups("people")
        self.letters = fast.work_queue("letters", Welcome, lease=10, max_attempts=3, backoff=0.5)
        self.turns = fast.concurrency_limiter("workers", limit=1, lease=3)
        self.emitter = fast.emitter("live")

    async def _post(self, stack: AsyncExitStack) -> Post:
        if self.settings.smtp is not None:
            return Post(self.settings.smtp)
        self.sink = await stack.enter_async_context(Sink())
        return Post(f"smtp://{HOST}:{self.sink.port}")

    def feed(self) -> AsyncWorkerFeed[Message]:
        """Return a new feed of the messages; each worker needs a feed of its own."""
        return self.documents.changes("messages", Message)

    async def tell(self, event: str, **payload: Any) -> None:
        """Emit an event, which every open page of every process receives."""
        await self.emitter.emit(event, payload)
