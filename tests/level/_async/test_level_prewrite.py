"""The prewrite hook: it sees each write before it is stored, and may change it or add to it."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from level._async.faces import collect, coroutine_function
from level._async.maker import Maker

from datapatterns.errors import Conflict, HookFailed, InvalidArgument, TooLarge
from datapatterns.level import AsyncLevel

Seen = list[tuple[str, str, Any]]


async def _batch(level: AsyncLevel, **operation: Any) -> None:
    await level.batch([operation])


PUTS: dict[str, Callable[[AsyncLevel], Awaitable[None]]] = {
    "put": lambda level: level.put("k", 1),
    "synced put": lambda level: level.put("k", 1, sync=True),
    "list": lambda level: _batch(level, type="put", key="k", value=1),
    "chain": lambda level: level.batch().put("k", 1).write(),
}
DELETES: dict[str, Callable[[AsyncLevel], Awaitable[None]]] = {
    "delete": lambda level: level.delete("k"),
    "synced delete": lambda level: level.delete("k", sync=True),
    "list": lambda level: _batch(level, type="delete", key="k"),
    "chain": lambda level: level.batch().delete("k").write(),
}
WRITES = {**PUTS, **{f"{name} of a delete": write for name, write in DELETES.items()}}


@pytest.fixture(params=WRITES)
def write(request: pytest.FixtureRequest) -> Callable[[AsyncLevel], Awaitable[None]]:
    """Return each way to write the key `k`."""
    return WRITES[request.param]


@pytest.fixture
def seen(level: AsyncLevel) -> Seen:
    """Return the list of what a hook of the level is shown."""
    seen: Seen = []
    level.hooks.prewrite.add(
        lambda operation, _: seen.append((operation.type, operation.key, operation.value))
    )
    return seen


@pytest.mark.parametrize("way", PUTS)
async def test_it_sees_a_put(level: AsyncLevel, seen: Seen, way: str) -> None:
    """The hook gets a put once, decoded, however it is made."""
    await PUTS[way](level)
    assert seen == [("put", "k", 1)]


@pytest.mark.parametrize("way", DELETES)
async def test_it_sees_a_delete(level: AsyncLevel, seen: Seen, way: str) -> None:
    """The hook gets a delete once, also of an absent key."""
    await DELETES[way](level)
    assert seen == [("delete", "k", None)]


async def test_it_sees_what_clear_removes(level: AsyncLevel, seen: Seen) -> None:
    """The hook gets each key of the range."""
    await level.batch().put("a", 1).put("b", 2).put("c", 3).write()
    seen.clear()
    await level.clear(gte="b")
    assert seen == [("delete", "b", None), ("delete", "c", None)]


async def test_it_runs_once_for_each_input(level: AsyncLevel, seen: Seen) -> None:
    """The hook runs once for each input, in their order."""
    await level.batch().delete("1").put("2", 2).delete("1").write()
    assert [key for _, key, _ in seen] == ["1", "2", "1"]


async def test_nothing_is_stored_before_it(level: AsyncLevel) -> None:
    """The store is unchanged when the hook runs; the batch shows the writes."""
    found: list[Any] = []
    await level.put("a", "old")

    def look(operation: Any, batch: Any) -> None:
        found.append((batch.get("a"), batch.get("b"), batch.get("c", "default")))

    level.hooks.prewrite.add(look)
    await level.batch().put("a", "new").put("b", "new").write()
    assert found == [("old", None, "default"), ("new", None, "default")]


async def test_it_may_change_a_put(level: AsyncLevel) -> None:
    """A changed key and value reach later hooks, listeners and the store."""
    told: list[Any] = []

    def change(operation: Any, _: Any) -> None:
        operation.key, operation.value = "changed", {"was": operation.value}

    level.hooks.prewrite.add(change)
    level.hooks.prewrite.add(lambda op, _: told.append((op.type, op.key, op.value)))
    level.on_write(lambda operations: told.extend((op.type, op.key, op.value) for op in operations))
    for write in PUTS.values():
        await write(level)
        assert told == [("put", "changed", {"was": 1})] * 2
        told.clear()
    assert await collect(level.items()) == [("changed", {"was": 1})]


async def test_it_may_change_a_delete(level: AsyncLevel) -> None:
    """A hook may turn a delete into that of another key."""
    await level.batch().put("k", 1).put("other", 2).write()

    def change(operation: Any, _: Any) -> None:
        operation.key = "other"

    level.hooks.prewrite.add(change)
    for write in DELETES.values():
        await write(level)
    assert await collect(level.keys()) == ["k"]


async def test_it_may_turn_one_into_the_other(level: AsyncLevel) -> None:
    """A put becomes a delete by its type, a delete a put by its value."""
    await level.batch().put("a", 1).put("b", 2).write()

    def turn(operation: Any, _: Any) -> None:
        if operation.type == "put":
            operation.type = "delete"
            operation.type = "delete"
        else:
            operation.value = "revived"
            operation.type = "put"

    level.hooks.prewrite.add(turn)
    await level.batch().put("a", 9).delete("b").write()
    assert await collect(level.items()) == [("b", "revived")]


@pytest.mark.parametrize("add", ["put", "delete"])
async def test_it_may_add_operations(
    level: AsyncLevel, write: Callable[[AsyncLevel], Awaitable[None]], add: str
) -> None:
    """A hook may add calls or operations to the same batch, with every kind of write."""
    await level.put("added", "old")

    def hook(_: Any, batch: Any) -> None:
        if add == "put":
            assert batch.put("added", "new").add({"type": "put", "key": "z", "value": 1}) is batch
        else:
            assert batch.delete("added").add({"type": "del", "key": "absent"}) is batch

    told: list[Any] = []
    level.hooks.prewrite.add(hook)
    level.on_write(lambda operations: told.append([op.key for op in operations]))
    await write(level)
    assert await level.get("added") == ("new" if add == "put" else None)
    assert told == [["k", "added", "z" if add == "put" else "absent"]]


async def test_added_operations_follow_the_inputs(level: AsyncLevel) -> None:
    """Where an input and an addition write one key, the addition counts."""

    def hook(operation: Any, batch: Any) -> None:
        if operation.key == "first":
            batch.put("second", "of the hook").delete("third")

    level.hooks.prewrite.add(hook)
    told: list[Any] = []
    level.on_write(lambda operations: told.extend(op.key for op in operations))
    await level.batch().put("first", 1).put("second", 2).put("third", 3).write()
    assert told == ["first", "second", "third"]
    assert await collect(level.items()) == [("first", 1), ("second", "of the hook")]


async def test_it_may_add_to_any_sublevel(level: AsyncLevel) -> None:
    """Children, neighbours and parents of its own level, each in its own encodings."""
    books = level.sublevel("books")
    authors = level.sublevel("authors", key_encoding="json", value_encoding="utf8")
    deep = books.sublevel("a").sublevel("b")

    def hook(operation: Any, batch: Any) -> None:
        if operation.type == "put":
            batch.put([operation.value["author"], operation.key], "", sublevel=authors)
            batch.put("deep", 1, sublevel=deep).put("up", 2, sublevel=level)
        else:
            batch.delete(["Hesse", operation.key], sublevel=authors)
            batch.add({"type": "delete", "key": "up", "sublevel": level})
            assert batch.get("deep", sublevel=deep) == 1

    books.hooks.prewrite.add(hook)
    await books.put("12", {"title": "Siddhartha", "author": "Hesse"})
    assert await collect(authors.items()) == [(["Hesse", "12"], "")]
    assert await collect(level.keys(gt="!b")) == ["!books!!a!!b!deep", "!books!12", "up"]
    await level.batch().delete("12", sublevel=books).write()
    assert await collect(level.keys()) == ["!books!!a!!b!deep"]


async def test_hooks_of_nested_sublevels(
    level: AsyncLevel, write: Callable[[AsyncLevel], Awaitable[None]]
) -> None:
    """Run from the inner outwards, each with the key as its own level sees it."""
    a = level.sublevel("a")
    b = a.sublevel("b")
    order: list[Any] = []
    for name, part in (("root", level), ("a", a), ("b", b)):
        part.hooks.prewrite.add(lambda op, _, name=name: order.append((name, op.key, op.path)))  # type: ignore[misc] - bound early
    for part, expected in (
        (b, [("b", "k", ()), ("a", "!b!k", ("b",)), ("root", "!a!!b!k", ("a", "b"))]),
        (a, [("a", "k", ()), ("root", "!a!k", ("a",))]),
        (level, [("root", "k", ())]),
    ):
        await write(part)
        assert order == expected
        order.clear()


async def test_they_see_what_comes_through_a_parent(level: AsyncLevel) -> None:
    """Hooks belong to a range of keys, whichever handle writes there."""
    child = level.sublevel("child")
    seen: list[Any] = []
    child.hooks.prewrite.add(lambda op, _: seen.append((op.type, op.key)))
    await level.batch().put("k", 1, sublevel=child).delete("l", sublevel=child).write()
    await level.put("!child!m", 1)
    await level.clear(gte="!child!m", lte="!child!m")
    assert seen == [("put", "k"), ("delete", "l"), ("put", "m"), ("delete", "m")]


async def test_neighbours_do_not_see_it(level: AsyncLevel) -> None:
    """A hook does not see writes to neighbours, nor a child's hook those to its parent."""
    seen: list[Any] = []
    level.sublevel("a").hooks.prewrite.add(lambda op, _: seen.append(op.key))
    for part in (level, level.sublevel("aa"), level.sublevel("b")):
        await part.put("k", 1)
    assert seen == []


