"""Checked names and ids, and the URL paths that lead to what they name and to nothing else.

Everything except letters, digits and `-_.~` is percent-encoded, the slash and the plus included:
in a path CouchDB reads `+` as a space. A part that consists of dots only has its dots encoded too,
because HTTP libraries resolve `.` and `..`.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from urllib.parse import quote

from datapatterns.core.checks import check_name
from datapatterns.errors import InvalidArgument

# https://docs.couchdb.org/en/stable/api/database/common.html#put--db
_DATABASE = re.compile(r"[a-z][a-z0-9_$()+/-]*")
_SYSTEM = frozenset({"_users", "_replicator", "_global_changes"})
_LONGEST_DATABASE = 238  # characters: the server's files are named after it
_LONGEST_ID = 7_000  # bytes; from about 8,000 on the server answers a bare 400
_SPECIAL = ("_design/", "_local/")
_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789_-")


def check_database(name: object) -> str:
    """Return the name unchanged; raise InvalidArgument unless CouchDB accepts it for a database."""
    name = check_name("a database's name", name)
    if name in _SYSTEM:
        return name
    if not _DATABASE.fullmatch(name):
        raise InvalidArgument(
            "a database's name must begin with a-z and may hold a-z, 0-9 and _$()+/- only"
        )
    if len(name) > _LONGEST_DATABASE:
        raise InvalidArgument(f"a database's name has at most {_LONGEST_DATABASE} characters")
    return name


def database_name(namespace: str, name: str) -> str:
    """Return the database of a store's collection.

    Different pairs of namespace and name give different databases. A name that CouchDB accepts
    stays as it is.
    """
    found = _spelled(check_name("a name", name))
    if namespace:
        found = f"{_spelled(check_name('a namespace', namespace))}+{found}"
    if len(found) > _LONGEST_DATABASE:
        digest = blake2b(found.encode(), digest_size=16).hexdigest()
        found = f"{found[:150]}$${digest}"  # no spelled name holds $$ behind its beginning
    return found


def _spelled(name: str) -> str:
    """Return the name in characters that CouchDB accepts, each other byte as `$` and hex digits."""
    spelled = "".join(chr(b) if b in _PLAIN else f"${b:02x}" for b in name.encode())
    return spelled if spelled[0].isalpha() else f"n$${spelled}"


def check_id(id: object) -> str:
    """Return the id unchanged; raise InvalidArgument if the server would refuse it.

    Ids that begin with `_design/` or `_local/` are accepted.
    """
    id = check_name("an id", id)
    if id.startswith("_") and not (id.startswith(_SPECIAL) and len(id) > id.index("/") + 1):
        raise InvalidArgument("an id must not begin with an underscore")
    if len(id.encode()) > _LONGEST_ID:
        raise InvalidArgument(f"an id has at most {_LONGEST_ID:,} bytes")
    return id


def database_path(name: str) -> str:
    """Return the path of a database; raise InvalidArgument for a bad name."""
    return "/" + quoted(check_database(name))


def document_path(database: str, id: str) -> str:
    """Return the path of a document below a database's path; raise InvalidArgument for a bad id."""
    id = check_id(id)
    for special in _SPECIAL:
        if id.startswith(special):
            return f"{database}/{special}{quoted(id.removeprefix(special))}"
    return f"{database}/{quoted(id)}"


def quoted(part: str) -> str:
    """Return one part of a path, percent-encoded."""
    if part.strip(".") == "":
        return "%2E" * len(part)
    return quote(part, safe="")
