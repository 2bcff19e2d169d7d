"""The data access of an application: everybody else calls these methods, and knows no database."""

from datapatterns import AsyncStore
from postoffice_async.messages import Message, Messages
from postoffice_async.people import People, Person

__all__ = ["Message", "Person", "PostOffice"]


class PostOffice:
    """Opened once, when the application starts."""

    def __init__(self, store: AsyncStore) -> None:
        self.people = People(store)
        self.messages = Messages(store)
