"""What a work queue is made of besides its backend: plain values, the same on every backend."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Generic, Literal, TypeVar, cast
from uuid import uuid4

from pydantic import BaseModel, ValidationError

from datapatterns.checks import INT32_MAX, check_count, seconds
from datapatterns.codecs import dumps, loads
from datapatterns.errors import DataError, DecodeFailed, InvalidArgument, InvalidData

M = TypeVar("M")

HIGHEST_PRIORITY, LOWEST_PRIORITY = INT32_MAX, -INT32_MAX - 1
TEXT_LENGTH = 1_000  # of an error that is kept: some drivers put whole documents into theirs


@dataclass(frozen=True, slots=True)
class QueueStats:
    """How many items are where; `requeued` counts those taken back from lost holders, ever."""

    ready: int
    delayed: int
    leased: int
    dead: int
    requeued: int


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An item given up: after how many attempts, when (UTC), and why."""

    id: str
    item: Any
    attempts: int
    error: str
    pushed_at: datetime
    died_at: datetime


@dataclass(frozen=True, slots=True)
class WorkSummary:
    """What a worker did in one run: deliveries acked, retried, buried, and released at the end."""

    acked: int = 0
    retried: int = 0
    buried: int = 0
    released: int = 0
    lost: int = 0


# --- what a queue and its backend say to each other


@dataclass(frozen=True, slots=True)
class NewItem:
    """An item to be queued; the delay in microseconds."""

    id: str
    data: bytes
    delay: int
    priority: int


# `release` gives an item back uncounted; `renew` is an `extend` that never shortens.
Verb = Literal["ack", "retry", "bury", "release", "extend", "renew"]
LOST = "lost"  # the outcome of a verdict on a delivery whose lease was lost


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to become of a delivery, after how many microseconds or for how many, and why."""

    id: str
    token: str
    verb: Verb
    span: int = 0
    text: str = ""


@dataclass(frozen=True, slots=True)
class Taken:
    """An item handed out: `token` fences its lease, `pushed` is in microseconds since 1970."""

    id: str
    data: bytes
    attempt: int
    pushed: int
    token: str


@dataclass(frozen=True, slots=True)
class TakenBack:
    """An item taken back from a lost holder; `dead` if that was its last attempt."""

    id: str
    attempt: int
    dead: bool


@dataclass(frozen=True, slots=True)
class Turn:
    """What one step did: the verbs that took effect, or LOST, in the order of the verdicts.

    `pause` is how many seconds nothing will fall due by itself.
    """

    outcomes: list[str]
    taken: list[Taken]
    taken_back: list[TakenBack]
    pause: float


@dataclass(slots=True)
class Seat:
    """A place from which one request at a time is made; the backend remembers its last one."""

    id: str = field(default_factory=lambda: uuid4().hex)
    number: int = 0


@dataclass(slots=True, eq=False)
class Request:
    """One step of a queue: verdicts on deliveries, then taking so many items.

    It may be sent again until its outcome is known, and has its effect once: a backend behind a
    network knows it by seat and number, one in this process by `answers`.
    """

    verdicts: Sequence[Verdict]
    take: int
    seat: Seat
    number: int
    answers: list[Turn]

    def instead(self, verdicts: Sequence[Verdict]) -> Request:
        """The same request with other verdicts: whichever arrives first is the one."""
        return Request(verdicts, self.take, self.seat, self.number, self.answers)


class Seats:
    """The seats of one client, as many as it ever needed at a time; any thread may ask."""

    def __init__(self) -> None:
        self._free: deque[Seat] = deque()

    def request(self, verdicts: Sequence[Verdict] = (), take: int = 0) -> Request:
        """A new request from a seat that is free."""
        try:
            seat = self._free.pop()
        except IndexError:
            seat = Seat()
        seat.number += 1
        return Request(verdicts, take, seat, seat.number, [])

    def free(self, request: Request) -> None:
        """The request's outcome is known, so it will not be sent again; nor may it be."""
        self._free.append(request.seat)


# --- items


class Items(Generic[M]):
    """Items as JSON, validated by the model if there is one."""

    def __init__(self, model: type[M] | None) -> None:
        if model is not None and not (isinstance(model, type) and issubclass(model, BaseModel)):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
            raise InvalidArgument("the model of a work queue is a pydantic model")
        self._model = cast("type[BaseModel] | None", model)

    def encode(self, item: M) -> bytes:
        """The item's JSON; InvalidData if the model refuses it, InvalidArgument if it is none."""
        if self._model is None:
            return dumps(item)
        try:
            if isinstance(item, Mapping):
                return dumps(self._model.model_validate(item))
            if not isinstance(item, self._model):
                raise InvalidArgument(f"this queue takes instances of {self._model.__name__}")
            data = dumps(item)
            self._model.model_validate_json(data)  # it may have been changed since it was made
        except ValidationError as error:
            raise InvalidData.of(error) from error
        return data

    def decode(self, data: bytes) -> M:
        """The item in the JSON; DecodeFailed if it is none of this model."""
        if self._model is None:
            return cast("M", loads(data))
        try:
            return cast("M", self._model.model_validate_json(data))
        except ValidationError as error:
            raise DecodeFailed("a queued item does not fit the model") from error

    def show(self, data: bytes) -> Any:
        """The item, or its plain JSON value if it does not fit the model."""
        try:
            return self.decode(data)
        except DataError:
            return loads(data)


# --- arguments


def check_priority(priority: object) -> int:
    """Return the priority unchanged; raise InvalidArgument unless it is whole, of 32 bits."""
    return check_count("priority", priority, least=LOWEST_PRIORITY, most=HIGHEST_PRIORITY)


def check_timeout(timeout: object) -> float:
    """Return the timeout in seconds, which may be endless; raise InvalidArgument if negative."""
    return seconds("timeout", timeout, most=math.inf)


def check_text(what: str, text: object) -> str:
    """The text, cut to a length worth keeping; InvalidArgument if it is none."""
    if not isinstance(text, str):
        raise InvalidArgument(f"{what} must be a string, not {type(text).__name__}")
    if not text:  # as with every ack
        return text
    # A lone surrogate, as in a broken file name, must not keep an error from being reported.
    return text[:TEXT_LENGTH].encode(errors="replace").decode()


def check_backoff(backoff: object) -> Callable[[int], float]:
    """A function of the failed attempts to seconds; a plain number is always that many."""
    if callable(backoff):
        return cast("Callable[[int], float]", backoff)
    constant = seconds("backoff", backoff)
    return lambda attempt: constant


def describe(error: BaseException) -> str:
    """An error as one line of a dead letter."""
    return check_text("an error", f"{type(error).__name__}: {error}")


def moment(microseconds: int) -> datetime:
    """The moment so many microseconds after 1970."""
    return datetime.fromtimestamp(microseconds // 1_000_000, UTC).replace(
        microsecond=microseconds % 1_000_000
    )


def seconds_until(microseconds: int) -> float:
    """The seconds, never negative; endless for a negative number, which stands for none."""
    return math.inf if microseconds < 0 else microseconds / 1_000_000
