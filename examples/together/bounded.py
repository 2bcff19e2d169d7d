"""Bound how many exports a user runs at the same time."""

import needs_redis  # if no server answers, says how to start one

# --8<-- [start:recipe]
import os
import uuid

from datapatterns import Store

URL = os.environ.get("STORE_URL", "redis://127.0.0.1:6379")


with Store.from_url(URL, namespace=f"bounded-{uuid.uuid4()}") as store:
    exports = store.concurrency_limiter("exports", limit=2, lease=30)
    first = exports.acquire("ada")
    second = exports.acquire("ada")
    print(exports.acquire("ada"))  # the third has to wait, or is answered with 429
    print(exports.acquire("charles") is not None)  # another subject has its own two

    second.extend(60)  # a long export holds its lease for longer
    second.release()
    with exports.acquire("ada"):  # the lease is given back at the end of the block
        print(exports.acquire("ada"))
    print(exports.acquire("ada") is not None)
    first.release()
