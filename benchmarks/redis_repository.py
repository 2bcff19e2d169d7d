"""How fast is a repository on Redis beside redis-om, and how many round trips does it take?"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from redis_om import HashModel

from benchmarks._redis_server import client, rate, server, trips
from benchmarks._runner import Bench, Line, at_most
from datapatterns import Document, Index
from datapatterns.redis import Repository


class Person(Document):
    """A document of ours."""

    name: str
    email: str
    age: int


class OmPerson(HashModel, index=True):
    """The same for redis-om; it is never searched, which would need a module in the server."""

    name: str
    email: str
    age: int


FIELDS: dict[str, Any] = {"name": "Alice Example", "email": "alice@example.org", "age": 30}


def repositories(bench: Bench) -> dict[str, dict[str, Callable[[int], object]]]:
    """Return, by library and step, a function that takes the number of a document."""
    url = server.url()
    indexes = [Index("by_age", "age"), Index("by_email", "email")]
    ours = Repository(client(bench, url), "people", Person, indexes=indexes)
    plain = Repository(client(bench, url), "plain", Person)
    forgetful = Repository(client(bench, url), "forgetful", Person, remember=0)
    OmPerson.Meta.database = client(bench, url + "?decode_responses=True")

    def steps(repository: Repository[Person]) -> dict[str, Callable[[int], object]]:
        return {
            "create": lambda number: repository.create(Person(id=f"p{number}", **FIELDS)),
            "get": lambda number: repository.get(f"p{number}"),
            "update": lambda number: repository.update(f"p{number}", {"age": number}),
        }

    return {
        "ours, two indexes": steps(ours),
        "ours, no index": steps(plain),
        "(ours, never seen before)": steps(forgetful),
        "redis-om, no search": {
            "create": lambda number: OmPerson(pk=f"p{number}", **FIELDS).save(),
            "get": lambda number: OmPerson.get(f"p{number}"),
            "update": lambda number: OmPerson.get(f"p{number}").update(age=number),
        },
    }


def _repository_trips(bench: Bench, step: str) -> Line:
    found = repositories(bench)
    count = bench.scaled(500)
    for steps in found.values():
        steps["create"](-1)  # connects, loads the scripts and makes the indexes
        for number in range(0 if step == "create" else count):
            steps["create"](number)

    def measured(work: Callable[[int], object]) -> Callable[[], float]:
        numbers = itertools.cycle(range(count))
        return lambda: trips(lambda: work(next(numbers)), count)

    goals = {name: at_most(1.0) for name in found if name.startswith("ours")}
    sides = {name: measured(steps[step]) for name, steps in found.items()}
    return Line("trips", sides, own=goals, rounds=1, warm_up=False)


def repository_create_trips(bench: Bench) -> Line:
    """Repository: round trips of a create."""
    return _repository_trips(bench, "create")


def repository_get_trips(bench: Bench) -> Line:
    """Repository: round trips of a get."""
    return _repository_trips(bench, "get")


def repository_update_trips(bench: Bench) -> Line:
    """Repository: round trips of an update (redis-om: get, then update)."""
    return _repository_trips(bench, "update")


def repository_rate(bench: Bench) -> Line:
    """Repository: create, get and update, together, a second."""
    count = bench.scaled(1_000)
    numbers = itertools.count()

    def measured(steps: dict[str, Callable[[int], object]]) -> Callable[[], float]:
        def work() -> None:
            number = next(numbers)
            for step in steps.values():
                step(number)

        return lambda: rate(work, count)

    found = repositories(bench)
    return Line("/s", {name: measured(steps) for name, steps in found.items()})
