"""Options of the patterns: their types, and the mark of an option that was not given."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Literal

from datapatterns.core.checks import Duration


class Default(Enum):
    """The type of `DEFAULT`."""

    DEFAULT = "default"


DEFAULT = Default.DEFAULT
"""An option that was not given: the backend that has it uses its own default."""

Algorithm = Literal["sliding", "fixed", "gcra"]
"""How a rate limiter counts."""

Retry = Callable[[int], float] | Duration
"""How long a retry waits: a duration, or a function of the failed attempt (1 first) to seconds."""

ChangeLog = Literal["latest", "full"] | None
"""What a repository on LevelDB keeps of its changes: each document's last one, all, or nothing."""

OnRecreated = Literal["restart", "fail"]
"""What a feed on CouchDB does when its database was deleted and created again."""
