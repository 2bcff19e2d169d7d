"""Start embedded, then change the URL and migrate the data."""

import needs_redis  # if no server answers, says how to start one

# --8<-- [start:recipe]
import asyncio
import os
import tempfile

from datapatterns import AsyncStore, Document
from datapatterns.migration import async_migrate

REDIS = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")


class User(Document):
    name: str


async def use(store: AsyncStore) -> None:
    """Do the work of the application, which is the same for every URL."""
    users = store.repository("users", User)
    if not await users.exists("ada"):
        await users.create(User(id="ada", name="Ada"))
    visits = await store.counter("visits").increment()
    place = await store.leaderboard("game").add("ada", 10)
    mail = await store.work_queue("mail").stats()
    print((await users.get("ada")).name, visits, place, mail.ready)


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with AsyncStore.from_url(f"level:{folder}/data", namespace="grow") as small:
            await use(small)
            await small.work_queue("mail").push({"to": "ada"})
            async with AsyncStore.from_url(REDIS, namespace="grow") as large:
                # After a crash the same call continues.
                report = await async_migrate(small, large, verify=True)
                print("carried", sum(report.carried.values()), "everything there:", report.ok)

    async with AsyncStore.from_url(REDIS, namespace="grow") as store:
        await use(store)
        await store.counter("visits").reset()
        await store.leaderboard("game").remove("ada")
        await store.repository("users", User).destroy("ada")
        await store.work_queue("mail").purge()


asyncio.run(main())
