"""How much time does a repository add to the bytes that it writes?"""

from __future__ import annotations

from benchmarks._level_data import (
    DRIVER,
    RECORDS,
    Person,
    people,
    plyvel,
    repository,
    timed,
)
from benchmarks._runner import Bench, Line, at_most
from datapatterns.level import Level


def create(bench: Bench) -> Line:
    """Repository create, with two indexes and the change log."""
    documents = [
        Person(id=f"{number:016d}", **person)
        for number, person in enumerate(people(bench)[: bench.scaled(RECORDS // 5)])
    ]

    def ours(*, unique: bool = False) -> float:
        with Level.open(bench.new_path()) as level:
            create = repository(level, unique=unique).create
            create(Person(id="first", **people(bench)[0] | {"email": "first"}))

            def work() -> None:
                for document in documents:
                    create(document)

            return timed(work, len(documents))

    written = _written_by(bench, documents)

    def peer() -> float:
        database = plyvel.DB(bench.new_path(), create_if_missing=True)

        def work() -> None:
            for writes in written:
                with database.write_batch(transaction=True) as batch:
                    for key, value in writes:
                        batch.put(key, value)

        try:
            return timed(work, len(written))
        finally:
            database.close()

    peer_name = f"{DRIVER} batch, same bytes"
    return Line(
        "us",
        {"ours": ours, peer_name: peer, "(ours, one unique)": lambda: ours(unique=True)},
        {peer_name: at_most(4.0)},
    )


def _written_by(bench: Bench, documents: list[Person]) -> list[list[tuple[bytes, bytes]]]:
    """Return, for each document, what creating it writes to the store."""
    written: list[list[tuple[bytes, bytes]]] = []

    def heard(writes: dict[bytes, bytes | None]) -> None:
        written.append([(key, value) for key, value in writes.items() if value is not None])

    with Level.open(bench.new_path()) as level:
        people = repository(level)
        people.ensure()
        level._space.engine.watch(b"", heard)
        for document in documents:
            people.create(document)
    assert all(len(writes) == 4 for writes in written), "a document, two index entries, a change"
    assert len(written) == len(documents)
    return written
