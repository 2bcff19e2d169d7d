"""The plain values of a work queue, the same on every backend, and the checks of its arguments."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Generic, Literal, TypeVar, cast
from uuid import uuid4

from pydantic import BaseModel

from datapatterns.core.checks import INT32_MAX, check_count, seconds
from datapatterns.core.codecs import loads
from datapatterns.core.documents import check_model
from datapatterns.core.json_values import write_value
from datapatterns.core.model_fields import check_carried
from datapatterns.core.model_json import ModelJson
from datapatterns.errors import DecodeFailed, InvalidArgument, InvalidData

M = TypeVar("M")

HIGHEST_PRIORITY, LOWEST_PRIORITY = INT32_MAX, -INT32_MAX - 1
TEXT_LENGTH = 1_000  # of a stored error: some drivers put whole documents into their messages


@dataclass(frozen=True, slots=True)
class QueueStats:
    """How many items are in which state; `requeued` counts all that were ever taken back."""

    ready: int
    delayed: int
    leased: int
    dead: int
    requeued: int


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An item that was given up: after how many attempts, when (in UTC), and why."""

    id: str
    item: Any
    attempts: int
    error: str
    pushed_at: datetime
    died_at: datetime


State = Literal["ready", "delayed", "leased", "dead"]


@dataclass(frozen=True, slots=True)
class ItemState:
    """Where an item is, after how many deliveries, with its last error, or "" if it has none.

    `due_at` says when a delayed item is ready, and is None for all others. Times are in UTC.
    """

    id: str
    state: State
    attempts: int
    pushed_at: datetime
    error: str = ""
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class WorkSummary:
    """How many deliveries a worker acked, retried, buried, released at its end, and lost."""

    acked: int = 0
    retried: int = 0
    buried: int = 0
    released: int = 0
    lost: int = 0


# --- the values between a queue and its backend


@dataclass(frozen=True, slots=True)
class NewItem:
    """An item to push; the times are in microseconds.

    `dedup` says for how long the id is remembered; it is None for a fresh id, which no push had.
    """

    id: str
    data: bytes
    delay: int
    priority: int
    dedup: int | None = None


# `release` gives an item back without counting the attempt; `renew` extends a lease and never
# shortens it.
Verb = Literal["ack", "retry", "bury", "release", "extend", "renew"]
LOST = "lost"  # the outcome of a verdict on a delivery whose lease was lost


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do with a delivery: `span` is a delay or a lease in microseconds, `text` an error."""

    id: str
    token: str
    verb: Verb
    span: int = 0
    text: str = ""


@dataclass(frozen=True, slots=True)
class Taken:
    """An item handed out: `token` proves who holds it, `pushed` is in microseconds since 1970."""

    id: str
    data: bytes
    attempt: int
    pushed: int
    token: str


@dataclass(frozen=True, slots=True)
class TakenBack:
    """An item taken back after its lease had lapsed; `dead` if that was its last attempt."""

    id: str
    attempt: int
    dead: bool


@dataclass(frozen=True, slots=True)
class Turn:
    """The result of a request: for each verdict the verb that took effect, or LOST.

    `pause` is the number of seconds until the next item is due or the next lease lapses.
    """

    outcomes: list[str]
    taken: list[Taken]
    taken_back: list[TakenBack]
    pause: float


@dataclass(slots=True)
class Seat:
    """The identity of a sequence of requests; the backend remembers the last one's result."""

    id: str = field(default_factory=lambda: uuid4().hex)
    number: int = 0


@dataclass(slots=True, eq=False)
class Request:
    """A request to a queue: carry out verdicts on deliveries, then take a number of items.

    It has its effect once, however often it is sent. A backend behind a network recognizes it by
    seat and number, a backend in this process by `answers`.
    """

    verdicts: Sequence[Verdict]
    take: int
    seat: Seat
    number: int
    answers: list[Turn]

    def instead(self, verdicts: Sequence[Verdict]) -> Request:
        """Return the same request with other verdicts; the one that arrives first takes effect."""
        return Request(verdicts, self.take, self.seat, self.number, self.answers)


