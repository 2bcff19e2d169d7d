"""What every answer carries, and which requests are not listened to at all."""

from __future__ import annotations

import re
from collections.abc import Collection

from datapatterns import Forbidden
from datapatterns.web.asgi import ASGIApp, Message, Receive, Scope, Send, header

_PORT = re.compile(r":\d+$")
_HEADERS = {
    # The page has what it needs from here, and nothing written into it can run.
    b"content-security-policy": b"default-src 'none'; script-src 'self'; style-src 'self'; "
    b"img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    b"frame-ancestors 'none'",
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"cache-control": b"no-cache",
}


class Guard:
    """Refuses what another site's page asks of this one, which has no passwords.

    - A Host that is not among `hosts`: a name of another site that leads here. None allows any.
    - Any change that the browser says another site's page wants.
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
            raise Forbidden("this server does not go by that name")
        site = header(scope, "sec-fetch-site") or "none"
        if scope["method"] not in ("GET", "HEAD") and site not in ("none", "same-origin"):
            raise Forbidden("changes are made from this server's own page")

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                sent: list[tuple[bytes, bytes]] = list(message.get("headers", ()))
                names = {name for name, _ in sent}
                sent += [(name, value) for name, value in _HEADERS.items() if name not in names]
                message = {**message, "headers": sent}
            await send(message)

        await self.app(scope, receive, guarded)
