# Generated from datapatterns/testing/conformance/_async/capabilities.py by scripts/unasync.py; do not edit.
"""A pattern that a backend lacks is refused with 501."""

from __future__ import annotations

from typing import get_args

import pytest

from datapatterns import InvalidArgument, Store
from datapatterns.capabilities import Pattern
from datapatterns.testing.conformance.refusals import OPTIONS, check_refused


class TestCapabilities:
    """What `target.capabilities` says is so."""

    @pytest.mark.parametrize("pattern", get_args(Pattern))
    def test_a_pattern_is_there_or_refused(self, target: Store, pattern: Pattern) -> None:
        """A declared pattern is built; any other raises Unsupported and names who has it."""
        if not target.capabilities.has(pattern):
            check_refused(target, pattern)
            return
        made = getattr(target, pattern)("name", **OPTIONS.get(pattern, {}))
        if pattern == "emitter":
            made.close()

    @pytest.mark.parametrize(
        ("pattern", "option"),
        [
            ("counter", "op_ttl"),
            ("work_queue", "max_attempts"),
            ("emitter", "buffer"),
            ("repository", "id_from"),
            ("changes", "inactivity"),
        ],
    )
    def test_an_unknown_option_is_named(self, target: Store, pattern: Pattern, option: str) -> None:
        """InvalidArgument names the option, and lists those that the backend has."""
        if not target.capabilities.has(pattern):
            check_refused(target, pattern)
            return
        make = getattr(target, pattern)
        for unknown in ("colour", "namespace", "client"):
            with pytest.raises(InvalidArgument) as raised:
                make("name", **OPTIONS.get(pattern, {}), **{unknown: "red"})
            told, known = raised.value.detail.split(";")
            assert pattern in told
            assert unknown in told
            assert target.capabilities.backend in told
            assert option in known
            assert unknown not in known
