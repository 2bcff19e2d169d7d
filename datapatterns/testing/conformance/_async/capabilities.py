"""A pattern that a backend lacks is refused with 501."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from datapatterns import AsyncStore, Document, InvalidArgument, Unsupported
from datapatterns.capabilities import BACKENDS, Pattern

OPTIONS: dict[str, dict[str, Any]] = {
    "rate_limiter": {"limit": 1, "window": 1.0},
    "concurrency_limiter": {"limit": 1, "lease": 1.0},
    "repository": {"model": Document},
}


class AsyncCapabilitiesConformance:
    """What `target.capabilities` says is so."""

    @pytest.mark.parametrize("pattern", get_args(Pattern))
    async def test_a_pattern_is_there_or_refused(
        self, target: AsyncStore, pattern: Pattern
    ) -> None:
        """A declared pattern is built; any other raises Unsupported and names who has it."""
        make = getattr(target, pattern)
        if target.capabilities.has(pattern):
            made = make("name", **OPTIONS.get(pattern, {}))
            if pattern == "emitter":
                await made.close()
            return
        with pytest.raises(Unsupported) as raised:
            make("name", **OPTIONS.get(pattern, {}))
        able = [capable.backend for capable in BACKENDS.values() if capable.has(pattern)]
        assert raised.value.status == 501
        assert raised.value.data["backends"] == able

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
    async def test_an_unknown_option_is_named(
        self, target: AsyncStore, pattern: Pattern, option: str
    ) -> None:
        """InvalidArgument says which it is, and those that there are on this backend."""
        if not target.capabilities.has(pattern):
            pytest.skip("the backend lacks the pattern")
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
