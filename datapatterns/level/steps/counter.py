"""The steps of a counter: one key with the number, and the results of operations by their op_id."""

from __future__ import annotations

from datapatterns.core.counter import INT64_MAX, INT64_MIN, stored_count
from datapatterns.errors import InvalidArgument
from datapatterns.level.engine.keys import own_prefix
from datapatterns.level.engine.readers import Reader, Writer
from datapatterns.level.steps.expiry import Expiring, now


class CounterSteps:
    """`!$counters!<name>` holds the number; `!$counted!<length>:<name><op_id>` holds a result."""

    def __init__(self, namespace: bytes, name: str, op_ttl: int) -> None:
        self._number = namespace + own_prefix("$counters") + name.encode()
        # The length of the name keeps the operations of two counters apart, whatever their names.
        operations = own_prefix("$counted") + b"%d:" % len(name.encode()) + name.encode()
        self._operations = Expiring(namespace, namespace + operations)
        self._op_ttl = op_ttl

    def value(self, reader: Reader) -> int:
        """Return the number, 0 if nothing was counted."""
        return stored_count(reader.get(self._number))

    def add(self, writer: Writer, by: int, op_id: str | None) -> int:
        """Add and return the new number; for an operation that was done, only return its result."""
        at = now()
        operation = None if op_id is None else op_id.encode()
        if operation is not None:
            result = self._operations.get(writer, operation, at)
            if result is not None:
                return int(result)
        value = self.value(writer) + by
        if not INT64_MIN <= value <= INT64_MAX:
            raise InvalidArgument("the counter would leave 64 bits")
        writer.store(self._number, b"%d" % value)
        if operation is not None:
            self._operations.put(writer, operation, b"%d" % value, at, at + self._op_ttl)
        return value

    def reset(self, writer: Writer) -> int:
        """Remove the number and return what it was."""
        value = self.value(writer)
        writer.store(self._number, None)
        return value
