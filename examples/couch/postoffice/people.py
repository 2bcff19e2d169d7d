"""People."""

from pydantic import Field

from datapatterns import Document, Store


class Person(Document):
    email: str = Field(pattern=r"^[^@\s]+@[^@\s]+$")
    name: str


class People:
    def __init__(self, store: Store) -> None:
        self._people = store.repository("people", Person, id_from="email", immutable={"email"})

    def register(self, email: str, name: str) -> Person:
        return self._people.create(Person(email=email, name=name))

    def rename(self, email: str, name: str) -> Person:
        return self._people.update(email, {"name": name})

    def leave(self, email: str) -> None:
        self._people.destroy(email)
