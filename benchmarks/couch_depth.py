"""Does the cost of a page grow with its depth?"""

from __future__ import annotations

from benchmarks._couch_server import filled, timed
from benchmarks._runner import Bench, Line, at_most
from datapatterns.couch import DesignDocument, View

DESIGN = DesignDocument("by", {"n": View("function (doc) { emit(doc.n, null); }")})


def page_at_depth(bench: Bench) -> Line:
    """Page: 50 rows behind 100,000, and the first 50."""
    depth, count = bench.scaled(100_000), bench.scaled(200)
    database = filled(bench, depth + 50)
    database.couch.ensure(designs={database.name: [DESIGN]}, wait_built=True)
    deep: str | None = None
    for _ in range(10):
        deep = database.view("by", "n", limit=depth // 10, after=deep).next
    assert [row.key for row in database.view("by", "n", after=deep)][:1] == [depth]

    def read(after: str | None) -> float:
        return timed(lambda _: database.view("by", "n", after=after), count)

    return Line(
        "ms",
        {"ours, at depth": lambda: read(deep), "ours, first page": lambda: read(None)},
        {"ours, first page": at_most(1.2)},
    )
