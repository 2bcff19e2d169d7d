"""Real servers for tests: an installed CouchDB 3, or a stand-in that speaks its protocol.

Each server listens on a free loopback port, works in a temporary directory of its own, and is
ended by its pid. Nothing here needs pytest, nor an HTTP client.

    with CouchServer() as server:
        client = httpx2.Client(base_url=server.url)
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self
from urllib.parse import unquote, urlsplit

from datapatterns.testing.servers.redis import (
    HOST,
    STOP_TIMEOUT,
    ServerFailed,
    free_port,
    wait_until,
)

USER = "admin"
PASSWORD = "password"  # noqa: S105 - of servers that only this machine reaches, for one run
START_TIMEOUT = 60.0  # seconds; an Erlang machine loads hundreds of modules first
INSTALLED = Path("/opt/couchdb/bin/couchdb")  # where its packages put it, off the PATH

# The virtual machine's options. No name: the server then needs no port for other nodes, no epmd,
# and any number of servers run side by side. Idle schedulers sleep at once: others test here too.
VM_ARGS = """\
-noinput
-kernel error_logger silent
-sasl sasl_error_logger false
-ssl session_lifetime 300
-os_mon start_cpu_sup false
-os_mon start_memsup false
+Bd
+SDio 16
+sbwt none
+sbwtdcpu none
+sbwtdio none
"""

# What differs from the server's default.ini. Few iterations: a test needs no strong hash, and
# without a session each request checks the password.
SETTINGS: Mapping[str, Mapping[str, str]] = {
    "couchdb": {"single_node": "true"},
    "cluster": {"q": "1", "n": "1"},
    "chttpd": {"bind_address": HOST, "require_valid_user": "false"},
    "chttpd_auth": {"iterations": "1", "upgrade_hash_on_auth": "false"},
    "chttpd_auth_lockout": {
        "mode": "off"
    },  # a test of wrong passwords must not lock the others out
    "log": {"level": "warning", "writer": "stderr"},
    "admins": {USER: PASSWORD},
}


def find_couchdb() -> Path | None:
    """Return the command of an installed CouchDB 3, from the PATH or where packages put it."""
    for found in (shutil.which("couchdb"), INSTALLED):
        if found and os.access(found, os.X_OK):
            binary = Path(found).resolve()
            if version_of_couchdb(binary).startswith("couchdb 3"):
                return binary
    return None


def version_of_couchdb(binary: Path) -> str:
    """Return `couchdb 3.5.0` or alike; its installation tells the version, not the command."""
    for folder in sorted((binary.parent.parent / "lib").glob("couch-*")):
        if found := re.fullmatch(r"couch-(\d+\.\d+\.\d+.*)", folder.name):
            return f"couchdb {found[1]}"
    return "couchdb of an unknown version"


def find_standin(folder: Path) -> Path | None:
    """Return the stand-in's program; None unless Node and its packages are installed."""
    program = folder / "server.mjs"
    ready = program.exists() and (folder / "node_modules" / "express-pouchdb").is_dir()
    return program if ready and shutil.which("node") else None


def version_of_standin(program: Path) -> str:
    """Return `express-pouchdb 4.2.0` or alike."""
    package = program.parent / "node_modules" / "express-pouchdb" / "package.json"
    return f"express-pouchdb {json.loads(package.read_bytes())['version']}"


def request(
    url: str,
    path: str = "/",
    *,
    method: str = "GET",
    body: Any = None,
    timeout: float = 5.0,
) -> Any:
    """Return the JSON of the server's reply; raise OSError if it fails or is no JSON."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=timeout)
    headers = {"Accept": "application/json", "Content-Type": "application/json"}
    if parts.username:
        words = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Authorization"] = "Basic " + base64.b64encode(words.encode()).decode()
    try:
        connection.request(method, path, body and json.dumps(body), headers)
        reply = connection.getresponse()
        if reply.status >= 400:
            raise OSError(f"{method} {path}: {reply.status} {reply.reason}")
        return json.loads(reply.read())
    except (http.client.HTTPException, ValueError) as error:
        raise OSError(f"{method} {path}: {error!r}") from error
    finally:
        connection.close()


def _memory() -> str | None:
    """Return a folder in memory if it has room; data there survive the kill of a process.

    CouchDB waits for the disk at each write, and tests make many small ones.
    """
    folder = "/dev/shm"  # noqa: S108 - a directory of our own is made in it
    room = os.path.isdir(folder) and os.access(folder, os.W_OK)
    return folder if room and shutil.disk_usage(folder).free > 2**30 else None


class _ChildServer:
    """A server as a child process; subclasses give its command and settings."""

    real: ClassVar[bool]
    version: str

    def __init__(self, *, port: int | None = None) -> None:
        self.port = port or free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="datapatterns-couch-", dir=_memory()))
        self._fixed = port is not None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The URL for clients, with the name and password of its admin."""
        return f"http://{USER}:{PASSWORD}@{HOST}:{self.port}"

    @property
    def pid(self) -> int | None:
        """The pid of its process; None if it does not run."""
        return self._process.pid if self._process else None

    def start(self) -> Self:
        """Start it and wait until it answers; at first, try another port if this one is taken."""
        for attempt in range(3):
            try:
                self._launch()
            except ServerFailed:
                self.kill()
                if attempt == 2 or self._fixed or "eaddrinuse" not in self.log().lower():
                    raise
                self.port = free_port()
            else:
                self._fixed = True  # clients know the port now
                return self
        raise AssertionError("unreachable")

    def _launch(self) -> None:
        command = self._command()
        with open(self.folder / "log", "ab") as log:
            self._process = process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder,
                env={**os.environ, **self._environment()},
            )  # fmt: skip
        try:
            wait_until(
                lambda: process.poll() is not None or self._answers(),
                what=f"{self.version} to answer", timeout=START_TIMEOUT,
            )  # fmt: skip
        except ServerFailed as error:
            raise ServerFailed(f"{error}:\n{self.log()}") from None
        if process.poll() is not None:
            raise ServerFailed(f"{self.version} ended at once:\n{self.log()}")

    def _command(self) -> list[str | Path]:
        raise NotImplementedError

    def _environment(self) -> dict[str, str]:
        return {}

    def _answers(self) -> bool:
        try:
            return bool(request(self.url, "/_up", timeout=1.0))
        except OSError:
            return False

    def log(self) -> str:
        """Return what it has written so far, over all its starts."""
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def stop(self) -> None:
        """End it by its pid; its port and its data stay for the next start."""
        if self._process is None:
            return
        self.resume()
        process = self._process
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None

    def kill(self) -> None:
        """Send SIGKILL, as when a machine dies."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(STOP_TIMEOUT)
            self._process = None

    def move(self, port: int | None = None) -> None:
        """Kill it and start it on another port, with the same data."""
        self.kill()
        self.port = port or free_port()
        self.start()

    def pause(self) -> None:
        """Send SIGSTOP: its connections stay open and nothing answers."""
        if sys.platform == "win32":
            raise NotImplementedError("Windows has no SIGSTOP: run this test on Linux or macOS")
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Send SIGCONT."""
        if self._process is not None and sys.platform != "win32":
            self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """End it and remove its directory."""
        self.kill()  # its data goes anyway, and an orderly end takes a second
        shutil.rmtree(self.folder, ignore_errors=True)

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


