"""A hook that writes an audit trail in the same batch as the change itself."""

import asyncio
import os
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from datapatterns.level import AsyncLevel, HookBatch, Operation

PATH = os.environ.get("DB_PATH", Path(__file__).with_suffix(".db"))


async def main() -> None:
    async with AsyncLevel.open(PATH) as level:
        await level.clear()
        people, trail = level.sublevel("people"), level.sublevel("trail")
        numbers = count()  # a real program would continue after the last key of the trail

        @people.hooks.prewrite.add
        def audit(operation: Operation, batch: HookBatch) -> None:  # a plain function here too
            """Add an entry under the person's name; it is stored together with the change."""
            before = batch.get(operation.key)
            entry = {"type": operation.type, "before": before, "at": datetime.now(UTC).isoformat()}
            batch.put(f"{operation.key}/{next(numbers):08}", entry, sublevel=trail)

        await people.put("ada", {"city": "London"})
        await people.put("charles", {"city": "Totnes"})
        await people.put("ada", {"city": "Ashley Combe"})
        await people.delete("ada")

        async for key, entry in trail.items(gte="ada/", lt="ada0"):  # one person's trail
            print(key, entry["type"], entry["before"])


asyncio.run(main())
