"""The dashboard's entry point for streamlit: navigation between pages, the look they share, errors told calmly."""

from __future__ import annotations

import logging
from typing import Any

import streamlit as st

from lab.errors import LabError
from lab.registry.pages import PAGES, Page
from lab.shortages import shortage
from lab.ui.notices import notices
from lab.ui.routes import dashboard_file
from lab.ui.style import apply_style
from lab.ui.text import escaped

NAME = "Feature Hierarchy Lab"
UNFORESEEN = (
    "Something unforeseen went wrong on this page. The terminal has the details; your runs are safe. Reload the page."
)


def main() -> None:
    """Show the page that the URL names."""
    st.set_page_config(page_title=NAME, page_icon=str(dashboard_file("logo.svg")), layout="wide")
    apply_style()
    st.logo(dashboard_file("logo.svg"), size="large")
    groups: dict[str, list[Any]] = {}
    for row in PAGES:
        groups.setdefault(row.group, []).append(_page(row))
    page = st.navigation(groups, expanded=True)
    if page.url_path:  # the overview has the lab's own name; a title above would hide all others
        st.set_page_config(page_title=f"{page.title} · {NAME}")
    try:
        notices(page.url_path)
        page.run()
    except LabError as error:
        st.error(escaped(error))
    except Exception as error:
        named = shortage(error)
        if named is None:
            logging.getLogger(__name__).exception("page %s failed", page.title)
        st.error(escaped(named) if named else UNFORESEEN)


def _page(row: Page) -> st.Page:  # type: ignore[valid-type]
    return st.Page(
        dashboard_file(f"pages/{row.name}.py"),
        title=row.title,
        icon=f":material/{row.icon}:",
        help=row.help,
        url_path=row.name,
        default=row.name == "overview",
    )


main()
