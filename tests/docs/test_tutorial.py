"""The tutorial works: its files are written and its commands run, in their order."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from datapatterns.testing.plugin import in_ci_or_skip
from datapatterns.testing.servers.redis import RedisServer, ServerFailed, free_port
from datapatterns.testing.waiting import eventually

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial.md"
STEP = re.compile(
    r'^```(?P<kind>python|sh|text)(?: title="(?P<title>[^"]+)")?\n(?P<body>.*?)^```'
    r"|^(?P<stop><!-- stop -->)$",
    re.DOTALL | re.MULTILINE,
)


@dataclass
class Reader:
    """A reader with two terminals, who runs the commands of the page."""

    folder: Path
    port: int
    redis: str
    environment: dict[str, str]
    service: subprocess.Popen[bytes] | None = None
    printed: str = ""
    done: list[str] = field(default_factory=list[str])

    def here(self, text: str) -> str:
        """Return the text with the ports of this run."""
        text = text.replace("8000", str(self.port)).replace("localhost", "127.0.0.1")
        return text.replace("redis://127.0.0.1:6379", self.redis)

    def run(self, commands: str) -> None:
        """Run the commands; a service keeps running."""
        for line in re.findall(r"^export (\w+)=(.*)$", commands, re.MULTILINE):
            self.environment[line[0]] = line[1]
        if re.search(r"^uvicorn ", commands, re.MULTILINE):
            self.start(commands)
            return
        ended = subprocess.run(
            ["sh", "-c", commands],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        self.printed = ended.stdout

    def start(self, commands: str) -> None:
        """Start the service and wait until it listens."""
        log = self.folder / "service.log"
        line = next(line for line in commands.splitlines() if line.startswith("uvicorn "))
        with log.open("wb") as output:
            self.service = subprocess.Popen(
                line.split(),
                cwd=self.folder,
                env=self.environment,
                executable=shutil.which("uvicorn", path=self.environment["PATH"]),
                stdout=output,
                stderr=output,
            )
        service = self.service
        eventually(lambda: service.poll() is not None or self.listens(), "the service")
        assert service.poll() is None, log.read_text()

    def listens(self) -> bool:
        """Return whether the service accepts connections."""
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            return True
        return False

    def stop(self) -> None:
        """Stop the service, as Ctrl-C does."""
        if self.service is not None:
            self.service.send_signal(signal.SIGINT)
            self.service.wait(20)
            self.service = None

    def compare(self, expected: str) -> None:
        """Compare the output with the page, where an ellipsis stands for any text."""
        pattern = re.escape(expected.strip()).replace("…", ".*")
        assert re.fullmatch(pattern, self.printed.strip(), re.DOTALL), self.printed


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    """Yield a reader in an empty folder, with an environment and a Redis server."""
    with in_ci_or_skip("the tutorial's commands"):
        if shutil.which("curl") is None:
            raise ServerFailed("no curl")
        server = RedisServer().start()
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "100"}
    environment.pop("STORE_URL", None)
    somebody = Reader(tmp_path, free_port(), server.url, environment)
    yield somebody
    if somebody.service is not None:
        somebody.service.kill()
        somebody.service.wait()
    server.close()


@pytest.mark.slow
def test_the_tutorial_works_as_written(reader: Reader) -> None:
    """The commands print what the page shows."""
    steps = list(STEP.finditer(TUTORIAL.read_text("utf-8")))
    assert "pip install" in steps[0]["body"]  # what the environment of the tests has already
    for step in steps[1:]:
        body = reader.here(step["body"] or "")
        if step["stop"]:
            reader.stop()
        elif step["kind"] == "python":
            (reader.folder / step["title"]).write_text(body)
        elif step["kind"] == "sh":
            reader.run(body)
        else:
            reader.compare(body)
