"""A program that rewrites documents of an earlier version: `rewrite_programs.py URL NAMESPACE`.

It prints a line for each step, and `done` with the number of documents that it changed.
"""

import sys
from typing import Any

from datapatterns import Document, Index, Store, upgrades

BY_LAST = Index("by_last", "last")


class First(Document):
    """A user as the first program stores it."""

    name: str
    visits: int = 0


class Second(Document):
    """The same user later."""

    schema_version = 2

    first: str
    last: str
    visits: int = 0


@upgrades(Second, 1)
def split(fields: dict[str, Any]) -> dict[str, Any]:
    """Split the name."""
    first, last = fields.pop("name").split(" ")
    return {**fields, "first": first, "last": last}


def main(url: str, namespace: str) -> None:
    """Rewrite everything."""
    with Store.from_url(url, namespace=namespace) as store:
        users = store.repository("users", Second, indexes=[BY_LAST])
        changed = users.rewrite(lambda done, total: print(done, flush=True))
        print("done", changed, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
