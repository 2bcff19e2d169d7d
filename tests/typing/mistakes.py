"""Deliberate mistakes, which the type checkers must find: each on a line marked `# mistake`.

`test_mistakes.py` runs mypy and pyright on this file and compares the lines. It is neither run nor
part of the other checks.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from pydantic import BaseModel

from datapatterns import (
    AsyncChangesWorker,
    AsyncStore,
    AsyncWorker,
    Change,
    ChangesWorker,
    Document,
    Each,
    Index,
    Store,
    Worker,
)
from datapatterns.contracts import (
    AsyncDelivery,
    AsyncRepository,
    AsyncWorkQueue,
    Delivery,
    Repository,
    WorkQueue,
)


class Mail(BaseModel):
    """An item."""

    to: str


class Parcel(BaseModel):
    """Another item."""

    weight: float


class User(Document):
    """A document."""

    name: str = ""


class Post(Document):
    """Another document."""

    text: str = ""


def need_posts(posts: Repository[Post]) -> None:
    """Take a repository of one model only."""


async def async_need_posts(posts: AsyncRepository[Post]) -> None:
    """Take a repository of one model only."""


def queues(store: Store) -> None:
    """What is pushed and taken has the type of the model."""
    queue = store.work_queue("mail", Mail)
    queue.push("no mail")  # mistake
    queue.push(Parcel(weight=1))  # mistake
    queue.push_many([Parcel(weight=1)])  # mistake
    queue.push(Mail(to="ann"), delay="1")  # mistake
    queue.push(Mail(to="ann"), prio=1)  # mistake
    queue.push(Mail(to="ann"), id="ann", dedup="1")  # mistake
    queue.cancel(1)  # mistake
    queue.find("ann").state  # mistake
    queue.take("1")  # mistake
    queue.take(wait=1)  # mistake
    delivery = queue.take()
    delivery.item  # mistake
    if delivery is not None:
        delivery.item.nosuch  # mistake
        delivery.extend("1")  # mistake
        weight: int = delivery.item.to  # mistake
        print(weight)
    parcels: WorkQueue[Parcel] = queue  # mistake
    print(parcels)
    store.work_queue("mail", Mail, leese=3)  # mistake
    store.work_queue("mail", Mail, lease="x")  # mistake
    store.work_queue("mail", Mail, backoff="x")  # mistake
    store.work_queue("mail", Mail, backoff=lambda: 1.0)  # mistake
    store.work_queue("mail", Mail, max_attempts=1.5)  # mistake
    store.work_queue("mail", int)  # mistake
    store.work_queue("mail", "Mail")  # mistake


def options(store: Store) -> None:
    """A misspelt option, or one of a wrong type."""
    store.counter("hits", op_ttl="x")  # mistake
    store.counter("hits", ttl=1)  # mistake
    store.calendar_counter("hits", buckets=3)  # mistake
    store.calendar_counter("hits", keep={"day": "x"})  # mistake
    store.calendar_counter("hits", keep=timedelta(days=1))  # mistake
    store.rate_limiter("api", limit="3", window=1)  # mistake
    store.rate_limiter("api", limit=3)  # mistake
    store.rate_limiter("api", limit=3, window=1, algorithm="leaky")  # mistake
    store.rate_limiter("api", limit=3, window=1, subwindows=1.5)  # mistake
    store.rate_limiter("api", limit=3, window=1, buckets=3)  # mistake
    store.concurrency_limiter("jobs", limit=1, lease="x")  # mistake
    store.emitter("news", durable="yes")  # mistake
    store.emitter("news", buffer=None)  # mistake
    store.emitter("news", keep="x")  # mistake
    store.emitter("news", history="many")  # mistake
    store.groups("teams", durable=True)  # mistake
    store.leaderboard(3)  # mistake


def repositories(store: Store) -> None:
    """Documents have the type of the model."""
    users = store.repository("users", User, indexes=[Index("by_name", "name")])
    need_posts(users)  # mistake
    users.create(Post())  # mistake
    users.update("ann", ["name"])  # mistake
    users.update("ann", {"name": "Ann"}, rev=3)  # mistake
    users.update("ann", name="Ann")  # mistake
    users.get("ann").nosuch  # mistake
    users.find("ann").name  # mistake
    for user in users.list(limit="3"):  # mistake
        print(user.name)
    for user in users.iterate("by_name"):
        user.nosuch  # mistake
    count: str = users.count()  # mistake
    print(count)
    store.repository("users", User, indexs=[])  # mistake
    store.repository("users", User, indexes=3)  # mistake
    store.repository("users", User, indexes=["name"])  # mistake
    store.repository("users", User, immutable=5)  # mistake
    store.repository("users", User, change_log="none")  # mistake
    store.repository("users", User, remember="x")  # mistake
    store.repository("users", Mail)  # mistake
    store.repository("users")  # mistake
    store.repository("users", User, expires=3)  # mistake
    users.put(Post())  # mistake
    users.patch("ann", ["name"])  # mistake
    users.patch("ann", None)  # mistake
    users.list(on_bad=3)  # mistake
    users.get_many(["ann"], on_bad="skip")  # mistake
    users.rewrite(on_bad=lambda: None)  # mistake
    Index("by_name", Each(3))  # mistake
    Index("by_name", "name", version="2")  # mistake
    swept: str = users.sweep()  # mistake
    print(swept)


def feeds(store: Store) -> None:
    """Changes have documents of the type of the model."""
    feed = store.changes("users", User)
    for change in feed.follow():
        change.document.name  # mistake
        if change.document is not None:
            change.document.nosuch  # mistake
    for raw in store.changes("users").read():
        raw.document.name  # mistake
    store.changes("users", User, filter=3)  # mistake
    store.changes("users", User, filter=lambda change: change.nosuch)  # mistake
    store.changes("users", User, inactivity="x")  # mistake
    store.changes("users", User, on_recreated="stop")  # mistake
    store.changes("users", Mail)  # mistake


def handle_parcel(parcel: Parcel) -> None:
    """Handle an item of another queue."""


def handle_parcel_delivery(parcel: Parcel, delivery: Delivery[Parcel]) -> None:
    """Handle an item of another queue, and its delivery."""


def handle_post(change: Change[Post]) -> None:
    """Handle a change of another collection."""


def workers(store: Store) -> None:
    """A handler takes what the queue or the feed hands out."""
    queue, feed = store.work_queue("mail", Mail), store.changes("users", User)
    Worker(queue, 3)  # mistake
    Worker(queue, handle_parcel)  # mistake
    Worker(queue, handle_parcel_delivery)  # mistake
    Worker(queue, print, parallel="4")  # mistake
    Worker(feed, print)  # mistake
    ChangesWorker(feed, handle_post, name="w")  # mistake
    ChangesWorker(feed, print)  # mistake
    ChangesWorker(feed, print, name="w", backoff="x")  # mistake
    ChangesWorker(queue, print, name="w")  # mistake


async def the_sync_face_awaited(store: Store) -> None:
    """There is nothing to await."""
    await store.counter("hits").increment()  # mistake
    async with store:  # mistake
        pass


async def async_queues(store: AsyncStore) -> None:
    """The same in the async face, and what was not awaited."""
    queue = store.work_queue("mail", Mail)
    queue.push(Mail(to="ann"))  # mistake
    await queue.push("no mail")  # mistake
    await queue.take("1")  # mistake
    delivery = await queue.take()
    if delivery is not None:
        delivery.item.nosuch  # mistake
        delivery.ack()  # mistake
    size: int = queue.purge()  # mistake
    print(size)
    parcels: AsyncWorkQueue[Parcel] = queue  # mistake
    print(parcels)
    store.work_queue("mail", Mail, leese=3)  # mistake
    store.rate_limiter("api", limit="3", window=1)  # mistake
    store.emitter("news", keep="x")  # mistake
    with store:  # mistake
        pass


async def async_repositories(store: AsyncStore) -> None:
    """The same for documents."""
    users = store.repository("users", User)
    await async_need_posts(users)  # mistake
    need_posts(users)  # mistake
    users.create(User())  # mistake
    await users.create(Post())  # mistake
    await users.update("ann", ["name"])  # mistake
    (await users.get("ann")).nosuch  # mistake
    users.get("ann").name  # mistake
    for user in users.iterate():  # mistake
        break
    store.repository("users", User, indexs=[])  # mistake
    store.repository("users", User, immutable=5)  # mistake


async def async_feeds(store: AsyncStore) -> None:
    """The same for changes."""
    feed = store.changes("users", User)
    async for change in feed.follow():
        if change.document is not None:
            change.document.nosuch  # mistake
    for change in feed.follow():  # mistake
        break
    feed.now()  # mistake
    store.changes("users", User, filter=3)  # mistake


async def async_handle_parcel(parcel: Parcel, delivery: AsyncDelivery[Parcel]) -> None:
    """Handle an item of another queue."""


async def async_workers(store: AsyncStore, fields: Mapping[str, str]) -> None:
    """The same for workers, which take queues and feeds of their own face."""
    queue, feed = store.work_queue("mail", Mail), store.changes("users", User)
    AsyncWorker(queue, async_handle_parcel)  # mistake
    Worker(queue, print)  # mistake
    AsyncChangesWorker(feed, handle_post, name="w")  # mistake
    await AsyncChangesWorker(fields, print, name="w").run()  # mistake
