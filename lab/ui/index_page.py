"""Streamlit's own page, told where its server is: it would look below the path of a deep link first, and find nothing.

ASGI middleware, innermost: answers a browser that asks for a page with `index.html` in which one line is added.
"""

from __future__ import annotations

from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from lab.ui.access import navigates

# What the page reads before it asks for anything (streamlit 1.67, `StreamlitWindow.BACKEND_BASE_URL`).
TOLD = '<script>window.__streamlit = {BACKEND_BASE_URL: window.location.origin + "/"}</script>'


def told(page: str) -> str:
    """Return streamlit's index.html with the line in it, before every other script."""
    return page.replace("<head>", f"<head>{TOLD}", 1)


class IndexPage:
    """ASGI middleware: answers navigation to `/` or a page of the dashboard; all else goes on."""

    def __init__(self, app: ASGIApp, page: str) -> None:
        self.app = app
        self.page = page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = scope["type"] == "http" and navigates(HTTPConnection(scope))
        if asked and not set("./") & set(scope["path"].removeprefix("/")):  # no file, nothing below a folder
            await HTMLResponse(self.page, headers={"Cache-Control": "no-cache"})(scope, receive, send)
            return
        await self.app(scope, receive, send)
