"""The records of the tour: JavaScript packages, and how often they are downloaded."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

from pydantic import Field
from pydantic_core import from_json

from datapatterns import Document, Index, Store
from datapatterns.contracts import Repository

COLLECTION = "packages"


class Package(Document):
    """A package, whose name is its id."""

    name: str = Field(min_length=1, max_length=214)
    version: str = Field(pattern=r"^\d+\.\d+\.\d+")
    downloads: int = Field(ge=0, description="in one month")
    scope: str | None = None


def packages(store: Store) -> Repository[Package]:
    """Return the repository of packages, with indexes by downloads and by scope."""
    return store.repository(
        COLLECTION,
        Package,
        id_from="name",
        immutable={"name"},
        indexes=[Index("by_downloads", "downloads"), Index("by_scope", "scope", "downloads")],
    )


def records(path: Path | None) -> Iterator[dict[str, object]]:
    """Yield the records of a gzipped file of JSON lines; None stands for the included 5,000."""
    source = files("datapatterns.demo") / "sample.jsonl.gz" if path is None else path
    with source.open("rb") as compressed, gzip.open(compressed) as lines:
        for line in lines:
            yield from_json(line)
