"""A view as an inverted index of messages by recipient, deployed only when it has changed."""

import needs_couch  # if no server answers, says how to start one

# --8<-- [start:recipe]
import os

from datapatterns.couch import Couch, DesignDocument, View

URL = os.environ.get("COUCHDB_URL", "http://admin:password@127.0.0.1:5984")

# One row for each recipient of a message, so that a person's messages are found.
BY_RECIPIENT = """
function (message) {
  (message.to || []).forEach(function (name) { emit(name, message.subject); });
}
"""
INBOX = DesignDocument("inbox", {"by_recipient": View(BY_RECIPIENT)})

with Couch(URL) as couch:
    messages = couch.database("recipe_inverted_index")
    messages.create() or messages.destroy()
    couch.ensure(designs={messages.name: [INBOX]})
    messages.put("1", {"subject": "Engine", "to": ["ada", "charles"]})
    messages.put("2", {"subject": "Dinner", "to": ["ada"]})

    for row in messages.view("inbox", "by_recipient", start="ada", end="adb"):
        print(row.key, row.value, "in message", row.id)

    before = messages.get("_design/inbox")["_rev"]
    couch.ensure(designs={messages.name: [INBOX]})  # unchanged: nothing is written or rebuilt
    print("unchanged", messages.get("_design/inbox")["_rev"] == before)

    changed = DesignDocument("inbox", {"by_recipient": View(BY_RECIPIENT, reduce="_count")})
    couch.ensure(designs={messages.name: [changed]}, wait_built=True)  # readers do not wait
    print("deployed", messages.get("_design/inbox")["_rev"] != before)
