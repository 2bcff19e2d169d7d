"""Fields that may not change: one schema for creating, another for updating."""

import needs_couch  # if no server answers, says how to start one

# --8<-- [start:recipe]
import os

from pydantic import BaseModel, Field

from datapatterns import Document, InvalidData, Store

URL = os.environ.get("STORE_URL", "couch+http://admin:password@127.0.0.1:5984")


class User(Document):
    email: str
    username: str
    city: str = ""


class UserChange(BaseModel):
    """The fields that a request may change: fewer than a user has."""

    city: str = Field(default="", max_length=20, pattern=r"^[A-Z]")


with Store.from_url(URL, namespace="fixed_fields") as store:
    users = store.repository(
        "users",
        User,
        id_from="email",
        immutable={"email", "username"},
        update_model=UserChange,
    )
    ada = users.create(User(email="ada@example.org", username="ada", city="a long way from here"))
    for change in ({"username": "lovelace"}, {"city": "london"}, {"shoe_size": 37}):
        try:
            users.update(ada.id, change)
        except InvalidData as error:
            print(error.errors[0]["loc"], error.errors[0]["type"])
    print(users.update(ada.id, {"city": "London"}).city)
    users.destroy(ada.id)
