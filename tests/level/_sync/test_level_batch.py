# Generated from tests/level/_async/test_level_batch.py by scripts/unasync.py; do not edit.
"""Batches, as a list and as a chain: all of it, or nothing."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from level._sync.faces import collect
from level._sync.maker import Maker

from datapatterns.errors import HookFailed, InvalidArgument
from datapatterns.level import Level

Write = Callable[..., Awaitable[None]]
PUT: dict[str, Any] = {"type": "put", "key": "k", "value": 1}


def as_list(level: Level, *operations: dict[str, Any]) -> None:
    """Write the operations as a list."""
    level.batch(operations)


def as_chain(level: Level, *operations: dict[str, Any]) -> None:
    """Write the operations as a chain."""
    batch = level.batch()
    for operation in operations:
        sublevel = operation.get("sublevel")
        if operation["type"] == "put":
            assert batch.put(operation["key"], operation["value"], sublevel=sublevel) is batch
        else:
            assert batch.delete(operation["key"], sublevel=sublevel) is batch
    batch.write()


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


def test_one_put(level: Level, write: Write) -> None:
    """A batch of one put stores what `put` would."""
    write(level, put("a", 1))
    assert level.get("a") == 1


def test_puts_and_deletes(level: Level, write: Write) -> None:
    """Operations are done in their order: of two for one key the last one counts."""
    write(level, put("a", 1), put("b", 2), put("c", 3))
    write(level, delete("a"), put("b", 20), delete("absent"), put("d", 4), delete("d"))
    assert collect(level.items()) == [("b", 20), ("c", 3)]
    write(level, delete("c"), put("c", 30))
    assert level.get("c") == 30


def test_no_operations(level: Level, write: Write) -> None:
    """An empty batch is no error."""
    write(level)
    assert collect(level.items()) == []


def test_false_values(level: Level, write: Write) -> None:
    """False values are stored like others."""
    write(level, put("a", ""), put("b", 0), put("c", False), put("d", []), put("e", {}))
    assert collect(level.values()) == ["", 0, False, [], {}]


def test_a_large_batch(level: Level, write: Write) -> None:
    """Thousands of operations are still one batch."""
    write(level, *(put(f"{number:05}", number) for number in range(5_000)))
    assert collect(level.values()) == list(range(5_000))


def test_with_sync(level: Level) -> None:
    """Both ways of writing accept `sync`."""
    level.batch([put("a", 1)], sync=True)
    level.batch().put("b", 2).write(sync=True)
    assert collect(level.keys()) == ["a", "b"]


def test_del_is_another_name_of_delete(level: Level) -> None:
    """A batch accepts abstract-level's name `del` for a delete."""
    level.put("a", 1)
    level.batch([{"type": "del", "key": "a"}])
    assert not level.has("a")


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
def test_an_operation_that_is_none(level: Level, operation: Any) -> None:
    """It is refused with 400 wherever it stands, and nothing of the batch is written."""
    for operations in ([operation], [put("a", 1), operation], [operation, put("a", 1)]):
        with pytest.raises(InvalidArgument) as caught:
            level.batch(operations)
        assert caught.value.status == 400
    assert collect(level.items()) == []


def test_what_is_no_list_of_operations(level: Level) -> None:
    """A value that is not an iterable of operations is refused with 400."""
    for operations in (PUT, "put", b"put", 7, True, object()):
        with pytest.raises(InvalidArgument):
            level.batch(operations)  # type: ignore[arg-type] - on purpose
    assert collect(level.items()) == []


def test_a_bad_link_of_a_chain(level: Level) -> None:
    """A bad operation is refused at once, and the chain keeps the others."""
    batch = level.batch().put("a", 1)
    for key, value in ((None, 1), ("", 1), (b"k", 1), ("k", None), ("k", {1}), ("k", float("nan"))):
        with pytest.raises(InvalidArgument):
            batch.put(key, value)
    for key in (None, "", 7, "\ud800"):
        with pytest.raises(InvalidArgument):
            batch.delete(key)
    assert len(batch) == 1
    batch.write()
    assert collect(level.items()) == [("a", 1)]


