"""Query a view together with the documents."""

import needs_couch  # if no server answers, says how to start one

# --8<-- [start:recipe]
import os

from datapatterns.couch import Couch, DesignDocument, Query, View

URL = os.environ.get("COUCHDB_URL", "http://admin:password@127.0.0.1:5984")
BY_RECIPIENT = View("function (message) { emit(message.to, null); }")

with Couch(URL) as couch:
    messages = couch.database("recipe_with_documents")
    messages.create() or messages.destroy()
    design = DesignDocument("inbox", {"by_recipient": BY_RECIPIENT})
    couch.ensure(designs={messages.name: [design]})
    for number, (to, text) in enumerate([("ada", "Hello"), ("ada", "Again"), ("charles", "Hi")]):
        messages.put(f"{number}", {"to": to, "text": text})

    # The rows hold only the key; the server adds the documents as they are now.
    query = Query(keys=["ada"], include_docs=True)
    for row in messages.rows("inbox", "by_recipient", query):
        print(row.id, row.document["text"])

    # Several recipients in one request, in the given order.
    query = Query(keys=["charles", "nobody", "ada"])
    print([(row.key, row.id) for row in messages.rows("inbox", "by_recipient", query)])