async def test_a_hook_is_not_called_for_what_it_adds(level: AsyncLevel) -> None:
    """Other hooks are called for additions, but no hook runs without end."""
    log = level.sublevel("log")
    calls: list[Any] = []

    def first(op: Any, batch: Any) -> None:
        calls.append(("first", op.key))
        batch.put("by first", 1, sublevel=log)

    def second(op: Any, batch: Any) -> None:
        calls.append(("second", op.key))
        batch.put("by second", 1)

    level.hooks.prewrite.add(first)
    log.hooks.prewrite.add(second)
    await log.put("k", 1)
    assert ("second", "k") in calls
    assert ("first", "!log!k") in calls
    assert calls.count(("second", "by first")) == 1
    assert len(calls) < 10
    stored = ["!log!by first", "!log!by second", "!log!k"]
    assert await collect(level.keys()) == stored


BAD_ADDITIONS: dict[str, Callable[[Any], Any]] = {
    "nothing": lambda batch: batch.add(),
    "None": lambda batch: batch.add(None),
    "an empty one": lambda batch: batch.add({}),
    "no key": lambda batch: batch.add({"type": "del"}),
    "a None key": lambda batch: batch.add({"type": "del", "key": None}),
    "no value": lambda batch: batch.add({"type": "put", "key": "a"}),
    "a None value": lambda batch: batch.add({"type": "put", "key": "a", "value": None}),
    "another type": lambda batch: batch.add({"type": "nope", "key": "a", "value": "b"}),
    "a key of another type": lambda batch: batch.put(7, 1),
    "an empty key": lambda batch: batch.delete(""),
    "a set": lambda batch: batch.put("a", {1}),
    "no sublevel": lambda batch: batch.put("a", 1, sublevel="users"),
}


