"""JSON values: they come back equal, and values that JSON cannot represent are refused."""

import os
from pathlib import Path

from datapatterns import InvalidArgument
from datapatterns.level import Level

PATH = os.environ.get("DB_PATH", Path(__file__).with_suffix(".db"))

with Level.open(PATH) as level:  # JSON is the default for values, UTF-8 for keys
    level.put("ada", {"born": 1815, "languages": ["en", "fr"], "married": True})
    ada = level.get("ada")
    print(ada["born"] + 1, ada["languages"][0], ada["married"])

    level.put("list", [1, 2.5, None])
    print(level.get("list"))

    for value in (float("nan"), {1, 2}, b"bytes"):
        try:
            level.put("refused", value)
        except InvalidArgument as error:
            print(error.status, type(value).__name__)
    print(level.has("refused"))
