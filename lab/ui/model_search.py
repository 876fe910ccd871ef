"""Find a network in all of timm: by name, family, size, cost, input and licence; then its layers as a tree."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from lab.errors import LabError
from lab.layers.tree import layer_tree
from lab.models import ModelRef
from lab.models.cards import kept_card
from lab.models.search import Wanted, families, quantity, search_models
from lab.ui.text import count, plain

MOST_ROWS = 200
ANY = "any"
COLUMNS = {
    "name": st.column_config.TextColumn("timm id"),
    "weights": st.column_config.TextColumn("weights"),
    "offline": st.column_config.CheckboxColumn("on this computer"),
    "family": st.column_config.TextColumn("family"),
    "parameters": st.column_config.NumberColumn("parameters", format="compact"),
    "flops": st.column_config.NumberColumn("FLOPs", format="compact"),
    "input_size": st.column_config.TextColumn("input"),
    "licence": st.column_config.TextColumn("licence of the weights"),
}


def model_search() -> None:
    """Show the filters, what fits, and the layers of the row that is chosen."""
    try:
        found = _found(*_filters())
    except LabError as error:
        st.warning(plain(error))
        return
    shown = found[:MOST_ROWS]
    more = f"; the first {MOST_ROWS} are shown" if len(found) > MOST_ROWS else ""
    st.caption(
        f"{count(len(found), 'model')}{more}. FLOPs count a multiply-add as two. Choose a row to see its layers."
    )
    if not found:
        return
    event: Any = st.dataframe(
        pd.DataFrame(shown), hide_index=True, column_config=COLUMNS, column_order=list(COLUMNS), key="models_table",
        on_select="rerun", selection_mode="single-row",
    )  # fmt: skip
    rows = event["selection"]["rows"]
    if rows and rows[0] < len(shown):
        _layers(shown[rows[0]])


def _filters() -> tuple[str, Wanted]:
    with st.container(border=True, key="model_filters"):
        name, family, licence = st.columns([3, 2, 2])
        text = name.text_input("Part of the name", key="model_name", bind="query-params", placeholder="resnet*")
        chosen = family.selectbox("Family", [ANY, *families()], key="model_family", bind="query-params")
        licence_text = licence.text_input("Licence", key="model_licence", bind="query-params", placeholder="apache")
        parameters, flops, size, offline = st.columns([2, 2, 2, 3], vertical_alignment="bottom")
        most = parameters.text_input("Parameters, at most", key="model_parameters", placeholder="10M")
        work = flops.text_input("FLOPs, at most", key="model_flops", placeholder="2G")
        side = size.number_input("Input side", 16, 2048, value=None, step=16, key="model_side", placeholder="any")
        only = offline.toggle("Weights on this computer only", key="model_offline")
    wanted = Wanted(
        family="" if chosen == ANY else chosen,
        max_parameters=quantity(most) if most else None,
        max_flops=quantity(work) if work else None,
        input_size=int(side) if side else None,
        licence=licence_text,
        offline=only,
    )
    return text.strip(), wanted


@st.cache_data(show_spinner=False, ttl=60, max_entries=32)
def _found(text: str, wanted: Wanted) -> list[dict[str, Any]]:
    return search_models(text, wanted)


def _layers(row: dict[str, Any]) -> None:
    """Show the layer tree if the network was looked at before: finding it needs the network itself."""
    named = f"{row['name']}@{row['weights']}"
    st.markdown(f"#### {plain(row['name'])}")
    st.code(named, language=None)
    ref = ModelRef.parse(named)
    card = kept_card(ref) or kept_card(ref.twin())
    if card is None:
        st.caption("Its layers have not been looked at on this computer. This does it, without its weights:")
        st.code(f"feature-lab layers {row['name']}@untrained --tree --layers all", language="bash")
        return
    every = st.toggle("Every module", key="model_every")
    layers = [layer for layer in card.layers if every or layer.kind != "module" or layer.stage_end]
    st.code("\n".join(layer_tree(layers)), language=None)