@pytest.mark.parametrize("bad", BAD_ADDITIONS)
async def test_bad_additions(level: AsyncLevel, bad: str) -> None:
    """A bad addition fails the whole write, and no listener is told."""
    await level.put("k", "old")
    told: list[Any] = []
    level.on_write(told.append)
    level.hooks.prewrite.add(lambda _, batch: BAD_ADDITIONS[bad](batch.put("added", 1)))
    for write in WRITES.values():
        with pytest.raises(HookFailed if bad == "nothing" else InvalidArgument):
            await write(level)
        assert await collect(level.items()) == [("k", "old")]
    assert told == []


async def test_an_error_in_a_hook(
    level: AsyncLevel, write: Callable[[AsyncLevel], Awaitable[None]]
) -> None:
    """HookFailed with its cause; our own errors keep their status; nothing is stored."""
    errors: list[Exception] = [ZeroDivisionError("cause"), Conflict("not now"), TooLarge("no")]

    def fail(_: Any, batch: Any) -> None:
        batch.put("added", 1)
        raise errors[0]

    level.hooks.prewrite.add(fail)
    with pytest.raises(HookFailed) as caught:
        await write(level)
    assert caught.value.__cause__ is errors.pop(0)
    with pytest.raises(Conflict):
        await write(level)
    errors.pop(0)
    with pytest.raises(TooLarge):
        await write(level)
    level.hooks.prewrite.remove(fail)
    assert await collect(level.keys()) == []
    await level.put("k", 2)
    assert await level.get("k") == 2


