"""At which layer can a number of each image be read? The column, the curve with controls, predicted against true."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from lab.charts.checks import checks_forest
from lab.charts.curves import NUMBER_METRICS
from lab.charts.numbers import predicted_by_value, r2_by_depth
from lab.charts.theme import layers_of
from lab.errors import LabError
from lab.experiments.base import Result
from lab.experiments.regression.request import DRAWN_LABEL, RegressRequest
from lab.experiments.separability.split_notes import split_text
from lab.images.catalogue import columns_named
from lab.ui.chart import on_a_phone, show_chart
from lab.ui.choices import known_numbers, with_current
from lab.ui.downloads import export
from lab.ui.findings import show_command, show_sentences
from lab.ui.run_status import result_or_status
from lab.ui.selection import Selection, request_for
from lab.ui.separability.panels import OUTCOMES, problems
from lab.ui.text import escaped
from lab.ui.url_widgets import url_field

OFFER = (
    "Fits a ridge regression to every layer, of this network and of untrained ones, and to the raw pixels. Under a "
    "minute with the usual network."
)
METRIC_NAMES = {"r2": "R²", "spearman": "Rank correlation"}
BADGES = {"for": "Yes, it is read better with depth", "against": "No, not with depth", "undecided": "Undecided"}


def number_section(subject: Selection) -> None:
    """Show the settings, and what was found about the number."""
    label = _label_box(subject.data)
    with st.expander("Controls, split and more", icon=":material/tune:"):
        left, right = st.columns(2)
        groups = left.selectbox(
            "Copies in one fold", ["auto", "none"], accept_new_options=True,
            help="auto: groups of the table, else copies that are found, never straddle a split; none; or a CSV file "
            "with the columns file_name and group.", **url_field(RegressRequest(), "groups"),
        )  # fmt: skip
        split = right.selectbox(
            "Split", ["auto", "none"], help="auto: a split that came with the images is used as it is; none: folds.",
            **url_field(RegressRequest(), "split"),
        )  # fmt: skip
    try:
        request = request_for(RegressRequest, subject, label=label, groups=groups or "auto", split=split)
        show_command(request)
        result = result_or_status(request, offer=OFFER)
    except LabError as error:
        st.warning(escaped(error))
        return
    if result is not None:
        _show(result)


def _label_box(data: str) -> str:
    named = columns_named(data).get("label", "")
    usual = DRAWN_LABEL if data == RegressRequest().data else named
    tied = url_field(RegressRequest(), "label")
    choices: Sequence[str] = with_current(["", *known_numbers(data)], [st.session_state.get("label") or ""])
    chosen = st.selectbox(
        "Number to predict", choices, accept_new_options=True,
        format_func=lambda name: name or (usual or "the column called label"),
        help="A column of the images' table (CSV, JSON lines, Parquet, metadata.csv) that holds a number; of a drawn "
        "set, one of the numbers it was drawn with.", **tied,
    )  # fmt: skip
    return (chosen or "").strip()


def _show(result: Result) -> None:
    problems(result)
    (verdict,) = result.manifest["verdicts"].values()
    _, colour, icon = OUTCOMES[verdict["outcome"]]
    with st.container(border=True, key="number_verdict"):
        st.markdown(f":{colour}-badge[{icon} {BADGES[verdict['outcome']]}]")
        st.markdown(escaped(verdict["sentence"]))
    show_sentences(result.manifest["findings"][1:])
    st.caption(escaped(split_text(result["splits"])))
    for note in result.manifest.get("notes", ()):
        st.caption(escaped(note))
    metric = st.segmented_control(
        "Measured by", list(NUMBER_METRICS), default="r2", required=True, key="number_metric",
        format_func=METRIC_NAMES.__getitem__, label_visibility="collapsed",
    )  # fmt: skip
    show_chart(result, r2_by_depth, key="r2_chart", metric=str(metric), height=520 if on_a_phone() else 420)
    layers = layers_of(result["layers"], result["layers"]["model"].iloc[0])
    best = int(result["summary"].query("control == 'probe'")["r2"].to_numpy().argmax())
    layer = st.selectbox("Layer", layers, index=best, key="number_layer")
    show_chart(result, predicted_by_value, key="predicted_chart", layer=layer)
    show_chart(result, checks_forest, key="number_checks_chart")
    if len(result["quarantine"]):
        st.markdown("##### Set aside")
        st.dataframe(result["quarantine"], hide_index=True)
    st.markdown("##### Export")
    export(result, key="number_export")
