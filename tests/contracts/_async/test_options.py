"""Options of wrong types and values, of every pattern on every backend: refused by their names."""

from __future__ import annotations

import math
import re
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, get_args
from uuid import uuid4

import pytest
from pydantic import BaseModel

from datapatterns import AsyncChangesWorker, AsyncStore, AsyncWorker, InvalidArgument
from datapatterns.capabilities import BACKENDS, Pattern
from datapatterns.store._async.store import transfer_of
from datapatterns.testing.conformance.samples import Person

PATTERNS: tuple[Pattern, ...] = get_args(Pattern)
DURATION = ("x", None, True, -1, math.nan, [1], timedelta(-1))
COUNT = ("3", None, True, 0, -1, 1.5, [3])
FLAG = ("yes", None, 3, 1, 1.0, [])


class Mail(BaseModel):
    """An item, and no document."""

    to: str


# What each option refuses, whatever the backend.
WRONG: dict[Pattern, dict[str, tuple[Any, ...]]] = {
    "counter": {"op_ttl": DURATION},
    "calendar_counter": {
        "buckets": (3, None, "total", [], ["week"], ["day", "day"], [3], [["day"]]),
        "keep": (3, "x", True, ["day"], {"day": "x"}, {"day": -1}, {"total": 1}, {3: 1}),
        "op_ttl": DURATION,
    },
    "rate_limiter": {
        "limit": COUNT,
        "window": DURATION,
        "algorithm": ("leaky", None, 3, [], True),
        "subwindows": COUNT,
        "burst": ("3", True, 0, -1, 1.5, [3]),
        "fail_open": FLAG,
    },
    "concurrency_limiter": {"limit": COUNT, "lease": DURATION},
    "work_queue": {
        "model": (int, dict, "Mail", 3, Mail(to="ann"), []),
        "lease": (*DURATION, 0),
        "max_attempts": COUNT,
        "backoff": ("x", None, True, -1, math.nan, [1], timedelta(-1)),
    },
    "emitter": {
        "durable": FLAG,
        "buffer": COUNT,
        "history": COUNT,
        "keep": (*DURATION, 0),
        "heartbeat": (*DURATION, 0),
        "timeout": (*DURATION, 0),
    },
    "groups": {},
    "leaderboard": {},
    "repository": {
        "model": (int, Mail, "Person", 3, None, Person()),
        "id_from": (3, True, [], "nosuch", ""),
        "immutable": (5, None, True, "name", [3], ["nosuch"], [["name"]]),
        "indexes": (3, None, True, "name", ["name"], [3]),
        "update_model": (int, "Mail", 3, Mail(to="ann"), []),
        "ensure": FLAG,
        "change_log": ("none", 3, True, []),
        "remember": ("3", None, True, -1, 1.5, [3]),
        "partitioned": FLAG,
    },
    "changes": {
        "model": (int, Mail, "Person", 3, Person()),
        "filter": (3, "x", True, []),
        "include_docs": FLAG,
        "inactivity": ("x", True, -1, 0, math.nan, [1], timedelta(-1)),
        "heartbeat": (*DURATION, 0),
        "on_recreated": ("stop", None, 3, True, []),
        "ensure": FLAG,
    },
}
# What the others must be for a pattern to be made.
GIVEN: dict[Pattern, dict[str, Any]] = {
    "rate_limiter": {"limit": 3, "window": 60},
    "concurrency_limiter": {"limit": 3, "lease": 60},
    "repository": {"model": Person},
}


@pytest.fixture(params=["level", "redis", "couch"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[AsyncStore]:
    """Yield a store on each backend, in a namespace that nothing has been written to."""
    if request.param == "level":
        url = f"level:{tmp_path}/data"
    elif request.param == "redis":
        url = request.getfixturevalue("redis_server").url
    else:
        url = f"couch+{request.getfixturevalue('couch_server').url}"
    async with AsyncStore.from_url(url, namespace=f"test-{uuid4().hex[:12]}") as opened:
        yield opened


WORKER: dict[str, tuple[Any, ...]] = {
    "parallel": COUNT,
    "drain_timeout": DURATION,
    "signals": FLAG,
}
CHANGES_WORKER: dict[str, tuple[Any, ...]] = {
    "name": (None, 3, ""),
    "max_attempts": COUNT,
    "backoff": ("x", None, True, -1, [1]),
    "shard": (3, None, "ab", (1, 1), (-1, 2), (0.0, 1), (0, 1, 2), ("0", "1")),
    "checkpoint_every": (3, None, "ab", (0, 1), (1, 0), ("1", 1), (1, "x"), (1, 1, 1)),
}


def make(store: AsyncStore, pattern: Pattern) -> Callable[..., Any]:
    """Return a function that makes the pattern with further options."""
    return partial(getattr(store, pattern), "some", **GIVEN.get(pattern, {}))


def refusal(what: str, option: str, value: Any, make: Callable[..., Any]) -> str | None:
    """Return None if making it with this option is refused as it should be, else what happened."""
    about = f"{what}({option}={value!r})"
    try:
        make(**{option: value})
    except InvalidArgument as error:
        named = re.search(rf"\b{option}\b.* must ", error.detail)
        return None if named else f"{about}: {error.detail}"
    except Exception as error:
        return f"{about}: {error!r}"
    return f"{about} was taken"


def cases(store: AsyncStore) -> Iterator[tuple[Pattern, str, Any]]:
    """Yield every option that the store's backend has, with each wrong value."""
    elsewhere = {option for each in BACKENDS.values() for option in each.options}
    elsewhere -= store.capabilities.options
    for pattern in filter(store.capabilities.has, PATTERNS):
        for option, values in WRONG[pattern].items():
            if (pattern, option) not in elsewhere:
                yield from ((pattern, option, value) for value in values)


async def nothing_is_written(store: AsyncStore) -> None:
    """Check that the namespace is empty."""
    there = await transfer_of(store).inventory()
    assert (there.units, there.left) == ({}, {})


async def test_a_wrong_option_is_named(store: AsyncStore) -> None:
    """The error names the option and what it must be, and nothing is written."""
    found = [refusal(pattern, *case, make(store, pattern)) for pattern, *case in cases(store)]
    assert not any(found), "\n".join(filter(None, found))
    await nothing_is_written(store)


async def test_a_selector_is_for_couchdb(tmp_path: Path) -> None:
    """Other backends refuse a selector, since their filter is a function."""
    async with AsyncStore.from_url(f"level:{tmp_path}/data") as store:
        with pytest.raises(InvalidArgument, match=r"filter must be a function.*on: couch"):
            store.changes("some", filter={"name": "ann"})


async def test_a_wrong_option_of_a_worker_is_named(tmp_path: Path) -> None:
    """The error names a wrong option of a worker too, on every backend."""
    async with AsyncStore.from_url(f"level:{tmp_path}/data") as store:
        queue, feed = store.work_queue("some"), store.changes("some")
        made: dict[str, tuple[Callable[..., Any], dict[str, tuple[Any, ...]]]] = {
            "AsyncWorker": (partial(AsyncWorker, queue, print), WORKER),
            "AsyncChangesWorker": (
                partial(AsyncChangesWorker, feed, print, name="w"),
                {**WORKER, **CHANGES_WORKER},
            ),
        }
        found = [
            refusal(name, option, value, make)
            for name, (make, options) in made.items()
            for option, values in options.items()
            for value in values
        ]
    assert not any(found), "\n".join(filter(None, found))
