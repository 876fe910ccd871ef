"""The parts of a separability result to look at one at a time: each is a row of a table and a tab of the page."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from typing import Any

import pandas as pd
import streamlit as st

from lab.charts.beside import beside_by_depth
from lab.charts.checks import checks_forest, fold_strip
from lab.charts.decisions import DECIDED_PICK, confusion_matrix, depth_of_decision, emergence_by_pair
from lab.charts.label_efficiency import accuracy_by_labels, code_length_by_depth
from lab.charts.tables import LUCK, NEVER, layer_table, mistakes_by_guessing
from lab.charts.tables import gallery as gallery_rows
from lab.charts.theme import layers_of, models_of
from lab.experiments.result import Result
from lab.experiments.separability.beside import beside_findings
from lab.experiments.separability.decision_depth import decision_findings
from lab.experiments.separability.label_efficiency import label_findings
from lab.experiments.separability.request import ProbeRequest
from lab.names import list_of, names_in
from lab.runs.examples import example_of
from lab.ui.chart import on_a_phone, show_chart
from lab.ui.chosen import choose_layer, chosen_layer
from lab.ui.downloads import export
from lab.ui.gallery import Picture, gallery
from lab.ui.run_cache import finished_result
from lab.ui.run_status import launch
from lab.ui.tabs import Tab, tabs
from lab.ui.text import count, escaped

# (from this depth on, up to this depth, heading) of depths of decision
BINS = ((0.0, 0.25, "Early"), (0.25, 0.5, "Lower middle"), (0.5, 0.75, "Upper middle"), (0.75, 1.01, "Late"))
PER_BIN = 24
SITES = ProbeRequest(layers="stages", beside="backdrop,palette,markings")  # an example of what is read beside the class
SIDE_ON_A_PHONE = 230  # pixels of a confusion matrix, its axes not counted
BESIDE_GALLERY = 5  # classes up to which a confusion matrix leaves room beside it
# the columns of the table of layers in their order, those of the fold below it, and what they are called
COLUMNS = {
    "depth": "depth",
    "accuracy": "accuracy",
    "ci_low": "from",
    "ci_high": "to",
    "untrained": "untrained twin",
    "matched": "matched dim.",
    "shuffled": "shuffled labels",
    "selectivity": "selectivity",
    "knn_accuracy": "k-NN",
    "auc": "AUC",
}
MORE_COLUMNS = {
    "balanced_accuracy": "balanced acc.",
    "log_loss": "log loss",
    "silhouette": "silhouette",
    "trustworthiness": "trust of map",
}


def details(result: Result, model: str) -> None:
    """Show the tabs; only the open one is computed. Which one is open is in the URL."""
    tabs(VIEWS, result, model, key="view")


def shown_network(result: Result) -> str:
    """Return the network that is looked at closely: the first until another is chosen."""
    models = models_of(result["layers"])
    asked = st.session_state.get("network") or st.query_params.get("network")
    return asked if asked in models else models[0]


def model_picker(result: Result) -> str:
    """Return the network to look at closely; there is a choice only when the run has several."""
    models = models_of(result["layers"])
    if len(models) == 1:
        return models[0]
    return st.selectbox("Network to look at closely", models, key="network", bind="query-params")


def _checks(result: Result, model: str) -> None:
    show_chart(result, checks_forest, key="checks_chart", models=(model,))
    marks = {True: ":green[:material/check:]", False: ":orange[:material/close:]"}
    lines = [
        f"{marks[bool(row.passed)]} {escaped(row.statement)} "
        f":gray[({row.value:+z.2f}, 95 % interval {row.ci_low:+z.2f} to {row.ci_high:+z.2f})]"
        for row in result["checks"].query("model == @model").itertuples()
    ]
    with st.container(key="checks"):
        st.markdown("  \n".join(lines))


def _layers(result: Result, model: str) -> None:
    table = layer_table(result.tables, model)
    named = {**COLUMNS, **MORE_COLUMNS}
    three = {name: st.column_config.NumberColumn(told, format="%.3f") for name, told in named.items()}
    bar = st.column_config.ProgressColumn("accuracy", format="%.3f", min_value=0, max_value=1)
    order = ["layer", *(name for name in COLUMNS if name in table)]

    def choose() -> None:
        for row in st.session_state["layers_table"].selection.rows:
            choose_layer(str(table["layer"].iloc[row]))

    with st.container(key="layer_table"):
        st.dataframe(
            table, hide_index=True, column_config={**three, "accuracy": bar}, column_order=order, height="content",
            key="layers_table", on_select=choose, selection_mode="single-row",
        )  # fmt: skip
    with st.expander("Other measures"):
        more = ["layer", "dim", *(name for name in MORE_COLUMNS if name in table), "kind"]
        st.dataframe(table, hide_index=True, column_config=three, column_order=more, key="measures_table")
    with st.expander("Every fold"):
        show_chart(result, fold_strip, key="folds_chart", model=model)


def _images(result: Result, model: str) -> None:
    def choose() -> None:
        for picked in st.session_state["decisions_chart"].selection.get(DECIDED_PICK, ()):
            if picked["layer"] in layers_of(result["layers"], model):
                choose_layer(picked["layer"])

    view = {"on_select": choose, "selection_mode": DECIDED_PICK}
    show_chart(result, depth_of_decision, key="decisions_chart", view=view, model=model)
    for sentence in decision_findings(result.tables, model):
        st.markdown(escaped(sentence))
    rows = gallery_rows(result.tables, model)
    for low, high, name in BINS:
        here = rows[(rows["depth_of_decision"] >= low) & (rows["depth_of_decision"] < high)]
        _bin(f"{name}: decided at depth {low:.2f} to {min(high, 1):.2f}", here, name)
    _bin("By luck: right at the last layer, no more than luck gives", rows[rows["layer"] == LUCK], LUCK)
    _bin("Never: not right in every repeat at the last layer", rows[rows["layer"] == NEVER], NEVER)


def _bin(heading: str, rows: pd.DataFrame, name: str) -> None:
    st.markdown(f"**{heading}** :gray[({count(len(rows), 'image')})]")
    if rows.empty:
        return
    # The clearest first and the hardest last: with many images, both ends say most.
    shown = rows if len(rows) <= PER_BIN else pd.concat([rows.head(PER_BIN // 2), rows.tail(PER_BIN // 2)])
    pictures = [
        Picture(row["thumbnail"], f"{row['image']}, class {row['class']}", _image_caption(row), row["image"])
        for row in shown.to_dict("records")
    ]
    gallery(pictures, key=f"gallery_{name.lower().replace(' ', '_')}")
    if len(rows) > PER_BIN:
        st.caption(f"The {PER_BIN // 2} earliest and the {PER_BIN // 2} latest of {len(rows):,}.")


def _image_caption(row: dict[Hashable, Any]) -> str:
    """Return the line under a thumbnail: its class, and from which layer on it is right or what it is taken for."""
    wrong = row["layer"] == NEVER and row["predicted"] != row["class"]
    return f"{row['class']}, {'taken for ' + row['predicted'] if wrong else row['layer']}"


def mistakes(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return the rows whose prediction is another class, the surest mistakes first: those beside the confusion
    matrix's diagonal, so that the two counts are always those of all images."""
    return predictions[predictions["predicted"] != predictions["class"]].sort_values("p_true")


