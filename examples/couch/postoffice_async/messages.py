"""Messages between people."""

from datapatterns import AsyncStore, Document, Index, Page


class Message(Document):
    to: str
    at: int
    text: str


class Messages:
    def __init__(self, store: AsyncStore) -> None:
        self._messages = store.repository("messages", Message, indexes=[Index("inbox", "to", "at")])

    async def send(self, to: str, at: int, text: str) -> Message:
        return await self._messages.create(Message(to=to, at=at, text=text))

    async def inbox(self, of: str, after: str | None = None) -> Page[Message]:
        return await self._messages.query("inbox", of, descending=True, limit=20, after=after)

    async def burn(self, of: str) -> None:
        for message in await self.inbox(of):
            await self._messages.destroy(message.id)
