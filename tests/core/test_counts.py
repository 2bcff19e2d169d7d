"""Counts: a mapping in which True and 1 are different keys."""

from datapatterns import Counts


def test_true_and_one_are_counted_apart() -> None:
    """As are False and 0, also within tuples; 1 and 1.0 are one key, under the first of them."""
    counts = Counts(
        [(True, 1), (1, 2), (1.0, 3), (False, 4), (0, 5), ((True, "a"), 6), ((1, "a"), 7)]
    )
    assert [counts[True], counts[1], counts[False], counts[0]] == [1, 5, 4, 5]
    assert [counts[True, "a"], counts[1, "a"]] == [6, 7]
    assert list(counts.items())[:3] == [(True, 1), (1, 5), (False, 4)]
    assert len(counts) == 6


def test_it_is_equal_to_a_dict_with_the_same_keys() -> None:
    """A dict has one key for True and 1; Counts with both of them is equal to no dict."""
    assert Counts([("a", 1), ("b", 2)]) == {"b": 2, "a": 1}
    assert Counts([(1, 1)]) != {True: 1}
    assert Counts([(True, 1)]) == {True: 1}
    assert Counts([(True, 1), (1, 1)]) != {True: 1}
    assert Counts() == {}
    assert Counts([("a", 1)]) != [("a", 1)]


def test_what_is_missing_has_no_count() -> None:
    """`get` and `in` answer as for a dict; adding makes a key or adds to it."""
    counts = Counts([("a", 1)])
    assert counts.get("b") is None
    assert 1 not in Counts([(True, 1)])
    counts.add("b")
    counts.add("a", 4)
    assert dict(counts) == {"a": 5, "b": 1}
    assert repr(counts) == "Counts({'a': 5, 'b': 1})"
