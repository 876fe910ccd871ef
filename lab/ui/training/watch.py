"""Watch a network learn: probes by layer, first filters and maps at every checkpoint."""

from __future__ import annotations

import html
from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd
import streamlit as st

from lab.charts.ladder_steps import ladder_steps_map
from lab.charts.map_rows import image_url
from lab.charts.training import checkpoint_layers, checkpoint_maps, checkpoint_probes
from lab.experiments.ladder.steps import LadderStepsRequest
from lab.experiments.result import Result
from lab.experiments.training.request import WatchRequest
from lab.ui.chart import on_a_phone, show_chart
from lab.ui.findings import show_command, show_findings
from lab.ui.run_cache import run_of
from lab.ui.run_status import result_or_status, start_aside
from lab.ui.tables import explained_table
from lab.ui.tabs import Tab, tabs

MOST_FILTERS = 32
CSS = """
<style>
.lab-filters { overflow-x: auto; padding-bottom: 0.4rem; }
.lab-filters div { display: flex; gap: 4px; align-items: center; margin-bottom: 4px; width: max-content; }
.lab-filters span { width: 7.2rem; flex: none; font-size: 0.82rem; position: sticky; left: 0; }
.lab-filters img { width: 30px; height: 30px; image-rendering: pixelated; border-radius: 3px; display: block; }
@media (max-width: 640px) { .lab-filters span { width: 5rem; font-size: 0.72rem; } }
</style>
"""


def watch(model: str) -> None:
    """Show what every checkpoint of a trained network knows, or offer to find out."""
    request = WatchRequest(model).canonical()
    result = result_or_status(
        request,
        offer="Reads every checkpoint of this training: probes, first filters, the last layer's map.",
        start=start_aside,
    )
    if result is None:
        climbed = run_of(LadderStepsRequest(model).canonical())
        if climbed is not None and climbed.status == "finished":
            _ladder(model)
        return
    show_findings(result.manifest["findings"])
    show_command(request)
    tabs(VIEWS, result, key="watched_view")  # "watched" names a run


def views_of(result: Result) -> list[Tab[Result]]:
    """Return the views that a result has something for: one of a Python process has no filters and no maps."""
    tables = ("probes", "filters", "maps")  # the ladder, the last of the views, is a question of its own
    return [view for name, view in zip(tables, VIEWS, strict=False) if name in result.tables]


def filter_rows(filters: pd.DataFrame) -> str:
    """Return the first filters as HTML: a row per checkpoint, a column per filter."""
    lines = []
    for _, part in filters.groupby("step", sort=True):
        row = part.iloc[0]
        shown = "".join(_filter(each) for each in part.head(MOST_FILTERS).to_dict("records"))
        lines.append(f"<div><span>step {row.step:,}</span>{shown}</div>")
    return f'{CSS}<div class="lab-filters">{"".join(lines)}</div>'


def _filter(row: Mapping[Hashable, Any]) -> str:
    about = f"filter {row['filter']} at step {row['step']}, cosine with its start {row['cosine']:.2f}"
    return f'<img src="{image_url(row["thumbnail"])}" alt="{html.escape(about)}" title="{html.escape(about)}">'


def _layers(result: Result) -> None:
    show_chart(result, checkpoint_probes, key="watched_probes")
    show_chart(result, checkpoint_layers, key="watched_layers")
    if "gains" not in result.tables:  # of one step only
        return
    with st.expander("Every layer", icon=":material/table_rows:"):
        explained_table(result, "gains", key="gains_table")


def _filters(result: Result) -> None:
    filters = result["filters"]
    if filters.empty:
        st.info("The first layer is no convolution over colours: there are no filters to show.")
        return
    st.html(filter_rows(filters))
    many = filters["filter"].nunique()
    if many > MOST_FILTERS:
        st.caption(f"The first {MOST_FILTERS} of {many} filters.")


def _maps(result: Result) -> None:
    small = on_a_phone()
    show_chart(
        result, checkpoint_maps, key="watched_maps", view={"width": "content"}, columns=1 if small else 4,
        size=260 if small else 220,
    )  # fmt: skip
    st.caption(
        "t-SNE keeps neighbours only. k-NN: share of nearest images of the same class in the layer; trust: share of "
        "true neighbours on the map."
    )


def _ladder_tab(result: Result) -> None:
    _ladder(str(result.request.as_dict()["model"]))


def _ladder(model: str) -> None:
    request = LadderStepsRequest(model).canonical()
    found = result_or_status(
        request,
        offer="Reads twelve rungs off every layer at six checkpoints.",
        start=start_aside,
    )
    if found is not None:
        show_findings(found.findings)
        show_command(request)
        show_chart(found, ladder_steps_map, key="watched_ladder", numbers=not on_a_phone())


VIEWS = (
    Tab(
        "Layers",
        "Each line is a moment of training: what a held-out probe reads at each layer.",
        _layers,
    ),
    Tab(
        "First filters",
        "The first layer's filters from random numbers to what they became; gray is zero, each scaled to its largest "
        "weight.",
        _filters,
    ),
    Tab("Maps", "Where the last layer puts the images, by checkpoint.", _maps),
    Tab(
        "Ladder", "Which levels of vision are learnt first, from hue to relations, and where they emerge.", _ladder_tab
    ),
)
