"""The contracts as annotations, as type checkers see them."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel

from datapatterns import AsyncStore, AsyncWorker, Store, Worker
from datapatterns.contracts import AsyncDelivery, AsyncWorkQueue, Delivery, WorkQueue


class Mail(BaseModel):
    """An item."""

    to: str


def test_a_handler_and_a_queue_can_be_annotated(tmp_path: Path) -> None:
    """What a store hands out, and what a worker's handler is given, in the sync face."""
    attempts: list[tuple[str, int]] = []

    def send(mail: Mail, delivery: Delivery[Mail]) -> None:
        attempts.append((delivery.item.to, delivery.attempt))
        assert mail == delivery.item
        assert delivery.id == "welcome"
        worker.stop()

    with Store.from_url(f"level:{tmp_path}/data") as store:
        queue: WorkQueue[Mail] = store.work_queue("mail", Mail)
        queue.push(Mail(to="ada"), id="welcome")
        worker = Worker(queue, send, signals=False)
        assert worker.run().acked == 1
    assert attempts == [("ada", 1)]


async def the_same_in_the_async_face(url: str) -> None:
    """For the checkers only."""

    async def send(mail: Mail, delivery: AsyncDelivery[Mail]) -> None:
        await delivery.bury(mail.to)

    async with AsyncStore.from_url(url) as store:
        queue: AsyncWorkQueue[Mail] = store.work_queue("mail", Mail)
        await AsyncWorker(queue, send).run()
