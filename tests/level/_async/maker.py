"""Opens the level under test: a directory's root, a sublevel of it, or a nested one."""

from pathlib import Path
from typing import Any

from datapatterns.level import AsyncLevel, Hooks

PLACES = {"root": (), "sublevel": ("outer",), "nested": ("outer", "inner")}


class Maker:
    """`await make(...)` opens a new directory and returns the level under test in it."""

    def __init__(self, path: Path, names: tuple[str, ...]) -> None:
        self.path = path
        self.names = names
        self.roots: list[AsyncLevel] = []

    async def __call__(
        self, *, sync: bool | None = None, hooks: Hooks | None = None, **encodings: Any
    ) -> AsyncLevel:
        """Open another directory."""
        path = self.path / str(len(self.roots))
        root = await self.open(path, sync=sync, hooks=hooks, **encodings)
        return self.within(root, hooks=hooks, **encodings)

    async def open(self, path: Path, *, hooks: Hooks | None = None, **options: Any) -> AsyncLevel:
        """Open the directory's root, for itself or for the sublevels in it."""
        if self.names:
            hooks = None
            options.pop("key_encoding", None)
            options.pop("value_encoding", None)
        self.roots.append(await AsyncLevel.open(path, hooks=hooks, **options))
        return self.roots[-1]

    def within(self, root: AsyncLevel, **options: Any) -> AsyncLevel:
        """Return the level under test in that directory."""
        level = root
        for name in self.names[:-1]:
            level = level.sublevel(name)
        return level.sublevel(self.names[-1], **options) if self.names else root

    async def again(self, **options: Any) -> AsyncLevel:
        """Return the same level through another handle, which may have other encodings."""
        root = await self.open(self.root._space.engine.path, **options)
        return self.within(root, **options)

    @property
    def root(self) -> AsyncLevel:
        """The root of the directory opened last."""
        return self.roots[-1]

    @property
    def prefix(self) -> str:
        """What the root sees in front of the keys of the level under test."""
        return "".join(f"!{name}!" for name in self.names)
