# Generated from tests/level/_async/test_level_hooks.py by scripts/unasync.py; do not edit.
"""The hooks postopen and newsublevel; adding and removing functions."""

from pathlib import Path
from typing import Any

import pytest
from level._sync.faces import collect
from level._sync.maker import Maker

from datapatterns.errors import Conflict, HookFailed, InvalidArgument
from datapatterns.level import Hooks, Level
from datapatterns.level.engine.registry import PID_FILE

HOOKS = ("prewrite", "postopen", "newsublevel")


@pytest.mark.parametrize("name", HOOKS)
def test_adding_and_removing(level: Level, name: str) -> None:
    """Functions run in their order, each once; removing an unknown one has no effect."""
    hook = getattr(level.hooks, name)

    def first(*_: Any) -> None: ...

    def second(*_: Any) -> None: ...

    assert (len(hook), list(hook)) == (0, [])
    assert hook.add(first) is first
    hook.add(second)
    hook.add(first)
    assert (len(hook), list(hook)) == (2, [first, second])
    hook.remove(first)
    hook.remove(first)
    assert list(hook) == [second]
    hook.remove(second)
    assert len(hook) == 0


@pytest.mark.parametrize("name", HOOKS)
@pytest.mark.parametrize("wrong", [None, 7, "hook"])
def test_what_is_no_function(level: Level, name: str, wrong: Any) -> None:
    """Adding it is refused with 400, and nothing is added."""
    hook = getattr(level.hooks, name)
    with pytest.raises(InvalidArgument):
        hook.add(wrong)
    hook.remove(wrong)
    assert len(hook) == 0


def test_as_a_decorator(level: Level) -> None:
    """`add` returns the function."""

    @level.hooks.newsublevel.add
    def remember(_: Any) -> None:
        """Do nothing."""

    assert remember.__doc__ == "Do nothing."


def test_postopen_runs_before_anybody_else(tmp_path: Path) -> None:
    """Postopen functions run one after the other, and may read and write the level."""
    order: list[Any] = []
    hooks = Hooks()

    def first(level: Level) -> None:
        level.put("k", 1)
        order.append("first")

    def second(level: Level) -> None:
        order.append(level.get("k"))

    hooks.postopen.add(first)
    hooks.postopen.add(second)
    with Level.open(tmp_path, hooks=hooks) as level:
        order.append("opened")
        assert level.get("k") == 1
    assert order == ["first", 1, "opened"]


def test_a_plain_postopen_function(tmp_path: Path) -> None:
    """A plain function may be a postopen hook in both faces."""
    seen: list[Any] = []
    hooks = Hooks()
    hooks.postopen.add(seen.append)
    with Level.open(tmp_path, hooks=hooks) as level:
        assert seen == [level]


def test_postopen_runs_for_every_opening(tmp_path: Path) -> None:
    """It runs at each opening of that handle; other handles have their own hooks."""
    seen: list[Any] = []
    hooks = Hooks()
    hooks.postopen.add(seen.append)
    with Level.open(tmp_path, hooks=hooks), Level.open(tmp_path):
        assert len(seen) == 1
    with Level.open(tmp_path, hooks=hooks):
        assert len(seen) == 2


def test_a_postopen_hook_that_raises(tmp_path: Path) -> None:
    """HookFailed with its cause; the directory is closed again, and later hooks do not run."""
    hooks, seen = Hooks(), []

    def fail(_: Level) -> None:
        raise ZeroDivisionError

    hooks.postopen.add(fail)
    hooks.postopen.add(seen.append)
    with pytest.raises(HookFailed) as caught:
        Level.open(tmp_path, hooks=hooks)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert caught.value.status == 500
    assert seen == []
    assert not (tmp_path / PID_FILE).exists()
    with Level.open(tmp_path) as level:
        assert (tmp_path / PID_FILE).exists()
        level.put("k", 1)


def test_a_postopen_hook_that_raises_our_error(tmp_path: Path) -> None:
    """It keeps its status; the directory is closed again."""
    hooks = Hooks()

    def fail(_: Level) -> None:
        raise Conflict("not now")

    hooks.postopen.add(fail)
    with pytest.raises(Conflict):
        Level.open(tmp_path, hooks=hooks)
    assert not (tmp_path / PID_FILE).exists()
    with Level.open(tmp_path) as level:
        level.put("k", 1)


def test_newsublevel(level: Level) -> None:
    """The hook gets each sublevel made of its level, and none made of others."""
    seen: list[Any] = []
    level.hooks.newsublevel.add(seen.append)
    a = level.sublevel("a")
    a.sublevel("b")
    assert seen == [a]
    assert level.sublevel("a") is seen[1]


def test_newsublevel_can_recurse(level: Level) -> None:
    """The hook can add itself to each sublevel, and so reach all below."""
    written: list[Any] = []

    def follow(sublevel: Level) -> None:
        sublevel.hooks.newsublevel.add(follow)
        sublevel.hooks.prewrite.add(lambda operation, _: written.append(operation.key))

    follow(level)
    deep = level.sublevel("a").sublevel("b")
    deep.put("k", 1)
    assert written == ["k", "!b!k", "!a!!b!k"]


def test_newsublevel_of_hooks_made_beforehand(level: Level) -> None:
    """A sublevel also accepts hooks made before it."""
    seen: list[Any] = []
    hooks = Hooks()
    hooks.newsublevel.add(seen.append)
    part = level.sublevel("a", hooks=hooks)
    assert part.hooks is hooks
    assert seen == []
    part.sublevel("b")
    assert len(seen) == 1


def test_a_newsublevel_hook_that_raises(level: Level) -> None:
    """HookFailed with its cause, or our own error as it is; the level goes on working."""
    errors = [ZeroDivisionError(), Conflict("not this one")]

    def fail(_: Any) -> None:
        raise errors[0]

    level.hooks.newsublevel.add(fail)
    with pytest.raises(HookFailed) as caught:
        level.sublevel("a")
    assert caught.value.__cause__ is errors[0]
    errors.pop(0)
    with pytest.raises(Conflict):
        level.sublevel("a")
    level.hooks.newsublevel.remove(fail)
    level.sublevel("a").put("k", 1)


def test_hooks_end_with_their_handle(level: Level, make: Maker) -> None:
    """Later writes through another handle do not reach the hooks of a closed one."""
    seen: list[Any] = []
    level.hooks.prewrite.add(lambda operation, _: seen.append(operation.key))
    first, other = make.root, make.again()
    other.put("a", 1)
    first.close()
    other.put("b", 2)
    assert seen == ["a"]
    assert collect(other.keys()) == ["a", "b"]
