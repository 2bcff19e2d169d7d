"""Throttle an API with 429, by user, and admit requests while Redis is down."""

import needs_redis  # if no server answers, says how to start one

# --8<-- [start:recipe]
import os

from datapatterns import Store, TooManyRequests

URL = os.environ.get("STORE_URL", "redis://127.0.0.1:6379")

with Store.from_url(URL, namespace="throttle") as store:
    requests = store.rate_limiter("requests", limit=3, window=60)

    def handle(user: str) -> tuple[int, dict[str, str]]:
        """Return the status and headers of the answer to this user."""
        try:
            decision = requests.check(user)
        except TooManyRequests as error:
            return error.status, error.headers
        return 200, decision.headers()

    requests.reset("ada")
    requests.reset("charles")
    for _ in range(4):
        status, headers = handle("ada")
        print(status, headers["RateLimit"].split(";")[1], "Retry-After" in headers)
    print(handle("charles")[0])  # every user has a quota of their own

# No server answers there. With fail_open the request is admitted, and a warning is logged.
with Store.from_url("redis://127.0.0.1:1") as away:
    requests = away.rate_limiter("requests", limit=3, window=60, fail_open=True)
    decision = requests.hit("ada")
    print(decision.allowed, decision.degraded)
