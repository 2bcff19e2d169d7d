"""The workers: the notifier sends a mail for each message, the welcomer sends welcome letters.

`python -m datapatterns.demo.mailroom.workers NAME` runs one of them in a process of its own, which
reads the settings as JSON from standard input.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from dataclasses import asdict, replace
from types import TracebackType
from typing import Self

from datapatterns import (
    AsyncChangesWorker,
    AsyncWorker,
    Change,
    Conflict,
    DataError,
    NotFound,
    OutcomeUnknown,
)
from datapatterns.contracts import AsyncDelivery, AsyncLease
from datapatterns.demo.mailroom import mails
from datapatterns.demo.mailroom.models import SENT, Message, Welcome, now
from datapatterns.demo.mailroom.office import Mailroom, Settings

NOTIFIER, WELCOMER = "notifier", "welcomer"
NAMES = (NOTIFIER, WELCOMER)
_RENEW_EVERY = 1.0  # seconds; the lease lasts for three


logger = logging.getLogger("datapatterns.demo")


def notifier(mailroom: Mailroom) -> AsyncChangesWorker[Message]:
    """Return a worker that sends a mail for each new message and marks the message notified.

    If it is killed between the two, it sends the mail again, with the same Message-ID; no message
    is skipped. A change may be handled twice, so the handler sets the writer's score to the number
    of messages instead of adding to it.
    """

    async def notify(change: Change[Message]) -> None:
        message = change.document
        if message is None:
            return
        sent = await mailroom.messages.count(SENT.name, message.sender)
        await mailroom.writers.set(message.sender, sent)
        if message.notified_at is not None or message.bounced is not None:
            return
        recipient = await mailroom.people.get(message.recipient)
        event, mark = "message.notified", dict[str, int | str]()
        try:
            await mailroom.post.send(mails.notification(message, recipient))
            mark["notified_at"] = now()
        except mails.Undeliverable as error:  # refused for good: another attempt cannot help
            event, mark["bounced"] = "message.bounced", str(error)
        await mailroom.messages.update(change.id, mark)
        await mailroom.tell(
            event, id=change.id, recipient=message.recipient, subject=message.subject
        )

    return AsyncChangesWorker(
        mailroom.feed(), notify, name=NOTIFIER, signals=False, checkpoint_every=(10, 0.5)
    )


def welcomer(mailroom: Mailroom) -> AsyncWorker[Welcome]:
    """Return a worker that sends welcome letters; after three refusals a letter is dead."""

    async def write(letter: Welcome, delivery: AsyncDelivery[Welcome]) -> None:
        about = {"username": letter.username, "attempt": delivery.attempt}
        try:
            await mailroom.post.send(mails.welcome(letter))
        except mails.Undeliverable as error:
            await delivery.retry(error=str(error))
            await mailroom.tell("letter.refused", **about, reply=str(error))
        else:
            await mailroom.tell("letter.sent", **about)

    return AsyncWorker(mailroom.letters, write, parallel=2, signals=False)


async def work(mailroom: Mailroom, name: str) -> None:
    """Run the worker with this name until it is cancelled.

    One process at a time runs the notifier, since two would both send each mail. It holds the only
    lease of a concurrency limiter. If it dies, its lease ends, and another process acquires one and
    continues from the checkpoint. Any number of welcomers may run: the queue gives each letter to
    one of them.

    After an error that may pass, such as a restarted store, the worker is run again.
    """
    while True:
        try:
            if name == WELCOMER:
                await welcomer(mailroom).run()
            else:
                await _notify_when_alone(mailroom)
        except DataError as error:
            if not (error.retryable or isinstance(error, OutcomeUnknown)):
                raise
            logger.warning("%s: %s, trying again", name, error)
            await asyncio.sleep(_RENEW_EVERY)


async def _notify_when_alone(mailroom: Mailroom) -> None:
    lease = await mailroom.turns.acquire(NOTIFIER)
    while lease is None:
        await asyncio.sleep(_RENEW_EVERY)
        lease = await mailroom.turns.acquire(NOTIFIER)
    async with lease:
        worker = notifier(mailroom)
        renewing = asyncio.create_task(_renew(lease, worker))
        try:
            await worker.run()
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)


async def _renew(lease: AsyncLease, worker: AsyncChangesWorker[Message]) -> None:
    """Extend the lease while the worker runs; stop the worker when the lease is lost."""
    try:
        while True:
            await asyncio.sleep(_RENEW_EVERY)
            await lease.extend()
    except Conflict:
        pass
    finally:
        worker.stop()


# --- starting and killing workers


class Crew:
    """The workers of this process, each of which can be killed and started again.

    If other processes can open the stores, a worker is a process, and is killed with SIGKILL. Only
    one process can open a LevelDB directory, so there a worker is a task, and is killed by
    cancelling it, which gives it no time to finish or to save anything either.
    """

    def __init__(self, mailroom: Mailroom) -> None:
        self._mailroom = mailroom
        self._working: dict[str, Task | Process] = {}

    async def __aenter__(self) -> Self:
        for name in NAMES:
            await self.start(name)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await asyncio.gather(*(worker.end() for worker in self._working.values()))

    def running(self, name: str) -> bool:
        """Return whether the worker with this name is running."""
        return name in self._working and self._working[name].alive

    async def start(self, name: str) -> bool:
        """Start the worker unless it is running; return whether it was started."""
        if name not in NAMES:
            raise NotFound(f"there is no such worker; the workers are {' and '.join(NAMES)}")
        if self.running(name):
            return False
        worker = Process(name) if self._mailroom.shareable else Task(name)
        self._working[name] = worker
        await worker.start(self._mailroom)
        return True

    async def kill(self, name: str) -> bool:
        """Kill the worker at once; return whether it was running."""
        if name not in NAMES:
            raise NotFound(f"there is no such worker; the workers are {' and '.join(NAMES)}")
        if not self.running(name):
            return False
        await self._working[name].kill()
        return True


class Task:
    """A worker in this process."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._task: asyncio.Task[None] | None = None

    @property
    def alive(self) -> bool:
        """Return whether the task is running."""
        return self._task is not None and not self._task.done()

    async def start(self, mailroom: Mailroom) -> None:
        """Start the task."""
        self._task = asyncio.create_task(work(mailroom, self._name), name=self._name)

    async def kill(self) -> None:
        """Cancel the task, and wait until it has ended."""
        if self._task is not None:
            await _cancel(self._task)

    end = kill


