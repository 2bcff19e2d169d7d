"""The race between subscribing and publishing, shown with MONITOR, and how `on` avoids it."""

import needs_redis  # if no server answers, says how to start one

# --8<-- [start:recipe]
import os
import threading
import time
from collections.abc import Callable

import redis

from datapatterns.redis import Emitter

URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")

with redis.Redis.from_url(URL, decode_responses=True) as client:

    def seen_by_the_server(action: Callable[[], None]) -> list[str]:
        with client.monitor() as monitor:
            action()
            client.echo("that was all")
            seen = []
            while (command := monitor.next_command()["command"]) != "ECHO that was all":
                seen.append(command.split()[0])
        return [name for name in seen if name in ("SUBSCRIBE", "PUBLISH")]

    def race() -> None:
        def listen() -> None:
            time.sleep(0.05)  # as on a busy machine or a slow network
            channel.subscribe("recipe:news")

        with client.pubsub() as channel:
            listener = threading.Thread(target=listen)
            listener.start()
            print("heard by", client.publish("recipe:news", "too early"))
            listener.join()

    def no_race() -> None:
        heard = threading.Event()
        with Emitter(client, "news") as events:
            events.on("news", lambda payload: heard.set())  # confirmed by the server
            events.emit("news", "in time")
            print("heard", heard.wait(10))

    print(seen_by_the_server(race))
    print(seen_by_the_server(no_race))
