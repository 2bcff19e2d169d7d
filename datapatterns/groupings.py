"""What groups may be asked: plain checks, the same on every backend."""

from __future__ import annotations

from datapatterns.errors import InvalidArgument

_MOST = 2**62  # what every server can count to


def check_some(groups: tuple[str, ...]) -> tuple[str, ...]:
    """The groups, if there are any: what no groups have in common has no answer."""
    if not groups:
        raise InvalidArgument("give at least one group")
    return groups


def check_most(at_most: object) -> int | None:
    """A whole number from 0 on, or None for no bound."""
    if at_most is None:
        return None
    if not isinstance(at_most, int) or isinstance(at_most, bool) or at_most < 0:
        raise InvalidArgument("at_most must be a whole number from 0 on, or None")
    return min(at_most, _MOST)