class Process:
    """A worker in a process of its own, which ends when this process ends or is killed."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._process: asyncio.subprocess.Process | None = None

    @property
    def alive(self) -> bool:
        """Return whether the process is running."""
        return self._process is not None and self._process.returncode is None

    async def start(self, mailroom: Mailroom) -> None:
        """Start the process; settings go through a pipe, since any user can read a command line."""
        command = sys.executable, "-m", __name__, self._name
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(
            *command, stdin=pipe, start_new_session=True
        )
        if self._process.stdin is not None:  # it stays open: the worker ends when it is closed
            settings = replace(mailroom.settings, smtp=mailroom.post.url, sample=False)
            self._process.stdin.write(json.dumps(asdict(settings)).encode() + b"\n")
            await self._process.stdin.drain()

    async def kill(self) -> None:
        """Kill the process with SIGKILL."""
        if self._process is not None and self.alive:
            self._process.kill()
            await self._process.wait()

    async def end(self) -> None:
        """Close its standard input, and wait until the process has finished its work."""
        if self._process is not None and self.alive and self._process.stdin is not None:
            self._process.stdin.close()
            await self._process.wait()


async def _main(name: str) -> None:
    """Run the worker until standard input ends."""
    logging.getLogger("datapatterns").addHandler(logging.NullHandler())
    settings = Settings(**json.loads(await asyncio.to_thread(sys.stdin.readline)))
    async with Mailroom(settings) as mailroom:
        working = asyncio.create_task(work(mailroom, name))
        over = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
        await asyncio.wait([working, over], return_when=asyncio.FIRST_COMPLETED)
        await _cancel(working)


async def _cancel(task: asyncio.Task[None]) -> None:
    """Cancel until the task has ended: `wait_for` of Python 3.11 can lose a cancellation."""
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=1.0)


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1]))
