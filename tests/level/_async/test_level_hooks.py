"""The hooks postopen and newsublevel; adding and removing functions."""

from pathlib import Path
from typing import Any

import pytest
from level._async.faces import collect
from level._async.maker import Maker

from datapatterns.errors import Conflict, HookFailed, InvalidArgument
from datapatterns.level import AsyncLevel, Hooks
from datapatterns.level.engine.registry import PID_FILE

HOOKS = ("prewrite", "postopen", "newsublevel")


@pytest.mark.parametrize("name", HOOKS)
async def test_adding_and_removing(level: AsyncLevel, name: str) -> None:
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
async def test_what_is_no_function(level: AsyncLevel, name: str, wrong: Any) -> None:
    """Adding it is refused with 400, and nothing is added."""
    hook = getattr(level.hooks, name)
    with pytest.raises(InvalidArgument):
        hook.add(wrong)
    hook.remove(wrong)
    assert len(hook) == 0


async def test_as_a_decorator(level: AsyncLevel) -> None:
    """`add` returns the function."""

    @level.hooks.newsublevel.add
    def remember(_: Any) -> None:
        """Do nothing."""

    assert remember.__doc__ == "Do nothing."


async def test_postopen_runs_before_anybody_else(tmp_path: Path) -> None:
    """Postopen functions run one after the other, and may read and write the level."""
    order: list[Any] = []
    hooks = Hooks()

    async def first(level: AsyncLevel) -> None:
        await level.put("k", 1)
        order.append("first")

    async def second(level: AsyncLevel) -> None:
        order.append(await level.get("k"))

    hooks.postopen.add(first)
    hooks.postopen.add(second)
    async with AsyncLevel.open(tmp_path, hooks=hooks) as level:
        order.append("opened")
        assert await level.get("k") == 1
    assert order == ["first", 1, "opened"]


async def test_a_plain_postopen_function(tmp_path: Path) -> None:
    """A plain function may be a postopen hook in both faces."""
    seen: list[Any] = []
    hooks = Hooks()
    hooks.postopen.add(seen.append)
    async with AsyncLevel.open(tmp_path, hooks=hooks) as level:
        assert seen == [level]


async def test_postopen_runs_for_every_opening(tmp_path: Path) -> None:
    """It runs at each opening of that handle; other handles have their own hooks."""
    seen: list[Any] = []
    hooks = Hooks()
    hooks.postopen.add(seen.append)
    async with AsyncLevel.open(tmp_path, hooks=hooks), AsyncLevel.open(tmp_path):
        assert len(seen) == 1
    async with AsyncLevel.open(tmp_path, hooks=hooks):
        assert len(seen) == 2


async def test_a_postopen_hook_that_raises(tmp_path: Path) -> None:
    """HookFailed with its cause; the directory is closed again, and later hooks do not run."""
    hooks, seen = Hooks(), []

    async def fail(_: AsyncLevel) -> None:
        raise ZeroDivisionError

    hooks.postopen.add(fail)
    hooks.postopen.add(seen.append)
    with pytest.raises(HookFailed) as caught:
        await AsyncLevel.open(tmp_path, hooks=hooks)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert caught.value.status == 500
    assert seen == []
    assert not (tmp_path / PID_FILE).exists()
    async with AsyncLevel.open(tmp_path) as level:
        assert (tmp_path / PID_FILE).exists()
        await level.put("k", 1)


async def test_a_postopen_hook_that_raises_our_error(tmp_path: Path) -> None:
    """It keeps its status; the directory is closed again."""
    hooks = Hooks()

    async def fail(_: AsyncLevel) -> None:
        raise Conflict("not now")

    hooks.postopen.add(fail)
    with pytest.raises(Conflict):
        await AsyncLevel.open(tmp_path, hooks=hooks)
    assert not (tmp_path / PID_FILE).exists()
    async with AsyncLevel.open(tmp_path) as level:
        await level.put("k", 1)


async def test_newsublevel(level: AsyncLevel) -> None:
    """The hook gets each sublevel made of its level, and none made of others."""
    seen: list[Any] = []
    level.hooks.newsublevel.add(seen.append)
    a = level.sublevel("a")
    a.sublevel("b")
    assert seen == [a]
    assert level.sublevel("a") is seen[1]


async def test_newsublevel_can_recurse(level: AsyncLevel) -> None:
    """The hook can add itself to each sublevel, and so reach all below."""
    written: list[Any] = []

    def follow(sublevel: AsyncLevel) -> None:
        sublevel.hooks.newsublevel.add(follow)
        sublevel.hooks.prewrite.add(lambda operation, _: written.append(operation.key))

    follow(level)
    deep = level.sublevel("a").sublevel("b")
    await deep.put("k", 1)
    assert written == ["k", "!b!k", "!a!!b!k"]


async def test_newsublevel_of_hooks_made_beforehand(level: AsyncLevel) -> None:
    """A sublevel also accepts hooks made before it."""
    seen: list[Any] = []
    hooks = Hooks()
    hooks.newsublevel.add(seen.append)
    part = level.sublevel("a", hooks=hooks)
    assert part.hooks is hooks
    assert seen == []
    part.sublevel("b")
    assert len(seen) == 1


async def test_a_newsublevel_hook_that_raises(level: AsyncLevel) -> None:
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
    await level.sublevel("a").put("k", 1)


async def test_hooks_end_with_their_handle(level: AsyncLevel, make: Maker) -> None:
    """Later writes through another handle do not reach the hooks of a closed one."""
    seen: list[Any] = []
    level.hooks.prewrite.add(lambda operation, _: seen.append(operation.key))
    first, other = make.root, await make.again()
    await other.put("a", 1)
    await first.close()
    await other.put("b", 2)
    assert seen == ["a"]
    assert await collect(other.keys()) == ["a", "b"]
