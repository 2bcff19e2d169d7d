"""How much time does a single put or get add to the bare driver's?"""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import islice

from benchmarks._level_data import DRIVER, bare, our_level, people, plyvel, records, shuffled, timed
from benchmarks._runner import Bench, Line, at_most
from datapatterns.level import Level


def put_bytes(bench: Bench) -> Line:
    """Put of bytes."""
    rows = records(bench)

    def ours() -> float:
        with Level.open(bench.new_path(), key_encoding="binary", value_encoding="binary") as level:
            put = level.put

            def work() -> None:
                for key, value in rows:
                    put(key, value)

            return timed(work, len(rows))

    def peer() -> float:
        database = plyvel.DB(bench.new_path(), create_if_missing=True)
        put = database.put

        def work() -> None:
            for key, value in rows:
                put(key, value)

        try:
            return timed(work, len(rows))
        finally:
            database.close()

    return Line("us", {"ours": ours, DRIVER: peer}, {DRIVER: at_most(1.5)})


def get_bytes(bench: Bench) -> Line:
    """Get of bytes, in random order."""
    rows = records(bench)
    keys = shuffled(key for key, _ in rows)
    level = our_level(bench, rows, key_encoding="binary", value_encoding="binary")
    database = bare(bench, rows)

    def reading(get: Callable[[bytes], bytes | None]) -> Callable[[], float]:
        def work() -> None:
            for key in keys:
                get(key)

        return lambda: timed(work, len(keys))

    assert all(level.get(key) == value for key, value in rows)
    return Line(
        "us", {"ours": reading(level.get), DRIVER: reading(database.get)}, {DRIVER: at_most(1.5)}
    )


def put_json(bench: Bench) -> Line:
    """Put of JSON."""
    rows = [(person["email"], person) for person in people(bench)]
    peer_name = f"{DRIVER} + json"

    def ours() -> float:
        with Level.open(bench.new_path()) as level:
            put = level.put

            def work() -> None:
                for key, value in rows:
                    put(key, value)

            return timed(work, len(rows))

    def peer() -> float:
        database = plyvel.DB(bench.new_path(), create_if_missing=True)
        put, dumps = database.put, json.dumps

        def work() -> None:
            for key, value in rows:
                put(key.encode(), dumps(value).encode())

        try:
            return timed(work, len(rows))
        finally:
            database.close()

    return Line("us", {"ours": ours, peer_name: peer}, {peer_name: at_most(0.8)})


def get_json(bench: Bench) -> Line:
    """Get of JSON, in random order."""
    rows = [(person["email"], person) for person in people(bench)]
    keys = shuffled(key for key, _ in rows)
    level = our_level(bench, rows)
    database = bare(bench, ((key.encode(), json.dumps(value).encode()) for key, value in rows))
    peer_name = f"{DRIVER} + json"

    def ours() -> None:
        get = level.get
        for key in keys:
            get(key)

    def peer() -> None:
        get, loads = database.get, json.loads
        for key in keys:
            loads(get(key.encode()))

    assert all(level.get(key) == value for key, value in islice(rows, 100))
    return Line(
        "us",
        {"ours": lambda: timed(ours, len(keys)), peer_name: lambda: timed(peer, len(keys))},
        {peer_name: at_most(0.8)},
    )
