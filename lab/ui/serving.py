"""The server's own process: streamlit's app behind the middleware that decides who gets in and where uploads go.

    python -m lab.ui.serving < settings        (`lab.ui.server` starts it)

Settings come as JSON on standard input, since a token on the command line or in the environment could be read by
others: `token`, `cookie`, `hosts` and streamlit's `options`.
"""

from __future__ import annotations

import json
import sys
import threading
from importlib import import_module
from pathlib import Path
from typing import Any

import streamlit
from starlette.middleware import Middleware
from streamlit import delta_generator

from lab.ui.access import Access, access_middleware
from lab.ui.index_page import IndexPage, index_page
from lab.ui.presenting import present_routes
from lab.ui.receiving import UploadsToDisk
from lab.ui.routes import dashboard_file


def main() -> None:
    """Serve the dashboard until the process is asked to end."""
    settings = json.load(sys.stdin)
    options = settings.pop("options")
    # Streamlit would look through the whole stack for a Python prompt before it sends the first element.
    delta_generator._use_warning_has_been_displayed = True
    # While the browser still loads scripts: the first chart would wait for it.
    threading.Thread(target=import_module, args=("altair",), daemon=True).start()
    dashboard(settings, options).run(config=options)


def dashboard(settings: dict[str, Any], options: dict[str, Any]) -> streamlit.App:
    """Return the ASGI app of the dashboard."""
    access = Access(settings["token"], settings["cookie"], tuple(settings["hosts"]))
    page = index_page(Path(streamlit.__file__).parent / "static")
    uploads = Middleware(UploadsToDisk, most=options["server.maxUploadSize"] * 2**20)
    return streamlit.App(
        dashboard_file("app.py"),
        routes=present_routes(),
        middleware=[*access_middleware(access, page), uploads, Middleware(IndexPage, page=page)],
    )


if __name__ == "__main__":
    main()
