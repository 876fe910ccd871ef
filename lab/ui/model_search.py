"""Find a network in all of timm and among those trained here; then its layers as a tree, and where to go with it."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import pandas as pd
import streamlit as st

from lab.errors import LabError
from lab.layers.tree import layer_tree
from lab.models import ModelRef
from lab.models.cards import cached_card
from lab.models.search import ModelFilter, families, meant, quantity, search_models
from lab.runs.jobs import in_own_process
from lab.ui.chart import on_a_phone
from lab.ui.routes import dashboard_file
from lab.ui.text import count, escaped

MOST_PARAMETERS = 100_000_000  # of a network that a click runs on this computer
BESIDE = "tf_efficientnet_lite0@packaged"  # what a comparison begins with
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
        query, wanted = _filters()
        found = search_models(query, wanted)
    except LabError as error:
        st.warning(escaped(error))
        return
    for word, parts in meant(query).items():
        st.info(escaped(f"No network has “{word}” in its name. {f'Shown: {parts[0]}.' if parts else ''}"))
    st.caption(
        f"{count(len(found), 'model')}, the best known first. FLOPs count a multiply-add as two. Choose a row to see "
        "its layers."
    )
    if not found:
        return
    event: Any = st.dataframe(
        pd.DataFrame(found), hide_index=True, column_config=COLUMNS, column_order=list(COLUMNS), key="models_table",
        on_select="rerun", selection_mode="single-row",
    )  # fmt: skip
    rows = event["selection"]["rows"]
    if rows and rows[0] < len(found):
        _chosen(found[rows[0]])


def _filters() -> tuple[str, ModelFilter]:
    with st.container(border=True, key="model_filters"):
        name, family = st.columns([3, 2])
        text = name.text_input("Words of the name", key="model_name", bind="query-params", placeholder="vit tiny")
        chosen = family.selectbox("Family", [ANY, *families()], key="model_family", bind="query-params")
        with st.expander("More", icon=":material/tune:") if on_a_phone() else nullcontext():
            parameters, flops, size, licence = st.columns(4)
            most = parameters.text_input("Parameters, at most", key="model_parameters", placeholder="10M")
            work = flops.text_input("FLOPs, at most", key="model_flops", placeholder="2G")
            side = size.number_input("Input side", 16, 2048, value=None, step=16, key="model_side", placeholder="any")
            with licence:
                terms = st.text_input("Licence", key="model_licence", bind="query-params", placeholder="apache")
            only = st.toggle("Weights on this computer only", key="model_offline")
    wanted = ModelFilter(
        family="" if chosen == ANY else chosen,
        max_parameters=quantity(most) if most else None,
        max_flops=quantity(work) if work else None,
        input_size=int(side) if side else None,
        licence=terms,
        offline=only,
    )
    return text.strip(), wanted


def _chosen(row: dict[str, Any]) -> None:
    """Show one network: where to take it from here, and its layers."""
    named = f"{row['name']}@{row['weights']}"
    ref = ModelRef.parse(named)
    with st.container(border=True, key="model_chosen"):
        st.code(named, language=None)
        with st.container(horizontal=True):
            other = str(ref.twin()) if named == BESIDE else BESIDE
            beside = "its untrained twin" if named == BESIDE else BESIDE.partition("@")[0]
            _link("separability", "Probe its layers", "stacked_line_chart", {"models": [named]})
            _link("compare", f"Compare it with {beside}", "compare_arrows", {"models": [named, other]})
            _link("how_layers_build", "See how its layers build", "layers", {"model": named})
        _layers(ref, row["parameters"])


def _link(page: str, label: str, icon: str, query: dict[str, str | list[str]]) -> None:
    st.page_link(dashboard_file(f"pages/{page}.py"), label=label, icon=f":material/{icon}:", query_params=query)


def _layers(ref: ModelRef, parameters: int | None) -> None:
    """Show the layer tree; of a network nobody has opened yet, offer to find it, which takes the network itself."""
    card = cached_card(ref) or cached_card(ref.twin())
    if card is None:
        _offer(ref.twin() if ref.source.name != "lab" else ref, parameters)
        return
    every = st.toggle("Every module", key="model_every")
    layers = [layer for layer in card.layers if every or layer.kind != "module" or layer.stage_end]
    st.caption(
        f"{count(len(layers), 'layer')} of {len(card.layers)}: what each is, channels × height × width, depth, how "
        "much of the image one position sees, and the operations up to there."
    )
    st.code("\n".join(layer_tree(layers)), language=None, height=520 if len(layers) > 22 else "content")


def _offer(ref: ModelRef, parameters: int | None) -> None:
    if parameters is None or parameters > MOST_PARAMETERS:
        st.caption("Its layers were not looked at here yet, and it is large. In a terminal:")
        st.code(f"feature-lab layers {ref} --tree", language="bash")
        return
    st.caption("Its layers were not looked at here yet. That needs no weights.")
    if st.button("Show its layers", key="model_layers", icon=":material/account_tree:"):
        with st.spinner("Running it once …"):
            problem = in_own_process("layers", str(ref), "--json")
        if problem:
            st.warning(escaped(problem))
        else:
            st.rerun()
