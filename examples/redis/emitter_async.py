"""An emitter across two processes."""

import needs_redis  # if no server answers, says how to start one

# --8<-- [start:recipe]
import asyncio
import os
import sys

from datapatterns import AsyncStore

URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")


async def main() -> None:
    async with (
        AsyncStore.from_url(URL, namespace="emitter") as store,
        store.emitter("office") as events,
    ):
        if "other" in sys.argv:  # the other process
            await events.emit("mail.arrived", {"to": "ada"})
            await events.emit("mail.arrived", {"to": "charles"})
            await events.emit("office.closed")
            return

        def note(payload: dict[str, str], event: str) -> None:
            """Print the event; a listener of a pattern gets its name as a second argument."""
            if event == "office.closed":
                closed.set()
            else:
                print(event, payload["to"])

        closed, first = asyncio.Event(), []
        await events.on("*", note)
        await events.once("mail.arrived", first.append)
        print("listening")  # every event that is emitted from now on arrives

        other = await asyncio.create_subprocess_exec(sys.executable, __file__, "other")
        await asyncio.wait_for(closed.wait(), 10)
        await other.wait()
        print("once:", first)
        print("listeners of mail.arrived", events.listeners("mail.arrived"))


asyncio.run(main())
