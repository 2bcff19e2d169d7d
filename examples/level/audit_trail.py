"""A hook that writes an audit trail in the same batch as the change itself."""

import os
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from datapatterns.level import HookBatch, Level, Operation

PATH = os.environ.get("DB_PATH", Path(__file__).with_suffix(".db"))

with Level.open(PATH) as level:
    level.clear()
    people, trail = level.sublevel("people"), level.sublevel("trail")
    numbers = count()  # a real program would continue after the last key of the trail

    @people.hooks.prewrite.add
    def audit(operation: Operation, batch: HookBatch) -> None:
        """Add an entry under the person's name; it is stored together with the change."""
        before = batch.get(operation.key)
        entry = {"type": operation.type, "before": before, "at": datetime.now(UTC).isoformat()}
        batch.put(f"{operation.key}/{next(numbers):08}", entry, sublevel=trail)

    people.put("ada", {"city": "London"})
    people.put("charles", {"city": "Totnes"})
    people.put("ada", {"city": "Ashley Combe"})
    people.delete("ada")

    for key, entry in trail.items(gte="ada/", lt="ada0"):  # one person's trail
        print(key, entry["type"], entry["before"])
