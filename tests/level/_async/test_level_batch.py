"""Batches, as a list and as a chain: all of it, or nothing."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from level._async.faces import collect
from level._async.maker import Maker

from datapatterns.errors import HookFailed, InvalidArgument
from datapatterns.level import AsyncLevel

Write = Callable[..., Awaitable[None]]
PUT: dict[str, Any] = {"type": "put", "key": "k", "value": 1}


async def as_list(level: AsyncLevel, *operations: dict[str, Any]) -> None:
    """Write the operations as a list."""
    await level.batch(operations)


async def as_chain(level: AsyncLevel, *operations: dict[str, Any]) -> None:
    """Write the operations as a chain."""
    batch = level.batch()
    for operation in operations:
        sublevel = operation.get("sublevel")
        if operation["type"] == "put":
            assert batch.put(operation["key"], operation["value"], sublevel=sublevel) is batch
        else:
            assert batch.delete(operation["key"], sublevel=sublevel) is batch
    await batch.write()


@pytest.fixture(params=[as_list, as_chain])
def write(request: pytest.FixtureRequest) -> Write:
    """Return each of the two ways of writing a batch."""
    return request.param  # type: ignore[no-any-return] - pytest does not know


def put(key: str, value: Any, **more: Any) -> dict[str, Any]:
    """Return a put as an operation."""
    return {"type": "put", "key": key, "value": value, **more}


def delete(key: str, **more: Any) -> dict[str, Any]:
    """Return a delete as an operation."""
    return {"type": "delete", "key": key, **more}


async def test_one_put(level: AsyncLevel, write: Write) -> None:
    """A batch of one put stores what `put` would."""
    await write(level, put("a", 1))
    assert await level.get("a") == 1


async def test_puts_and_deletes(level: AsyncLevel, write: Write) -> None:
    """Operations are done in their order: of two for one key the last one counts."""
    await write(level, put("a", 1), put("b", 2), put("c", 3))
    await write(level, delete("a"), put("b", 20), delete("absent"), put("d", 4), delete("d"))
    assert await collect(level.items()) == [("b", 20), ("c", 3)]
    await write(level, delete("c"), put("c", 30))
    assert await level.get("c") == 30


async def test_no_operations(level: AsyncLevel, write: Write) -> None:
    """An empty batch is no error."""
    await write(level)
    assert await collect(level.items()) == []


async def test_false_values(level: AsyncLevel, write: Write) -> None:
    """False values are stored like others."""
    await write(level, put("a", ""), put("b", 0), put("c", False), put("d", []), put("e", {}))
    assert await collect(level.values()) == ["", 0, False, [], {}]


async def test_a_large_batch(level: AsyncLevel, write: Write) -> None:
    """Thousands of operations are still one batch."""
    await write(level, *(put(f"{number:05}", number) for number in range(5_000)))
    assert await collect(level.values()) == list(range(5_000))


async def test_with_sync(level: AsyncLevel) -> None:
    """Both ways of writing accept `sync`."""
    await level.batch([put("a", 1)], sync=True)
    await level.batch().put("b", 2).write(sync=True)
    assert await collect(level.keys()) == ["a", "b"]


async def test_del_is_another_name_of_delete(level: AsyncLevel) -> None:
    """A batch accepts abstract-level's name `del` for a delete."""
    await level.put("a", 1)
    await level.batch([{"type": "del", "key": "a"}])
    assert not await level.has("a")


@pytest.mark.parametrize(
    "operation",
    [
        None,
        "put",
        7,
        {},
        {"key": "k", "value": 1},
        {"type": "put"},
        {"type": "put", "key": "k"},
        {"type": "put", "value": 1},
        {"type": "delete"},
        {"type": "merge", "key": "k", "value": 1},
        {"type": None, "key": "k", "value": 1},
        {"type": ["put"], "key": "k", "value": 1},
        {"type": "put", "key": "k", "value": None},
        {"type": "put", "key": "k", "value": {1, 2}},
        {"type": "put", "key": "k", "value": float("inf")},
        {"type": "put", "key": None, "value": 1},
        {"type": "put", "key": "", "value": 1},
        {"type": "put", "key": b"k", "value": 1},
        {"type": "delete", "key": None},
        {"type": "delete", "key": "\ud800"},
        {"type": "put", "key": "k", "value": 1, "ttl": 5},
        {"type": "put", "key": "k", "value": 1, "sublevel": "users"},
        {"type": "put", "key": "k", "value": 1, "sublevel": 7},
        ["type", "key", "value"],
    ],
    ids=repr,
)
async def test_an_operation_that_is_none(level: AsyncLevel, operation: Any) -> None:
    """It is refused with 400 wherever it stands, and nothing of the batch is written."""
    for operations in ([operation], [put("a", 1), operation], [operation, put("a", 1)]):
        with pytest.raises(InvalidArgument) as caught:
            await level.batch(operations)
        assert caught.value.status == 400
    assert await collect(level.items()) == []


async def test_what_is_no_list_of_operations(level: AsyncLevel) -> None:
    """A value that is not an iterable of operations is refused with 400."""
    for operations in (PUT, "put", b"put", 7, True, object()):
        with pytest.raises(InvalidArgument):
            await level.batch(operations)  # type: ignore[arg-type] - on purpose
    assert await collect(level.items()) == []


