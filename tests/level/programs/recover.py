"""Opens a directory with recover=True, and prints the code of the error, or "opened"."""

import json
import sys

from datapatterns.errors import DataError
from datapatterns.level import Level

try:
    Level.open(sys.argv[1], recover=True).close()
except DataError as error:
    print(json.dumps(error.code))
else:
    print(json.dumps("opened"))
