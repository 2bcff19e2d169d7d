"""A view as an inverted index of messages by recipient, deployed only when it has changed."""

import needs_couch  # if no server answers, says how to start one

# --8<-- [start:recipe]
import asyncio
import os

from datapatterns.couch import AsyncCouch, DesignDocument, View

URL = os.environ.get("COUCHDB_URL", "http://admin:password@127.0.0.1:5984")

# One row for each recipient of a message, so that a person's messages are found.
BY_RECIPIENT = """
function (message) {
  (message.to || []).forEach(function (name) { emit(name, message.subject); });
}
"""
INBOX = DesignDocument("inbox", {"by_recipient": View(BY_RECIPIENT)})


async def main() -> None:
    async with AsyncCouch(URL) as couch:
        messages = couch.database("recipe_inverted_index")
        await messages.create() or await messages.destroy()
        await couch.ensure(designs={messages.name: [INBOX]})
        await messages.put("1", {"subject": "Engine", "to": ["ada", "charles"]})
        await messages.put("2", {"subject": "Dinner", "to": ["ada"]})

        for row in await messages.view("inbox", "by_recipient", start="ada", end="adb"):
            print(row.key, row.value, "in message", row.id)

        before = (await messages.get("_design/inbox"))["_rev"]
        # Unchanged: nothing is written or rebuilt.
        await couch.ensure(designs={messages.name: [INBOX]})
        print("unchanged", (await messages.get("_design/inbox"))["_rev"] == before)

        changed = DesignDocument("inbox", {"by_recipient": View(BY_RECIPIENT, reduce="_count")})
        # Readers do not wait for the index.
        await couch.ensure(designs={messages.name: [changed]}, wait_built=True)
        print("deployed", (await messages.get("_design/inbox"))["_rev"] != before)


asyncio.run(main())
