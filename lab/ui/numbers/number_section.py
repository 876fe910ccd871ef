"""A number or grade of each image, or several labels: the column, the verdict, the curve with its controls, details."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from lab.charts.checks import checks_forest
from lab.charts.curves import LABEL_METRICS
from lab.charts.numbers import best_layer, graded_confusion, kappa_by_depth, predicted_by_value, r2_by_depth
from lab.charts.several_labels import label_map, mean_auc_by_depth
from lab.charts.tables import key_figures
from lab.charts.theme import layers_of
from lab.errors import LabError
from lab.experiments.result import Result
from lab.experiments.separability.split_notes import split_text
from lab.experiments.targets.request import (
    DRAWN_GRADES,
    DRAWN_LABEL,
    GradesRequest,
    MultilabelRequest,
    RegressRequest,
    TargetRequest,
)
from lab.images import columns_named, with_columns
from lab.ui.chart import on_a_phone, show_chart
from lab.ui.choices import known_classes, known_columns, known_numbers, networks, with_current
from lab.ui.chosen import layer_picker
from lab.ui.downloads import export
from lab.ui.findings import show_command, show_sentences
from lab.ui.run_status import result_or_status
from lab.ui.selection import Selection, request_for
from lab.ui.separability.panels import problems, verdict_card
from lab.ui.text import escaped
from lab.ui.url_state import param
from lab.ui.url_widgets import url_field
from lab.ui.vectors import arrays_of, columns_of

METRIC_NAMES = {
    "r2": "R²", "kappa": "Weighted kappa", "spearman": "Rank correlation", "mean_auc": "Mean AUC",
    "mean_average_precision": "Mean average precision",
}  # fmt: skip
OF_VECTORS = "Reads it off every array, with controls."
BADGES = {
    "for": "Yes, it is read better with depth",
    "against": "No, not with depth",
    "undecided": "Undecided whether depth helps",
}


@dataclass(frozen=True)
class _Kind:
    """A kind of target: what asks for it, how its column is called, which columns may be it, what its chart draws."""

    request: type[TargetRequest]
    column: str
    help: str
    columns: Callable[[str], list[str]]
    usual: str
    metrics: Sequence[str]
    by_depth: Callable[..., object]
    offer: str


NUMBER = _Kind(
    RegressRequest, "Number to predict",
    "A column of the images' table that holds a number; of a drawn set, a number it was drawn with.",
    known_numbers, DRAWN_LABEL, ("r2", "spearman"), r2_by_depth,
    "Fits a ridge regression to every layer, trained and untrained, and to raw pixels.",
)  # fmt: skip
GRADES = _Kind(
    GradesRequest, "Grade to predict",
    "A column that holds ordered grades, or nothing for one folder a grade; of a drawn set, a number of few values.",
    lambda data: known_columns(data) or known_numbers(data), DRAWN_GRADES, ("kappa", "spearman"), kappa_by_depth,
    "Fits a ridge regression of grades to every layer, trained and untrained, and to raw pixels.",
)  # fmt: skip
LABELS = _Kind(
    MultilabelRequest, "Column of labels",
    "A column that holds several labels an image, as a;b or a JSON list; of a drawn set, what it shows.",
    known_columns, "what the drawings show", tuple(LABEL_METRICS), mean_auc_by_depth,
    "Fits a probe a label to every layer, trained and untrained, and to raw pixels.",
)  # fmt: skip


def number_section(subject: Selection) -> None:
    """Show the settings, and what was found about the number."""
    result = _asked(NUMBER, subject)
    if result is None:
        return
    show_chart(result, predicted_by_value, key="predicted_chart", layer=_layer_box(result, "r2", "number_layer"))
    _rest(result)


def grades_section(subject: Selection) -> None:
    """Show the settings, and what was found about grades."""
    usual, state = GradesRequest(), st.session_state
    tied = url_field(usual, "classes", key="grades_order")
    state["grades_order"] = list(state["grades_order"])
    column = with_columns(subject.data, label=str(st.query_params.get(param(GradesRequest, "label"), "")))
    order = st.multiselect(
        "Grades from low to high", with_current(known_classes(column), state["grades_order"]), accept_new_options=True,
        placeholder="nothing where they are numbers", help="The grades in order, the lowest first.", **tied,
    )  # fmt: skip
    result = _asked(GRADES, subject, classes=tuple(order))
    if result is None:
        return
    show_chart(result, graded_confusion, key="graded_chart", layer=_layer_box(result, "kappa", "grades_layer"))
    _rest(result)


def labels_section(subject: Selection) -> None:
    """Show the settings, and what was found about several labels."""
    result = _asked(LABELS, subject)
    if result is None:
        return
    show_chart(result, label_map, key="label_map", numbers=not on_a_phone())
    _rest(result)


def _layer_box(result: Result, measure: str, key: str) -> str:
    model = str(result["layers"]["model"].iloc[0])
    layers = layers_of(result["layers"], model)
    return layer_picker(layers, best_layer(result.tables, model, measure), key=key)


def _asked(kind: _Kind, subject: Selection, **more: Any) -> Result | None:
    """Show settings, verdict and curve; return the result, None where there is none yet."""
    column, settings, command = st.columns([6, 2, 2], gap="medium", vertical_alignment="bottom")
    with column:
        label = _label_box(kind, subject)
    with settings:
        asked = {"label": label, **more, **({} if subject.embeddings else _of_networks(kind, subject))}
    try:
        request = request_for(kind.request, subject, **asked)
        with command:
            show_command(request)
        result = result_or_status(request, offer=OF_VECTORS if subject.embeddings else kind.offer)
    except LabError as error:
        st.warning(escaped(error))
        return None
    if result is not None:
        _answer(kind, result)
    return result


def _of_networks(kind: _Kind, subject: Selection) -> dict[str, Any]:
    """Show the other settings of networks on images, and return what they say."""
    name = kind.request.experiment
    with st.popover("Settings", icon=":material/tune:", width="stretch"):
        groups = st.selectbox(
            "Copies in one fold", ["auto", "none"], accept_new_options=True,
            help="auto: the table's groups, else copies, never straddle a split; none; or a CSV file with file_name "
                 "and group.", **url_field(kind.request(), "groups", key=f"{name}_groups"),
        )  # fmt: skip
        split = st.selectbox(
            "Split", ["auto", "none"], help="auto: a split that came with the images is used; none: folds.",
            **url_field(kind.request(), "split", key=f"{name}_split"),
        )  # fmt: skip
        tied = url_field(kind.request(), "others", key=f"{name}_others")
        st.session_state[f"{name}_others"] = list(st.session_state[f"{name}_others"])
        beside = st.multiselect(
            "Compare with", with_current(networks(), st.session_state[f"{name}_others"]), accept_new_options=True,
            placeholder="no other network", **tied,
        )  # fmt: skip
    others = tuple(other for other in beside if other != subject.model)
    return {"groups": groups or "auto", "split": split, "others": others}


def _label_box(kind: _Kind, subject: Selection) -> str:
    key, data = f"{kind.request.experiment}_label", subject.data
    usual = columns_named(data).get("label") or "the column called label"
    if subject.embeddings:
        several = arrays_of(subject.embeddings) if kind is LABELS else []  # ones and zeros, a column a label
        there = [*columns_of(subject.embeddings, subject.labels), *several]
    else:
        there = kind.columns(data)
        if data.startswith("drawn:"):
            usual = kind.usual if data == kind.request().data or kind is LABELS else "choose one"
    tied = url_field(kind.request(), "label", key=key)
    choices = with_current(["", *there], [st.session_state.get(key) or ""])
    chosen = st.selectbox(
        kind.column, choices, accept_new_options=True, help=kind.help,
        format_func=lambda name: name or usual, **tied,
    )  # fmt: skip
    return (chosen or "").strip()


def _answer(kind: _Kind, result: Result) -> None:
    """Show the verdict, what else was found, and the curve by depth."""
    name = kind.request.experiment
    problems(result)
    found = result.manifest["verdicts"]
    for number, (model, verdict) in enumerate(found.items()):
        measure = kind.metrics[0]
        verdict_card(
            verdict, BADGES[verdict["outcome"]],
            f"**{escaped(_about(result, kind))}** in {escaped(model)}, {METRIC_NAMES[measure]}",
            key_figures(result.tables, model, measure), split_text(result["splits"]), key=f"verdict_{name}_{number}",
        )  # fmt: skip
    told = [verdict["sentence"] for verdict in found.values()]
    show_sentences([finding for finding in result.findings if finding not in told])
    for note in result.manifest.get("notes", ()):
        st.caption(escaped(note))
    metric = st.segmented_control(
        "Measured by", kind.metrics, default=kind.metrics[0], required=True, key=f"{name}_metric",
        format_func=METRIC_NAMES.__getitem__, label_visibility="collapsed",
    )  # fmt: skip
    height = 520 if on_a_phone() else 420
    show_chart(result, kind.by_depth, key=f"{name}_chart", metric=str(metric), height=height)


def _about(result: Result, kind: _Kind) -> str:
    """Return what is predicted: the column, or how many labels."""
    if "labels" in result.tables:
        return f"{result['labels']['label'].nunique()} labels"
    return str(result.request.as_dict()["label"] or kind.usual)


def _rest(result: Result) -> None:
    name = result.request.experiment
    show_chart(result, checks_forest, key=f"{name}_checks_chart")
    if len(result["quarantine"]):
        st.markdown("##### Set aside")
        st.dataframe(result["quarantine"], hide_index=True)
    st.markdown("##### Export")
    export(result, key=f"{name}_export")
