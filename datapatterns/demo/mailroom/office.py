"""The stores of Mailroom, and its patterns over them."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from datapatterns import AsyncStore, Locked
from datapatterns._async.contracts import AsyncWorkerFeed
from datapatterns.capabilities import Pattern
from datapatterns.demo.mailroom.letters import Post
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
    "Stop that process, name another directory, or let both run on servers: "
    "--documents couch+http://… --fast redis://…"
)


@dataclass(frozen=True)
class Settings:
    """Where Mailroom keeps what, and how it behaves."""

    documents: str
    fast: str | None = None  # None: in the same place
    namespace: str = "mailroom"
    smtp: str | None = None  # None: a sink of its own
    limit: int = 30  # requests of a person
    window: float = 10.0  # in so many seconds
    sample: bool = False  # begin with some people and messages


class Mailroom:
    """Everything the application is made of, opened with `async with`.

    Documents are in one store, what is counted, queued and told in another, which may be the same.
    The application and its workers have nothing else in common, so any number of processes can
    share the two stores where these let them.
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
        """Whether other processes can have the same stores open."""
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
        """The patterns: each knows its own name, and asks nothing of the others."""
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
        self.places = fast.concurrency_limiter("workers", limit=1, lease=3)
        self.emitter = fast.emitter("live")

    async def _post(self, stack: AsyncExitStack) -> Post:
        if self.settings.smtp is not None:
            return Post(self.settings.smtp)
        self.sink = await stack.enter_async_context(Sink())
        return Post(f"smtp://{HOST}:{self.sink.port}")

    def feed(self) -> AsyncWorkerFeed[Message]:
        """A feed of the messages; each follower needs one of its own."""
        return self.documents.changes("messages", Message)

    async def tell(self, event: str, **payload: Any) -> None:
        """Tell every open page, of every process."""
        await self.emitter.emit(event, payload)
