# Generated from datapatterns/testing/conformance/_async/target.py by scripts/unasync.py; do not edit.
"""The store that the fixture `target` of the conformance suite returns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from datapatterns import Store


class Target(Store):
    """A store under test: an `Store`, and a way round its repositories.

    The suite makes patterns with the public methods of the store and reads its `capabilities`.
    A backend whose capabilities declare `repository` subclasses this class and writes
    `write_foreign_fields`; for any other backend a plain `Store` is enough.
    """

    def write_foreign_fields(self, collection: str, id: str, fields: Mapping[str, Any]) -> None:
        """Set these fields of a stored document, as a program without this library would."""
        raise NotImplementedError("a target with repositories writes `write_foreign_fields`")
