"""What each backend can do, as data; the conformance suite proves every yes and every no."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from datapatterns.errors import InvalidArgument, Unsupported

Pattern = Literal[
    "counter",
    "calendar_counter",
    "rate_limiter",
    "concurrency_limiter",
    "work_queue",
    "emitter",
    "groups",
    "leaderboard",
    "repository",
    "changes",
]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """One backend's patterns, and the graded properties that its users may need to know.

    `atomic_batch`: several keys change in one step. `unique_index`: unique fields besides the id.
    `collation`: how an index orders strings. `processes`: whether several may share the data.
    `partial_index`: indexes with a condition. `reindex_in_steps`: filling an index can be stopped
    and goes on there. `underscore_ids`: whether an id may begin with an underscore. `options`: the
    options that this backend has and not every backend of the same pattern.
    """

    backend: str
    patterns: frozenset[Pattern]
    atomic_batch: bool = False
    unique_index: bool = False
    collation: Literal["bytewise", "unicode"] = "bytewise"
    processes: bool = False
    partial_index: bool = True
    reindex_in_steps: bool = True
    underscore_ids: bool = True
    options: frozenset[tuple[Pattern, str]] = frozenset()

    def has(self, pattern: Pattern) -> bool:
        """Return whether the backend has the pattern."""
        return pattern in self.patterns

    def require(self, pattern: Pattern) -> None:
        """Raise Unsupported, naming the backends that have the pattern, unless this one does."""
        if self.has(pattern):
            return
        others = [c.backend for c in BACKENDS.values() if c.has(pattern)]
        where = f"it is there on: {', '.join(others)}" if others else "no backend has it yet"
        message = f"{self.backend} has no {pattern.replace('_', ' ')}; {where}"
        raise Unsupported(message, data={"backends": [*others]})

    def require_option(self, pattern: Pattern, option: str) -> None:
        """Raise InvalidArgument if only other backends have the option, naming them."""
        others = _OPTIONS.get((pattern, option))
        if others and (pattern, option) not in self.options:
            where = f"{self.backend}; it is one on: {', '.join(others)}"
            message = f"{option} is no option of a {pattern.replace('_', ' ')} on {where}"
            raise InvalidArgument(message, data={"backends": [*others]})


LEVEL = Capabilities(
    backend="level",
    patterns=frozenset(
        {
            "counter",
            "calendar_counter",
            "rate_limiter",
            "concurrency_limiter",
            "emitter",
            "groups",
            "leaderboard",
            "repository",
            "work_queue",
            "changes",
        }
    ),
    atomic_batch=True,
    unique_index=True,
    collation="bytewise",
    processes=False,
    options=frozenset({("repository", "change_log")}),
)

REDIS = Capabilities(
    backend="redis",
    patterns=frozenset(
        {
            "counter",
            "calendar_counter",
            "rate_limiter",
            "concurrency_limiter",
            "work_queue",
            "emitter",
            "groups",
            "leaderboard",
            "repository",
        }
    ),
    atomic_batch=True,
    unique_index=True,
    collation="bytewise",
    processes=True,
    options=frozenset(
        {
            ("emitter", "history"),
            ("emitter", "keep"),
            ("emitter", "heartbeat"),
            ("emitter", "timeout"),
            ("repository", "remember"),
        }
    ),
)

COUCH = Capabilities(
    backend="couch",
    patterns=frozenset({"repository", "changes"}),
    atomic_batch=False,
    unique_index=False,
    collation="unicode",
    processes=True,
    partial_index=False,
    reindex_in_steps=False,
    underscore_ids=False,
    options=frozenset(
        {
            ("repository", "partitioned"),
            ("changes", "on_recreated"),
            ("changes", "ensure"),
        }
    ),
)

BACKENDS: dict[str, Capabilities] = {"level": LEVEL, "redis": REDIS, "couch": COUCH}

# The backends that have an option, for those options that not every backend has.
_OPTIONS = {
    each: [other.backend for other in BACKENDS.values() if each in other.options]
    for capabilities in BACKENDS.values()
    for each in capabilities.options
}
