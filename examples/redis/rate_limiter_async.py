"""Throttle an API with 429, by user, and admit requests while Redis is down."""

import needs_redis  # if no server answers, says how to start one

# --8<-- [start:recipe]
import asyncio
import os

from datapatterns import AsyncStore, TooManyRequests

URL = os.environ.get("STORE_URL", "redis://127.0.0.1:6379")


async def main() -> None:
    async with AsyncStore.from_url(URL, namespace="throttle") as store:
        requests = store.rate_limiter("requests", limit=3, window=60)

        async def handle(user: str) -> tuple[int, dict[str, str]]:
            """Return the status and headers of the answer to this user."""
            try:
                decision = await requests.check(user)
            except TooManyRequests as error:
                return error.status, error.headers
            return 200, decision.headers()

        await requests.reset("ada")
        await requests.reset("charles")
        for _ in range(4):
            status, headers = await handle("ada")
            print(status, headers["RateLimit"].split(";")[1], "Retry-After" in headers)
        print((await handle("charles"))[0])  # every user has a quota of their own

    # No server answers there. With fail_open the request is admitted, and a warning is logged.
    async with AsyncStore.from_url("redis://127.0.0.1:1") as away:
        requests = away.rate_limiter("requests", limit=3, window=60, fail_open=True)
        decision = await requests.hit("ada")
        print(decision.allowed, decision.degraded)


asyncio.run(main())
