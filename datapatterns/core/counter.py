"""The step, the operation and the stored value of a counter; the calendar counter has the same."""

from __future__ import annotations

from datapatterns.core.checks import check_name
from datapatterns.errors import DataCorrupted, InvalidArgument

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1


def check_step(by: object) -> int:
    """Return the step unchanged; raise InvalidArgument unless `by` and `-by` fit in 64 bits."""
    if not isinstance(by, int) or isinstance(by, bool):
        raise InvalidArgument(f"by must be a whole number, not {type(by).__name__}")
    if not -INT64_MAX <= by <= INT64_MAX:
        raise InvalidArgument("by must fit in 64 bits")
    return by


def check_op_id(op_id: str | None) -> str | None:
    """Return the id of an operation unchanged; raise InvalidArgument for a bad name."""
    return None if op_id is None else check_name("an op_id", op_id)


def stored_count(data: bytes | None) -> int:
    """Return the stored number, 0 if nothing is stored; raise DataCorrupted if it is not whole."""
    try:
        return int(data or 0)
    except ValueError as error:
        raise DataCorrupted("a counter holds something that is not a whole number") from error
