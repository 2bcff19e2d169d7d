"""Secondary indexes kept by a hook, and pages through them."""

import os
from pathlib import Path
from typing import Any

from datapatterns.level import HookBatch, Level, Operation, pack, unpack

PATH = os.environ.get("DB_PATH", Path(__file__).with_suffix(".db"))

with Level.open(PATH) as level:
    level.clear()
    people = level.sublevel("people")
    by_birthyear = level.sublevel("by_birthyear", key_encoding="binary", value_encoding="binary")

    @people.hooks.prewrite.add
    def index(operation: Operation, batch: HookBatch) -> None:
        """Remove the old entry and add the new one, in the same step as the record."""
        old, new = batch.get(operation.key), operation.value
        if old is not None:
            batch.delete(pack((old["born"], operation.key)), sublevel=by_birthyear)
        if new is not None:
            batch.put(pack((new["born"], operation.key)), b"", sublevel=by_birthyear)

    born = {"ada": 1815, "charles": 1791, "mary": 1780, "george": 1815, "john": 1792}
    for name, year in born.items():
        people.put(name, {"born": year})
    people.put("john", {"born": 1800})  # corrected: the entry moves
    people.delete("mary")

    after: dict[str, Any] = {}
    while page := list(by_birthyear.keys(limit=2, **after)):
        print([unpack(entry) for entry in page])
        after = {"gt": page[-1]}  # the next page begins after the last entry
