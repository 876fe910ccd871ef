"""What a finished ladder shows: the heat map first, one sentence, a cell, then emergence and fingerprints."""

from __future__ import annotations

from typing import Any

import streamlit as st

from lab.charts.ladder import CELL_PICK, emergence_by_rung, fingerprint, ladder_map
from lab.charts.ladder_contrasts import invariance_by_depth, labels_saved_map, layer_differences_map
from lab.experiments.result import Result
from lab.models import ModelRef
from lab.ui.chart import on_a_phone, show_chart
from lab.ui.chosen import choose_layer
from lab.ui.downloads import export
from lab.ui.findings import show_findings
from lab.ui.ladder.cell import cell
from lab.ui.tables import result_tables

KINDS = {"All channels": "probe", "16 channels": "matched"}


def ladder_panels(result: Result) -> None:
    """Show all of it."""
    model, twin, control = _choices(result)
    _map(result, model, twin, control)
    show_findings(result.findings)
    cell(result, model)
    show_chart(result, emergence_by_rung, key="ladder_emergence")
    _contrasts(result, model)
    columns = 1 if on_a_phone() else 4
    show_chart(result, fingerprint, key="ladder_fingerprint", view={"width": "content"}, columns=columns)
    result_tables(result)
    with st.expander("Export", icon=":material/download:"):
        export(result, key="ladder")


def _choices(result: Result) -> tuple[str, int, str]:
    """Show which network, with which weights, and which probe the map is of; return the three."""
    layers = result["layers"]
    models = list(layers["model"].unique())
    with st.container(horizontal=True, vertical_alignment="bottom", key="ladder_choices"):
        model = models[0]
        if len(models) > 1:
            model = st.selectbox("Network", models, key="ladder_network", format_func=lambda m: ModelRef.parse(m).short)
        twins = {_weights(int(twin)): int(twin) for twin in layers.loc[layers["model"] == model, "twin"].unique()}
        weights = next(iter(twins))
        if len(twins) > 1:
            weights = st.segmented_control("Weights", list(twins), default=weights, required=True, key="ladder_weights")
        kind = st.segmented_control(
            "Probe", list(KINDS), default=next(iter(KINDS)), required=True, key="ladder_probe",
            help="16 channels: as many random channels at every layer, so that none wins by width.",
        )  # fmt: skip
    return str(model), twins.get(str(weights), -1), KINDS[str(kind)]


def _weights(twin: int) -> str:
    return "the network" if twin < 0 else f"untrained {twin}"


def _map(result: Result, model: str, twin: int, control: str) -> None:
    def choose() -> None:
        picked = st.session_state["ladder_map"].selection.get(CELL_PICK)
        if picked and picked[0].get("layer"):
            st.session_state["ladder_rung"] = picked[0]["rung"]
            choose_layer(picked[0]["layer"])

    show_chart(
        result, ladder_map, key="ladder_map", view={"on_select": choose, "selection_mode": CELL_PICK}, model=model,
        twin=twin, control=control, numbers=not on_a_phone(),
    )  # fmt: skip


def _contrasts(result: Result, model: str) -> None:
    """Show what each layer saves and loses, and how the network differs from the first one."""
    numbers: dict[str, Any] = {"numbers": not on_a_phone()}
    for name, title, chart, choices in (
        ("labels", "Labels saved by each layer", labels_saved_map, numbers),
        ("invariance", "Another position, size, colouring or background", invariance_by_depth, {}),
        ("layer_differences", "Against the first network, layer by layer", layer_differences_map, numbers),
    ):
        table = result.tables.get(name)
        if table is not None and (table["model"] == model).any():
            with st.expander(title, icon=":material/compare_arrows:"):
                show_chart(result, chart, key=f"ladder_{name}", model=model, **choices)