def _confusions(result: Result, model: str) -> None:
    layer = chosen_layer(layers_of(result["layers"], model))
    st.markdown(f"At **{escaped(layer)}**, the layer chosen above.")
    side_by_side = result["images"]["class"].nunique() <= BESIDE_GALLERY
    left, right = st.columns(2, gap="large") if side_by_side else (st.container(), st.container())
    with left:
        side = SIDE_ON_A_PHONE if on_a_phone() else 0
        view = {"width": "content"}
        show_chart(result, confusion_matrix, key="confusion_chart", view=view, model=model, layer=layer, side=side)
    here = result["predictions"].query("model == @model and layer == @layer")
    wrong = mistakes(here)
    urls = gallery_rows(result.tables, model).set_index("image")["thumbnail"]
    with right:
        guessing = mistakes_by_guessing(result.tables, model, layer)
        st.markdown(
            f"**Mistaken at this layer** :gray[({count(len(wrong), 'image')}, the surest mistakes first; naming the "
            f"classes as often without looking would mistake about {guessing:.0f})]"
        )
        pictures = [
            Picture(
                urls.get(str(row.image)), f"{row.image}, class {label}", f"{label}, taken for {row.predicted}",
                str(row.image),
            )
            for row, label in zip(wrong.itertuples(), wrong["class"], strict=True)
        ]  # fmt: skip
        gallery(pictures[:PER_BIN], key="gallery_mistakes")