async def test_a_bad_link_of_a_chain(level: AsyncLevel) -> None:
    """A bad operation is refused at once, and the chain keeps the others."""
    batch = level.batch().put("a", 1)
    for key, value in ((None, 1), ("", 1), (b"k", 1), ("k", None), ("k", {1}), ("k", float("nan"))):
        with pytest.raises(InvalidArgument):
            batch.put(key, value)
    for key in (None, "", 7, "\ud800"):
        with pytest.raises(InvalidArgument):
            batch.delete(key)
    assert len(batch) == 1
    await batch.write()
    assert await collect(level.items()) == [("a", 1)]


async def test_a_chain_writes_nothing_before_write(level: AsyncLevel) -> None:
    """`write` stores all operations of the chain; `len` counts them."""
    batch = level.batch()
    assert len(batch) == 0
    batch.put("a", 1).put("b", 2).delete("a")
    assert len(batch) == 3
    assert await collect(level.items()) == []
    await batch.write()
    assert await collect(level.items()) == [("b", 2)]


async def test_clearing_a_chain(level: AsyncLevel) -> None:
    """`clear` removes the operations, and is no error on an empty chain."""
    batch = level.batch().clear().put("a", 1).delete("b")
    assert len(batch.clear()) == 0
    await batch.put("c", 3).write()
    assert await collect(level.items()) == [("c", 3)]


async def test_a_chain_is_written_once(level: AsyncLevel) -> None:
    """Any further use of a written chain is refused."""
    batch = level.batch().put("a", 1)
    await batch.write()
    for use in (
        lambda: batch.put("b", 2),
        lambda: batch.delete("a"),
        lambda: batch.clear(),
    ):
        with pytest.raises(InvalidArgument):
            use()
    with pytest.raises(InvalidArgument):
        await batch.write()
    assert len(batch) == 0
    assert await collect(level.items()) == [("a", 1)]


async def test_two_chains_at_once(level: AsyncLevel) -> None:
    """Two chains do not affect each other."""
    first, second = level.batch().put("a", 1), level.batch().put("b", 2)
    first.clear()
    await second.write()
    await first.put("c", 3).write()
    assert await collect(level.keys()) == ["b", "c"]


async def test_values_are_taken_as_they_are_when_added(level: AsyncLevel) -> None:
    """A later change of the object does not change what is written."""
    value = {"a": 1}
    batch = level.batch().put("k", value)
    value["a"] = 2
    await batch.write()
    assert await level.get("k") == {"a": 1}


async def test_across_sublevels(level: AsyncLevel, write: Write) -> None:
    """One batch for the level, its children and its neighbours, each in its own encodings."""
    child = level.sublevel("child", value_encoding="utf8")
    grandchild = child.sublevel("grandchild", key_encoding="hex", value_encoding="binary")
    await write(
        level,
        put("k", {"n": 1}),
        put("k", "text", sublevel=child),
        put("00ff", b"\xff", sublevel=grandchild),
        put("gone", 1),
        delete("gone"),
    )
    assert await level.get("k") == {"n": 1}
    assert await child.get("k") == "text"
    assert await grandchild.get("00ff") == b"\xff"
    await write(child, delete("k", sublevel=level), put("up", [1], sublevel=level), delete("k"))
    assert await level.has_many(["k", "up"]) == [False, True]
    assert not await child.has("k")


async def test_a_sublevel_of_another_directory(
    level: AsyncLevel, make: Maker, write: Write
) -> None:
    """It is refused with 400, and nothing is written in either directory."""
    other = await make()
    foreign = other.sublevel("child")
    for sublevel in (other, foreign):
        with pytest.raises(InvalidArgument):
            await write(level, put("a", 1), put("k", 1, sublevel=sublevel))
        with pytest.raises(InvalidArgument):
            await write(level, put("a", 1), delete("k", sublevel=sublevel))
    assert await collect(level.items()) == []
    assert await collect(other.items()) == []


async def test_a_refused_batch_writes_nothing(level: AsyncLevel, write: Write) -> None:
    """If a hook raises at any operation, none of the batch is written."""
    child = level.sublevel("child")
    await level.put("old", 1)

    def refuse(operation: Any, _: Any) -> None:
        if operation.key == "bad":
            raise RuntimeError

    child.hooks.prewrite.add(refuse)
    with pytest.raises(HookFailed):
        await write(level, put("a", 1), delete("old"), put("bad", 1, sublevel=child), put("z", 1))
    assert await collect(level.items()) == [("old", 1)]


async def test_a_list_may_be_any_iterable(level: AsyncLevel) -> None:
    """A generator of operations is accepted."""
    await level.batch(put(key, 1) for key in "ab")
    assert await collect(level.keys()) == ["a", "b"]


async def test_a_list_that_fails_half_way(level: AsyncLevel) -> None:
    """The error of the iterable propagates, and nothing is written."""

    def operations() -> Any:
        yield put("a", 1)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await level.batch(operations())
    assert await collect(level.items()) == []
