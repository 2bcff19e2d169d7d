# Generated from tests/level/_async/test_level_encodings.py by scripts/unasync.py; do not edit.
"""Encodings of keys and values: named ones, one's own, and what does not fit."""

import json
from typing import Any

import pytest
from level._sync.faces import collect
from level._sync.maker import Maker

from datapatterns.errors import DecodeFailed, HookFailed, InvalidArgument, TooLarge
from datapatterns.level import Level

# encoding -> keys in the order of their bytes, values, what it refuses
SAMPLES: dict[str, tuple[list[Any], list[Any], list[Any]]] = {
    "utf8": (["a", "é", "🐄"], ["", "text", "\0é🐄"], [b"a", 7, None, "\ud800", ["a"]]),
    "json": ([0, 1.5, "a", True, [1], {"a": 1}], [0, "", [], {"a": [None]}], [b"a", {1}, ...]),
    "binary": ([b"\0", b"!", b"\xff"], [b"", bytes(range(256))], ["a", 7, None, [1]]),
    "buffer": ([b"\0", b"!", b"\xff"], [b"", bytes(range(256))], ["a", 7, None, [1]]),
    "hex": (["00", "21", "ff"], ["", "00ff10"], ["0", "xy", "é", b"00", 7, None]),
    "base64": (["AA==", "IQ==", "/w=="], ["", "AAECAw=="], ["A", "A=", "*a==", "é", b"AA==", 7]),
}


class Reversed:
    """An encoding of one's own: text, backwards."""

    def encode(self, value: str) -> bytes:
        """Return the bytes of the text, backwards."""
        return value[::-1].encode()

    def decode(self, data: bytes) -> str:
        """Return the text."""
        return data.decode()[::-1]


class Broken:
    """An encoding that raises, or returns something that is not bytes."""

    def __init__(self, encoded: Any = b"x", decoded: Any = "x") -> None:
        self.encoded, self.decoded = encoded, decoded

    def encode(self, _: Any) -> bytes:
        """Return or raise what it was told to."""
        if isinstance(self.encoded, Exception):
            raise self.encoded
        return self.encoded  # type: ignore[no-any-return] - on purpose

    def decode(self, _: bytes) -> Any:
        """Return or raise what it was told to."""
        if isinstance(self.decoded, Exception):
            raise self.decoded
        return self.decoded


def test_defaults(level: Level, make: Maker) -> None:
    """Text for keys, JSON for values, of the level and of a new sublevel."""
    for part in (level, level.sublevel("sub")):
        part.put("k", {"n": 1})
        assert part.get("k") == {"n": 1}
    raw = make.again(key_encoding="binary", value_encoding="binary")
    assert collect(raw.items()) == [(b"!sub!k", b'{"n":1}'), (b"k", b'{"n":1}')]


@pytest.mark.parametrize("encoding", SAMPLES)
def test_keys(make: Maker, encoding: str) -> None:
    """Keys come back unchanged from every method that takes or returns one."""
    keys, _, refused = SAMPLES[encoding]
    level = make(key_encoding=encoding)
    level.batch([{"type": "put", "key": key, "value": n} for n, key in enumerate(keys)])
    stored = collect(level.items())
    assert sorted(stored, key=lambda row: row[1]) == list(zip(keys, range(len(keys)), strict=True))
    assert level.get_many(keys) == list(range(len(keys)))
    assert level.has_many(keys) == [True] * len(keys)
    if encoding != "json":
        assert [key for key, _ in stored] == keys
        assert collect(level.keys(gte=keys[1])) == keys[1:]
        assert collect(level.keys(lt=keys[1])) == keys[:1]
    level.delete(keys[1])
    assert not level.has(keys[1])
    for key in refused:
        with pytest.raises(InvalidArgument):
            level.put(key, 1)
    assert len(collect(level.keys())) == len(keys) - 1


@pytest.mark.parametrize("encoding", SAMPLES)
def test_values(make: Maker, encoding: str) -> None:
    """Values come back unchanged, also empty ones."""
    _, values, refused = SAMPLES[encoding]
    level = make(value_encoding=encoding)
    for number, value in enumerate(values):
        level.put(str(number), value)
        assert level.get(str(number)) == value
    level.batch().put("last", values[-1]).write()
    assert collect(level.values()) == [*values, values[-1]]
    for value in refused:
        with pytest.raises(InvalidArgument):
            level.put("0", value)
        with pytest.raises(InvalidArgument):
            level.batch([{"type": "put", "key": "0", "value": value}])
    assert collect(level.values()) == [*values, values[-1]]


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_other_kinds_of_bytes(make: Maker, kind: Any) -> None:
    """bytearray and memoryview are accepted; later changes of them have no effect."""
    level = make(key_encoding="binary", value_encoding="binary")
    key, value = bytearray(b"key"), bytearray(b"value")
    batch = level.batch().put(kind(key), kind(value))
    level.put(kind(bytearray(b"other")), kind(value))
    key[0], value[0] = 0, 0
    batch.write()
    assert collect(level.items()) == [(b"key", b"value"), (b"other", b"value")]
    assert type(level.get(bytearray(b"key"))) is bytes


