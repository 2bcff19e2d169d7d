"""Sublevels: people, messages, and inside those one sublevel for each person."""

import os
from pathlib import Path

from datapatterns.level import Level

PATH = os.environ.get("DB_PATH", Path(__file__).with_suffix(".db"))

with Level.open(PATH) as level:
    level.clear()
    people = level.sublevel("people")
    messages = level.sublevel("messages")

    people.put("ada", {"email": "ada@example.org"})
    people.put("charles", {"email": "charles@example.org"})

    inbox = messages.sublevel("ada")
    inbox.put("2014-01-15T09:00", {"from": "charles", "text": "The engine turns."})
    inbox.put("2014-01-15T09:05", {"from": "charles", "text": "It stopped."})
    messages.sublevel("charles").put("2014-01-15T09:30", {"from": "ada", "text": "Oil it."})

    print(list(people.keys()))  # only the keys of this sublevel
    print([message["text"] for message in inbox.values(reverse=True, limit=1)])
    print([key for key in level.keys() if "2014-01-15T09:30" in key])  # the key as it is on disk

    inbox.clear()
    print(len(list(inbox.keys())), len(list(messages.sublevel("charles").keys())))
