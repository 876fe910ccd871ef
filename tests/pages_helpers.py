"""A browser session without a browser: opening a page, reading what it says, checking that it is well."""

from __future__ import annotations

import os

from streamlit.testing.v1 import AppTest

from lab.registry import pages
from lab.ui.routes import dashboard_file

PAGES = tuple(row.name for row in pages.PAGES)


def opened(page: str = "overview", **params: str | list[str]) -> AppTest:
    """A fresh browser session on a page."""
    app = AppTest.from_file(str(dashboard_file("app.py")), default_timeout=60)
    app.switch_page(os.path.relpath(dashboard_file(f"pages/{page}.py"), dashboard_file("app.py").parent))
    for name, value in params.items():
        app.query_params[name] = value
    return app.run()


def said(app: AppTest) -> str:
    """Everything the page says in words that streamlit reads as markdown."""
    kinds = ("markdown", "caption", "error", "warning", "info", "success", "title", "header", "subheader")
    return "\n".join(str(element.value) for kind in kinds for element in app.get(kind))


def healthy(app: AppTest) -> AppTest:
    """The session, after a check that its page shows no error."""
    assert not app.exception
    assert not app.error
    return app
