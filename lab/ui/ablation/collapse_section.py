"""Layers without activations collapse into one convolution: its kernels as pictures, and how exactly it fits."""

from __future__ import annotations

import html

import streamlit as st

from lab.experiments.ablation.collapse import CollapseRequest
from lab.experiments.result import Result
from lab.ui.answer import answered
from lab.ui.building.cells import figures, picture
from lab.ui.selection import Selection, request_for

OFFER = "Takes the activations out, reads the one kernel off the gradient, and tries it all over a picture."
COLUMNS = {
    "layer": "layer",
    "convolutions": "convolutions",
    "stack_weights": "their weights",
    "height": "single kernel",
    "stride": "stride",
    "single_weights": "its weights",
    "positions": "positions",
    "linear": "off, without activations",
    "active": "off, with activations",
}


def collapse_section(subject: Selection) -> None:
    """Show the one convolution that the first layers of the chosen network are without activations."""
    request = request_for(CollapseRequest, subject)
    if (result := answered(request, offer=OFFER)) is None:
        return
    layer = html.escape(str(result.manifest["layer"]))
    st.markdown("### The single kernels, as large as on the image (gray: 0)")
    st.html(_kernels(result, layer))
    st.markdown("### How exactly")
    st.caption("Off: the largest difference, relative to the largest value.")
    table = result["layers"][list(COLUMNS)].rename(columns=COLUMNS)
    off = [name for name in table.columns if name.startswith("off")]
    st.dataframe(
        table,
        hide_index=True,
        key="collapse_table",
        column_config={name: st.column_config.NumberColumn(format="scientific") for name in off},
    )


def _kernels(result: Result, layer: str) -> str:
    items = [
        (picture(row["thumbnail"], width=84, label=f"Kernel {row['channel']} of {layer}"), f"channel {row['channel']}")
        for row in result["kernels"].to_dict("records")
    ]
    return figures(items)
