"""Streamlit's own page, told where its server is: it would look below the path of a deep link first, and find nothing.

ASGI middleware, innermost: answers a browser that asks for a page with `index.html` in which that line is added, and
the scripts that draw charts are named: a browser fetches and compiles them as soon as it has the page itself and
nothing else to do, while the first chart is made here. Named earlier, they would be in the way of the first paint.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from lab.ui.access import navigates

# What the page reads before it asks for anything (streamlit 1.67, `StreamlitWindow.BACKEND_BASE_URL`).
TOLD = '<script>window.__streamlit = {BACKEND_BASE_URL: window.location.origin + "/"}</script>'
LATER = """<script>addEventListener("load", () => requestIdleCallback(() => {
  for (const name of %s) {
    const link = {rel: "modulepreload", crossOrigin: "", href: "./static/js/" + name};
    document.head.append(Object.assign(document.createElement("link"), link));
  }
}))</script>"""
CHARTS = "ArrowVegaLiteChart.*.js"  # the script of streamlit's chart element
IMPORTED = re.compile(r"""(?:from|import)\s*["']\./([\w.-]+\.js)["']""")


def index_page(static: Path) -> str:
    """Return the index.html in streamlit's folder with the line in it, before every other script, and one that asks for
    the scripts of charts when the page is there."""
    page = (static / "index.html").read_text()
    scripts = [name for name in _needed(static / "static" / "js") if name not in page]
    later = LATER % json.dumps(scripts) if scripts else ""
    return page.replace("<head>", f"<head>{TOLD}", 1).replace("</head>", f"{later}</head>", 1)


def _needed(folder: Path) -> list[str]:
    """Return the script of charts and all that it imports, each once; [] where streamlit has none of that name."""
    found = {file.name: None for file in folder.glob(CHARTS)}
    waiting = list(found)
    while waiting:
        for name in IMPORTED.findall((folder / waiting.pop()).read_text()):
            if name not in found and (folder / name).is_file():
                found[name] = None
                waiting.append(name)
    return list(found)


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
