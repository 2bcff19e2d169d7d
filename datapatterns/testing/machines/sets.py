"""State machines that drive Groups and Leaderboard beside plain sets and lists.

    class Machine(GroupsMachine):
        @contextmanager
        def store(self):
            with Store.from_url(...) as store:   # on a fresh namespace
                yield store

    TestMachine = Machine.TestCase

Hypothesis looks for a series of calls after which the two differ, and then for the shortest one.
"""

from __future__ import annotations

from contextlib import AbstractContextManager

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from datapatterns import Store
from datapatterns.core.leaderboard import Ranked

# Few, so that they meet; odd, so that one may be taken for the beginning of another.
NAMES = st.sampled_from(["a", "a\x00", "a\x00\xff", "b", "a:b", "a%3Ab", "{a}", "!", "\U0001f355"])
SCORES = st.sampled_from([-2.0, -1.5, -0.0, 0.0, 1.0, 1.5, 2.0, 2.0**53, 0.1, 1e-300])
POINTS = st.sampled_from([-1.0, 0.0, 0.5, 1.0, 2.0**53])
PLACES = st.integers(0, 6)


class _Machine(RuleBasedStateMachine):
    """What the two machines have in common: a store that is opened and closed."""

    def store(self) -> AbstractContextManager[Store]:
        """Open a store on a namespace that nothing has been written to; override this."""
        raise NotImplementedError("say which store to test")

    _opened: AbstractContextManager[Store]

    def teardown(self) -> None:
        """Close the store."""
        self._opened.__exit__(None, None, None)


class GroupsMachine(_Machine):
    """Adds and removes members, and compares groups and members with plain sets."""

    @initialize()
    def begin(self) -> None:
        """Open the store."""
        self._opened = self.store()
        self.groups = self._opened.__enter__().groups("teams")
        self.model: dict[str, set[str]] = {}

    @rule(group=NAMES, members=st.lists(NAMES, max_size=4))
    def add(self, group: str, members: list[str]) -> None:
        """Add members, some of them new."""
        there = self.model.setdefault(group, set())
        assert self.groups.add(group, *members) == len(set(members) - there)
        there.update(members)

    @rule(group=NAMES, members=st.lists(NAMES, max_size=4))
    def remove(self, group: str, members: list[str]) -> None:
        """Remove members, some of them present."""
        there = self.model.setdefault(group, set())
        assert self.groups.remove(group, *members) == len(set(members) & there)
        there.difference_update(members)

    @rule(groups=st.lists(NAMES, min_size=1, max_size=4), at_most=st.integers(0, 4))
    def compare(self, groups: list[str], at_most: int) -> None:
        """Combine any of the groups, in any order, some of them twice."""
        first, *others = sets = [self.model.get(group, set()) for group in groups]
        common = set.intersection(*sets)
        assert self.groups.intersection(*groups) == common
        assert self.groups.union(*groups) == set.union(*sets)
        assert self.groups.difference(*groups) == first.difference(*others)
        assert self.groups.intersection_size(*groups) == len(common)
        assert self.groups.intersection_size(*groups, at_most=at_most) == min(len(common), at_most)

    @rule(group=NAMES, member=NAMES)
    def look(self, group: str, member: str) -> None:
        """Look up one member in a group, and the groups of the member."""
        assert self.groups.contains(group, member) == (member in self.model.get(group, set()))
        holding = {group for group, members in self.model.items() if member in members}
        assert self.groups.groups_of(member) == holding

    @invariant()
    def agrees(self) -> None:
        """Compare the sizes and members with those of the sets."""
        for group, members in self.model.items():
            found = list(self.groups.members(group))
            assert len(found) == len(members) == self.groups.size(group)
            assert set(found) == members


class LeaderboardMachine(_Machine):
    """Sets scores, adds points and removes players beside a plain dictionary."""

    @initialize()
    def begin(self) -> None:
        """Open the store."""
        self._opened = self.store()
        self.board = self._opened.__enter__().leaderboard("game")
        self.scores: dict[str, float] = {}  # in the order in which the scores were reached

    def reached(self, player: str, score: float) -> None:
        """Note the score; put the player behind all others unless the score is unchanged."""
        if self.scores.get(player) != score:
            self.scores.pop(player, None)
            self.scores[player] = score

    def ranking(self) -> list[Ranked]:
        """Return the expected ranking: sorting keeps the order of equal scores."""
        best = sorted(self.scores.items(), key=lambda each: -each[1])
        return [Ranked(rank, *each) for rank, each in enumerate(best, 1)]

    @rule(player=NAMES, score=SCORES)
    def set(self, player: str, score: float) -> None:
        """Set a score, perhaps the same one."""
        self.board.set(player, score)
        self.reached(player, score)

    @rule(player=NAMES, points=POINTS)
    def add(self, player: str, points: float) -> None:
        """Add points, perhaps none."""
        score = self.scores.get(player, 0.0) + points
        assert self.board.add(player, points) == score
        self.reached(player, score)

    @rule(player=NAMES)
    def remove(self, player: str) -> None:
        """Remove a player, perhaps an absent one."""
        assert self.board.remove(player) == (player in self.scores)
        self.scores.pop(player, None)

    @rule(n=PLACES, start=PLACES)
    def lists(self, n: int, start: int) -> None:
        """Read parts of the ranking."""
        ranking = self.ranking()
        assert self.board.top(n, start) == ranking[start : start + n]
        assert self.board.bottom(n) == ranking[::-1][:n]

    @rule(player=NAMES, radius=PLACES)
    def look(self, player: str, radius: int) -> None:
        """Look up one player and the neighbours."""
        assert self.board.score(player) == self.scores.get(player)
        if player not in self.scores:
            assert self.board.rank(player) is None
            return
        ranking = self.ranking()
        at = next(at for at, ranked in enumerate(ranking) if ranked.player == player)
        assert self.board.rank(player) == at + 1
        assert self.board.around(player, radius) == ranking[max(0, at - radius) : at + radius + 1]

    @invariant()
    def agrees(self) -> None:
        """Compare the whole ranking with the expected one."""
        assert self.board.top(100) == self.ranking()
        assert self.board.size() == len(self.scores)