def test_a_chain_writes_nothing_before_write(level: Level) -> None:
    """`write` stores all operations of the chain; `len` counts them."""
    batch = level.batch()
    assert len(batch) == 0
    batch.put("a", 1).put("b", 2).delete("a")
    assert len(batch) == 3
    assert collect(level.items()) == []
    batch.write()
    assert collect(level.items()) == [("b", 2)]


def test_clearing_a_chain(level: Level) -> None:
    """`clear` removes the operations, and is no error on an empty chain."""
    batch = level.batch().clear().put("a", 1).delete("b")
    assert len(batch.clear()) == 0
    batch.put("c", 3).write()
    assert collect(level.items()) == [("c", 3)]


def test_a_chain_is_written_once(level: Level) -> None:
    """Any further use of a written chain is refused."""
    batch = level.batch().put("a", 1)
    batch.write()
    for use in (
        lambda: batch.put("b", 2),
        lambda: batch.delete("a"),
        lambda: batch.clear(),
    ):
        with pytest.raises(InvalidArgument):
            use()
    with pytest.raises(InvalidArgument):
        batch.write()
    assert len(batch) == 0
    assert collect(level.items()) == [("a", 1)]


def test_two_chains_at_once(level: Level) -> None:
    """Two chains do not affect each other."""
    first, second = level.batch().put("a", 1), level.batch().put("b", 2)
    first.clear()
    second.write()
    first.put("c", 3).write()
    assert collect(level.keys()) == ["b", "c"]


def test_values_are_taken_as_they_are_when_added(level: Level) -> None:
    """A later change of the object does not change what is written."""
    value = {"a": 1}
    batch = level.batch().put("k", value)
    value["a"] = 2
    batch.write()
    assert level.get("k") == {"a": 1}


def test_across_sublevels(level: Level, write: Write) -> None:
    """One batch for the level, its children and its neighbours, each in its own encodings."""
    child = level.sublevel("child", value_encoding="utf8")
    grandchild = child.sublevel("grandchild", key_encoding="hex", value_encoding="binary")
    write(
        level,
        put("k", {"n": 1}),
        put("k", "text", sublevel=child),
        put("00ff", b"\xff", sublevel=grandchild),
        put("gone", 1),
        delete("gone"),
    )
    assert level.get("k") == {"n": 1}
    assert child.get("k") == "text"
    assert grandchild.get("00ff") == b"\xff"
    write(child, delete("k", sublevel=level), put("up", [1], sublevel=level), delete("k"))
    assert level.has_many(["k", "up"]) == [False, True]
    assert not child.has("k")


def test_a_sublevel_of_another_directory(level: Level, make: Maker, write: Write) -> None:
    """It is refused with 400, and nothing is written in either directory."""
    other = make()
    foreign = other.sublevel("child")
    for sublevel in (other, foreign):
        with pytest.raises(InvalidArgument):
            write(level, put("a", 1), put("k", 1, sublevel=sublevel))
        with pytest.raises(InvalidArgument):
            write(level, put("a", 1), delete("k", sublevel=sublevel))
    assert collect(level.items()) == []
    assert collect(other.items()) == []


def test_a_refused_batch_writes_nothing(level: Level, write: Write) -> None:
    """If a hook raises at any operation, none of the batch is written."""
    child = level.sublevel("child")
    level.put("old", 1)

    def refuse(operation: Any, _: Any) -> None:
        if operation.key == "bad":
            raise RuntimeError

    child.hooks.prewrite.add(refuse)
    with pytest.raises(HookFailed):
        write(level, put("a", 1), delete("old"), put("bad", 1, sublevel=child), put("z", 1))
    assert collect(level.items()) == [("old", 1)]


def test_a_list_may_be_any_iterable(level: Level) -> None:
    """A generator of operations is accepted."""
    level.batch(put(key, 1) for key in "ab")
    assert collect(level.keys()) == ["a", "b"]


def test_a_list_that_fails_half_way(level: Level) -> None:
    """The error of the iterable propagates, and nothing is written."""

    def operations() -> Any:
        yield put("a", 1)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        level.batch(operations())
    assert collect(level.items()) == []