def test_one_of_ones_own(make: Maker) -> None:
    """Any object with `encode` and `decode`, for keys and values; ranges are in encoded order."""
    level = make(key_encoding=Reversed(), value_encoding=Reversed())
    level.batch([{"type": "put", "key": key, "value": key} for key in ("az", "ba", "cm")])
    assert level.get("az") == "az"
    assert collect(level.keys()) == ["ba", "cm", "az"]
    assert collect(level.items(gte="cm")) == [("cm", "cm"), ("az", "az")]
    raw = make.again(value_encoding="utf8")
    assert raw.get("za") == "za"


@pytest.mark.parametrize(
    "encoded", [ZeroDivisionError("secret"), TypeError(), KeyError(), "text", None, 7], ids=repr
)
def test_one_that_cannot_encode(make: Maker, encoded: Any) -> None:
    """A failing encoder is refused with 400, and nothing is written."""
    for options in ({"key_encoding": Broken(encoded)}, {"value_encoding": Broken(encoded)}):
        level = make(**options)
        with pytest.raises(InvalidArgument) as caught:
            level.put("k", "v")
        assert "secret" not in str(caught.value)
        with pytest.raises(InvalidArgument):
            level.batch([{"type": "put", "key": "k", "value": "v"}])
        with pytest.raises(InvalidArgument):
            level.batch().put("k", "v")
        assert collect((make.again()).items()) == []


def test_one_that_raises_our_errors(make: Maker) -> None:
    """A DataError of an encoding keeps its status."""
    level = make(value_encoding=Broken(TooLarge("too large"), TooLarge("too large")))
    with pytest.raises(TooLarge):
        level.put("k", "v")
    (make.again()).put("k", "v")
    with pytest.raises(TooLarge):
        level.get("k")


def test_one_that_cannot_decode(make: Maker) -> None:
    """A failing decoder is a 500 with its cause; an absent value is not decoded."""
    level = make(value_encoding=Broken(b"data", ZeroDivisionError("cause")))
    level.put("k", "v")
    for call in (lambda: level.get("k"), lambda: level.get_many(["absent", "k"])):
        with pytest.raises(DecodeFailed) as caught:
            call()
        assert caught.value.status == 500
        assert isinstance(caught.value.__cause__, ZeroDivisionError)
    with pytest.raises(DecodeFailed):
        collect(level.items())
    assert level.get("absent") is None
    assert level.get_many(["absent"]) == [None]
    assert level.has("k")
    assert collect(level.keys()) == ["k"]


@pytest.mark.parametrize(
    "stored",
    [b"no {} [] : JSON", b"", b"\xff", b'{"a":', b"NaN", b"[Infinity]", b'"\\ud800"', b"1 2"],
)
def test_a_value_that_is_no_json(make: Maker, stored: bytes) -> None:
    """Every read of it is a 500, and the level goes on working."""
    level = make()
    raw = make.again(value_encoding="binary")
    raw.put("bad", stored)
    level.put("good", 1)
    for call in (lambda: level.get("bad"), lambda: level.get_many(["good", "bad"])):
        with pytest.raises(DecodeFailed):
            call()
    assert level.get("good") == 1
    assert level.has("bad")
    level.put("bad", 2)
    assert level.get("bad") == 2


def test_what_json_is_written_as(make: Maker) -> None:
    """JSON is written compact, in UTF-8, in the order of the object; any JSON can be read."""
    level = make()
    raw = make.again(value_encoding="utf8")
    level.put("k", {"b": [1, None, True], "a": "é"})
    assert raw.get("k") == '{"b":[1,null,true],"a":"é"}'
    value = {"é": [1e300, -0.5, 2**70, {"": []}], "b": "\u2028\0"}
    raw.put("k", json.dumps(value, indent=2))
    assert level.get("k") == value


def test_a_hook_that_meets_an_undecodable_value(make: Maker) -> None:
    """The error keeps its status, and nothing is written."""
    level = make()
    raw = make.again(key_encoding="utf8", value_encoding="binary")
    level.hooks.prewrite.add(lambda operation, _: operation.value)
    with pytest.raises(DecodeFailed):
        raw.put("k", b"\xff")
    assert not raw.has("k")
    level.hooks.prewrite.add(lambda *_: 1 // 0)
    with pytest.raises(HookFailed):
        level.put("k", 1)
