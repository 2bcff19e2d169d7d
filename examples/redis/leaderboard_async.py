"""The ranking of a game; of two equal scores the one that was reached first ranks higher."""

import needs_redis  # if no server answers, says how to start one

# --8<-- [start:recipe]
import asyncio
import os

from datapatterns import AsyncStore

URL = os.environ.get("STORE_URL", "redis://127.0.0.1:6379")
POINTS = [("ada", 30), ("charles", 20), ("mary", 50), ("ada", 20), ("george", 5)]


async def main() -> None:
    async with AsyncStore.from_url(URL, namespace="ranking") as store:
        game = store.leaderboard("game")
        for player in ("ada", "charles", "mary", "george"):
            await game.remove(player)

        for player, points in POINTS:
            print(player, "has", await game.add(player, points))

        for place in await game.top(3):  # Mary reached 50 before Ada
            print(place.rank, place.player, place.score)
        print("Charles is number", await game.rank("charles"), "of", await game.size())
        print([place.player for place in await game.around("charles", radius=1)])
        print([place.player for place in await game.bottom(1)])


asyncio.run(main())
