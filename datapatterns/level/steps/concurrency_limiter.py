"""The steps of a concurrency limiter: one value for each subject, with its holders."""

from __future__ import annotations

from datapatterns.core import tuples
from datapatterns.core.codecs import dumps, loads
from datapatterns.level.engine.keys import own_prefix
from datapatterns.level.engine.readers import Reader, Writer
from datapatterns.level.steps.expiry import Expiring, now

Holders = dict[str, int]  # token -> when its lease ends, in microseconds


class ConcurrencyLimiterSteps:
    """`!$places!` + tuple(name, subject) holds the token and the end of each lease, and expires."""

    def __init__(self, namespace: bytes, name: str, limit: int) -> None:
        self._holders = Expiring(namespace, namespace + own_prefix("$places"))
        self._name, self._limit = name, limit

    def acquire(self, writer: Writer, subject: str, token: str, lease: int) -> bool:
        """Add the holder, unless as many as the limit allows are there."""
        at = now()
        holders = self._read(writer, subject, at)
        if len(holders) >= self._limit:
            return False
        self._write(writer, subject, {**holders, token: at + lease}, at)
        return True

    def extend(self, writer: Writer, subject: str, token: str, lease: int) -> bool:
        """Have the holder's lease end so long from now; return False if it has ended."""
        at = now()
        holders = self._read(writer, subject, at)
        if token in holders:
            self._write(writer, subject, {**holders, token: at + lease}, at)
        return token in holders

    def release(self, writer: Writer, subject: str, token: str) -> bool:
        """Remove the holder; return False if its lease has ended."""
        at = now()
        holders = self._read(writer, subject, at)
        held = holders.pop(token, None) is not None
        if held:
            self._write(writer, subject, holders, at)
        return held

    def _key(self, subject: str) -> bytes:
        return tuples.pack((self._name, subject))

    def _read(self, reader: Reader, subject: str, at: int) -> Holders:
        """Return the holders whose lease has not ended."""
        stored = self._holders.get(reader, self._key(subject), at) or b"{}"
        holders: Holders = loads(stored)
        return {token: end for token, end in holders.items() if end > at}

    def _write(self, writer: Writer, subject: str, holders: Holders, at: int) -> None:
        end = max(holders.values(), default=at)
        self._holders.put(writer, self._key(subject), dumps(holders), at, end)
