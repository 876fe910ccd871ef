"""The page *Check*: its settings, the decision, the difference map over depth, the images that changed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import streamlit as st

from lab.charts.equivalence import alikeness_by_depth, change_by_depth
from lab.charts.map_rows import data_url
from lab.charts.picking import chosen_of
from lab.experiments.base import DEFAULT_DATA
from lab.experiments.equivalence.findings import by_layer
from lab.experiments.equivalence.measure import MEASURES
from lab.experiments.equivalence.request import ALL, BEST, CheckRequest
from lab.experiments.result import Result
from lab.images.targets import CLASS, GRADES, NUMBER, SEVERAL, TARGETS
from lab.registry import meaning
from lab.stats.equivalence import CANNOT_TELL, NOT_WORSE, WORSE
from lab.ui.chart import chart_spec, show_chart, show_pickable
from lab.ui.choices import known_columns, known_numbers, with_current
from lab.ui.chosen import choose_layer, chosen_layer, layer_picker
from lab.ui.downloads import export
from lab.ui.draft import fill_in, folding, run_row
from lab.ui.findings import show_sentences
from lab.ui.gallery import Picture, gallery
from lab.ui.inputs import images_box, network_box
from lab.ui.tabs import Tab, questions
from lab.ui.text import count, escaped

TARGET_NAMES = {CLASS: "a class", NUMBER: "a number", GRADES: "ordered grades", SEVERAL: "several labels"}
LAYERS = ("stages", "blocks")
SIGNS = {
    NOT_WORSE: ":green[:material/check_circle:]",
    WORSE: ":red[:material/cancel:]",
    CANNOT_TELL: ":orange[:material/help:]",
}
MOST_PICTURES = 30
# the columns of the table of layers: name, format ("" for text), what it is called
COLUMNS = (
    ("layer", "", "layer"),
    *((measure.columns[0], "%.3f", "before") for measure in MEASURES.values()),
    *((measure.columns[1], "%.3f", "new") for measure in MEASURES.values()),
    ("difference", "%+.3f", "difference"),
    ("all_low", "%+.3f", "from"),
    ("all_high", "%+.3f", "to"),
    ("smallest_drop", "%.3f", "smallest drop seen"),
    ("cka", "%.2f", "CKA"),
    ("lost", "%d", "images lost"),
    ("gained", "%d", "gained"),
    ("layer_new", "", "new layer"),
)


def check_controls(shown: CheckRequest, *, folded: bool) -> bool:
    """Show the settings, filled in from `shown`, with the button that runs them; return whether they were changed."""
    names = ("base", "new", "layers", "per_class", "target", "label")
    values: dict[str, Any] = {f"check_{name}": getattr(shown, name) for name in names}
    values["check_classes"] = list(shown.classes)
    fill_in(shown, {**values, "check_data": shown.data or DEFAULT_DATA, "check_layer": shown.layer,
                    "check_max_drop": shown.max_drop})  # fmt: skip
    with folding(shown, folded=folded):
        networks, images = st.columns([3, 2], gap="medium")
        with networks:
            network_box("The one before", key="check_base", persist_state="page")
            network_box("The new one", key="check_new", persist_state="page")
            st.caption("Two networks, or two files of vectors (.npz, .parquet).")
        with images:
            _images()
        return run_row(shown, lambda: _draft(shown), label="Check now", key="check_run")


def _images() -> None:
    images_box(key="check_data", persist_state="page")
    _target()
    drop, layer = st.columns(2, vertical_alignment="bottom")
    drop.number_input(
        "Largest drop allowed", 0.0, 1.0, step=0.01, format="%.3f", key="check_max_drop", persist_state="page",
        help="0.02 of accuracy is two images in a hundred. Of numbers R², of grades weighted kappa, of labels mean "
             "AUC.",
    )  # fmt: skip
    layer.selectbox(
        "Decided at", with_current((BEST, ALL), [st.session_state["check_layer"]]), key="check_layer",
        accept_new_options=True, persist_state="page",
        help="best: each at its best layer. all: no layer may fall. Or a layer's name.",
    )  # fmt: skip
    layers, most = st.columns(2, vertical_alignment="bottom")
    layers.selectbox(
        "Layers", with_current(LAYERS, [st.session_state["check_layers"]]), key="check_layers", persist_state="page",
        help="stages: a few, quick. blocks: every block.",
    )  # fmt: skip
    most.number_input(
        "Images per class, at most", min_value=2, value=None, step=10, key="check_per_class", placeholder="all",
        persist_state="page",
    )  # fmt: skip


def _target() -> None:
    """Show what is read of every image, and where that is no class the column that holds it."""
    state = st.session_state
    target, column = st.columns(2, vertical_alignment="bottom")
    target.selectbox(
        "What is read", TARGETS, key="check_target", format_func=TARGET_NAMES.__getitem__, persist_state="page"
    )
    if state["check_target"] == CLASS:
        return
    data = (state["check_data"] or "").strip()
    there = known_numbers(data) if state["check_target"] == NUMBER else known_columns(data) or known_numbers(data)
    column.selectbox(
        "Column", with_current(["", *there], [state["check_label"] or ""]), key="check_label", accept_new_options=True,
        format_func=lambda name: name or "the column called label", persist_state="page",
    )  # fmt: skip
    if state["check_target"] == GRADES:
        st.multiselect(
            "Grades from low to high", state["check_classes"], key="check_classes", accept_new_options=True,
            placeholder="nothing where they are numbers", persist_state="page",
        )  # fmt: skip


def _draft(shown: CheckRequest) -> CheckRequest:
    """Return what the widgets describe; what they leave out is as in the check that is shown."""
    state = st.session_state
    data = (state["check_data"] or "").strip()
    return replace(
        shown,
        base=(state["check_base"] or "").strip(),
        new=(state["check_new"] or "").strip(),
        data=data,
        target=state["check_target"],
        label=(state["check_label"] or "").strip() if state["check_target"] != CLASS else "",
        classes=_classes(shown, data),
        max_drop=float(state["check_max_drop"]),
        layer=state["check_layer"] or BEST,
        layers=state["check_layers"],
        per_class=state["check_per_class"],
    )


def _classes(shown: CheckRequest, data: str) -> tuple[str, ...]:
    state = st.session_state
    if state["check_target"] == GRADES:
        return tuple(state["check_classes"])
    return shown.classes if data == shown.data and state["check_target"] == shown.target else ()


def check_view(result: Result) -> None:
    """Show a finished check."""
    for problem in result.manifest.get("problems", ()):
        st.warning(escaped(problem))
    sentence, *more = [text for text in result.findings if text not in by_layer(result["differences"])]
    with st.container(border=True, key="verdict_check"):
        st.markdown(f"{SIGNS[result.manifest['check']['outcome']]} {escaped(sentence)}")
        for text in more:
            st.caption(escaped(text))
    views = [view for view in VIEWS if view is not CHANGED or "lost" in result["differences"]]
    questions(views, result, key="check_view")


def _depth(result: Result) -> None:
    table = result["differences"]
    marks = chosen_of(table, chosen_layer(list(table["layer"])), ("layer", "depth", "difference"))
    spec = chart_spec(result, change_by_depth, chosen=True)
    show_pickable(spec, marks, lambda picked: choose_layer(picked["layer"]), key="check_change")
    show_chart(result, alikeness_by_depth, key="check_alike")
    show_sentences(by_layer(result["differences"]))


def _layers(result: Result) -> None:
    made = {
        name: st.column_config.NumberColumn(told, format=form, help=meaning("check", "differences", name))
        if form
        else st.column_config.TextColumn(told, help=meaning("check", "differences", name))
        for name, form, told in COLUMNS
        if name in result["differences"]
    }
    shown = result["differences"][list(made)]
    st.dataframe(shown, hide_index=True, column_config=made, key="check_layers_table")
    st.caption("From and to: 95 % interval for all layers at once.")


def _changed(result: Result) -> None:
    layers = list(result["differences"]["layer"])
    layer = layer_picker(layers) if len(layers) > 1 else layers[0]
    pictures = result["images"].set_index("image")["thumbnail"]
    here = result["changed"][result["changed"]["layer"] == layer]
    for change, told, answer in (
        ("lost", "Right before, wrong now", "predicted_new"), ("gained", "Wrong before, right now", "predicted_base"),
    ):  # fmt: skip
        rows = here[here["change"] == change]
        st.markdown(f"**{told}, in every repeat** :gray[({count(len(rows), 'image')})]")
        shown = [
            Picture(data_url(pictures.get(image)), f"{image}, class {name}", f"{name}, taken for {taken}")
            for image, name, taken in zip(rows["image"], rows["class"], rows[answer], strict=True)
        ]
        gallery(shown[:MOST_PICTURES], key=f"gallery_{change}")
    by_folds = float(result["differences"].query("layer == @layer")["by_folds"].iloc[0])
    if by_folds == by_folds:
        st.caption(f"Other folds of one and the same network change {by_folds:.0f} images from repeat to repeat.")


def _export(result: Result) -> None:
    export(result, key="check_export")
    st.markdown("In continuous integration (exit code 0 not worse, 1 worse, 3 cannot tell):")
    st.code(f"{result.request.command()} --junit check.xml --markdown check.md", language="bash", wrap_lines=True)


CHANGED = Tab("Images", "Which images changed sides?", _changed)
VIEWS = (
    Tab("Over depth", "Where did training change what can be read?", _depth),
    Tab("Layers", "Every layer in numbers", _layers),
    CHANGED,
    Tab("Export", "Everything behind this page, to take along", _export),
)
