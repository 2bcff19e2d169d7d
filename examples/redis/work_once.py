"""Queue an item once, look at it, and cancel it."""

import needs_redis  # if no server answers, says how to start one

# --8<-- [start:recipe]
import os
import uuid

from datapatterns import Conflict, Store

URL = os.environ.get("STORE_URL", "redis://127.0.0.1:6379")


with Store.from_url(URL, namespace=f"work_once-{uuid.uuid4()}") as store:
    queue = store.work_queue("mail", lease=10)

    # The id says what the work is for: pushed twice, the reminder is queued once.
    for _ in range(2):
        queue.push({"remind": "ada"}, id="remind-17", delay=3_600)
    state, stats = queue.find("remind-17"), queue.stats()
    print(state.state, state.attempts, state.due_at is not None, stats.delayed)

    # The order is paid: no reminder. The second call finds nothing to cancel.
    print(queue.cancel("remind-17"), queue.cancel("remind-17"))
    print(queue.find("remind-17"))

    # When an item is done its id is free again, unless `dedup` remembers it.
    for _ in range(2):
        queue.push({"receipt": "ada"}, id="receipt-17", dedup=3_600)
        while delivery := queue.take():
            with delivery:
                print("send", delivery.item)

    # Work under way cannot be undone, but its holder is told, and its result is dropped.
    queue.push({"export": "ada"}, id="export-17")
    delivery = queue.take()
    state = queue.find("export-17")
    print(state.state, queue.cancel("export-17"))
    try:
        delivery.extend(10)  # a worker does that from time to time
    except Conflict as error:
        print(error.reason, delivery.lost)