def _labels(result: Result, model: str) -> None:
    for sentence in label_findings(result.tables, model):
        st.markdown(escaped(sentence))
    if len(result["code_length"]):
        show_chart(result, code_length_by_depth, key="code_length_chart", model=model)
        show_chart(result, accuracy_by_labels, key="label_efficiency_chart", model=model)


def _beside(result: Result, model: str) -> None:
    """Show what layers read of other factors; each factor that was not asked for yet is one click away."""
    request = result.request
    if "beside" in result.tables:
        _read_beside(result, model)
    elif (example := example_of(SITES.canonical())) is not None:
        st.markdown(
            ":blue-badge[:material/inventory_2: Example] Drawn cats and dogs: backdrop, palette and markings have "
            "nothing to do with the class."
        )
        known = finished_result(example)
        _read_beside(known, models_of(known["layers"])[0])
    factors = result.manifest.get("factors", [])
    asked = names_in(request.beside) if isinstance(request, ProbeRequest) else ()
    left = [name for name in factors if name not in asked]
    if not factors and "beside" not in result.tables:
        st.info("The images above have a class only. A table of labels (CSV with site, camera …) brings more.")
    if not left or not isinstance(request, ProbeRequest):
        return
    st.markdown("Probe at every layer, beside the class:")
    with st.container(horizontal=True, key="beside_factors"):
        for name in left:
            wanted = replace(request, beside=list_of([*asked, name]))
            st.button(escaped(name), key=f"beside_{name}", icon=":material/add:", on_click=launch, args=(wanted,))


def _read_beside(result: Result, model: str) -> None:
    show_chart(result, beside_by_depth, key="beside_chart", model=model)
    for sentence in beside_findings(dict(result.tables), model):
        st.markdown(escaped(sentence))


def _pairs(result: Result, model: str) -> None:
    show_chart(result, emergence_by_pair, key="pairs_chart", models=(model,))


def _set_aside(result: Result, model: str) -> None:
    table = result["quarantine"]
    if table.empty:
        st.success("Every image could be used.", icon=":material/check:")
        return
    with st.container(key="set_aside"):
        st.dataframe(table, hide_index=True)


def _export(result: Result, model: str) -> None:
    export(result, key="export")


VIEWS = (
    Tab(
        "Checks",
        "The verdict rests on these. A check passes when its whole interval lies above 0; one that does not is not "
        "shown, nor is its opposite.",
        _checks,
    ),
    Tab(
        "Layers",
        "Every layer with accuracy (95 % interval), controls and other measures.",
        _layers,
    ),
    Tab(
        "Images",
        "From its *depth of decision* on, every later layer's probe has an image right in every repeat, more surely "
        "than luck gives.",
        _images,
    ),
    Tab("Confusions", "What a layer takes for what, on held-out images.", _confusions),
    Tab(
        "Labels",
        "A probe guesses each label from those before it; its surprise in bits is the *code length* (Voita & Titov "
        "2020). Shuffled labels show the cost of nothing to learn.",
        _labels,
    ),
    Tab(
        "Site or class?",
        "What the same layers read of another column, such as site or camera, beside the class.",
        _beside,
    ),
    Tab("Class pairs", "The depth from which two classes are told apart, with its 95 % interval.", _pairs),
    Tab("Set aside", "Images that could not be used, and why. They count nowhere.", _set_aside),
    Tab("Export", "Everything behind this page, to take along.", _export),
)
