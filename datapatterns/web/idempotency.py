"""Idempotency keys: a request that is sent again gets the first one's answer."""

from __future__ import annotations

import base64
import json
import logging
import re
import time
from collections.abc import Callable, Collection
from hashlib import sha256
from itertools import count

from pydantic import Field

from datapatterns._async.contracts import AsyncRepository
from datapatterns._async.store import AsyncStore
from datapatterns.checks import Duration, seconds
from datapatterns.documents import Document
from datapatterns.errors import Conflict, DataError, InvalidArgument, NotFound
from datapatterns.indexes import Index
from datapatterns.web.asgi import (
    ASGIApp,
    Message,
    ProblemMiddleware,
    Receive,
    Scope,
    Send,
    header,
    raw_headers,
)
from datapatterns.web.bodies import check_length, too_large
from datapatterns.web.errors import IdempotencyKeyReused
from datapatterns.web.problems import PROBLEM_JSON, answer_of_status

logger = logging.getLogger("datapatterns.web")

_STRING = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])+)"')  # of a structured field
_TOKEN = re.compile(r"[!#-~]+")  # what most clients send instead
_LONGEST = 255
_TRIES = 3  # to get hold of a record that others remove or take over at the same time
_SWEEP_EVERY, _SWEEP = 10, 20  # new records, and expired ones removed then: it never falls behind


class StoredAnswer(Document):
    """What became of a request with an idempotency key; `status` is None while it runs."""

    fingerprint: str
    until: float  # seconds since 1970 when the record is worth nothing any more
    status: int | None = None
    headers: list[tuple[str, str]] = Field(default_factory=list[tuple[str, str]])
    body: str = ""  # base64


UNTIL = Index("until", "until")


def stored_answers(store: AsyncStore, name: str = "idempotency") -> AsyncRepository[StoredAnswer]:
    """Where answers are kept, on any store; one made otherwise needs the index UNTIL."""
    return store.repository(name, StoredAnswer, indexes=[UNTIL])


