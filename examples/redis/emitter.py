"""An emitter across two processes."""

import needs_redis  # if no server answers, says how to start one

# --8<-- [start:recipe]
import os
import subprocess
import sys
import threading

from datapatterns import Store

URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")

with Store.from_url(URL, namespace="emitter") as store, store.emitter("office") as events:
    if "other" in sys.argv:  # the other process
        events.emit("mail.arrived", {"to": "ada"})
        events.emit("mail.arrived", {"to": "charles"})
        events.emit("office.closed")
        sys.exit()

    def note(payload: dict[str, str], event: str) -> None:
        """Print the event; a listener of a pattern gets its name as a second argument."""
        if event == "office.closed":
            closed.set()
        else:
            print(event, payload["to"])

    closed, first = threading.Event(), []
    events.on("*", note)
    events.once("mail.arrived", first.append)
    print("listening")  # every event that is emitted from now on arrives

    subprocess.run([sys.executable, __file__, "other"], check=True)
    closed.wait(10)
    print("once:", first)
    print("listeners of mail.arrived", events.listeners("mail.arrived"))
