"""Data-access patterns over LevelDB, Redis and CouchDB: one contract each, sync and async."""

from datapatterns.decisions import Decision
from datapatterns.documents import Document
from datapatterns.errors import (
    BadGateway,
    Conflict,
    DataCorrupted,
    DataError,
    DecodeFailed,
    Forbidden,
    HookFailed,
    InvalidArgument,
    InvalidData,
    Locked,
    NotFound,
    OutcomeUnknown,
    PreconditionFailed,
    PreconditionRequired,
    TimedOut,
    TooLarge,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    Unsupported,
)
from datapatterns.pages import Page
