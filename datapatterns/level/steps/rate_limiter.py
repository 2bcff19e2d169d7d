"""The steps of a rate limiter: one small value for each subject and limit."""

from __future__ import annotations

from collections.abc import Sequence

from datapatterns.core import tuples
from datapatterns.core.codecs import dumps, loads
from datapatterns.core.rate_limiter import Outcome, Policy, decide
from datapatterns.level.engine.keys import own_prefix
from datapatterns.level.engine.readers import Reader, Writer
from datapatterns.level.steps.expiry import Expiring, now


class RateLimiterSteps:
    """`!$limits!` + tuple(name, options, subject) holds the state of one limit, and expires.

    `parts` are the names and options of the policies, in the same order.
    """

    def __init__(
        self, namespace: bytes, policies: Sequence[Policy], parts: Sequence[tuple[str, str]]
    ) -> None:
        self._states = Expiring(namespace, namespace + own_prefix("$limits"))
        self._policies, self._parts = policies, parts

    def decide(self, reader: Reader, subject: str, cost: int) -> list[Outcome]:
        """Return what each limit decides, and charge nothing."""
        return self._decide(reader, self._keys(subject), cost, now())

    def charge(self, writer: Writer, subject: str, cost: int) -> list[Outcome]:
        """Decide, and charge every limit if all of them admit the cost."""
        at, keys = now(), self._keys(subject)
        outcomes = self._decide(writer, keys, cost, at)
        if all(outcome.allowed for outcome in outcomes):
            for key, outcome in zip(keys, outcomes, strict=True):
                self._states.put(writer, key, dumps(outcome.state), at, outcome.until)
        return outcomes

    def reset(self, writer: Writer, subject: str) -> None:
        """Forget the state of every limit."""
        for key in self._keys(subject):
            writer.store(self._states.prefix + key, None)

    def _keys(self, subject: str) -> list[bytes]:
        return [tuples.pack((*part, subject)) for part in self._parts]

    def _decide(self, reader: Reader, keys: Sequence[bytes], cost: int, at: int) -> list[Outcome]:
        stored = (self._states.get(reader, key, at) or b"{}" for key in keys)
        return [
            decide(policy, loads(state), at, cost)
            for policy, state in zip(self._policies, stored, strict=True)
        ]
