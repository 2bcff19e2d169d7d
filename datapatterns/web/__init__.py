"""The patterns in web applications: problem documents, limits, preconditions, idempotency keys.

Everything here is plain ASGI or WSGI and needs no framework. Each supported framework has a module
of its name: `datapatterns.web.fastapi`, `starlette`, `flask`, `django` and `litestar`. Its
`install` turns every DataError into an `application/problem+json` answer.
"""

from datapatterns.web.asgi import ProblemMiddleware
from datapatterns.web.bodies import BodyLimitMiddleware, read_json
from datapatterns.web.errors import IdempotencyKeyReused, UnsupportedMediaType
from datapatterns.web.headers import IfMatch, etag, if_match, links
from datapatterns.web.idempotency import IdempotencyMiddleware, StoredAnswer, stored_answers
from datapatterns.web.limits import RateLimitMiddleware, client_host
from datapatterns.web.problems import PROBLEM_JSON, Answer, answer
from datapatterns.web.wsgi import ProblemApplication

__all__ = [
    "PROBLEM_JSON",
    "Answer",
    "BodyLimitMiddleware",
    "IdempotencyKeyReused",
    "IdempotencyMiddleware",
    "IfMatch",
    "ProblemApplication",
    "ProblemMiddleware",
    "RateLimitMiddleware",
    "StoredAnswer",
    "UnsupportedMediaType",
    "answer",
    "client_host",
    "etag",
    "if_match",
    "links",
    "read_json",
    "stored_answers",
]
