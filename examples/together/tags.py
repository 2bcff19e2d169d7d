"""Tags: an index with an entry for each element of a list."""

import os

from datapatterns import Document, Each, Index, Store

URL = os.environ.get("STORE_URL", "level:./data")


class Note(Document):
    text: str
    written: int
    tags: tuple[str, ...] = ()


# One entry for each tag; within a tag the notes are in the order of time.
BY_TAG = Index("by_tag", Each("tags"), "written")

with Store.from_url(URL, namespace="tags") as store:
    notes = store.repository("notes", Note, indexes=[BY_TAG])
    notes.put(Note(id="1", text="a cake", written=1, tags=("sweet", "round")))
    notes.put(Note(id="2", text="a coin", written=2, tags=("round", "round")))
    notes.put(Note(id="3", text="nothing", written=3))

    page = notes.query("by_tag", "round", descending=True)
    print([note.text for note in page])
    counts = notes.counts("by_tag")
    for tag, count in counts.items():
        print(tag, count)

    # A range of tags gives a note once for each of its tags in that range.
    page = notes.query("by_tag", start="r", end="t")
    print([note.text for note in page])

    # The entries change with the document, in the same step.
    notes.update("1", {"tags": ["sweet"]})
    print(notes.count("by_tag", "round"), notes.count("by_tag", "sweet"))
    for id in ("1", "2", "3"):
        notes.destroy(id)
