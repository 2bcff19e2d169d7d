"""A program of one release, beside one of another: `rolling_programs.py URL NAMESPACE WHICH SEED`.

`WHICH` is `old` or `new`. The program changes the documents at random, sometimes as a whole, and
the new one also rewrites them. In the end it prints, as JSON, the last mark that it left in each
document, and how often a document was of a version above its own.
"""

import json
import random
import sys
from typing import Any

from datapatterns import Conflict, DecodeFailed, Document, Index, Store, upgrades

DOCUMENTS, OPERATIONS = 200, 400
BY_MARK = Index("by_mark", "old_mark")


class Old(Document):
    """A user as the old release stores it."""

    name: str
    old_mark: int = 0
    new_mark: int = 0


class New(Document):
    """The same user in the new release."""

    schema_version = 2

    first: str
    last: str
    old_mark: int = 0
    new_mark: int = 0


@upgrades(New, 1)
def split(fields: dict[str, Any]) -> dict[str, Any]:
    """Split the name."""
    first, last = fields.pop("name").split(" ")
    return {**fields, "first": first, "last": last}


def mark(users: Any, id: str, field: str, number: int, whole: bool) -> None:
    """Set the field, in the document as a whole or by itself; start over after a Conflict."""
    while True:
        try:
            if whole:
                users.replace(users.get(id).model_copy(update={field: number}))
            elif number % 2:
                users.update(id, {field: number})
            else:
                users.patch(id, {field: number})
        except Conflict:
            continue
        return


def main(url: str, namespace: str, which: str, seed: str) -> None:
    """Leave marks in documents chosen at random."""
    chance, marks, refused = random.Random(int(seed)), dict[str, int](), 0
    with Store.from_url(url, namespace=namespace) as store:
        model = New if which == "new" else Old
        users: Any = store.repository("users", model, indexes=[BY_MARK])
        for number in range(1, OPERATIONS + 1):
            id = f"{chance.randrange(DOCUMENTS):03}"
            if which == "new" and number == OPERATIONS // 2:
                users.rewrite()
            try:
                mark(users, id, f"{which}_mark", number, whole=chance.random() < 0.3)
                marks[id] = number
            except DecodeFailed:  # the new release has stored it
                refused += 1
    print(json.dumps({"marks": marks, "refused": refused}))


if __name__ == "__main__":
    main(*sys.argv[1:])
