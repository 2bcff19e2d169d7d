"""What each backend can do, as data. The conformance suite proves every yes and every no."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from datapatterns.errors import Unsupported

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
    and goes on there. `underscore_ids`: whether an id may begin with an underscore.
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

    def has(self, pattern: Pattern) -> bool:
        """Whether the backend has the pattern."""
        return pattern in self.patterns

    def require(self, pattern: Pattern) -> None:
        """Unsupported, naming the backends that have it, unless this one does."""
        if self.has(pattern):
            return
        others = [c.backend for c in BACKENDS.values() if c.has(pattern)]
        where = f"it is there on: {', '.join(others)}" if others else "no backend has it yet"
        message = f"{self.backend} has no {pattern.replace('_', ' ')}; {where}"
        raise Unsupported(message, data={"backends": others})


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
)

BACKENDS: dict[str, Capabilities] = {"level": LEVEL, "redis": REDIS, "couch": COUCH}
