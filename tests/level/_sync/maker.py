# Generated from tests/level/_async/maker.py by scripts/unasync.py; do not edit.
"""Opens the level under test: a directory's root, a sublevel of it, or a nested one."""

from pathlib import Path
from typing import Any

from datapatterns.level import Hooks, Level

PLACES = {"root": (), "sublevel": ("outer",), "nested": ("outer", "inner")}


class Maker:
    """`make(...)` opens a new directory and returns the level under test in it."""

    def __init__(self, path: Path, names: tuple[str, ...]) -> None:
        self.path = path
        self.names = names
        self.roots: list[Level] = []

    def __call__(
        self, *, sync: bool | None = None, hooks: Hooks | None = None, **encodings: Any
    ) -> Level:
        """Open another directory."""
        path = self.path / str(len(self.roots))
        root = self.open(path, sync=sync, hooks=hooks, **encodings)
        return self.within(root, hooks=hooks, **encodings)

    def open(self, path: Path, *, hooks: Hooks | None = None, **options: Any) -> Level:
        """Open the directory's root, for itself or for the sublevels in it."""
        if self.names:
            hooks = None
            options.pop("key_encoding", None)
            options.pop("value_encoding", None)
        self.roots.append(Level.open(path, hooks=hooks, **options))
        return self.roots[-1]

    def within(self, root: Level, **options: Any) -> Level:
        """Return the level under test in that directory."""
        level = root
        for name in self.names[:-1]:
            level = level.sublevel(name)
        return level.sublevel(self.names[-1], **options) if self.names else root

    def again(self, **options: Any) -> Level:
        """Return the same level through another handle, which may have other encodings."""
        root = self.open(self.root._space.engine.path, **options)
        return self.within(root, **options)

    @property
    def root(self) -> Level:
        """The root of the directory opened last."""
        return self.roots[-1]

    @property
    def prefix(self) -> str:
        """What the root sees in front of the keys of the level under test."""
        return "".join(f"!{name}!" for name in self.names)
