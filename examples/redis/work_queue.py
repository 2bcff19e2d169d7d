"""A queue that loses nothing: leases, retries, dead letters, and effects that happen once."""

import needs_redis  # if no server answers, says how to start one

# --8<-- [start:recipe]
import os

from pydantic import BaseModel

from datapatterns import Conflict, Store

URL = os.environ.get("STORE_URL", "redis://127.0.0.1:6379")


class Mail(BaseModel):
    to: str


with Store.from_url(URL, namespace="work_queue") as store:
    queue = store.work_queue("mail", Mail, lease=2.0, max_attempts=3, backoff=0.0)
    queue.purge()
    queue.push(Mail(to="ada"))

    dead = queue.take()  # this worker never acks it
    print("attempt", dead.attempt, "mail to", dead.item.to)

    delivery = queue.take(timeout=10)  # waits until the lease has ended
    print("attempt", delivery.attempt, "mail to", delivery.item.to)

    try:
        dead.ack()  # the first worker was only slow; its lease is lost
    except Conflict as error:
        print(error.reason)

    # At least once means perhaps twice. Use `once` for an effect that must not be repeated.
    for _ in range(2):
        print("send" if queue.once(f"mail {delivery.id}", ttl=3_600) else "was sent before")

    delivery.retry(error="the mail server was away")
    with queue.take(timeout=10) as last:  # an exception in the block retries; its end acks
        last.bury("the third attempt failed as well")
    for letter in queue.dead_letters():
        print("dead after", letter.attempts, "attempts:", letter.error)
    print(queue.requeue_dead(), queue.purge())
