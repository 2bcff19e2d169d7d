"""Keys have one hash tag a structure, and no name reaches the keys of another."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapatterns import InvalidArgument
from datapatterns.redis.keys import Keys
from datapatterns.testing.conformance.samples import HOSTILE, NO_NAMES

odd = st.text(alphabet=st.sampled_from("{}:%!ab\x00 7BD3A\N{SLICE OF PIZZA}"), min_size=1)
names = st.one_of(odd, st.text(st.characters(exclude_categories=["Cs"]), min_size=1))


def tag_of(key: bytes) -> bytes:
    """Return what a cluster hashes: the text between the first brace and the next closing one."""
    start = key.index(b"{") + 1
    return key[start : key.index(b"}", start)]


@given(st.lists(names, min_size=2, max_size=3), st.lists(names, min_size=1, max_size=3))
def test_a_key_has_one_hash_tag(parts: list[str], part: list[str]) -> None:
    """The hash tag is the whole tag whatever the names, so a structure is in one slot."""
    namespace, *rest = parts
    keys = Keys.of(namespace, "pattern", *rest)
    assert tag_of(keys(*part)) == keys.tag
    assert tag_of(keys.about("subject")(*part)) == keys.about("subject").tag


@given(
    st.tuples(names, names, st.lists(names, min_size=1, max_size=3)),
    st.tuples(names, names, st.lists(names, min_size=1, max_size=3)),
)
def test_different_names_have_different_keys(
    one: tuple[str, str, list[str]], other: tuple[str, str, list[str]]
) -> None:
    """Two keys are equal only if the namespace, the name and all parts are."""
    keys = [Keys.of(namespace, "p", name)(*parts) for namespace, name, parts in (one, other)]
    assert (keys[0] == keys[1]) == (one == other)


def test_hostile_names_have_keys_of_their_own() -> None:
    """Names with special characters have keys of their own."""
    keys = {Keys.of("ns", "p", name)("part") for name in HOSTILE}
    keys |= {Keys.of(name, "p", "name")("part") for name in HOSTILE}
    keys |= {Keys.of("ns", "p", "name")(name) for name in HOSTILE}
    assert len(keys) == 3 * len(HOSTILE)


def test_plain_names_stay_readable() -> None:
    """Plain names appear in keys as they are."""
    keys = Keys.of("app", "counter", "hits/2024 \N{SLICE OF PIZZA}")
    expected = "{app:counter:hits/2024%20\N{SLICE OF PIZZA}}:op:a-1"
    assert keys("op", "a-1") == expected.encode()


@pytest.mark.parametrize("name", NO_NAMES)
def test_what_is_no_name_is_refused(name: Any) -> None:
    """Bad namespaces, names and subjects are InvalidArgument."""
    with pytest.raises(InvalidArgument):
        Keys.of(name, "p", "name")
    with pytest.raises(InvalidArgument):
        Keys.of("ns", "p", name)
    with pytest.raises(InvalidArgument):
        Keys.of("ns", "p", "name").about(name)
