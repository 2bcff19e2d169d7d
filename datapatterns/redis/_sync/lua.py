# Generated from datapatterns/redis/_async/lua.py by scripts/unasync.py; do not edit.
"""The scripts of this library, one file each in `datapatterns/redis/lua`."""

from __future__ import annotations

from pathlib import Path

from datapatterns.redis.wire._sync.scripts import Scripts

SCRIPTS = Scripts(Path(__file__).parents[1] / "lua")
