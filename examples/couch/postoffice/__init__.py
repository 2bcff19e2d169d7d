"""The data access of an application; its other parts call these methods and use no database."""

from datapatterns import Store
from postoffice.messages import Message, Messages
from postoffice.people import People, Person

__all__ = ["Message", "Person", "PostOffice"]


class PostOffice:
    """The data access, which is opened once, when the application starts."""

    def __init__(self, store: Store) -> None:
        self.people = People(store)
        self.messages = Messages(store)
