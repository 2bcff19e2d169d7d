"""What goes wrong between a client and a web application only."""

from __future__ import annotations

from datapatterns.errors import DataError


class UnsupportedMediaType(DataError):
    """The request's body is not of a type that is understood here."""

    status, code, title = 415, "unsupported_media_type", "Unsupported media type"


class IdempotencyKeyReused(DataError):
    """The key came before, with another request: its answer would not be that of this one."""

    status, code, title = 422, "idempotency_key_reused", "Idempotency key reused"
