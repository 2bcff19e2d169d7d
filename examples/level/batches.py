"""Batches: a list of operations, or a chain of calls; stored as a whole or not at all."""

import os
from pathlib import Path

from datapatterns import InvalidArgument
from datapatterns.level import Level

PATH = os.environ.get("DB_PATH", Path(__file__).with_suffix(".db"))

with Level.open(PATH) as level:
    level.clear()
    level.batch(
        [
            {"type": "put", "key": "ada", "value": 1815},
            {"type": "put", "key": "charles", "value": 1791},
            {"type": "delete", "key": "bob"},
        ]
    )
    print(list(level.keys()))

    level.batch().put("mary", 1780).delete("charles").write()
    print(list(level.keys()))

    # If one operation is bad, nothing of the batch is stored.
    try:
        level.batch(
            [
                {"type": "put", "key": "george", "value": 1815},
                {"type": "put", "key": "", "value": float("inf")},
            ]
        )
    except InvalidArgument as error:
        print(error.code)
    print(list(level.keys()))
