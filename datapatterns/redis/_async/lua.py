"""The scripts of this library, one file each in `datapatterns/redis/lua`."""

from __future__ import annotations

from pathlib import Path

from datapatterns.redis.wire._async.scripts import AsyncScripts

SCRIPTS = AsyncScripts(Path(__file__).parents[1] / "lua")
