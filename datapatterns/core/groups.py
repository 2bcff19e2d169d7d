"""Checks of what groups are asked for, the same on every backend."""

from __future__ import annotations

from collections.abc import Sequence

from datapatterns.core.checks import check_count, check_name
from datapatterns.errors import InvalidArgument

_MOST = 2**62  # a number that every server can count to


def check_group(group: object) -> str:
    """Return the group's name unchanged; raise InvalidArgument unless it is a name."""
    return check_name("a group", group)


def check_member(member: object) -> str:
    """Return the member's name unchanged; raise InvalidArgument unless it is a name."""
    return check_name("a member", member)


def check_groups(groups: Sequence[object]) -> list[str]:
    """Return the groups' names; raise InvalidArgument for none: no groups have no intersection."""
    if not groups:
        raise InvalidArgument("give at least one group")
    return [check_group(group) for group in groups]


def check_most(at_most: object) -> int | None:
    """Return the bound, None for none; raise InvalidArgument unless it is a whole number >= 0."""
    if at_most is None:
        return None
    return min(check_count("at_most", at_most, least=0), _MOST)
