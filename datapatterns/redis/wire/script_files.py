"""Reads the Lua scripts of a folder, together with the files that they include.

A line `-- include _name.lua` of a script is replaced by the text of that file; its path is relative
to the script. A file whose name begins with `_` is such a part and not a script.
"""

from __future__ import annotations

import re
from pathlib import Path

from datapatterns.errors import InvalidArgument

_INCLUDE = re.compile(rb"^[ \t]*-- include (\S+)[ \t]*$", re.MULTILINE)


def read_scripts(folder: str | Path) -> dict[str, bytes]:
    """Return the text of each script by its path in the folder, without `.lua`."""
    folder = Path(folder)
    paths = (path for path in sorted(folder.rglob("*.lua")) if not path.name.startswith("_"))
    return {path.relative_to(folder).with_suffix("").as_posix(): _text(path) for path in paths}


def _text(script: Path) -> bytes:
    """Return the script's text with its parts; raise InvalidArgument for a part that is missing."""

    def part(found: re.Match[bytes]) -> bytes:
        name = found[1].decode()
        try:
            return (script.parent / name).read_bytes().rstrip()
        except OSError as error:
            message = f"the script {script.name} includes {name}, which cannot be read"
            raise InvalidArgument(message) from error

    return _INCLUDE.sub(part, script.read_bytes())
