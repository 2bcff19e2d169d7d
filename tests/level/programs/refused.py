"""Opens a directory that it should not get, and prints the error: code, status, data, text."""

import json
import os
import sys

from datapatterns.errors import DataError
from datapatterns.level import Level

if os.getuid() == 0 and "as-nobody" in sys.argv:
    os.setuid(65534)
try:
    Level.open(sys.argv[1], create="create" in sys.argv)
except DataError as error:
    found = {"code": error.code, "status": error.status, "data": error.data, "text": str(error)}
    found["cause"] = repr(error.__cause__)
    print(json.dumps(found))
else:
    print(json.dumps({"code": "opened"}))
