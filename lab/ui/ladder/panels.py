"""What a finished ladder shows: the heat map first, one sentence, a cell, then emergence and fingerprints."""

from __future__ import annotations

from typing import Any

import streamlit as st

from lab.charts.ladder import CELL_PICK, emergence_by_rung, fingerprint, ladder_map
from lab.charts.ladder_contrasts import invariance_by_depth, labels_saved_map, layer_differences_map
from lab.charts.map_rows import data_url
from lab.experiments.base import Result
from lab.experiments.ladder.request import LadderRequest
from lab.images import thumbnail
from lab.images.synthetic import RUNGS, draw_set
from lab.models import ModelRef
from lab.ui.chart import on_a_phone, show_chart
from lab.ui.chosen import choose_layer, layer_picker
from lab.ui.downloads import export
from lab.ui.findings import show_findings
from lab.ui.gallery import Picture, gallery
from lab.ui.tables import result_tables
from lab.ui.text import escaped

MOST_WRONG = 12
KINDS = {"All channels": "probe", "16 channels": "matched"}


def ladder_panels(result: Result) -> None:
    """Show all of it."""
    model, twin, control = _choices(result)
    _map(result, model, twin, control)
    show_findings(result.findings)
    _cell(result, model)
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
            help="16 channels: the same number of random channels at every layer, so that none wins by width.",
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


def _cell(result: Result, model: str) -> None:
    """Show how a rung is drawn and which of its drawings a layer gets wrong; a click on the map chooses both."""
    layers = result["layers"]
    names = list(layers.loc[(layers["model"] == model) & (layers["twin"] < 0), "layer"])
    with st.expander("The drawings, and those that a layer gets wrong", icon=":material/image_search:", expanded=True):
        rungs, places = st.columns([2, 3], vertical_alignment="bottom")
        rung = rungs.selectbox("Rung", list(result["rungs"]["rung"]), key="ladder_rung")
        with places:
            layer = layer_picker(names, names[0])
        about = result["rungs"].set_index("rung").loc[rung]
        st.caption(escaped(f"{about['description']} As {about['data']} any other page takes it."))
        shown = result["examples"]
        own = shown[shown["rung"] == rung].to_dict("records")
        gallery(_pictures(own), key="ladder_examples")
        table = result["predictions"]
        here = table[(table["model"] == model) & (table["rung"] == rung) & (table["layer"] == layer)]
        wrong = here[here["class"] != here["predicted"]].sort_values("p_true", kind="stable")
        st.caption(f"{len(wrong)} of {len(here)} drawings wrong at {escaped(layer)}, the surest mistakes first:")
        request = result.request
        assert isinstance(request, LadderRequest)
        pictures = _drawn(rung, request.per_class, request.seed, tuple(wrong["image"].head(MOST_WRONG)))
        gallery(
            [Picture(url, f"{row['class']}, taken for {row['predicted']}", f"{row['class']}: {row['p_true']:.2f}")
             for url, row in zip(pictures, wrong.head(MOST_WRONG).to_dict("records"), strict=True)],
            key="ladder_wrong",
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


def _pictures(rows: list[dict[Any, Any]]) -> list[Picture]:
    return [
        Picture(data_url(row["thumbnail"]), f"a drawing of class {row['class']}", str(row["class"])) for row in rows
    ]


@st.cache_data(show_spinner=False, max_entries=32)
def _drawn(rung: str, per_class: int, seed: int, ids: tuple[str, ...]) -> list[str | None]:
    """Return the drawings with these ids as data URLs."""
    row = RUNGS[rung]
    images = draw_set(row.family.name, per_class, seed=seed, difficulty=row.difficulty)
    places = {record.id: index for index, record in enumerate(images.records)}
    return [data_url(thumbnail(images.pixels(places[name]))) for name in ids]
