"""The other processes of the tour: `python -m datapatterns.demo.children load|open URL …`."""

from __future__ import annotations

import json
import sys
from itertools import islice
from pathlib import Path

from datapatterns import DataError, Store
from datapatterns.demo.packages import Package, packages, records

STEP = 100  # records stored and acknowledged at once


def load(url: str, file: str, first: int) -> None:
    """Store the records from number `first` on, and print the number stored after each step."""
    with Store.from_url(url) as store:
        repository = packages(store)
        rest = islice(records(Path(file) if file else None), first, None)
        done = first
        while step := [Package.model_validate(record) for record in islice(rest, STEP)]:
            for outcome in repository.create_many(step):
                if isinstance(outcome, DataError):
                    raise outcome
            done += len(step)
            print(done, flush=True)


def open_store(url: str) -> None:
    """Open a store that another process has open, and print the problem document of the error."""
    try:
        Store.from_url(url).close()
    except DataError as error:
        print(json.dumps(error.problem()), flush=True)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["load", url, file, first]:
            load(url, file, int(first))
        case ["open", url]:
            open_store(url)
        case _:
            sys.exit(__doc__)
