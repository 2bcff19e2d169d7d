"""Translates redis-py's errors into DataErrors: tables, and a block around the driver's calls.

    with redis_errors():              # a read, or nothing was sent yet
    with redis_errors(sent=True):     # a command that changes something was sent

An error reply means that the server refused the command, so nothing was changed. A lost reply
means nothing: with `sent` it is OutcomeUnknown. The messages are fixed texts, since the server's
may quote a key, an argument or a user's name; the driver's error is the `__cause__`.

The scripts of this library refuse with error replies whose first word is a key of REFUSALS:
`return redis.error_reply('DP_OVERFLOW why')`. A second word is needed, since the server takes the
first one for a code only then. A script must refuse before its first write.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from types import TracebackType
from typing import Self

from redis import exceptions as driver

from datapatterns.errors import (
    BadGateway,
    Conflict,
    DataCorrupted,
    DataError,
    Forbidden,
    InvalidArgument,
    OutcomeUnknown,
    TimedOut,
    TooLarge,
    Unauthorized,
    Unavailable,
    Unsupported,
)

Make = Callable[[], DataError]

DRIVER_ERRORS = (driver.RedisError, driver.RedisClusterException)

# The error replies of this library's own scripts, by their first word.
REFUSALS: dict[str, Make] = {
    "DP_OVERFLOW": lambda: InvalidArgument("the result would leave 64 bits"),
    "DP_INFINITE": lambda: InvalidArgument("the score would leave the range of a float"),
    "DP_CORRUPTED": lambda: DataCorrupted("a stored value is not one that this pattern stores"),
    # The seat has forgotten what this request did, if it was served at all.
    "DP_LATE": lambda: OutcomeUnknown("the queue has served a later request of the same caller"),
}

# The error replies of the server, by their first word.
_CODES: dict[str, Make] = {
    "WRONGTYPE": lambda: DataCorrupted("a key holds another type than this pattern stores"),
    "OOM": lambda: Unavailable("the server is out of memory"),
    "READONLY": lambda: Unavailable("the server is a read-only replica"),
    "LOADING": lambda: Unavailable("the server is loading its data"),
    "MASTERDOWN": lambda: Unavailable("the replica has lost its master"),
    "CLUSTERDOWN": lambda: Unavailable("the cluster is down"),
    "MOVED": lambda: Unavailable("the slot is on another node; use a cluster client"),
    "ASK": lambda: Unavailable("the slot is moving to another node"),
    "TRYAGAIN": lambda: Unavailable("the slot is moving to another node"),
    "BUSY": lambda: Unavailable("the server is busy with a script"),
    "MISCONF": lambda: Unavailable("the server cannot save to its disk and refuses writes"),
    "NOREPLICAS": lambda: Unavailable("too few replicas are in reach for a write"),
    "NOSCRIPT": lambda: Unavailable("the server does not have the script"),
    "NOAUTH": lambda: Unauthorized("the server requires a password"),
    "WRONGPASS": lambda: Unauthorized("the server refused the user name or the password"),
    "NOPERM": lambda: Forbidden("the user lacks the permission for a command, key or channel"),
    "DENIED": lambda: Forbidden("the server's protected mode refuses this client"),
    "CROSSSLOT": lambda: InvalidArgument("the keys are not all in one slot of the cluster"),
    **REFUSALS,
}

# Error replies whose first word is only ERR, by a phrase in them.
_PHRASES: dict[str, Make] = {
    "would overflow": _CODES["DP_OVERFLOW"],
    "not an integer": lambda: DataCorrupted("a stored number is not a whole number"),
    "not a valid float": lambda: DataCorrupted("a stored number is not a number"),
    "not a float": lambda: DataCorrupted("a stored number is not a number"),
    "not a number (NaN)": lambda: InvalidArgument("the result would not be a number"),
    "exceeds maximum allowed size": lambda: TooLarge("a value is larger than the server allows"),
    "max number of clients": lambda: Unavailable("the server has too many clients"),
    "Too many connections": lambda: Unavailable("the client has no free connection"),
    "unknown command": lambda: Unsupported("the server lacks a command that this pattern needs"),
    "Unknown Redis command": lambda: Unsupported(
        "the server lacks a command that this pattern needs"
    ),
    "unauthenticated": _CODES["NOAUTH"],  # the reply to a command of more than ten parts
    "ACL failure": _CODES["NOPERM"],
    "The user executing the script": _CODES["NOPERM"],
}

# redis-py removes the first word of an error reply for which it has a class.
_CLASSES: tuple[tuple[type[Exception], Make], ...] = (
    (driver.AuthenticationError, _CODES["WRONGPASS"]),
    (driver.AuthenticationWrongNumberOfArgsError, _CODES["WRONGPASS"]),
    (driver.AuthorizationError, _CODES["NOPERM"]),
    (driver.NoPermissionError, _CODES["NOPERM"]),
    (driver.BusyLoadingError, _CODES["LOADING"]),
    (driver.MaxConnectionsError, lambda: Unavailable("the client has no free connection")),
    (driver.OutOfMemoryError, _CODES["OOM"]),
    (driver.ReadOnlyError, _CODES["READONLY"]),
    (driver.NoScriptError, _CODES["NOSCRIPT"]),
    (driver.MasterDownError, _CODES["MASTERDOWN"]),
    (driver.ClusterDownError, _CODES["CLUSTERDOWN"]),
    (driver.MovedError, _CODES["MOVED"]),
    (driver.AskError, _CODES["ASK"]),
    (driver.TryAgainError, _CODES["TRYAGAIN"]),
    (driver.ClusterCrossSlotError, _CODES["CROSSSLOT"]),
    (driver.WatchError, lambda: Conflict("a watched key was changed", reason="contention")),
    (driver.RedisClusterException, lambda: Unavailable("the cluster is not complete")),
)

# Redis before 7 wraps the error of a command within a script into another one.
_WRAPPED = re.compile(r"Error running script .*?-?\b([A-Z][A-Z_]{2,}) ")


class redis_errors:
    """Translate the driver's errors inside this block; with `sent`, a lost reply is OutcomeUnknown.

    A block that sends a command sets `sent` itself right before.
    """

    __slots__ = ("sent",)

    def __init__(self, *, sent: bool = False) -> None:
        self.sent = sent

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # OSError includes the built-in TimeoutError, which asyncio raises. A CancelledError is
        # neither and is not touched.
        if isinstance(error, (*DRIVER_ERRORS, OSError)):
            raise translate(error, sent=self.sent) from error
        if is_closed_transport(error):
            raise Unavailable("the connection was closed before the command was sent") from error


def is_closed_transport(error: BaseException | None) -> bool:
    """Return whether nothing was sent because another task had closed the connection.

    Then the driver's connection has no writer any more, or, from CPython 3.12 on, asyncio's
    transport has no method to write with.
    """
    if not isinstance(error, AttributeError | TypeError) or error.__traceback__ is None:
        return False
    trace = error.__traceback__
    while trace.tb_next is not None:
        trace = trace.tb_next
    code = trace.tb_frame.f_code
    if isinstance(error, TypeError):
        return code.co_filename.endswith(f"asyncio{os.sep}selector_events.py")
    sending = code.co_name.endswith("send_packed_command")
    return sending and code.co_filename.endswith(f"redis{os.sep}asyncio{os.sep}connection.py")


def translate(error: BaseException, *, sent: bool = False) -> DataError:
    """Return the DataError for one of the driver's errors."""
    for kind, make in _CLASSES:
        if isinstance(error, kind):
            return make()
    if isinstance(error, driver.ResponseError):
        return _of_reply(str(error))
    if isinstance(error, driver.DataError):
        return InvalidArgument("the driver cannot send a value of this type")
    if isinstance(error, driver.ConnectionError):
        for phrase in ("max number of clients", "Too many connections"):
            if phrase in str(error):
                return _PHRASES[phrase]()
    if isinstance(error.__context__, driver.ReadOnlyError):
        return _CODES["READONLY"]()  # a connection through Sentinels reports it as a closed one
    if sent:
        return OutcomeUnknown("the request was sent and its reply was lost")
    return _of_loss(error)


def _of_loss(error: BaseException) -> DataError:
    if isinstance(error, driver.TimeoutError | TimeoutError):
        return TimedOut("the server did not answer in time")
    if isinstance(error, driver.ConnectionError | OSError):
        return Unavailable("the server cannot be reached")
    return BadGateway("the server's answer was not understood")


def _of_reply(text: str) -> DataError:
    """Return the DataError for an error reply, by its first word or else by a phrase in it."""
    make = _CODES.get(text.split(" ", 1)[0])
    if make is None and (found := _WRAPPED.search(text)):
        make = _CODES.get(found[1])
    if make is None:
        make = next((make for phrase, make in _PHRASES.items() if phrase in text), None)
    return BadGateway("the server answered with an error") if make is None else make()
