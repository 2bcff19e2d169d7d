"""A queue that loses nothing: leases, retries, dead letters, and effects that happen once."""

import needs_redis  # says how to start a server, if none answers

# --8<-- [start:recipe]
import asyncio
import os

from pydantic import BaseModel

from datapatterns import AsyncStore, Conflict

URL = os.environ.get("STORE_URL", "redis://127.0.0.1:6379")


class Mail(BaseModel):
    to: str


async def main() -> None:
    async with AsyncStore.from_url(URL, namespace="work_queue") as store:
        queue = store.work_queue("mail", Mail, lease=2.0, max_attempts=3, backoff=0.0)
        await queue.purge()
        await queue.push(Mail(to="ada"))

        dead = await queue.take()  # this worker takes it and never comes back
        print("attempt", dead.attempt, "mail to", dead.item.to)

        # Another one waits: it gets the job when the lease has lapsed.
        delivery = await queue.take(timeout=10)
        print("attempt", delivery.attempt, "mail to", delivery.item.to)

        try:
            await dead.ack()  # the first one was only slow: it is told that the job is lost
        except Conflict as error:
            print(error.reason)

        # At least once means: perhaps twice. `once` is for an effect that must not be repeated.
        for _ in range(2):
            first = await queue.once(f"mail {delivery.id}", ttl=3_600)
            print("send" if first else "was sent before")

        await delivery.retry(error="the mail server was away")
        async with await queue.take(timeout=10) as last:  # retried if it raises, else acked
            await last.bury("the third attempt failed as well")
        for letter in await queue.dead_letters():
            print("dead after", letter.attempts, "attempts:", letter.error)
        print(await queue.requeue_dead(), await queue.purge())


asyncio.run(main())
