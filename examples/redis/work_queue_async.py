"""A queue that loses nothing: leases, retries, dead letters, and effects that happen once."""

import needs_redis  # if no server answers, says how to start one

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

        dead = await queue.take()  # this worker never acks it
        print("attempt", dead.attempt, "mail to", dead.item.to)

        # Another worker waits, and gets the job when the lease has ended.
        delivery = await queue.take(timeout=10)
        print("attempt", delivery.attempt, "mail to", delivery.item.to)

        try:
            await dead.ack()  # the first worker was only slow; its lease is lost
        except Conflict as error:
            print(error.reason)

        # At least once means perhaps twice. Use `once` for an effect that must not be repeated.
        for _ in range(2):
            first = await queue.once(f"mail {delivery.id}", ttl=3_600)
            print("send" if first else "was sent before")

        await delivery.retry(error="the mail server was away")
        async with await queue.take(timeout=10) as last:  # retried if it raises, otherwise acked
            await last.bury("the third attempt failed as well")
        for letter in await queue.dead_letters():
            print("dead after", letter.attempts, "attempts:", letter.error)
        print(await queue.requeue_dead(), await queue.purge())


asyncio.run(main())