async def test_bad_changes(level: AsyncLevel) -> None:
    """A bad change is refused with 400, and nothing is stored."""
    for name, value in (("key", ""), ("key", 7), ("value", {1}), ("type", "merge")):

        def change(operation: Any, _: Any, name: str = name, value: Any = value) -> None:
            setattr(operation, name, value)

        level.hooks.prewrite.add(change)
        with pytest.raises(InvalidArgument):
            await level.put("k", 1)
        level.hooks.prewrite.remove(change)
    level.hooks.prewrite.add(lambda operation, _: setattr(operation, "type", "put"))
    with pytest.raises(InvalidArgument):
        await level.delete("k")
    assert await collect(level.keys()) == []


async def test_a_coroutine_function_is_no_hook(level: AsyncLevel) -> None:
    """It is refused, since it could not be awaited within the batch."""
    level.hooks.prewrite.add(coroutine_function)
    with pytest.raises(HookFailed):
        await level.put("k", 1)
    assert not await level.has("k")


async def test_removing_a_hook(level: AsyncLevel, seen: Seen) -> None:
    """A removed hook sees no later write."""
    hook = next(iter(level.hooks.prewrite))
    await level.put("a", 1)
    level.hooks.prewrite.remove(hook)
    await level.put("b", 2)
    level.hooks.prewrite.add(hook)
    await level.put("c", 3)
    assert [key for _, key, _ in seen] == ["a", "c"]


async def test_a_chain_is_shown_when_it_is_written(level: AsyncLevel) -> None:
    """The hooks present at `write` get the chain; `len` counts the inputs."""
    batch = level.batch().put("a", 1)
    seen: list[Any] = []
    level.hooks.prewrite.add(lambda op, batch: (seen.append(op.key), batch.put("added", 1)))
    assert len(batch.put("b", 2)) == 2
    assert seen == []
    await batch.write()
    assert seen == ["a", "b"]
    await level.clear()
    seen.clear()
    await level.batch().put("a", 1).clear().write()
    assert seen == []
    assert await collect(level.keys()) == ["added"]


async def test_a_hook_must_not_write_past_the_batch(level: AsyncLevel, make: Maker) -> None:
    """A write of the hook to the level is refused with 400, since it would deadlock."""
    plain = level._space

    def hook(_: Any, __: Any) -> None:
        plain.write(lambda transaction: transaction.put(b"past", b"1"))

    level.hooks.prewrite.add(hook)
    with pytest.raises(InvalidArgument):
        await level.put("k", 1)
    assert await collect(make.root.keys()) == []