class IdempotencyMiddleware:
    """Runs a request with an Idempotency-Key once, and repeats its answer to those sent again.

    1. The body is read, and with method, path, query and type it makes the fingerprint.
    2. A record under the caller and the key is created: whoever creates it runs the request. The
       others get 409 while it runs, 422 (IdempotencyKeyReused) if theirs is another request, and
       else the stored answer, marked `Idempotency-Replayed: true`. A key that is none is 400.
    3. The application's answer is held back, stored, and only then sent. One that says "try again
       later" (429, 503: `keep`) is not stored: the key is free again.
    4. Records are worth nothing after `ttl` seconds, and are removed bit by bit as new ones come.

    `subject(scope)` names the caller, so that nobody gets another's answer; None leaves the request
    alone. `answers` is a repository (`stored_answers(store)`), or a function of the scope for a
    store that is opened when the application starts.

    **The crash window.** A process that dies between the effect and the stored answer leaves the
    record running: 409 until `lease` seconds after its start, then the next repetition runs again.
    So does a store that fails just then, and a request that takes longer than `lease`. To close it
    make the effect itself idempotent with the same key: `push(item, id=key)`,
    `increment(op_id=key)`, a document's id. Times are those of this machine's clock.

    Answers above `most` bytes are sent but not repeated (409), so this is not for endless streams.
    Source: the IETF draft "The Idempotency-Key HTTP Header Field".
    """

    def __init__(
        self,
        app: ASGIApp,
        answers: AsyncRepository[StoredAnswer] | Callable[[Scope], AsyncRepository[StoredAnswer]],
        *,
        subject: Callable[[Scope], str | None],
        methods: Collection[str] = ("POST", "PATCH"),
        required: bool = False,
        ttl: Duration = 86_400.0,
        lease: Duration = 60.0,
        most: int = 1_048_576,
        keep: Callable[[int], bool] = lambda status: status not in (429, 503),
    ) -> None:
        self.app = ProblemMiddleware(app)  # so that an error is an answer, to be stored as any
        self.answers = answers
        self.subject = subject
        self.methods = frozenset(methods)
        self.required = required
        self.ttl = seconds("ttl", ttl)
        self.lease = seconds("lease", lease)
        self.most = most
        self.keep = keep
        self._made = count(1)
        self._answering = ProblemMiddleware(self._answer)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        ours = scope["type"] == "http" and scope["method"] in self.methods
        await (self._answering if ours else self.app.app)(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        caller, key = self.subject(scope), key_of(header(scope, "idempotency-key"))
        if caller is None or key is None:
            if caller is not None and self.required:
                raise InvalidArgument("this request needs an Idempotency-Key")
            await self.app.app(scope, receive, send)
            return
        body = await self._read(scope, receive)
        if body is None:
            return
        answers = self.answers(scope) if callable(self.answers) else self.answers
        id = sha256(json.dumps([caller, key]).encode()).hexdigest()
        record = await self._begin(answers, id, _fingerprint(scope, body))
        if record.status is not None:
            await _repeat(record, send)
            return
        run = _Run(self, answers, record, send)
        await run.go(scope, _replayed(body, receive))

    async def _read(self, scope: Scope, receive: Receive) -> bytes | None:
        """The whole body; None if the client has gone."""
        check_length(header(scope, "content-length"), self.most)
        body, more = bytearray(), True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            body += message.get("body", b"")
            if len(body) > self.most:
                raise too_large(self.most)
            more = message.get("more_body", False)
        return bytes(body)

    async def _begin(
        self, answers: AsyncRepository[StoredAnswer], id: str, fingerprint: str
    ) -> StoredAnswer:
        """A record of ours to run the request under, or the finished one of an earlier request."""
        for _ in range(_TRIES):
            now = time.time()
            mine = StoredAnswer(id=id, fingerprint=fingerprint, until=now + self.lease)
            found = await answers.find(id)
            try:
                if found is None:
                    await self._sweep(answers, now)
                    return await answers.create(mine)
                if found.until <= now:  # only one of those who try gets it, by its revision
                    return await answers.replace(mine.model_copy(update={"rev": found.rev}))
            except (Conflict, NotFound):
                continue
            if found.fingerprint != fingerprint:
                raise IdempotencyKeyReused("this key came with another request before")
            if found.status is not None:
                return found
            break
        raise Conflict("a request with this key is still running", reason="contention")

    async def _sweep(self, answers: AsyncRepository[StoredAnswer], now: float) -> None:
        """Remove some records that are worth nothing any more."""
        if next(self._made) % _SWEEP_EVERY:
            return
        for old in await answers.query(UNTIL.name, end=now, limit=_SWEEP):
            try:
                await answers.destroy(old.id, rev=old.rev)
            except (Conflict, NotFound):
                continue


class _Run:
    """The first request with its key: holds the answer back until it is stored."""

    def __init__(
        self,
        middleware: IdempotencyMiddleware,
        answers: AsyncRepository[StoredAnswer],
        record: StoredAnswer,
        send: Send,
    ) -> None:
        self._middleware = middleware
        self._answers = answers
        self._record = record
        self._send = send
        self._held: list[Message] = []
        self._size = 0
        self._stored = False

    async def go(self, scope: Scope, receive: Receive) -> None:
        """Run the request; one that ends without an answer is not run again either."""
        try:
            await self._middleware.app(scope, receive, self._hold)
        except Exception as error:
            if not self._stored:
                lost = answer_of_status(500, repr(error), cause=error)
                await self._store(lost.status, [("content-type", PROBLEM_JSON)], lost.body)
            raise

    async def _hold(self, message: Message) -> None:
        if self._stored:
            await self._send(message)
            return
        self._held.append(message)
        self._size += len(message.get("body", b""))
        if self._size > self._middleware.most:
            lost = answer_of_status(409, "the first answer was too large to be kept")
            await self._store(lost.status, [("content-type", PROBLEM_JSON)], lost.body)
        elif message["type"] == "http.response.body" and not message.get("more_body", False):
            start = next(m for m in self._held if m["type"] == "http.response.start")
            headers = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in start["headers"]]
            body = b"".join(m.get("body", b"") for m in self._held)
            await self._store(start["status"], headers, body)
        else:
            return
        for held in self._held:
            await self._send(held)
        self._held.clear()

    async def _store(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        """Keep the answer, or free the key; the client gets the answer whatever comes of it."""
        self._stored = True
        record, middleware = self._record, self._middleware
        try:
            if not middleware.keep(status):
                await self._answers.destroy(record.id, rev=record.rev)
                return
            kept = {
                "until": time.time() + middleware.ttl,
                "status": status,
                "headers": headers,
                "body": base64.b64encode(body).decode(),
            }
            await self._answers.replace(record.model_copy(update=kept))
        except DataError as error:
            logger.warning(
                "the answer to an idempotency key was not stored: %s",
                error,
                extra={"record": record.id, "code": error.code},
            )


def key_of(value: str | None) -> str | None:
    """The key in the header, quoted as the draft has it or plain; InvalidArgument if it is none."""
    if value is None:
        return None
    quoted, plain = _STRING.fullmatch(value), _TOKEN.fullmatch(value)
    if len(value) > _LONGEST or not (quoted or plain):
        raise InvalidArgument("an Idempotency-Key is one string of visible characters, up to 255")
    return re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else value


def _fingerprint(scope: Scope, body: bytes) -> str:
    """What tells one request from another."""
    query = scope.get("query_string", b"").decode("latin-1")
    facts = [scope["method"], scope["path"], query, header(scope, "content-type")]
    return sha256(json.dumps(facts).encode() + b"\n" + body).hexdigest()


def _replayed(body: bytes, receive: Receive) -> Receive:
    """A `receive` that begins with the body that was read already."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return messages.pop() if messages else await receive()

    return replayed


async def _repeat(record: StoredAnswer, send: Send) -> None:
    headers = [*record.headers, ("idempotency-replayed", "true")]
    await send(
        {
            "type": "http.response.start",
            "status": record.status,
            "headers": raw_headers(headers),
        }
    )
    await send({"type": "http.response.body", "body": base64.b64decode(record.body)})