class CouchServer(_ChildServer):
    """One node of an installed CouchDB 3; `settings` adds to its configuration, by section."""

    real = True

    def __init__(
        self,
        binary: Path | None = None,
        *,
        port: int | None = None,
        settings: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        found = binary or find_couchdb()
        if found is None:
            raise ServerFailed(f"no couchdb on the PATH, and no {INSTALLED}")
        super().__init__(port=port)
        self.binary = found
        self.version = version_of_couchdb(found)
        self.settings = dict(settings or {})

    def _command(self) -> list[str | Path]:
        defaults = self.binary.parent.parent / "etc" / "default.ini"
        ini = self.folder / "local.ini"
        # The server puts hash and salt of the password into it, on which its cookies depend: a
        # restart keeps the file, with the port that may be another one.
        text = ini.read_text() if ini.exists() else self._ini()
        ini.write_text(re.sub(r"(?m)^port = \d+$", f"port = {self.port}", text, count=1))
        (self.folder / "vm.args").write_text(VM_ARGS)
        return [self.binary, "-couch_ini", defaults, ini]

    def _ini(self) -> str:
        """Return the settings that differ from the server's own."""
        data = str(self.folder / "data")
        own = {
            "couchdb": {
                "uuid": secrets.token_hex(16),
                "database_dir": data,
                "view_index_dir": data,
            },
            "chttpd": {"port": str(self.port)},
            "chttpd_auth": {"secret": secrets.token_hex(16)},
            "smoosh": {"state_dir": data},
        }
        merged: dict[str, dict[str, str]] = {}
        for settings in (SETTINGS, own, self.settings):
            for section, values in settings.items():
                merged.setdefault(section, {}).update(values)
        lines: list[str] = []
        for section, values in merged.items():
            lines += [f"[{section}]", *(f"{name} = {value}" for name, value in values.items()), ""]
        return "\n".join(lines)

    def _environment(self) -> dict[str, str]:
        # What the developer's own environment says of another server would be read on top of this.
        cleared = ("COUCHDB_INI_FILES", "ERL_AFLAGS", "ERL_FLAGS", "ERL_ZFLAGS")
        return {
            **dict.fromkeys(cleared, ""),
            "COUCHDB_ARGS_FILE": str(self.folder / "vm.args"),
            "ERL_CRASH_DUMP_SECONDS": "0",  # the log tells why; no dump beside the installation
            "HOME": os.environ.get("HOME", str(self.folder)),  # the Erlang machine wants one
        }

    def _answers(self) -> bool:
        """Return whether it answers and has made its own databases, which it does last."""
        try:
            request(self.url, "/_users", timeout=1.0)
            request(self.url, "/_replicator", timeout=1.0)
        except OSError:
            return False
        return super()._answers()


class PouchServer(_ChildServer):
    """The stand-in: express-pouchdb on Node, with its data in LevelDB."""

    real = False

    def __init__(self, program: Path, *, port: int | None = None) -> None:
        if find_standin(program.parent) is None:
            raise ServerFailed(
                f"no express-pouchdb: `npm ci --ignore-scripts` in {program.parent} installs it"
            )
        super().__init__(port=port)
        self.program = program
        self.version = version_of_standin(program)

    def _command(self) -> list[str | Path]:
        node = shutil.which("node") or "node"
        data = self.folder / "data"
        return [node, self.program, "--data", data, "--port", str(self.port)]

    def _environment(self) -> dict[str, str]:
        return {"COUCHDB_USER": USER, "COUCHDB_PASSWORD": PASSWORD, "NODE_ENV": "production"}
