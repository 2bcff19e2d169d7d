"""The servers: a real CouchDB 3 where there is one, else express-pouchdb."""

from __future__ import annotations

# Here as well as in the plugin, so that these tests run without it.
from datapatterns.testing.plugin import (  # noqa: F401 - fixtures are found by their names
    couch_server,
    fault_proxy,
    start_couch,
)
