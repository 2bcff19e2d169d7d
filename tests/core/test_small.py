"""Names, decisions and capabilities."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapatterns.capabilities import BACKENDS, Capabilities
from datapatterns.core.checks import check_name, escape
from datapatterns.core.decisions import Decision
from datapatterns.errors import InvalidArgument, Unsupported

TEXT = st.text(min_size=1) | st.text('%.$!"#~2E0 é', min_size=1, max_size=4)


@given(TEXT, TEXT)
def test_escaped_names_differ_where_names_do(one: str, other: str) -> None:
    """Two escaped names are equal only if the names are."""
    assert (escape(one) == escape(other)) == (one == other)


@given(TEXT)
def test_escaped_names_fit_everywhere(name: str) -> None:
    """An escaped name is a sublevel's name without dots and without the library's mark."""
    escaped = escape(name)
    assert re.fullmatch(r"[#-~]+", escaped)
    assert not set(escaped) & set('!"$.')
    assert escape(escaped + "." + escaped) != escaped + "." + escaped


def test_plain_names_stay_readable() -> None:
    """Letters, digits, dashes and the like are not escaped."""
    assert escape("user-sessions_2026:eu/west@x") == "user-sessions_2026:eu/west@x"
    assert escape("a.b c%") == "a%2Eb%20c%25"


@pytest.mark.parametrize("name", ["", None, 7, b"bytes", ["a"], "\ud800", "secret\udfff"])
def test_bad_names(name: Any) -> None:
    """A value that is not a name is InvalidArgument, and is not quoted."""
    with pytest.raises(InvalidArgument) as caught:
        check_name("a counter's name", name)
    assert str(caught.value).startswith("a counter's name ")
    assert "secret" not in str(caught.value)


@given(TEXT)
def test_good_names(name: str) -> None:
    """Every other string is returned unchanged."""
    assert check_name("a name", name) is name


def test_the_headers_of_a_refusal() -> None:
    """Times in headers are whole seconds, rounded up; Retry-After is at least 1."""
    decision = Decision(False, 10, 0, 0.2, 59.1, name="api", window=60)
    assert decision.headers() == {
        "RateLimit-Policy": '"api";q=10;w=60',
        "RateLimit": '"api";r=0;t=60',
        "Retry-After": "1",
    }
    assert Decision(False, 1, 0, 1.001, 1.5).headers()["Retry-After"] == "2"


def test_the_headers_of_an_admission() -> None:
    """An admission has no Retry-After; a decision without a window names none."""
    decision = Decision(True, 10, 9, 0.0, 0.0)
    assert decision.headers() == {
        "RateLimit-Policy": '"default";q=10',
        "RateLimit": '"default";r=9;t=0',
    }


@given(st.text())
def test_names_in_headers(name: str) -> None:
    """A name is a structured-field string and cannot add a header or a parameter."""
    for header in Decision(True, 1, 1, 0, 0, name=name).headers().values():
        quoted = re.match(r'"(?:[ !#-\[\]-~]|\\["\\])*"', header)
        assert quoted
        assert re.fullmatch(r"(?:;[a-z]=\d+)+", header[quoted.end() :])


def test_capabilities() -> None:
    """A missing capability is Unsupported, which names the backends that have it."""
    patterns = frozenset[Any]({"counter"})
    poor = Capabilities("poor", patterns, True, False, "bytewise", True)
    poor.require("counter")
    with pytest.raises(Unsupported) as caught:
        poor.require("work_queue")
    assert caught.value.status == 501
    having = [name for name, backend in BACKENDS.items() if backend.has("work_queue")]
    assert having
    assert caught.value.data == {"backends": having}
    assert all(name in str(caught.value) for name in having)
    assert "work queue" in str(caught.value)
    for name, backend in BACKENDS.items():
        assert backend.backend == name
