# Generated from tests/contracts/_async/test_store.py by scripts/unasync.py; do not edit.
"""The store itself, on every kind of backend: what its URL may be, how it opens and closes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from datapatterns import Closed, InvalidArgument, Store
from datapatterns.store._sync.store import transfer_of
from datapatterns.testing.conformance.samples import Person

Call = Callable[[], Awaitable[Any]]


@pytest.fixture(params=["level", "redis", "cluster", "couch"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return a URL of each kind."""
    if request.param == "level":
        return f"level:{tmp_path}/data"
    if request.param == "couch":
        return f"couch+{request.getfixturevalue('couch_server').url}"
    url: str = request.getfixturevalue(
        f"redis_{'cluster' if 'cluster' in request.param else 'server'}"
    ).url
    return url


@pytest.fixture
def namespace() -> str:
    """Return a namespace that no other test uses."""
    return f"test-{uuid4().hex[:12]}"


def _calls(store: Store) -> list[Call]:
    """Return calls of each pattern that the store has: reads, writes, scripts, listeners."""
    has = store.capabilities.has
    people = store.repository("people", Person)
    calls: list[Call] = [
        lambda: people.find("ann"),
        lambda: people.create(Person(id=uuid4().hex)),
        people.list,
    ]
    if has("changes"):
        feed = store.changes("people", Person)
        calls += [feed.now, lambda: next(iter(feed.follow()))]
    if has("counter"):
        hits, visits = store.counter("hits"), store.calendar_counter("visits")
        calls += [hits.increment, hits.value, lambda: visits.add("ann")]
        limiter = store.rate_limiter("api", limit=9, window=60)
        jobs = store.concurrency_limiter("jobs", limit=9, lease=60)
        calls += [lambda: limiter.hit("ann"), lambda: jobs.acquire("ann")]
        queue, board = store.work_queue("mail"), store.leaderboard("best")
        calls += [lambda: queue.push("item"), queue.stats, lambda: board.add("ann", 1)]
        groups, transfer = store.groups("teams"), transfer_of(store)
        calls += [lambda: groups.add("red", "ann"), lambda: groups.size("red"), transfer.inventory]
    return calls


def _listening(store: Store) -> list[Any]:
    if not store.capabilities.has("emitter"):
        return []
    return [store.emitter("news"), store.emitter("log", durable=True)]


def test_closed(url: str, namespace: str) -> None:
    """After `close` the store and all that was made from it raise Closed (503), not retryable."""
    with Store.from_url(url, namespace=namespace) as store:
        calls, emitters = _calls(store), _listening(store)
        for call in calls[:3]:
            call()
        for emitter in emitters:
            emitter.on("ping", print)
    for emitter in emitters:
        calls += [
            lambda emitter=emitter: emitter.emit("ping"),
            lambda emitter=emitter: emitter.on("pong", print),
            lambda emitter=emitter: emitter.wait_for("pong", timeout=5),
        ]
    for call in [*calls, store.ping]:
        with pytest.raises(Closed) as raised:
            call()
        assert (raised.value.status, raised.value.retryable) == (503, False)
    for make in (_calls, _listening, transfer_of):
        if make is not _listening or emitters:
            with pytest.raises(Closed):
                make(store)
    for emitter in emitters:
        emitter.close()
    store.close()


def test_entered_again(url: str, namespace: str) -> None:
    """Each `with` opens the store again, as an application that starts twice does."""
    store = Store.from_url(url, namespace=namespace)
    store.close()
    for times in range(3):
        with store:
            people = store.repository("people", Person)
            people.create(Person(id=str(times)))
            assert people.count() == times + 1
        with pytest.raises(Closed):
            people.count()


def test_opened_twice(url: str, namespace: str) -> None:
    """Opening an open store changes nothing: one `close` closes it."""
    store = Store.from_url(url, namespace=namespace)
    store.open()
    people = store.repository("people", Person)
    with store:
        store.ping()
    with pytest.raises(Closed):
        people.find("ann")
    with Store.from_url(url, namespace=namespace) as other:
        other.ping()


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ("couch://127.0.0.1:5984", "couch+http://"),
        ("couchdb://127.0.0.1:5984", "couch+http://"),
        ("http://127.0.0.1:5984", "couch+http://"),
        ("couch+http://127.0.0.1:5984?colour=red", "http://user:password@host:port"),
        ("leveldb:./data", "it is level:"),
        ("level://./data", "level:./data"),
        ("level:", "level:./data"),
        ("level:./data?colour=red", "sync=always"),
        ("redis:127.0.0.1", "redis://127.0.0.1:6379"),
        ("./data", "level, redis"),
    ],
)
def test_a_wrong_url_gets_a_hint(url: str, hint: str) -> None:
    """The error shows how a URL begins, or an example."""
    with pytest.raises(InvalidArgument) as raised:
        Store.from_url(url)
    assert hint in raised.value.detail
