"""Idempotency keys: a request that is sent again gets the answer of the first one."""

from __future__ import annotations

import base64
import json
import logging
import re
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from pydantic import Field

from datapatterns.contracts import AsyncRepository
from datapatterns.core.checks import Duration, seconds
from datapatterns.core.documents import Document, UtcDatetime
from datapatterns.errors import Conflict, DataError, InvalidArgument, NotFound
from datapatterns.store._async.store import AsyncStore
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

_STRING = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])+)"')  # a string of a structured field
_TOKEN = re.compile(r"[!#-~]+")  # most clients send the key without quotes
_LONGEST = 255
_TRIES = 3  # to get a record that other requests remove or take over at the same time


class StoredAnswer(Document):
    """The answer to a request with an idempotency key; `status` is None while the request runs."""

    fingerprint: str
    until: UtcDatetime  # the record expires then
    leased_until: UtcDatetime  # from then on another request may run in its place
    status: int | None = None
    headers: list[tuple[str, str]] = Field(default_factory=list[tuple[str, str]])
    body: str = ""  # base64


def stored_answers(store: AsyncStore, name: str = "idempotency") -> AsyncRepository[StoredAnswer]:
    """Return the repository of answers; one that you make yourself needs `expires="until"`."""
    return store.repository(name, StoredAnswer, expires="until")


class IdempotencyMiddleware:
    """Runs a request with an Idempotency-Key once, and repeats its answer when it is sent again.

    1. The body is read. Method, path, query, content type and body make the fingerprint.
    2. A record is created under an id made of the caller and the key. The request that creates it
       runs. A repetition gets 409 while it runs, and then the stored answer, marked
       `Idempotency-Replayed: true`. Another request with the same key gets 422
       (IdempotencyKeyReused), and a malformed key 400.
    3. The application's answer is held back until it is stored, and then sent. An answer that says
       "try again later" (429, 503: `keep`) is not stored: the key is free again.
    4. Records expire after `ttl` seconds, and the repository removes them in small steps.

    `subject(scope)` names the caller, so that no caller gets the answer of another; a request whose
    subject is None passes without all this. `answers` is a repository (`stored_answers(store)`), or
    a function of the scope for a store that is opened when the application starts.

    **The crash window.** If the process dies between the effect and the stored answer, the record
    stays running: repetitions get 409 until `lease` seconds after its start, and then the next one
    runs again. The same happens when the store fails at that moment, and when a request takes
    longer than `lease`. To close the window make the effect itself idempotent with the same key:
    `push(item, id=key)`, `increment(op_id=key)`, a document's id. `lease` is measured by this
    machine's clock.

    Answers above `most` bytes are sent but not stored (a repetition gets 409), so this does not fit
    endless streams. Source: the IETF draft "The Idempotency-Key HTTP Header Field".
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
        self.app = ProblemMiddleware(app)  # so that an error becomes an answer, and is stored
        self.answers = answers
        self.subject = subject
        self.methods = frozenset(methods)
        self.required = required
        self.ttl = seconds("ttl", ttl)
        self.lease = seconds("lease", lease)
        self.most = most
        self.keep = keep
        self._answering = ProblemMiddleware(self._answer)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        ours = scope["type"] == "http" and scope["method"] in self.methods
        await (self._answering if ours else self.app.app)(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        caller, key = self.subject(scope), key_of(header(scope, "idempotency-key"))
        if caller is None or key is None:
            if caller is not None and self.required:
                raise InvalidArgument("send the header Idempotency-Key with this request")
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
        """Return the whole body, or None if the client has disconnected."""
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
        """Return a new record, under which the request runs, or the record of an earlier answer."""
        for _ in range(_TRIES):
            found = await answers.find(id)
            mine = self._new(id, fingerprint)
            try:
                if found is None:
                    return await answers.create(mine)
                if found.status is None and found.leased_until <= datetime.now(UTC):
                    # Its revision lets only one request replace it.
                    return await answers.replace(mine.model_copy(update={"rev": found.rev}))
            except (Conflict, NotFound):
                continue
            if found.fingerprint != fingerprint:
                raise IdempotencyKeyReused("this key was used for another request; send a new key")
            if found.status is not None:
                return found
            break
        message = "a request with this key is still running; try again later"
        raise Conflict(message, reason="contention")

    def _new(self, id: str, fingerprint: str) -> StoredAnswer:
        """Return the record of a request that begins to run."""
        return StoredAnswer(
            id=id,
            fingerprint=fingerprint,
            until=_from_now(max(self.ttl, self.lease)),
            leased_until=_from_now(self.lease),
        )


class _Run:
    """The first request with a key, whose answer is held back until it is stored."""

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
        """Run the request; if it ends without an answer, store a 500, so that it runs only once."""
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
            lost = answer_of_status(409, "the first answer was too large to be stored")
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
        """Store the answer, or free the key; the client gets the answer even if that fails."""
        self._stored = True
        record, middleware = self._record, self._middleware
        try:
            if not middleware.keep(status):
                await self._answers.destroy(record.id, rev=record.rev)
                return
            kept = {
                "until": _from_now(middleware.ttl),
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


def _from_now(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


def key_of(value: str | None) -> str | None:
    """Return the key in the header, which may be quoted; raise InvalidArgument if malformed."""
    if value is None:
        return None
    quoted, plain = _STRING.fullmatch(value), _TOKEN.fullmatch(value)
    if len(value) > _LONGEST or not (quoted or plain):
        raise InvalidArgument("Idempotency-Key must be one string of 1 to 255 visible characters")
    return re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else value


def _fingerprint(scope: Scope, body: bytes) -> str:
    """Return a digest that distinguishes this request from others."""
    query = scope.get("query_string", b"").decode("latin-1")
    facts = [scope["method"], scope["path"], query, header(scope, "content-type")]
    return sha256(json.dumps(facts).encode() + b"\n" + body).hexdigest()


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that first returns the body that was read already."""
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
