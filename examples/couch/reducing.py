"""Reduce: count the messages of a person."""

import needs_couch  # if no server answers, says how to start one

# --8<-- [start:recipe]
import os

from datapatterns import Document, Index, Store

URL = os.environ.get("STORE_URL", "couch+http://admin:password@127.0.0.1:5984")


class Message(Document):
    to: str
    year: int


with Store.from_url(URL, namespace="reducing") as store:
    messages = store.repository("messages", Message, indexes=[Index("by_year", "to", "year")])
    for message in messages.iterate():
        messages.destroy(message.id)
    for to, year in [("ada", 2013), ("ada", 2014), ("ada", 2014), ("charles", 2014)]:
        messages.create(Message(to=to, year=year))

    # On CouchDB the reduce function `_count` answers these from the inner nodes of the index.
    print(messages.count("by_year", "ada"), messages.count("by_year", "ada", 2014))
    print(dict(messages.counts("by_year")))
    print(dict(messages.counts("by_year", depth=2)))
    print(messages.count())
