"""Enforce a schema: an e-mail address, a user name of 3 to 30 characters, a year of birth."""

import needs_couch  # if no server answers, says how to start one

# --8<-- [start:recipe]
import os
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, Field

from datapatterns import Document, InvalidData, Store

URL = os.environ.get("STORE_URL", "couch+http://admin:password@127.0.0.1:5984")


def not_in_the_future(year: int) -> int:
    if year > datetime.now(UTC).year:
        raise ValueError("nobody is born in the future")
    return year


class User(Document):
    email: str = Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")  # or pydantic's EmailStr
    username: str = Field(pattern=r"^[A-Za-z0-9]{3,30}$")
    birthyear: Annotated[int, Field(ge=1900), AfterValidator(not_in_the_future)] | None = None


with Store.from_url(URL, namespace="schema") as store:
    users = store.repository("users", User, id_from="email")
    bad = {"email": "nowhere", "username": "a b", "birthyear": 1815}
    try:
        users.create(User.model_construct(**bad))
    except InvalidData as error:
        print(error.status)
        for problem in error.errors:  # all errors, without the values
            print(problem["loc"], problem["type"])

    ada = users.create(User(email="ada@example.org", username="ada1815"))
    try:
        users.update(ada.id, {"birthyear": 3000})
    except InvalidData as error:
        print(error.errors[0]["loc"], error.errors[0]["msg"])
    print(users.update(ada.id, {"birthyear": 1985}).birthyear)
    users.destroy(ada.id)
