"""The dashboard's entry point for streamlit: navigation between pages, the look they share, errors told calmly."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import streamlit as st

from lab.errors import LabError
from lab.ui.notices import notices
from lab.ui.routes import dashboard_file
from lab.ui.style import apply_style
from lab.ui.text import escaped

UNFORESEEN = (
    "Something went wrong on this page that the lab did not foresee. The details are in the terminal that runs the "
    "dashboard; your runs are not harmed. Reload the page to go on."
)


@dataclass(frozen=True)
class PageRow:
    """One page in the navigation."""

    name: str
    title: str
    icon: str
    help: str


PAGES: dict[str, tuple[PageRow, ...]] = {
    "": (PageRow("overview", "Overview", "home", "What this lab is and what it finds by default."),),
    "Questions": (
        PageRow(
            "separability",
            "Separability",
            "stacked_line_chart",
            "At which layer do the classes come apart? Probe accuracy at every layer, with its controls.",
        ),
        PageRow(
            "embedding_maps",
            "Embedding maps",
            "scatter_plot",
            "Two-dimensional maps of the images at every layer, linked to each other.",
        ),
        PageRow(
            "compare",
            "Compare",
            "compare_arrows",
            "Networks side by side on the same images, and which layer of which one to use.",
        ),
        PageRow(
            "how_layers_build",
            "How layers build",
            "layers",
            "What one filter adds up, how sizes and receptive fields grow, measured on a network and a picture.",
        ),
        PageRow(
            "break_the_stack",
            "Break the stack",
            "broken_image",
            "Parts skipped, swapped, permuted, made linear: what is left, measured.",
        ),
        PageRow(
            "attributions",
            "What a layer looks at",
            "center_focus_strong",
            "Attribution maps at every layer, each with the checks that say whether to trust it.",
        ),
        PageRow(
            "channels",
            "Channels",
            "grid_view",
            "What single channels look for: exemplar patches, images made for them, what feeds them, what they do.",
        ),
        PageRow(
            "train_and_watch",
            "Train and watch",
            "fitness_center",
            "Train a small network here and read its layers while it learns.",
        ),
        PageRow(
            "models",
            "Models",
            "search",
            "Find a network in all of timm by name, family, size, cost and licence, and see its layers.",
        ),
    ),
    "Results": (PageRow("runs", "Runs", "folder_open", "Open, compare, rename, delete and export what was computed."),),
}


def main() -> None:
    """Show the page that the URL names."""
    st.set_page_config(page_title="Feature Hierarchy Lab", page_icon=str(dashboard_file("logo.svg")), layout="wide")
    apply_style()
    st.logo(dashboard_file("logo.svg"), size="large")
    page = st.navigation({group: [_page(row) for row in rows] for group, rows in PAGES.items()}, expanded=True)
    try:
        notices(page.url_path)
        page.run()
    except LabError as error:
        st.error(escaped(error))
    except Exception:
        logging.getLogger(__name__).exception("page %s failed", page.title)
        st.error(UNFORESEEN)


def _page(row: PageRow) -> st.Page:  # type: ignore[valid-type]
    return st.Page(
        dashboard_file(f"pages/{row.name}.py"),
        title=row.title,
        icon=f":material/{row.icon}:",
        help=row.help,
        url_path=row.name,
        default=row.name == "overview",
    )


main()
