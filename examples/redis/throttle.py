"""Throttle an API per user with 429; and let requests through while Redis is down."""

import needs_redis  # says how to start a server, if none answers

# --8<-- [start:recipe]
import os

from datapatterns import Store, TooManyRequests

URL = os.environ.get("STORE_URL", "redis://127.0.0.1:6379")

with Store.from_url(URL, namespace="throttle") as store:
    requests = store.rate_limiter("requests", limit=3, window=60)

    def handle(user: str) -> tuple[int, dict[str, str]]:
        """The status and headers that this user's request gets."""
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
    print(handle("charles")[0])  # everybody has a quota of their own

# Nobody answers there. With fail_open the request passes, and a warning is logged.
with Store.from_url("redis://127.0.0.1:1") as away:
    requests = away.rate_limiter("requests", limit=3, window=60, fail_open=True)
    decision = requests.hit("ada")
    print(decision.allowed, decision.degraded)
