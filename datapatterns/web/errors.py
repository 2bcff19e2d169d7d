"""Errors that exist only between a client and a web application."""

from __future__ import annotations

from datapatterns.errors import DataError


class UnsupportedMediaType(DataError):
    """The content type of the request's body is not accepted here."""

    status, code, title = 415, "unsupported_media_type", "Unsupported media type"


class IdempotencyKeyReused(DataError):
    """The idempotency key was used before, for another request, whose answer does not fit."""

    status, code, title = 422, "idempotency_key_reused", "Idempotency key reused"
