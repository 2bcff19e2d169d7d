# Generated from datapatterns/testing/conformance/_async/groups.py by scripts/unasync.py; do not edit.
"""The tests of what groups promise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from datapatterns import InvalidArgument, Store
from datapatterns.contracts import Groups
from datapatterns.testing._sync.concurrently import concurrently
from datapatterns.testing.conformance.samples import HOSTILE, NO_NAMES

MANY = 2_500  # members: several pages, on any backend


def listed(groups: Groups, group: str) -> list[str]:
    """Return the members in the order of the iteration."""
    found: list[str] = []
    for member in groups.members(group):
        found += [member]
    return found


class TestGroups:
    """Tests `target.groups` on a backend that declares `groups`."""

    pattern: ClassVar[str] = "groups"

    def test_what_is_not_there_is_empty(self, target: Store) -> None:
        """A group without members reads as empty, and its size is 0."""
        groups = target.groups("teams")
        assert listed(groups, "red") == []
        assert groups.size("red") == 0
        assert not groups.contains("red", "ann")
        assert groups.groups_of("ann") == set()
        assert groups.intersection("red", "blue") == set()
        assert groups.intersection_size("red") == 0

    def test_add_counts_the_new_ones(self, target: Store) -> None:
        """`add` counts each new member once, and present members not at all."""
        groups = target.groups("teams")
        assert groups.add("red", "ann", "bob") == 2
        assert groups.add("red", "bob", "cid", "cid") == 1
        assert groups.add("red") == 0
        assert groups.size("red") == 3
        assert sorted(listed(groups, "red")) == ["ann", "bob", "cid"]

    def test_remove_counts_those_that_were_there(self, target: Store) -> None:
        """A removed member is not in the group, and the group is not among its groups."""
        groups = target.groups("teams")
        groups.add("red", "ann", "bob", "cid")
        assert groups.remove("red", "ann", "bob", "bob", "dan") == 2
        assert groups.remove("red") == 0
        assert groups.remove("blue", "ann") == 0
        assert not groups.contains("red", "ann")
        assert groups.groups_of("ann") == set()
        assert listed(groups, "red") == ["cid"]
        assert groups.size("red") == 1

    def test_contains(self, target: Store) -> None:
        """`contains` is True for a member of that group, and False for anything else."""
        groups = target.groups("teams")
        groups.add("red", "ann")
        assert groups.contains("red", "ann") is True
        assert groups.contains("red", "an") is False
        assert groups.contains("blue", "ann") is False
        assert groups.contains("ann", "red") is False

    def test_groups_of_a_member(self, target: Store) -> None:
        """`groups_of` returns the groups that the member is in at the time."""
        groups = target.groups("teams")
        for group in ("red", "blue", "green"):
            groups.add(group, "ann", group)
        groups.remove("blue", "ann")
        assert groups.groups_of("ann") == {"red", "green"}
        assert groups.groups_of("blue") == {"blue"}

    def test_sets_of_groups(self, target: Store) -> None:
        """Intersection, union and difference equal those of Python's sets, of one group too."""
        groups = target.groups("teams")
        groups.add("red", "a", "b", "c", "d")
        groups.add("blue", "b", "c", "x")
        groups.add("green", "c", "d", "x", "y")
        assert groups.intersection("red", "blue") == {"b", "c"}
        assert groups.intersection("red", "blue", "green") == {"c"}
        assert groups.union("red", "blue") == {"a", "b", "c", "d", "x"}
        assert groups.difference("red", "blue") == {"a", "d"}
        assert groups.difference("red", "blue", "green") == {"a"}
        assert groups.difference("blue", "red") == {"x"}
        for of_one in (groups.intersection, groups.union, groups.difference):
            assert of_one("blue") == {"b", "c", "x"}
        assert groups.intersection("red", "none") == set()
        assert groups.union("none", "blue") == {"b", "c", "x"}
        assert groups.difference("none", "blue") == set()
        assert groups.difference("blue", "none") == {"b", "c", "x"}
        assert groups.intersection("red", "red") == {"a", "b", "c", "d"}
        assert groups.difference("red", "red") == set()

    def test_intersection_size(self, target: Store) -> None:
        """`intersection_size` counts the common members, and stops at `at_most`."""
        groups = target.groups("teams")
        groups.add("red", *"abcdef")
        groups.add("blue", *"bcdefg")
        assert groups.intersection_size("red", "blue") == 5
        expected = {0: 0, 1: 1, 4: 4, 5: 5, 6: 5, 2**70: 5}
        for at_most, size in expected.items():
            assert groups.intersection_size("red", "blue", at_most=at_most) == size
        assert groups.intersection_size("red") == 6

    def test_members_come_once_each(self, target: Store) -> None:
        """The iteration gives all members of a large group, each exactly once."""
        groups = target.groups("teams")
        names = [f"member-{n}" for n in range(MANY)]
        assert groups.add("red", *names) == MANY
        found = listed(groups, "red")
        assert len(found) == MANY
        assert set(found) == set(names)
        assert groups.size("red") == MANY

    def test_members_there_throughout_come_once(self, target: Store) -> None:
        """Members that stay come once each while others come and go during the iteration."""
        groups = target.groups("teams")
        stay = {f"stay-{n}" for n in range(MANY)}
        groups.add("red", *stay, *(f"go-{n}" for n in range(MANY)))
        found: list[str] = []
        for member in groups.members("red"):
            if len(found) == 700:
                groups.add("red", *(f"come-{n}" for n in range(4 * MANY)))
            if len(found) == 1_400:
                groups.remove("red", *(f"go-{n}" for n in range(MANY)))
                groups.remove("red", *(f"come-{n}" for n in range(4 * MANY)))
            found.append(member)
        kept = [member for member in found if member in stay]
        assert len(kept) == MANY
        assert set(kept) == stay
        assert len(set(found)) == len(found)

    def test_hostile_names(self, target: Store) -> None:
        """Any non-empty string is a name, and does not reach the data of other names."""
        groups = target.groups("teams")
        groups.add("all", *HOSTILE)
        for name in HOSTILE:
            groups.add(name, "one", name)
        assert set(listed(groups, "all")) == set(HOSTILE)
        for name in HOSTILE:
            assert sorted(listed(groups, name)) == sorted({"one", name})
            assert groups.groups_of(name) == {"all", name}
            assert groups.intersection("all", name) == {name}
        assert groups.groups_of("one") == set(HOSTILE)

    def test_names_of_groups_do_not_meet(self, target: Store) -> None:
        """Structures of different names share nothing, whatever the names look like."""
        names = ["teams", *HOSTILE]
        for name in names:
            target.groups(name).add("red", name)
        for name in names:
            groups = target.groups(name)
            assert listed(groups, "red") == [name]
            assert groups.groups_of(name) == {"red"}

    def test_two_objects_of_one_name(self, target: Store) -> None:
        """An object reads what another object of the same name wrote."""
        target.groups("teams").add("red", "ann")
        assert target.groups("teams").contains("red", "ann")

    @pytest.mark.parametrize("name", NO_NAMES)
    def test_no_names(self, target: Store, name: Any) -> None:
        """A value that is not a valid name raises InvalidArgument and writes nothing."""
        groups = target.groups("teams")
        calls: list[Callable[[], Any]] = [
            lambda: groups.add(name, "ann"),
            lambda: groups.add("red", "ann", name),
            lambda: groups.remove(name, "ann"),
            lambda: groups.remove("red", name),
            lambda: groups.contains(name, "ann"),
            lambda: groups.contains("red", name),
            lambda: groups.size(name),
            lambda: groups.groups_of(name),
            lambda: groups.intersection("red", name),
            lambda: groups.union("red", name),
            lambda: groups.difference("red", name),
            lambda: groups.intersection_size(name),
            lambda: listed(groups, name),
        ]
        for call in calls:
            with pytest.raises(InvalidArgument):
                call()
        with pytest.raises(InvalidArgument):
            target.groups(name)
        assert groups.size("red") == 0
        assert groups.groups_of("ann") == set()

    def test_bad_arguments(self, target: Store) -> None:
        """An empty list of groups, and a bound that is not a whole number >= 0, are refused."""
        groups = target.groups("teams")
        for of_none in (groups.intersection, groups.union, groups.difference):
            with pytest.raises(InvalidArgument):
                of_none()
        with pytest.raises(InvalidArgument):
            groups.intersection_size()
        for at_most in (-1, 1.5, "1", True):
            with pytest.raises(InvalidArgument):
                groups.intersection_size("red", at_most=at_most)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - what an untyped caller may do

    def test_added_at_once_counted_once(self, target: Store) -> None:
        """Of many callers that add the same member, exactly one counts it as new."""

        def add(caller: int) -> int:
            return target.groups("teams").add("red", "ann", f"own-{caller}")

        counts = concurrently(add, [(caller,) for caller in range(8)])
        assert sorted(counts) == [1] * 7 + [2]
        assert target.groups("teams").size("red") == 9

    def test_both_sides_agree_under_contention(self, target: Store) -> None:
        """After concurrent adds and removals, groups and members agree."""
        names = [f"m{n}" for n in range(10)]

        def churn(caller: int) -> None:
            groups = target.groups("teams")
            for step in range(10):
                change = groups.remove if (caller + step) % 3 == 0 else groups.add
                change(f"g{step % 3}", *names[caller : caller + 3])

        concurrently(churn, [(caller,) for caller in range(8)])
        groups = target.groups("teams")
        for group in ("g0", "g1", "g2"):
            members = set(listed(groups, group))
            assert groups.size(group) == len(members)
            for name in names:
                assert (group in groups.groups_of(name)) == (name in members)
                assert groups.contains(group, name) == (name in members)
