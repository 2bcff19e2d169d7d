"""Opens a directory, says so, and holds it until its input ends."""

import sys

from datapatterns.level import Level

with Level.open(sys.argv[1]) as level:
    level.put("held", True)
    print("open", flush=True)
    sys.stdin.read()
