"""The URL of a Redis store: `parse_url` takes it apart."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from datapatterns.core.urls import split_url, without_cause
from datapatterns.errors import InvalidArgument

DEFAULT_PORT = 6379
SENTINEL_PORT = 26379

# The timeouts, in seconds, of every connection of a store unless its URL has others.
TIMEOUTS = {"socket_timeout": 5.0, "socket_connect_timeout": 5.0}

_NO_URL = (
    "not the URL of a Redis store, such as redis://127.0.0.1:6379, "
    "redis+cluster://h1:p1,h2:p2 or redis+sentinel://h1:p1,h2:p2/service"
)


@dataclass(frozen=True, slots=True)
class RedisUrl:
    """The parts of a URL: of one server (`url` as redis-py takes it), a cluster, or Sentinels."""

    kind: str
    url: str = field(default="", repr=False)  # it may hold a password
    nodes: tuple[tuple[str, int], ...] = ()
    service: str = ""
    options: dict[str, Any] = field(default_factory=dict[str, Any], repr=False)

    @property
    def address(self) -> str:
        """Return where the store is, without credentials and options."""
        if self.kind != "server":
            nodes = ",".join(f"{host}:{port}" for host, port in sorted(self.nodes))
            return f"{self.kind}://{nodes}/{self.service}/{self.options.get('db', 0)}"
        parts = urlsplit(self.url)
        database = dict(parse_qsl(parts.query)).get("db") or parts.path.strip("/") or "0"
        return f"redis://{parts.hostname}:{parts.port or DEFAULT_PORT}/{database}"


def parse_url(url: str) -> RedisUrl:
    """Return the parts of the URL; raise InvalidArgument, which does not quote it, if it is bad."""
    parts = split_url(url, _NO_URL)
    return without_cause(partial(_parse, parts, url), _NO_URL)


def bad_options(url: str) -> InvalidArgument:
    """Return the error for a URL that redis-py refuses: it names the options, not their values."""
    names = dict(parse_qsl(urlsplit(url).query))
    message = f"redis-py refuses an option of this URL, one of: {', '.join(names)}"
    return InvalidArgument(message if names else _NO_URL)


def _parse(parts: SplitResult, url: str) -> RedisUrl:
    if parts.scheme in ("redis", "rediss", "valkey"):
        if not parts.hostname or (parts.port is not None and not 0 < parts.port < 65_536):
            raise ValueError("host or port")
        _database(parts.path.strip("/"))
        return RedisUrl("server", url.replace("valkey:", "redis:", 1))
    if parts.scheme not in ("redis+cluster", "redis+sentinel"):
        raise ValueError("scheme")
    credentials, _, hosts = parts.netloc.rpartition("@")
    options = _options(parts.query)
    if credentials:
        name, _, password = credentials.partition(":")
        options |= {"username": unquote(name) or None, "password": unquote(password) or None}
    sentinel = parts.scheme == "redis+sentinel"
    port = SENTINEL_PORT if sentinel else DEFAULT_PORT
    nodes = tuple(_node(host, port) for host in hosts.split(","))
    service, _, database = unquote(parts.path).strip("/").partition("/")
    if sentinel and not service:
        raise InvalidArgument("a redis+sentinel URL must end with /SERVICE, as in …/mymaster")
    if sentinel and database:
        options["db"] = _database(database)
    if not sentinel and _database(service) + _database(database):
        raise InvalidArgument("a redis+cluster URL must have no database but 0")
    kind = "sentinel" if sentinel else "cluster"
    return RedisUrl(kind, nodes=nodes, service=service, options=options)


def _database(text: str) -> int:
    if not text:
        return 0
    if not (text.isascii() and text.isdigit()):
        raise InvalidArgument("the path of a Redis URL must be the number of a database")
    return int(text)


def _node(text: str, port: int) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    if not parts.hostname:
        raise ValueError("no host")
    return parts.hostname, parts.port or port


def _options(query: str) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for name, value in parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query)):
        match name:
            case "socket_timeout" | "socket_connect_timeout":
                options[name] = float(value)
            case "protocol":
                if value not in ("2", "3"):
                    raise InvalidArgument("the option protocol of a Redis URL must be 2 or 3")
                options[name] = int(value)
            case "ssl":
                options[name] = value.lower() in ("1", "true", "yes")
            case _:
                known = "socket_timeout, socket_connect_timeout, protocol and ssl"
                raise InvalidArgument(f"unknown option {name!r} of a Redis URL; known are {known}")
    return options
