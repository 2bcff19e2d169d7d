"""A middleware that adds security headers, and refuses requests of other sites' pages."""

from __future__ import annotations

import re
from collections.abc import Collection

from datapatterns import Forbidden
from datapatterns.web.asgi import ASGIApp, Message, Receive, Scope, Send, header

_PORT = re.compile(r":\d+$")
_HEADERS = {
    # The page loads everything from this server, and text that users write cannot run as a script.
    b"content-security-policy": b"default-src 'none'; script-src 'self'; style-src 'self'; "
    b"img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    b"frame-ancestors 'none'",
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"cache-control": b"no-cache",
}


class Guard:
    """Refuses requests of other sites' pages, since this application has no passwords.

    - A request whose Host is not among `hosts`: another site's name may resolve to this address.
      None allows any Host.
    - A change that comes from another site's page, as the browser's Sec-Fetch-Site says.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str] | None) -> None:
        self.app = app
        self.hosts = None if hosts is None else frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        host = _PORT.sub("", (header(scope, "host") or "").lower())
        if self.hosts is not None and host not in self.hosts:
            raise Forbidden("this server does not accept this Host; use the address it printed")
        site = header(scope, "sec-fetch-site") or "none"
        if scope["method"] not in ("GET", "HEAD") and site not in ("none", "same-origin"):
            raise Forbidden("changes are accepted from this server's own page only")

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                sent: list[tuple[bytes, bytes]] = list(message.get("headers", ()))
                names = {name for name, _ in sent}
                sent += [(name, value) for name, value in _HEADERS.items() if name not in names]
                message = {**message, "headers": sent}
            await send(message)

        await self.app(scope, receive, guarded)
