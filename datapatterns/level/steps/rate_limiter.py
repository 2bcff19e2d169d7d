"""The steps of a rate limiter: one small value for each subject and limit."""

from __future__ import annotations

from collections.abc import Sequence

from datapatterns import tuples
from datapatterns.codecs import dumps, loads
from datapatterns.level.keys import own_prefix
from datapatterns.level.readers import Reader, Writer
from datapatterns.level.steps.expiry import Expiring, now
from datapatterns.limits import Outcome, Policy, decide


class RateLimiterSteps:
    """`!$limits!` + tuple(name, options, subject) holds the state of one limit, and expires.

    The policies and their keys come in the same order. `key` names the state of a limit.
    """

    def __init__(self, namespace: bytes) -> None:
        self._states = Expiring(namespace, namespace + own_prefix("$limits"))

    def key(self, part: tuple[str, str], subject: str) -> bytes:
        """Return the key of the subject's state; `part` has the limit's name and options."""
        return tuples.pack((*part, subject))

    def decide(
        self, reader: Reader, policies: Sequence[Policy], keys: Sequence[bytes], cost: int
    ) -> list[Outcome]:
        """Return what each limit decides, and charge nothing."""
        return self._decide(reader, policies, keys, cost, now())

    def charge(
        self, writer: Writer, policies: Sequence[Policy], keys: Sequence[bytes], cost: int
    ) -> list[Outcome]:
        """Decide, and charge every limit if all of them admit the cost."""
        at = now()
        outcomes = self._decide(writer, policies, keys, cost, at)
        if all(outcome.allowed for outcome in outcomes):
            for key, outcome in zip(keys, outcomes, strict=True):
                self._states.put(writer, key, dumps(outcome.state), at, outcome.until)
        return outcomes

    def reset(self, writer: Writer, keys: Sequence[bytes]) -> None:
        """Forget these states."""
        for key in keys:
            writer.store(self._states.prefix + key, None)

    def _decide(
        self,
        reader: Reader,
        policies: Sequence[Policy],
        keys: Sequence[bytes],
        cost: int,
        at: int,
    ) -> list[Outcome]:
        states = [loads(self._states.get(reader, key, at) or b"{}") for key in keys]
        return [
            decide(policy, state, at, cost) for policy, state in zip(policies, states, strict=True)
        ]
