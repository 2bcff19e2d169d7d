"""The ranking of a game; of two equal scores the one that was reached first ranks higher."""

import needs_redis  # if no server answers, says how to start one

# --8<-- [start:recipe]
import os

from datapatterns import Store

URL = os.environ.get("STORE_URL", "redis://127.0.0.1:6379")

with Store.from_url(URL, namespace="ranking") as store:
    game = store.leaderboard("game")
    for player in ("ada", "charles", "mary", "george"):
        game.remove(player)

    for player, points in [("ada", 30), ("charles", 20), ("mary", 50), ("ada", 20), ("george", 5)]:
        print(player, "has", game.add(player, points))

    for place in game.top(3):  # Mary reached 50 before Ada
        print(place.rank, place.player, place.score)
    print("Charles is number", game.rank("charles"), "of", game.size())
    print([place.player for place in game.around("charles", radius=1)])
    print([place.player for place in game.bottom(1)])
