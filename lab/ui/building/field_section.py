"""Receptive fields on the picture: what a position could see, and where its gradient really comes from."""

from __future__ import annotations

import html

import pandas as pd
import streamlit as st

from lab.charts.receptive_field import field_by_depth
from lab.experiments.building.receptive_field import FieldRequest
from lab.experiments.picture import picture_name
from lab.experiments.result import Result
from lab.ui.building.cells import Box, picture
from lab.ui.building.views import by_weights
from lab.ui.chart import show_chart
from lab.ui.choices import with_current
from lab.ui.chosen import layers_as_html
from lab.ui.findings import show_command, show_findings
from lab.ui.run_status import result_or_status
from lab.ui.selection import Selection, request_for
from lab.ui.tables import explained_table
from lab.ui.url_widgets import url_field

STATUS = {
    "exact": "exact",
    "upper bound": "an upper bound",
    "global": "the whole picture",
    "unknown": "not known",
}


def field_section(subject: Selection) -> None:
    """Show the fields of the chosen network on the chosen picture, trained and untrained."""
    with st.container(horizontal=True, vertical_alignment="center"):
        kept = url_field(FieldRequest(), "layers", key="field_layers")
        layers = st.segmented_control(
            "Layers", with_current(("stages", "blocks"), [st.session_state["field_layers"]]), required=True,
            label_visibility="collapsed", **kept,
        )  # fmt: skip
        request = request_for(FieldRequest, subject, layers=layers)
        show_command(request)
    result = result_or_status(
        request,
        offer="Follows the gradient of every layer's positions back to pictures, trained and untrained.",
    )
    if result is None:
        return
    contained, sees, *rest = result.manifest["findings"]
    show_findings([sees, contained, *rest])
    show_chart(result, field_by_depth, key="field_chart", height=470)
    st.markdown(
        "Frame: what the middle position **can** depend on. Glow: where its gradient **does** come from. Dashed: half"
        " of it."
    )
    names = by_weights(result["fields"]["model"].unique())
    shown = st.segmented_control("Weights", list(names), default=next(iter(names)), required=True, key="field_weights")
    figures = field_figures(result["fields"], names[shown], result["picture"].iloc[0], picture_name(subject.picture))
    layers_as_html(figures, key="fields")
    _table(result)


def field_figures(fields: pd.DataFrame, model: str, seen: pd.Series, name: str) -> str:
    """Return the picture at every depth with the fields of one network over it, as HTML."""
    items = []
    for row in fields[fields["model"] == model].to_dict("records"):
        height, width = int(seen["height"]), int(seen["width"])
        box = _share(row["top"], row["left"], row["bottom"] - row["top"], row["right"] - row["left"], height, width)
        side = row["half_square"]
        inner = _share(row["half_top"], row["half_left"], side, side, height, width)
        label = html.escape(f"{name} with the receptive field of {row['layer']}", quote=True)
        shown = picture(row["thumbnail"], width=220, box=box, inner=inner, label=label)
        sides = f"{row['side_height']} × {row['side_width']} px"
        theory = f"{sides} in theory, {STATUS[row['status']]}" if row["side"] else "theory: not known"
        caption = (
            f"<b>{html.escape(row['layer'])}</b> · depth {row['depth']:.2f}<br><small>{theory}<br>"
            f"{row['half_side']:.0f} px hold half ({row['ci_low']:.0f} to {row['ci_high']:.0f})</small>"
        )
        layer = html.escape(row["layer"], quote=True)
        items.append(f'<figure data-layer="{layer}">{shown}<figcaption>{caption}</figcaption></figure>')
    return f'<div class="lab-fields">{"".join(items)}</div>'


def _share(top: float, left: float, high: float, wide: float, height: int, width: int) -> Box:
    """Return a box in pixels, cut to the picture, as shares of it."""
    bottom, right = min(top + high, height), min(left + wide, width)
    top, left = max(top, 0), max(left, 0)
    return top / height, left / width, (bottom - top) / height, (right - left) / width


def _table(result: Result) -> None:
    with st.expander("Every layer", icon=":material/table_rows:"):
        drawn = ["thumbnail", "half_top", "half_left", "half_square"]
        explained_table(result, "fields", key="fields_table", drop=drawn)
