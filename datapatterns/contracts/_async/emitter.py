"""The contract of emitters."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, Protocol, Self

from datapatterns.core.checks import Duration


class AsyncEmitter(Protocol):
    """Events between processes: whatever is emitted after `on` has returned is heard.

    A listener is called with the payload; a listener of a pattern such as `user.*` also with the
    event. An exception in one listener does not stop the others: it is passed to the listeners of
    `error`, or logged if there are none. When messages may have been missed, the listeners of `gap`
    are told before later messages arrive. Close an emitter after use.
    """

    async def on(self, event: str, fn: Callable[..., Any]) -> None:
        """Call `fn` for every event of this name, or every one that matches this pattern.

        Return when every emit that starts from now on will be heard. Raise Unavailable or TimedOut
        if that cannot be confirmed.
        """
        ...

    async def once(self, event: str, fn: Callable[..., Any]) -> None:
        """Call `fn` for the next such event only; see `on`."""
        ...

    async def off(self, event: str, fn: Callable[..., Any] | None = None) -> None:
        """Remove the listener, or all listeners of the event, with messages not yet handled."""
        ...

    async def emit(self, event: str, payload: Any = None) -> None:
        """Send the event to every listener; the payload is a JSON value or a pydantic model.

        It arrives as JSON: a datetime, a Decimal, a UUID or a Path as a string, a tuple as a list,
        a model as a dict from which it can be validated again, the keys of a dict as strings (see
        [codecs][datapatterns.core.codecs.dumps]). NaN, a secret, or a model that would be read back
        as another one raises InvalidData with the place; a set or bytes raises InvalidArgument.
        """
        ...

    async def wait_for(self, event: str, *, timeout: Duration) -> Any:
        """Return the payload of the next such event; raise TimedOut if none comes in time."""
        ...

    def listeners(self, event: str) -> int:
        """Return how many listeners this emitter has for exactly this event or pattern."""
        ...

    async def close(self) -> None:
        """End all listeners, those under way included, and close the emitter's connection."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
