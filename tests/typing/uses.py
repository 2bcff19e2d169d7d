"""Right uses, and the types that mypy and pyright must see in them.

`test_mistakes.py` runs both checkers on this file. It is not run, since most of it needs a server.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any, assert_type

from pydantic import BaseModel

from datapatterns import (
    AsyncChangesWorker,
    AsyncStore,
    AsyncWorker,
    Change,
    ChangesWorker,
    DataError,
    Document,
    Each,
    Index,
    ItemState,
    Page,
    Store,
    UtcDatetime,
    Worker,
    upgrades,
)
from datapatterns.contracts import (
    AsyncCounter,
    AsyncDelivery,
    AsyncRepository,
    AsyncWorkerFeed,
    AsyncWorkQueue,
    Counter,
    Delivery,
    Repository,
    WorkerFeed,
    WorkQueue,
)
from datapatterns.store import DEFAULT


class Mail(BaseModel):
    """An item."""

    to: str


class User(Document):
    """A document."""

    name: str = ""


class Session(Document):
    """A document that expires, of a second version."""

    schema_version = 2

    until: UtcDatetime
    tags: list[str]


class NewName(BaseModel):
    """What an update may change."""

    name: str


def handle(mail: Mail) -> None:
    """Handle an item."""


def handle_delivery(mail: Mail, delivery: Delivery[Mail]) -> None:
    """Handle an item, with its delivery."""


def is_new(change: Change[User]) -> bool:
    """Choose a change."""
    return not change.deleted


def patterns(store: Store) -> None:
    """A queue, a repository and a feed have the type of the model; the other options are typed."""
    assert_type(store.counter("hits", op_ttl=timedelta(hours=2)), Counter)
    assert_type(store.counter("hits").increment(2), int)
    store.calendar_counter("hits", buckets=["day"], keep={"day": timedelta(days=400)})
    store.calendar_counter("hits", keep={"day": 86_400})
    store.rate_limiter("api", limit=3, window=timedelta(minutes=1), algorithm="gcra", burst=2)
    store.rate_limiter("api", limit=3, window=1, subwindows=20, fail_open=True)
    store.concurrency_limiter("jobs", limit=1, lease=timedelta(seconds=5))
    store.emitter("news", durable=True, history=10, keep=timedelta(days=1), heartbeat=1, timeout=2)
    store.emitter(buffer=10, history=DEFAULT)


def queues(store: Store) -> None:
    """Items are instances of the model, or any JSON."""
    queue = store.work_queue("mail", Mail, lease=5, backoff=1, max_attempts=3)
    assert_type(queue, WorkQueue[Mail])
    queue.push(Mail(to="ann"), delay=timedelta(seconds=1))
    queue.push(Mail(to="ann"), id="ann", dedup=timedelta(hours=1))
    assert_type(queue.cancel("ann"), bool)
    assert_type(queue.find("ann"), ItemState | None)
    delivery = queue.take(timeout=1)
    assert_type(delivery, Delivery[Mail] | None)
    if delivery is not None:
        with delivery:
            assert_type(delivery.item, Mail)
    anything = store.work_queue("anything", backoff=lambda attempt: attempt * 2.0)
    assert_type(anything, WorkQueue[Any])
    anything.push({"to": ["ann"]})
    assert_type(store.work_queue("anything", None), WorkQueue[Any])
    Worker(queue, handle).run()
    Worker(queue, handle_delivery)
    Worker(queue, lambda mail: print(mail.to))
    Worker(queue, print)
    Worker(anything, handle)


def repositories(store: Store) -> None:
    """Documents are instances of the model."""
    users = store.repository(
        "users",
        User,
        id_from="name",
        immutable={"name"},
        indexes=(Index("by_name", "name"),),
        update_model=NewName,
        change_log=None,
    )
    assert_type(users, Repository[User])
    assert_type(users.create(User(name="ann")), User)
    assert_type(users.find("ann"), User | None)
    assert_type(users.list(), Page[User])
    assert_type(users.iterate("by_name", start="a"), Iterator[User])
    assert_type([user.name for user in users.query("by_name", "ann")], list[str])
    assert_type(users.update("ann", {"name": "Ann"}).id, str)
    assert_type(users.put(User(name="ann")), User)
    assert_type(users.patch("ann", {"name": None}, rev=None), User)
    assert_type(users.list(on_bad=lambda error: print(error.data)), Page[User])
    assert_type(users.get_many(["ann"], on_bad=print), list[User | None])
    assert_type(users.rewrite(lambda done, total: print(done / total), on_bad=print), int)
    assert_type(users.check(), list[DataError])
    assert_type(users.counts("by_name").get("ann"), int | None)
    store.repository("users", User, remember=10)
    store.repository("users", User, partitioned=True, ensure=False)


def expiring(store: Store) -> None:
    """Documents expire by a field, and an index may have an entry for each element of a list."""
    tags = Index("by_tag", Each("tags"), version=2)
    sessions = store.repository("sessions", Session, expires="until", indexes=[tags])
    assert_type(sessions.sweep(), int)
    assert_type(sessions.query("by_tag", "a").items, list[Session])


@upgrades(Session, 1)
def upgrade(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of the next version."""
    return fields


def feeds(store: Store) -> None:
    """Changes bring instances of the model, or dicts."""
    feed = store.changes("users", User, filter=is_new, inactivity=timedelta(seconds=5))
    assert_type(feed, WorkerFeed[User])
    for change in feed.follow():
        assert_type(change, Change[User])
        assert_type(change.document, User | None)
    raw = store.changes("users", filter={"name": "ann"}, on_recreated="fail", ensure=False)
    assert_type(raw.read(), list[Change[dict[str, Any]]])
    store.changes("users", filter=lambda change: "x" in (change.document or {}))
    ChangesWorker(feed, lambda change: print(change.document), name="w", backoff=1).run()


async def async_handle(mail: Mail, delivery: AsyncDelivery[Mail]) -> None:
    """Handle an item, with its delivery."""


async def async_patterns(store: AsyncStore) -> None:
    """The same in the async face."""
    assert_type(store.counter("hits"), AsyncCounter)
    assert_type(await store.counter("hits").increment(2), int)
    queue = store.work_queue("mail", Mail, lease=timedelta(seconds=5))
    assert_type(queue, AsyncWorkQueue[Mail])
    assert_type(await queue.push(Mail(to="ann"), id="ann", dedup=60), str)
    assert_type(await queue.cancel("ann"), bool)
    assert_type(await queue.find("ann"), ItemState | None)
    delivery = await queue.take(timeout=timedelta(seconds=1))
    if delivery is not None:
        async with delivery:
            assert_type(delivery.item, Mail)
    assert_type(store.work_queue("anything"), AsyncWorkQueue[Any])
    await AsyncWorker(queue, async_handle).run()
    await AsyncWorker(queue, handle).run()
    users = store.repository("users", User, indexes=[Index("by_name", "name")])
    assert_type(users, AsyncRepository[User])
    assert_type(await users.get("ann"), User)
    assert_type(users.iterate(), AsyncIterator[User])
    feed = store.changes("users", User, filter=is_new)
    assert_type(feed, AsyncWorkerFeed[User])
    async for change in feed.follow():
        assert_type(change.document, User | None)
    assert_type(await store.changes("users").read(), list[Change[dict[str, Any]]])
    await AsyncChangesWorker(feed, print, name="w").run()
