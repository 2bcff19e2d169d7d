"""LevelDB: the embedded default. Needs the extra `datapatterns[level]`."""

from datapatterns.level.async_level import AsyncLevel
from datapatterns.level.hooks import Hooks
from datapatterns.level.level import Level

__all__ = ["AsyncLevel", "Hooks", "Level"]
