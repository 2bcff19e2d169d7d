"""Put, get and delete, and what the methods return for a missing key."""

import os
from pathlib import Path

from datapatterns import NotFound
from datapatterns.level import Level

PATH = os.environ.get("DB_PATH", Path(__file__).with_suffix(".db"))

with Level.open(PATH) as level:
    level.put("ada", "ada@example.org")
    level.put("ada", "lovelace@example.org")  # a put overwrites
    print(level.get("ada"))
    print(level.has("ada"), level.has("bob"))
    print(level.get_many(["ada", "bob"]))

    level.delete("ada")
    level.delete("ada")  # deleting a missing key is not an error
    print(level.get("ada"), level.get("ada", "unknown"))
    try:
        level.get_or_raise("ada")
    except NotFound as error:
        print(error.status, error.code)
