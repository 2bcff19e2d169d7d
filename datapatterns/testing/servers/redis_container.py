"""Redis or Valkey in a container, for those who ask: needs `testcontainers` and a Docker engine.

    DATAPATTERNS_REDIS_CONTAINER=redis:7 pytest -p datapatterns.testing.plugin

Where no registry can be reached, TESTCONTAINERS_RYUK_DISABLED=true saves the image of its reaper.
"""

from __future__ import annotations

import re
from types import TracebackType
from typing import Any, Self

from testcontainers.community.redis import RedisContainer as Container

from datapatterns.testing.servers.redis import HOST, ServerFailed, ask, wait_until

PORT = 6379  # inside


class RedisContainer:
    """A `RedisServer` in a container, with the same methods; a restart changes its port."""

    def __init__(self, image: str = "redis:7", **options: Any) -> None:
        try:
            self._container = Container(image, PORT, **options)
        except Exception as error:  # docker's own errors; its package has no types
            raise ServerFailed(f"no Docker engine answers: {error}") from error
        self.version = f"the container {image}"
        self.host, self.port = HOST, 0  # where clients find it; each start changes the port
        self._made = False

    @property
    def _docker(self) -> Any:
        return self._container.get_wrapped_container()

    @property
    def url(self) -> str:
        """The URL for clients since the last start."""
        return f"redis://{self.host}:{self.port}/0"

    def start(self) -> Self:
        """Make it, or start it again, and wait until it answers."""
        try:
            if self._made:
                self._docker.start()
            else:
                self._made = True
                self._container.start()
            self.host = self._container.get_container_host_ip()
            self.port = self._container.get_exposed_port(PORT)
        except Exception as error:
            raise ServerFailed(f"{self.version} does not start: {error}") from error
        wait_until(self._answers, what=f"{self.version} to answer")
        found = re.search(
            r"^(redis|valkey)_version:(\S+)", self.ask("INFO", "server"), re.MULTILINE
        )
        if found:
            self.version = f"{found[1]} {found[2]} in {self.version.split(' in ')[-1]}"
        return self

    def _answers(self) -> bool:
        try:
            return self.ask("PING") == "+PONG"
        except OSError:
            return False

    def ask(self, *command: str | int) -> str:
        """Return the raw reply to one command."""
        return ask(self.port, *command, host=self.host)

    def stop(self) -> None:
        """End it."""
        self._docker.stop()

    def kill(self) -> None:
        """Send SIGKILL, as when a machine dies."""
        self._docker.kill("SIGKILL")

    def pause(self) -> None:
        """Stop its processes: its connections stay open and nothing answers."""
        self._docker.pause()

    def resume(self) -> None:
        """Let its processes go on."""
        self._docker.unpause()

    def close(self) -> None:
        """End it and remove it."""
        self._container.stop()

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
