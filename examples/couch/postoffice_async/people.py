"""People."""

from pydantic import Field

from datapatterns import AsyncStore, Document


class Person(Document):
    email: str = Field(pattern=r"^[^@\s]+@[^@\s]+$")
    name: str


class People:
    def __init__(self, store: AsyncStore) -> None:
        self._people = store.repository("people", Person, id_from="email", immutable={"email"})

    async def register(self, email: str, name: str) -> Person:
        return await self._people.create(Person(email=email, name=name))

    async def rename(self, email: str, name: str) -> Person:
        return await self._people.update(email, {"name": name})

    async def leave(self, email: str) -> None:
        await self._people.destroy(email)