class Seats:
    """The seats of one client, as many as it had requests at once; for use by any thread."""

    def __init__(self) -> None:
        self._free: deque[Seat] = deque()

    def request(self, verdicts: Sequence[Verdict] = (), take: int = 0) -> Request:
        """Return a new request from a free seat, or from a new seat if none is free."""
        try:
            seat = self._free.pop()
        except IndexError:
            seat = Seat()
        seat.number += 1
        return Request(verdicts, take, seat, seat.number, [])

    def free(self, request: Request) -> None:
        """Free the seat of a request whose result is known; it must not be sent again."""
        self._free.append(request.seat)


# --- items


class Items(Generic[M]):
    """Writes items as JSON, and reads them as instances of the model if the queue has one."""

    def __init__(self, model: type[M] | None) -> None:
        self._json: ModelJson[Any] | None = None
        if model is not None:
            check_model("model", model, BaseModel)
            self._json = ModelJson(cast("type[BaseModel]", model))
            check_carried("a queue", self._json.model)

    def encode(self, item: M | Mapping[str, Any]) -> bytes:
        """Return the item's JSON; raise InvalidData naming what would not be delivered as it is.

        Raise InvalidArgument if it is not an instance of the model, or cannot be JSON.
        """
        json = self._json
        if json is None:
            return write_value(item)
        if isinstance(item, Mapping):
            instance = json.validate(cast("Mapping[str, Any]", item))
        elif isinstance(item, json.model):
            instance = item
        else:
            raise InvalidArgument(f"item must be a {json.model.__name__} or a dict of its fields")
        data = json.write(instance)
        json.check_kept(instance, data, json.read(data))
        return data

    def decode(self, data: bytes) -> M:
        """Return the item in the JSON; raise DecodeFailed if it does not fit the model."""
        if self._json is None:
            return cast("M", loads(data))
        try:
            return self._json.read(data)
        except InvalidData as error:
            raise DecodeFailed(f"a queued item does not fit its model: {error}") from error

    def show(self, data: bytes) -> Any:
        """Return the item; its plain JSON value if it does not fit the model, else its text."""
        for read in (self.decode, loads):
            try:
                return read(data)
            except DecodeFailed:
                continue
        return data.decode(errors="replace")


# --- arguments


def check_priority(priority: object) -> int:
    """Return the priority unchanged; raise InvalidArgument unless it is whole, of 32 bits."""
    return check_count("priority", priority, least=LOWEST_PRIORITY, most=HIGHEST_PRIORITY)


def check_timeout(timeout: object) -> float:
    """Return the timeout in seconds, which may be endless; raise InvalidArgument if negative."""
    return seconds("timeout", timeout, most=math.inf)


def check_text(what: str, text: object) -> str:
    """Return the text, cut to 1,000 characters; raise InvalidArgument if it is not a string."""
    if not isinstance(text, str):
        raise InvalidArgument(f"{what} must be a string, not {type(text).__name__}")
    if not text:  # the text of every ack
        return text
    # A lone surrogate, as in a broken file name, is replaced, so that the error can be stored.
    return text[:TEXT_LENGTH].encode(errors="replace").decode()


def check_backoff(backoff: object) -> Callable[[int], float]:
    """Return a function from the failed attempts to seconds; a duration means a constant one."""
    if callable(backoff):
        return cast("Callable[[int], float]", backoff)
    constant = seconds("backoff", backoff)
    return lambda attempt: constant


def describe(error: BaseException) -> str:
    """Return the text of an exception for a dead letter."""
    return check_text("an error", f"{type(error).__name__}: {error}")


def moment(microseconds: int) -> datetime:
    """Return the moment of this number of microseconds since 1970."""
    return datetime.fromtimestamp(microseconds // 1_000_000, UTC).replace(
        microsecond=microseconds % 1_000_000
    )


def seconds_until(microseconds: int) -> float:
    """Return the time in seconds; a negative number stands for never and gives infinity."""
    return math.inf if microseconds < 0 else microseconds / 1_000_000
