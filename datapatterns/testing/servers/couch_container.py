"""CouchDB in a container, for those who ask for it: needs `testcontainers` and a Docker engine.

Where no registry can be reached, TESTCONTAINERS_RYUK_DISABLED=true saves the image of its reaper.
"""

from __future__ import annotations

from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from testcontainers.core.container import DockerContainer

from datapatterns.testing.servers.couch import PASSWORD, START_TIMEOUT, USER, request
from datapatterns.testing.servers.redis import ServerFailed, wait_until

PORT = 5984  # inside


class CouchContainer(DockerContainer):
    """One node of CouchDB 3; a restart keeps its data but changes its port."""

    real = True

    def __init__(self, image: str = "couchdb:3", **options: Any) -> None:
        try:
            super().__init__(image, **options)
        except Exception as error:  # docker's own errors; its package has no types
            raise ServerFailed(f"no Docker engine answers: {error}") from error
        self.with_exposed_ports(PORT)
        self.with_env("COUCHDB_USER", USER).with_env("COUCHDB_PASSWORD", PASSWORD)
        self.version = f"the container {image}"

    @property
    def url(self) -> str:
        """The URL for clients, with the name and password of its admin."""
        host, port = self.get_container_host_ip(), self.get_exposed_port(PORT)
        return f"http://{USER}:{PASSWORD}@{host}:{port}"

    def start(self) -> Self:
        """Make and start it, or start it again, and wait until it has its own databases."""
        if self._container is None:
            super().start()
        else:
            self._container.start()
        wait_until(self._is_ready, what=f"{self.version} to answer", timeout=START_TIMEOUT)
        # One shard, as in `CouchServer`: with more a feed keeps the order of each document only.
        request(self.url, "/_node/_local/_config/cluster/q", method="PUT", body="1")
        self.version = f"couchdb {request(self.url)['version']}"
        return self

    def _is_ready(self) -> bool:
        for name in ("/_users", "/_replicator"):
            with suppress(OSError):  # it is there already
                request(self.url, name, method="PUT", timeout=1.0)
        try:
            request(self.url, "/_users", timeout=1.0)
            request(self.url, "/_replicator", timeout=1.0)
        except OSError:
            return False
        return True

    def stop(self, force: bool = True, delete_volume: bool = True) -> None:
        """End it; keep its data, which `close` removes. The arguments have no effect."""
        self.get_wrapped_container().stop()

    def kill(self) -> None:
        """Send SIGKILL, as when a machine dies."""
        self.get_wrapped_container().kill("SIGKILL")

    def close(self) -> None:
        """End it and remove it with its data."""
        super().stop()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
