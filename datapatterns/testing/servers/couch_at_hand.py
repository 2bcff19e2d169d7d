"""Which CouchDB a test run uses: the one at a URL, a container, an installed one, or a stand-in."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self
from urllib.parse import urlsplit

from datapatterns.testing.servers.couch import (
    CouchServer,
    PouchServer,
    find_couchdb,
    find_standin,
    request,
    version_of_couchdb,
    version_of_standin,
)
from datapatterns.testing.servers.redis import ServerFailed

COUCHDB_URL = "DATAPATTERNS_COUCHDB_URL"
COUCHDB_CONTAINER = "DATAPATTERNS_COUCHDB_CONTAINER"  # an image's name, as couchdb:3


class GivenCouch:
    """A server that runs already, at a URL with its admin's name and password."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        try:
            welcome = request(self.url)
        except OSError as error:
            where = urlsplit(url).netloc.rsplit("@", 1)[-1]  # never the password
            raise ServerFailed(f"the CouchDB at {where} in ${COUCHDB_URL}: {error}") from error
        self.real = str(welcome.get("couchdb")) == "Welcome" and welcome["version"][:1] >= "3"
        name = "couchdb" if "couchdb" in welcome else "express-pouchdb"
        self.version = f"{name} {welcome.get('version', 'of an unknown version')}"

    def start(self) -> Self:
        """Do nothing: it runs already."""
        return self

    def stop(self) -> None:
        """Refuse: this process did not start it."""
        raise ServerFailed("this server was started by somebody else")

    kill = stop

    def close(self) -> None:
        """Leave it as it is."""


class Couch(Protocol):
    """What every kind of server here has in common."""

    @property
    def url(self) -> str:
        """The URL for clients, with the name and password of its admin."""
        ...

    @property
    def real(self) -> bool:
        """Whether it is a CouchDB 3 and no stand-in."""
        ...

    @property
    def version(self) -> str:
        """Its name and version."""
        ...

    def start(self) -> Any:
        """Start it, again on the same port and data after a stop or a kill."""
        ...

    def stop(self) -> None:
        """End it; its data stays."""
        ...

    def kill(self) -> None:
        """End it with SIGKILL."""
        ...

    def close(self) -> None:
        """End it and remove what it leaves."""
        ...


@dataclass(frozen=True)
class CouchAtHand:
    """The CouchDB, or its replacement, that is available here; making this starts nothing."""

    version: str
    real: bool
    make: Callable[[], Couch]  # a new server, not started
    given: GivenCouch | None = None  # the one that runs already, at the URL

    @classmethod
    def look(cls, standin: Path) -> Self | None:
        """Return the first of: the URL, the container asked for, an installed one, the stand-in.

        `standin` is the folder with the stand-in's program. Raise ServerFailed if no server answers
        at the URL.
        """
        url, image = os.environ.get(COUCHDB_URL), os.environ.get(COUCHDB_CONTAINER)
        binary, program = find_couchdb(), find_standin(standin)
        if image:
            found = cls(f"the container {image}", True, lambda: _container(image))
        elif binary:
            found = cls(version_of_couchdb(binary), True, lambda: CouchServer(binary))
        elif program:
            found = cls(version_of_standin(program), False, lambda: PouchServer(program))
        else:
            found = None
        if url:
            given = GivenCouch(url)
            make = found.make if found and found.real == given.real else _refuse
            return cls(given.version, given.real, make, given)
        return found


def _container(image: str) -> Couch:
    from datapatterns.testing.servers.couch_container import CouchContainer

    return CouchContainer(image)


def _refuse() -> Couch:
    raise ServerFailed(f"the test starts and kills a server; ${COUCHDB_URL} names one that runs")
