"""The tabs of the page *Sweep*: what a sweep found, and the question that it helps to answer; only one is computed."""

from __future__ import annotations

from lab.registry import EXPERIMENTS
from lab.ui.sweeps.sweep_section import atlas_section, depth_section
from lab.ui.sweeps.which_section import which_section
from lab.ui.tabs import Tab, questions
from lab.ui.text import escaped


def sweep_tabs() -> None:
    """Show the tabs."""
    row = EXPERIMENTS["which"]
    questions(
        (
            Tab("Atlas", "What can each network tell, and at which depth?", atlas_section),
            Tab("Networks by depth", "Where in each network do the classes come apart?", depth_section),
            Tab(row.tab, escaped(row.question), which_section),
        )
    )
