"""The server is a real CouchDB 3 if one is installed, else express-pouchdb."""

from __future__ import annotations

import pytest

# Imported here as well as in the plugin, so that these tests run without the plugin.
from datapatterns.testing.plugin import (  # noqa: F401 - fixtures are found by their names
    couch_server,
    fault_proxy,
    start_couch,
)

# Tests of the conformance suite that the stand-in fails, and why. Other tests carry marks.
_NEEDS_COUCHDB = {
    # It ignores startkey_docid: pages through equal keys begin anew with each request.
    "TestPages": (
        "every_entry_once", "any_cursor", "the_limit_may_change", "inserts_and_removals",
        "removing_all_behind", "cursors_of_other_queries",
    ),
    # It orders strings by UTF-16, loses digits of large numbers in keys, has no _info of an index,
    # and its indexes are slow and sometimes incomplete.
    "TestIndexes": (
        "strings_are_in", "counts_of_all_kinds", "reindex", "a_new_index", "hostile_index_names",
    ),
    # It does not list the id U+FFFF.
    "TestMisfits": ("hostile_ids",),
    # It reads any position as a number, or as the beginning, and does not say how much is pending.
    "TestChangesFeed": ("a_bad_position", "now_and_lag"),
    # It has no list of its _local documents.
    "TestChangesWorker": ("dead_letter",),
}  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that only a real CouchDB 3 passes."""
    for item in items:
        if item.path.name == "test_conformance.py" and item.path.parent.parent.name == "couch":
            names = _NEEDS_COUCHDB.get(getattr(item.parent, "name", ""), ())
            if any(name in item.name for name in names):
                item.add_marker("couchdb3")
