"""Messages between people."""

from datapatterns import Document, Index, Page, Store


class Message(Document):
    to: str
    at: int
    text: str


class Messages:
    def __init__(self, store: Store) -> None:
        self._messages = store.repository("messages", Message, indexes=[Index("inbox", "to", "at")])

    def send(self, to: str, at: int, text: str) -> Message:
        return self._messages.create(Message(to=to, at=at, text=text))

    def inbox(self, of: str, after: str | None = None) -> Page[Message]:
        return self._messages.query("inbox", of, descending=True, limit=20, after=after)

    def burn(self, of: str) -> None:
        for message in self.inbox(of):
            self._messages.destroy(message.id)
