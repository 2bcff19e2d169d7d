"""The one module that imports httpx2 and httpx, which have the same API and separate errors.

The library opens clients of httpx2; a lent client may come from either.
"""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from importlib import import_module
from ssl import SSLContext
from typing import TYPE_CHECKING, Any

import httpx2
from httpx2 import AsyncClient, Client

if TYPE_CHECKING:
    import httpx

    AsyncHttpClient = httpx2.AsyncClient | httpx.AsyncClient
    HttpClient = httpx2.Client | httpx.Client
    Response = httpx2.Response | httpx.Response
else:
    AsyncHttpClient = HttpClient = Response = Any

__all__ = [
    "CONNECT_TIMEOUT",
    "LOST",
    "NOT_SENT",
    "TIMED_OUT",
    "UNUSABLE_URL",
    "AsyncClient",
    "AsyncClients",
    "AsyncHttpClient",
    "Client",
    "Clients",
    "HttpClient",
    "Response",
    "another",
    "settings",
]

_LIBRARIES: list[Any] = [httpx2]
with suppress(ModuleNotFoundError):
    _LIBRARIES.append(import_module("httpx"))

CONNECT_TIMEOUT = 5.0  # seconds


def _of_both(*names: str) -> tuple[type[Exception], ...]:
    """Return the exceptions of these names from each library."""
    return tuple(getattr(library, name) for library in _LIBRARIES for name in names)


AsyncClients: tuple[type[Any], ...] = tuple(library.AsyncClient for library in _LIBRARIES)
Clients: tuple[type[Any], ...] = tuple(library.Client for library in _LIBRARIES)

# All that can fail between request and reply.
LOST = _of_both("RequestError", "StreamError")
# Those of them that prove that the server has not received the request.
NOT_SENT = _of_both("ConnectError", "ConnectTimeout", "PoolTimeout", "ProxyError")
TIMED_OUT = _of_both("TimeoutException")
UNUSABLE_URL = _of_both("InvalidURL", "UnsupportedProtocol")


@cache
def _trust(name: str, trust_env: bool) -> SSLContext:
    """Return the certificates for all our clients; loading them takes longer than connecting."""
    library: Any = import_module(name)
    context: SSLContext = library.create_ssl_context(trust_env=trust_env)
    return context


def settings(
    base_url: str, auth: tuple[str, str] | None, timeout: float, connections: int
) -> dict[str, Any]:
    """Return the options for a client of our own for that server."""
    return {
        "base_url": base_url,
        "auth": auth,
        "verify": _trust("httpx2", True),
        "timeout": httpx2.Timeout(timeout, connect=min(timeout, CONNECT_TIMEOUT)),
        "limits": httpx2.Limits(
            max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=30
        ),
    }


def another(client: Any) -> Any:
    """Return a new client of the same library for the same server, with the same settings.

    Certificates, proxies and transports cannot be read from a client; the new one has the defaults.
    """
    library = next(lib for lib in _LIBRARIES if isinstance(client, lib.AsyncClient | lib.Client))
    kind = library.AsyncClient if isinstance(client, library.AsyncClient) else library.Client
    return kind(
        base_url=str(client.base_url),
        auth=client.auth,
        headers=client.headers,
        cookies=client.cookies,
        timeout=client.timeout,
        trust_env=client.trust_env,
        verify=_trust(library.__name__, client.trust_env),
    )
