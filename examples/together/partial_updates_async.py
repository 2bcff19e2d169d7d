"""Change a part of a document: `update`, `patch`, `put`, and what each does to nested values."""

import asyncio
import os

from pydantic import BaseModel

from datapatterns import AsyncStore, Document, InvalidData

URL = os.environ.get("STORE_URL", "level:./data")


class Address(BaseModel):
    street: str
    city: str
    country: str = "GB"


class User(Document):
    name: str
    address: Address
    tags: list[str]
    nickname: str | None = None


def show(user: User) -> None:
    address = user.address
    print(address.street, address.city, address.country, user.tags, user.nickname, sep=" | ")


async def main() -> None:
    async with AsyncStore.from_url(URL, namespace="partial_updates") as store:
        users = store.repository("users", User)

        # `put` stores the whole document, whether it is new or not.
        home = Address(street="St James's Square", city="London", country="UK")
        show(
            await users.put(
                User(id="ada", name="Ada", address=home, tags=["x", "y"], nickname="AAL")
            )
        )

        # `update` sets whole values: the country is not named here, so it has its default again.
        show(await users.update("ada", {"address": {"street": "Ockham Park", "city": "Ockham"}}))

        # `patch` is a JSON Merge Patch: members of a nested object that it does not name are kept.
        show(await users.patch("ada", {"address": {"city": "Paris", "country": "FR"}}))

        # In a patch null removes: the field has its default again. An array is replaced.
        show(
            await users.patch(
                "ada", {"nickname": None, "address": {"country": None}, "tags": ["z"]}
            )
        )

        # The result must be a valid document: a street is required.
        try:
            await users.patch("ada", {"address": {"street": None}})
        except InvalidData as error:
            print(error.status, error.errors[0]["loc"], error.errors[0]["type"])

        # With `put` the last writer wins, and fields that are not given have their defaults.
        show(await users.put(User(id="ada", name="Ada", address=home, tags=["x"])))
        await users.destroy("ada")


asyncio.run(main())
