# Generated from datapatterns/testing/conformance/_async/capabilities.py by scripts/unasync.py; do not edit.
"""The tests that a store refuses with 501 every pattern that its backend lacks."""

from __future__ import annotations

from typing import get_args

import pytest

from datapatterns import InvalidArgument, Store
from datapatterns.capabilities import BACKENDS, Pattern
from datapatterns.testing.conformance.refusals import OPTIONS, check_refused


class TestCapabilities:
    """Tests that `target.capabilities` tells the truth."""

    @pytest.mark.parametrize("pattern", get_args(Pattern))
    def test_a_pattern_is_there_or_refused(self, target: Store, pattern: Pattern) -> None:
        """A declared pattern is built; any other raises Unsupported and names who has it."""
        if not target.capabilities.has(pattern):
            check_refused(target, pattern)
            return
        made = getattr(target, pattern)("name", **OPTIONS.get(pattern, {}))
        if pattern == "emitter":
            made.close()

    @pytest.mark.parametrize("pattern", get_args(Pattern))
    def test_an_option_of_another_backend_is_refused(self, target: Store, pattern: Pattern) -> None:
        """InvalidArgument names the option and the backends that have it, whatever its value."""
        if not target.capabilities.has(pattern):
            check_refused(target, pattern)
            return
        everywhere = [option for each in BACKENDS.values() for option in each.options]
        for of, option in set(everywhere) - target.capabilities.options:
            for value in (None, 3, "x") if of == pattern else ():
                with pytest.raises(InvalidArgument) as raised:
                    getattr(target, pattern)("name", **{**OPTIONS.get(pattern, {}), option: value})
                have = [name for name, one in BACKENDS.items() if (of, option) in one.options]
                assert raised.value.detail.startswith(f"{option} is no option of")
                assert raised.value.detail.endswith(f"on: {', '.join(have)}")
                assert raised.value.data["backends"] == have

    @pytest.mark.parametrize("pattern", get_args(Pattern))
    def test_an_unknown_option_is_a_type_error(self, target: Store, pattern: Pattern) -> None:
        """No backend has the option, so the factory's signature refuses it by its name."""
        for unknown in ("colour", "namespace", "client"):
            with pytest.raises(TypeError, match=unknown):
                getattr(target, pattern)("name", **OPTIONS.get(pattern, {}), **{unknown: "red"})
