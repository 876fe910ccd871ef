"""Who may use the dashboard: the one who has the link that its terminal printed, from a page of the dashboard itself.

ASGI middleware in front of everything streamlit serves (pages, websocket, media, uploads, static files):

    names     -> only the names the dashboard is served under (starlette's TrustedHostMiddleware; DNS rebinding)
    Gatehouse -> only its own origin, only with the session's token or the cookie that the token was exchanged for,
                 and every answer with headers that keep other pages from framing, sniffing or scripting it

A browser gets in by the token in the URL once; it is sent on to the same URL without it. A program sends
`Authorization: Bearer TOKEN`. What it leaves out: rights of single users; who has the token may do everything.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass, field

from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketClose

TOKEN = "token"
PRESENT = "/present/"  # pages there are whole files with a stricter policy of their own (`lab.ui.presenting`)
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
# Streamlit's styles are made in the browser (emotion), hence 'unsafe-inline' there; scripts come from its bundle only.
POLICY = {
    "default-src": "'self'",
    "script-src": "'self'",
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data: blob:",
    "font-src": "'self' data:",
    "media-src": "'self' data: blob:",
    "worker-src": "'self' blob:",
    "connect-src": "'self'",
    "frame-src": "'none'",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
LOCKED = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Feature Hierarchy Lab</title>
<style>body{font:17px/1.5 sans-serif;max-width:34em;margin:12vh auto;padding:0 1em;color:#23272b;background:#fcfbf8}
input,button{font:inherit;padding:.3em .6em}</style>
<h1>This dashboard is locked</h1>
<p>Open the link that the terminal printed when the dashboard was started: it ends in <code>token=…</code>. Or paste
the token here.</p>
<form><input name="token" type="password" aria-label="token" required autofocus> <button>Open</button></form></html>
"""


@dataclass(frozen=True)
class Access:
    """What lets a browser in: the session's token, the name of the cookie it is exchanged for, the server's names."""

    token: str = field(repr=False)
    cookie: str
    hosts: tuple[str, ...]

    @property
    def cookie_value(self) -> str:
        """The value of the cookie: it follows from the token, and the token does not follow from it."""
        return hmac.new(self.token.encode(), b"cookie", hashlib.sha256).hexdigest()


def access_middleware(access: Access, page: str) -> list[Middleware]:
    """Return what stands before the dashboard, outermost first; `page` is the text of its index.html."""
    return [
        Middleware(TrustedHostMiddleware, allowed_hosts=access.hosts, www_redirect=False),
        Middleware(Gatehouse, access=access, policy=content_policy(page)),
    ]


def content_policy(page: str) -> str:
    """Return the Content-Security-Policy; the scripts written inside `page` are allowed by their hashes."""
    inline = re.findall(r"<script(?![^>]*\bsrc=)[^>]*>(.*?)</script>", page, re.DOTALL)
    hashes = [f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in inline]
    policy = {**POLICY, "script-src": " ".join([POLICY["script-src"], *hashes])}
    return "; ".join(f"{name} {value}" for name, value in policy.items())


class Gatehouse:
    """ASGI middleware: lets requests of the dashboard's own pages through that hold the token or its cookie."""

    def __init__(self, app: ASGIApp, access: Access, policy: str) -> None:
        self.app = app
        self.access = access
        self.headers = {**HEADERS, "Content-Security-Policy": policy}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                headers = MutableHeaders(scope=message)
                own = headers.get("Content-Security-Policy") if scope["path"].startswith(PRESENT) else None
                headers.update(self.headers | ({"Content-Security-Policy": own} if own else {}))
            await send(message)

        connection = HTTPConnection(scope)
        answer = self._refusal(connection) or self._exchange(connection) or self.app
        if scope["type"] == "websocket" and answer is not self.app:
            answer = WebSocketClose(1008)  # before it is accepted: the server answers 403
        await answer(scope, receive, with_headers)

    def _refusal(self, connection: HTTPConnection) -> Response | None:
        if foreign(connection):
            return PlainTextResponse("Only the dashboard's own pages may ask for this.", status_code=403)
        if self._holds_token(connection) or self._gives_token(connection):
            return None
        if navigates(connection):
            return HTMLResponse(LOCKED, status_code=403)
        return PlainTextResponse("This needs the token of the dashboard's link.", status_code=403)

    def _exchange(self, connection: HTTPConnection) -> Response | None:
        """Give the cookie for the token, and send the browser on to the URL without it."""
        if not self._gives_token(connection):
            return None
        url = connection.url.remove_query_params(TOKEN)
        # One slash: two would be another server's name.
        sent_on = RedirectResponse(f"/{url.path.lstrip('/')}{f'?{url.query}' if url.query else ''}", status_code=303)
        secure = connection.url.scheme == "https"
        sent_on.set_cookie(
            self.access.cookie, self.access.cookie_value, httponly=True, samesite="lax", secure=secure
        )  # fmt: skip
        return sent_on

    def _gives_token(self, connection: HTTPConnection) -> bool:
        given = connection.query_params.getlist(TOKEN)
        return navigates(connection) and any(_same(self.access.token, token) for token in given)

    def _holds_token(self, connection: HTTPConnection) -> bool:
        kind, _, token = connection.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and _same(self.access.token, token.strip()):
            return True
        return _same(self.access.cookie_value, connection.cookies.get(self.access.cookie, ""))


def foreign(connection: HTTPConnection) -> bool:
    """Return whether a page of somebody else asks: another site, or another port of this computer.

    A link that is followed to the dashboard, from wherever, is not foreign: the answer is shown as a page of its own.
    """
    origins, hosts = (connection.headers.getlist(name) for name in ("origin", "host"))
    if len(hosts) != 1 or any(_origin_host(origin) != hosts[0].lower() for origin in origins):
        return True
    asked_by = connection.headers.get("sec-fetch-site", "none")
    return asked_by not in ("same-origin", "none") and not navigates(connection)


def navigates(connection: HTTPConnection) -> bool:
    """Return whether a browser asks for a page to show as such (or a program does, which says nothing of the kind)."""
    if connection.scope["type"] != "http" or connection.scope["method"] not in ("GET", "HEAD"):
        return False
    told = connection.headers
    return (told.get("sec-fetch-mode", "navigate"), told.get("sec-fetch-dest", "document")) == ("navigate", "document")


def _origin_host(origin: str) -> str:
    return origin.partition("://")[2].lower()


def _same(secret: str, given: str) -> bool:
    return hmac.compare_digest(secret.encode(), given.encode(errors="replace"))
