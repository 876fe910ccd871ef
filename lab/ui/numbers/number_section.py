"""A number of each image, or several labels: the column, where it stands, the curve with its controls, details."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st

from lab.charts.checks import checks_forest
from lab.charts.curves import LABEL_METRICS, NUMBER_METRICS
from lab.charts.numbers import predicted_by_value, r2_by_depth
from lab.charts.several_labels import label_map, mean_auc_by_depth
from lab.charts.theme import layers_of
from lab.errors import LabError
from lab.experiments.base import Result
from lab.experiments.multilabel.request import MultilabelRequest
from lab.experiments.regression.request import DRAWN_LABEL, RegressRequest
from lab.experiments.separability.split_notes import split_text
from lab.images.catalogue import columns_named
from lab.ui.chart import on_a_phone, show_chart
from lab.ui.choices import known_columns, known_numbers, with_current
from lab.ui.chosen import layer_picker
from lab.ui.downloads import export
from lab.ui.findings import show_command, show_sentences
from lab.ui.run_status import result_or_status
from lab.ui.selection import Selection, request_for
from lab.ui.separability.panels import OUTCOMES, problems
from lab.ui.text import escaped
from lab.ui.url_widgets import url_field

METRIC_NAMES = {
    "r2": "R²", "spearman": "Rank correlation", "mean_auc": "Mean AUC",
    "mean_average_precision": "Mean average precision",
}  # fmt: skip
BADGES = {"for": "Yes, it is read better with depth", "against": "No, not with depth", "undecided": "Undecided"}


@dataclass(frozen=True)
class _Kind:
    """A kind of target: what asks for it, how its column is called, which columns may be it, what its chart draws."""

    request: type[RegressRequest]
    column: str
    help: str
    columns: Callable[[str], list[str]]
    usual: str
    metrics: Sequence[str]
    by_depth: Callable[..., object]
    offer: str


NUMBER = _Kind(
    RegressRequest, "Number to predict",
    "A column of the images' table (CSV, JSON lines, Parquet, metadata.csv) that holds a number; of a drawn set, one "
    "of the numbers it was drawn with.",
    known_numbers, DRAWN_LABEL, tuple(NUMBER_METRICS), r2_by_depth,
    "Fits a ridge regression to every layer, of this network and of untrained ones, and to the raw pixels. Under a "
    "minute with the usual network.",
)  # fmt: skip
LABELS = _Kind(
    MultilabelRequest, "Column of labels",
    "A column of the images' table that holds several labels an image, as a;b or a JSON list. A drawn set has what its "
    "drawings show.",
    known_columns, "what the drawings show", tuple(LABEL_METRICS), mean_auc_by_depth,
    "Fits a probe a label to every layer, of this network and of untrained ones, and to the raw pixels. A minute or "
    "two with the usual network.",
)  # fmt: skip


def number_section(subject: Selection) -> None:
    """Show the settings, and what was found about the number."""
    result = _asked(NUMBER, subject)
    if result is None:
        return
    layers = layers_of(result["layers"], result["layers"]["model"].iloc[0])
    best = int(result["summary"].query("control == 'probe'")["r2"].to_numpy().argmax())
    layer = layer_picker(layers, layers[best])
    show_chart(result, predicted_by_value, key="predicted_chart", layer=layer)
    _rest(result)


def labels_section(subject: Selection) -> None:
    """Show the settings, and what was found about several labels."""
    result = _asked(LABELS, subject)
    if result is None:
        return
    show_chart(result, label_map, key="label_map", numbers=not on_a_phone())
    _rest(result)


def _asked(kind: _Kind, subject: Selection) -> Result | None:
    """Show settings, verdict and curve; return the result, None where there is none yet."""
    name = kind.request.experiment
    label = _label_box(kind, subject.data)
    with st.expander("Controls, split and more", icon=":material/tune:"):
        left, right = st.columns(2)
        groups = left.selectbox(
            "Copies in one fold", ["auto", "none"], accept_new_options=True,
            help="auto: groups of the table, else copies that are found, never straddle a split; none; or a CSV file "
            "with the columns file_name and group.", **url_field(kind.request(), "groups", key=f"{name}_groups"),
        )  # fmt: skip
        split = right.selectbox(
            "Split", ["auto", "none"], help="auto: a split that came with the images is used as it is; none: folds.",
            **url_field(kind.request(), "split", key=f"{name}_split"),
        )  # fmt: skip
    try:
        request = request_for(kind.request, subject, label=label, groups=groups or "auto", split=split)
        show_command(request)
        result = result_or_status(request, offer=kind.offer)
    except LabError as error:
        st.warning(escaped(error))
        return None
    if result is not None:
        _answer(kind, result)
    return result


def _label_box(kind: _Kind, data: str) -> str:
    key = f"{kind.request.experiment}_label"
    usual = columns_named(data).get("label") or "the column called label"
    if data.startswith("drawn:"):
        usual = kind.usual if data == RegressRequest().data or kind is LABELS else "choose one"
    tied = url_field(kind.request(), "label", key=key)
    choices = with_current(["", *kind.columns(data)], [st.session_state.get(key) or ""])
    chosen = st.selectbox(
        kind.column, choices, accept_new_options=True, help=kind.help,
        format_func=lambda name: name or usual, **tied,
    )  # fmt: skip
    return (chosen or "").strip()


def _answer(kind: _Kind, result: Result) -> None:
    """Show the verdict, what else was found, what it rests on, and the curve by depth."""
    name = kind.request.experiment
    problems(result)
    (verdict,) = result.manifest["verdicts"].values()
    _, colour, icon = OUTCOMES[verdict["outcome"]]
    with st.container(border=True, key=f"{name}_verdict"):
        st.markdown(f":{colour}-badge[{icon} {BADGES[verdict['outcome']]}]")
        st.markdown(escaped(verdict["sentence"]))
    show_sentences(result.manifest["findings"][1:])
    st.caption(escaped(split_text(result["splits"])))
    for note in result.manifest.get("notes", ()):
        st.caption(escaped(note))
    metric = st.segmented_control(
        "Measured by", kind.metrics, default=kind.metrics[0], required=True, key=f"{name}_metric",
        format_func=METRIC_NAMES.__getitem__, label_visibility="collapsed",
    )  # fmt: skip
    height = 520 if on_a_phone() else 420
    show_chart(result, kind.by_depth, key=f"{name}_chart", metric=str(metric), height=height)


def _rest(result: Result) -> None:
    name = result.request.experiment
    show_chart(result, checks_forest, key=f"{name}_checks_chart")
    if len(result["quarantine"]):
        st.markdown("##### Set aside")
        st.dataframe(result["quarantine"], hide_index=True)
    st.markdown("##### Export")
    export(result, key=f"{name}_export")
