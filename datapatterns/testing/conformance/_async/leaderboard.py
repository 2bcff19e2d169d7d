"""The tests of what every leaderboard promises."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from datapatterns import AsyncStore, InvalidArgument, NotFound
from datapatterns.contracts import AsyncLeaderboard
from datapatterns.core.leaderboard import Ranked
from datapatterns.testing._async.concurrently import concurrently
from datapatterns.testing.conformance.samples import HOSTILE, NO_NAMES


async def filled(target: AsyncStore, scores: dict[str, float]) -> AsyncLeaderboard:
    """Return a board with these scores, set in this order."""
    board = target.leaderboard("game")
    for player, score in scores.items():
        await board.set(player, score)
    return board


async def order(board: AsyncLeaderboard) -> list[str]:
    """Return all players, the best first."""
    return [ranked.player for ranked in await board.top(1_000)]


class TestLeaderboard:
    """Tests `target.leaderboard` on a backend that declares `leaderboard`."""

    pattern: ClassVar[str] = "leaderboard"

    async def test_an_empty_board(self, target: AsyncStore) -> None:
        """No player has a score or a rank, and the lists are empty."""
        board = target.leaderboard("game")
        assert await board.score("ann") is None
        assert await board.rank("ann") is None
        assert await board.top(10) == []
        assert await board.bottom(10) == []
        assert await board.size() == 0
        assert await board.remove("ann") is False
        with pytest.raises(NotFound):
            await board.around("ann", 1)

    async def test_the_highest_ranks_first(self, target: AsyncStore) -> None:
        """Rank 1 is the best; lists carry rank, player and score."""
        board = await filled(target, {"ann": 10, "bob": 30, "cid": -20, "dan": 20.5})
        assert await board.top(10) == [
            Ranked(1, "bob", 30.0),
            Ranked(2, "dan", 20.5),
            Ranked(3, "ann", 10.0),
            Ranked(4, "cid", -20.0),
        ]
        assert [await board.rank(player) for player in ("bob", "dan", "ann", "cid")] == [1, 2, 3, 4]
        assert await board.score("dan") == 20.5
        assert await board.size() == 4

    async def test_add_returns_the_new_score(self, target: AsyncStore) -> None:
        """A new player begins at 0; points may be negative, fractions, or 0."""
        board = target.leaderboard("game")
        assert await board.add("ann", 10) == 10
        assert await board.add("ann", 2.5) == 12.5
        assert await board.add("ann", -20) == -7.5
        assert await board.add("bob", 0) == 0
        assert isinstance(await board.add("bob", 1), float)
        assert await board.score("ann") == -7.5
        assert await order(board) == ["bob", "ann"]

    async def test_set_replaces(self, target: AsyncStore) -> None:
        """`set` replaces the score; the player is on the board once."""
        board = await filled(target, {"ann": 10, "bob": 20})
        await board.set("ann", 30)
        await board.set("bob", 5)
        assert await board.top(5) == [Ranked(1, "ann", 30.0), Ranked(2, "bob", 5.0)]

    async def test_ties_by_arrival(self, target: AsyncStore) -> None:
        """Of equal scores the one reached first ranks higher, whatever the names are."""
        players = ["mia", "zoe", "abe", "bob", "Zed", "10", "9"]
        board = await filled(target, dict.fromkeys(players, 7.0))
        assert await order(board) == players
        assert [await board.rank(player) for player in players] == [1, 2, 3, 4, 5, 6, 7]
        assert [ranked.player for ranked in await board.bottom(7)] == players[::-1]

    async def test_reaching_a_score_anew_ranks_last(self, target: AsyncStore) -> None:
        """A player who returns to a score ranks behind those who kept it meanwhile."""
        board = await filled(target, {"ann": 10, "bob": 10, "cid": 10})
        await board.add("ann", 1)
        assert await order(board) == ["ann", "bob", "cid"]
        await board.add("ann", -1)
        assert await order(board) == ["bob", "cid", "ann"]
        await board.remove("bob")
        await board.set("bob", 10)
        assert await order(board) == ["cid", "ann", "bob"]

    async def test_the_same_score_again_does_not_move(self, target: AsyncStore) -> None:
        """Setting the present score, or adding 0, keeps the rank."""
        board = await filled(target, {"ann": 10, "bob": 10, "cid": 0})
        await board.set("ann", 10)
        assert await board.add("ann", 0) == 10
        await board.set("ann", 10.0)
        assert await order(board) == ["ann", "bob", "cid"]
        await filled(target, {"dan": 0})
        await board.set("cid", -0.0)
        assert await order(board) == ["ann", "bob", "cid", "dan"]

    async def test_top_skips_and_ends(self, target: AsyncStore) -> None:
        """`top` skips `start` players, keeps their ranks, and is empty past the end."""
        board = await filled(target, {f"p{n}": 100 - n for n in range(10)})
        assert [r.player for r in await board.top(3)] == ["p0", "p1", "p2"]
        assert await board.top(2, start=4) == [Ranked(5, "p4", 96.0), Ranked(6, "p5", 95.0)]
        assert [r.rank for r in await board.top(100, start=8)] == [9, 10]
        assert await board.top(5, start=10) == []
        assert await board.top(0) == []
        assert len(await board.top(2**60)) == 10
        assert await board.top(1, start=2**60) == []

    async def test_bottom_comes_last_first(self, target: AsyncStore) -> None:
        """`bottom` returns the last `n` players, the last one first, with their ranks."""
        board = await filled(target, {f"p{n}": 100 - n for n in range(5)})
        assert await board.bottom(2) == [Ranked(5, "p4", 96.0), Ranked(4, "p3", 97.0)]
        assert [r.rank for r in await board.bottom(100)] == [5, 4, 3, 2, 1]
        assert await board.bottom(0) == []

    async def test_around(self, target: AsyncStore) -> None:
        """`around` returns the neighbours on either side, as many as exist."""
        board = await filled(target, {f"p{n}": 100 - n for n in range(7)})
        assert [r.player for r in await board.around("p3", 1)] == ["p2", "p3", "p4"]
        assert [r.rank for r in await board.around("p3", 2)] == [2, 3, 4, 5, 6]
        assert [r.player for r in await board.around("p0", 2)] == ["p0", "p1", "p2"]
        assert [r.player for r in await board.around("p6", 2)] == ["p4", "p5", "p6"]
        assert await board.around("p5", 0) == [Ranked(6, "p5", 95.0)]
        assert len(await board.around("p5", 2**60)) == 7
        with pytest.raises(NotFound):
            await board.around("p7", 1)

    async def test_remove(self, target: AsyncStore) -> None:
        """A removed player has no score and no rank, and those behind move up."""
        board = await filled(target, {"ann": 3, "bob": 2, "cid": 1})
        assert await board.remove("ann") is True
        assert await board.remove("ann") is False
        assert await board.score("ann") is None
        assert await board.rank("ann") is None
        assert await board.rank("bob") == 1
        assert await board.size() == 2
        assert await board.remove("bob")
        assert await board.remove("cid")
        assert await board.size() == 0
        await filled(target, {"dan": 5, "eve": 5})
        assert await order(board) == ["dan", "eve"]

    async def test_large_and_small_scores_are_exact(self, target: AsyncStore) -> None:
        """Whole numbers up to 2^53 and neighbouring doubles keep their value and their order."""
        scores = [2.0**53, 2.0**53 - 1, 2.0**52 + 1, 0.1 + 0.2, 0.3, 5e-324, 0.0, -5e-324, -0.3]
        scores += [-(2.0**53) + 1, -(2.0**53), -1.7976931348623157e308]
        names = {f"p{score!r}": score for score in scores}
        board = await filled(target, dict(reversed(names.items())))
        assert [(r.player, r.score) for r in await board.top(100)] == list(names.items())
        for player, score in names.items():
            assert await board.score(player) == score
        await board.set("huge", 2**53 - 1)
        assert await board.add("huge", 1) == 2**53
        assert await board.rank("huge") == 2

    @pytest.mark.parametrize(
        "score", [math.nan, math.inf, -math.inf, 2**53 + 1, 10**400, True, "1", None]
    )
    async def test_what_is_no_score(self, target: AsyncStore, score: Any) -> None:
        """NaN, infinities, whole numbers that no double can hold, and other types are refused."""
        board = await filled(target, {"ann": 1})
        for call in (board.set, board.add):
            for player in ("ann", "bob"):
                with pytest.raises(InvalidArgument):
                    await call(player, score)
        assert await board.top(5) == [Ranked(1, "ann", 1.0)]

    async def test_a_sum_out_of_range(self, target: AsyncStore) -> None:
        """A sum that would be infinite is refused and changes nothing."""
        board = await filled(target, {"ann": 1.7e308})
        with pytest.raises(InvalidArgument):
            await board.add("ann", 1.7e308)
        assert await board.score("ann") == 1.7e308

    async def test_bad_places(self, target: AsyncStore) -> None:
        """A count that is not a whole number >= 0 is refused."""
        board = await filled(target, {"ann": 1})
        bad: tuple[Any, ...] = (-1, 1.5, "1", None, True)
        for value in bad:
            with pytest.raises(InvalidArgument):
                await board.top(value)
            with pytest.raises(InvalidArgument):
                await board.top(1, start=value)
            with pytest.raises(InvalidArgument):
                await board.bottom(value)
            with pytest.raises(InvalidArgument):
                await board.around("ann", value)

    async def test_hostile_names(self, target: AsyncStore) -> None:
        """Any non-empty string is a player, and does not reach the data of others."""
        board = target.leaderboard("game")
        for at, player in enumerate(HOSTILE):
            await board.set(player, -at)
        assert [r.player for r in await board.top(1_000)] == list(HOSTILE)
        for at, player in enumerate(HOSTILE):
            assert await board.rank(player) == at + 1
            assert await board.score(player) == -at
        for player in HOSTILE:
            assert await board.remove(player)
        assert await board.size() == 0

    async def test_players_that_look_like_places(self, target: AsyncStore) -> None:
        """A player whose name looks like what a backend stores is a player like any other."""
        board = await filled(target, {"bob": 10})
        number = 2**53
        for name in (f"{number - 1:016}bob", f"{number - 2:016}bob", f"{1:016}bob"):
            assert await board.score(name) is None
            assert await board.add(name, 3) == 3
        assert await board.score("bob") == 10
        assert await board.size() == 4

    async def test_names_of_boards_do_not_meet(self, target: AsyncStore) -> None:
        """Boards of different names share nothing, whatever the names look like."""
        names = ["game", *HOSTILE]
        for at, name in enumerate(names):
            await target.leaderboard(name).set("ann", at)
        for at, name in enumerate(names):
            board = target.leaderboard(name)
            assert await board.top(5) == [Ranked(1, "ann", float(at))]

    @pytest.mark.parametrize("name", NO_NAMES)
    async def test_no_names(self, target: AsyncStore, name: Any) -> None:
        """A value that is not a valid name raises InvalidArgument and writes nothing."""
        board = target.leaderboard("game")
        calls: list[Callable[[], Any]] = [
            lambda: board.add(name, 1),
            lambda: board.set(name, 1),
            lambda: board.score(name),
            lambda: board.rank(name),
            lambda: board.around(name, 1),
            lambda: board.remove(name),
        ]
        for call in calls:
            with pytest.raises(InvalidArgument):
                await call()
        with pytest.raises(InvalidArgument):
            target.leaderboard(name)
        assert await board.size() == 0

    async def test_adding_at_once(self, target: AsyncStore) -> None:
        """Concurrent callers lose no step, and each gets another sum."""

        async def add(caller: int) -> list[float]:
            board = target.leaderboard("game")
            return [await board.add("ann", 1) for _ in range(10)]

        sums = await concurrently(add, [(caller,) for caller in range(8)])
        board = target.leaderboard("game")
        assert await board.score("ann") == 80
        assert sorted(value for each in sums for value in each) == [float(n) for n in range(1, 81)]
        assert await board.size() == 1

    async def test_ranks_stay_whole_under_contention(self, target: AsyncStore) -> None:
        """After concurrent moves ranks count from 1, and every player is there once."""

        async def play(caller: int) -> None:
            board = target.leaderboard("game")
            for step in range(12):
                await board.add(f"p{(caller * 5 + step) % 7}", (step % 3) - 1)

        await concurrently(play, [(caller,) for caller in range(6)])
        board = target.leaderboard("game")
        ranked = await board.top(100)
        assert [r.rank for r in ranked] == list(range(1, len(ranked) + 1))
        assert sorted(r.player for r in ranked) == [f"p{n}" for n in range(7)]
        assert [r.score for r in ranked] == sorted((r.score for r in ranked), reverse=True)
        assert [await board.rank(r.player) for r in ranked] == [r.rank for r in ranked]
        assert await board.size() == 7
