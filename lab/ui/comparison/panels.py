"""What a finished comparison shows: the recommendation, the networks in one table, then one question per tab."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from lab.charts.accuracy import accuracy_by_depth
from lab.charts.comparison import cost_and_quality, gaps_by_depth
from lab.charts.map_rows import data_url
from lab.charts.picking import chosen_on_curves
from lab.charts.similarity import error_consistency, shared_errors, similarity_map
from lab.charts.theme import layers_of
from lab.experiments.result import Result
from lab.registry import meaning
from lab.ui.chart import chart_spec, on_a_phone, show_chart, show_pickable
from lab.ui.chosen import choose_layer, chosen_layer
from lab.ui.downloads import export
from lab.ui.findings import show_sentences
from lab.ui.gallery import Picture, gallery
from lab.ui.tables import explained_table
from lab.ui.tabs import Tab, questions
from lab.ui.text import count, escaped

MOST_PICTURES = 30
MAP_ON_A_PHONE = 220  # pixels of a map of two networks, its axes not counted
# the columns of the tables of networks, above all tabs and under "Cost": name, format ("" for text), what it is called
COLUMNS = (
    ("model", "", "network"),
    ("accuracy", "", "accuracy"),
    ("best_layer", "", "best layer"),
    ("emergence", "%.2f", "apart at"),
    ("cut_layer", "", "smallest cut as good"),
    ("cut_accuracy", "%.3f", "its accuracy"),
    ("cut_gflops", "%.2f", "its GFLOPs"),
)
COSTS = (
    ("model", "", "network"),
    ("gflops", "%.2f", "GFLOPs"),
    ("parameters", "compact", "parameters"),
    ("images_per_second", "%.3g", "images/s here"),
    ("cut_images_per_second", "%.3g", "images/s, cut"),
    ("accuracy_per_gflop", "%.2f", "accuracy per GFLOP"),
    ("weights_mb", "%.1f", "weights MB"),
    ("activations_mb", "%.1f", "working MB an image"),
)


def comparison(result: Result) -> None:
    """Show a finished comparison."""
    for problem in result.manifest.get("problems", ()):
        st.warning(escaped(problem))
    with st.container(border=True, key="verdict_compare"):
        st.markdown(escaped(result.manifest["findings"][0]))
        for sentence in result.manifest["findings"][1:2]:
            st.caption(escaped(sentence))
    _networks(result["models"], COLUMNS, key="compared_networks")
    st.caption(
        "Accuracy: a held-out linear probe at the best layer, picked on other images. Apart at: the relative depth "
        "where the classes come apart. Smallest cut: the cheapest layer not clearly worse. A multiply-add is two FLOPs."
    )
    questions(VIEWS, result, key="compare_view")


def _networks(models: pd.DataFrame, columns: Sequence[tuple[str, str, str]], *, key: str) -> None:
    made = {
        name: st.column_config.NumberColumn(told, format=form, help=meaning("compare", "models", name))
        if form
        else st.column_config.TextColumn(told, help=meaning("compare", "models", name))
        for name, form, told in columns
    }
    ranges = zip(models["accuracy"], models["ci_low"], models["ci_high"], strict=True)
    models = models.assign(accuracy=[f"{value:.3f} ({low:.2f} to {high:.2f})" for value, low, high in ranges])
    with st.container(key=key):
        st.dataframe(models, hide_index=True, column_config=made, column_order=list(made))


def _curves(result: Result) -> None:
    labels = "legend" if on_a_phone() else None
    spec = chart_spec(result, accuracy_by_depth, labels=labels, height=360, chosen=True)
    marks = chosen_on_curves(result.tables, _chosen(result))
    show_pickable(spec, marks, lambda picked: choose_layer(picked["layer"]), key="compare_curves")
    show_sentences(_findings(result, "The classes come apart"))


def _chosen(result: Result) -> dict[str, str]:
    """Return the chosen layer of each network that has it, or its nearest relative; {} where none is chosen."""
    layers = {str(model): layers_of(result["layers"], str(model)) for model in result["models"]["model"]}
    return {model: layer for model, names in layers.items() if (layer := chosen_layer(names, usual="none")) in names}


def _gaps(result: Result) -> None:
    names = list(result["models"]["model"])
    against = st.selectbox("Compared with", names, key="against", bind="query-params") if len(names) > 2 else names[0]
    show_chart(result, gaps_by_depth, key="compare_gaps", reference=against, height=400 + 34 * len(names))
    depths = _about(_findings(result, "At equal relative depth"), against)
    show_sentences([*_findings(result, "At its best layer"), *depths])
    with st.expander("Every pair at its best layers", icon=":material/table_rows:"):
        explained_table(result, "best", key="best_table")


def _cost(result: Result) -> None:
    show_chart(result, cost_and_quality, key="compare_cost", height=480 + 34 * len(result["models"]))
    _networks(result["models"], COSTS, key="compared_costs")
    show_sentences(sentence for sentence in result.manifest["findings"] if "fastest here" in sentence)
    chosen = result["cuts"][result["cuts"]["chosen"]].iloc[0]
    st.markdown("The network cut there, with the probe, as a folder:")
    words = f"feature-lab export-backbone {result.request.run_id} --model {chosen['model']} --layer {chosen['layer']}"
    st.code(f"{words} --out backbone", language="bash", wrap_lines=True)
    with st.expander("Every layer of every network", icon=":material/table_rows:"):
        explained_table(result, "cuts", key="cuts_table")


def _alike(result: Result) -> None:
    names = list(result["models"]["model"])
    left, right = st.columns(2)
    first = left.selectbox("Across", names, key="across", bind="query-params")
    second = right.selectbox("Up", names, index=1, key="up", bind="query-params")
    width = {"most": MAP_ON_A_PHONE} if on_a_phone() else {}
    show_chart(
        result, similarity_map, key="compare_alike", view={"width": "content"}, first=first, second=second, **width
    )
    show_sentences(s for s in result.manifest["findings"] if "pairs of layers from different" in s)
    st.caption(
        f"Centred kernel alignment without its bias, on {int(result['similarity']['images'].iloc[0])} images. Choose "
        "the same network twice to see which of its layers do alike."
    )


def _errors(result: Result) -> None:
    first, second = _pair(result)
    left, right = st.columns(2, gap="large")
    with left:
        show_chart(result, shared_errors, key="compare_errors", first=first, second=second)
    with right:
        show_chart(result, error_consistency, key="compare_kappa", first=first, second=second)
    depths = sorted(result["votes"]["depth"].unique())
    layer = _chosen(result).get(first, "")
    here = result["layers"].query("model == @first and layer == @layer")["depth"]
    usual = min(depths, key=lambda depth: abs(depth - (here.iloc[0] if layer else depths[-1])))
    depth = st.select_slider("Relative depth", depths, value=usual, key=f"errors_depth_{layer}")
    _disagreements(result, first, second, float(depth))
    show_sentences(_about(_findings(result, "At their last layers"), first, second))


def _pair(result: Result) -> tuple[str, str]:
    pairs = result["agreement"][["model_a", "model_b"]].drop_duplicates()
    named = {f"{row.model_a} and {row.model_b}": (str(row.model_a), str(row.model_b)) for row in pairs.itertuples()}
    if len(named) == 1:
        return next(iter(named.values()))
    return named[st.selectbox("Pair", list(named), key="pair", bind="query-params")]


def _disagreements(result: Result, first: str, second: str, depth: float) -> None:
    votes = result["votes"]
    here = votes[votes["depth"] == depth].pivot(index="image", columns="model", values="right")
    answers = votes[votes["depth"] == depth].pivot(index="image", columns="model", values="predicted")
    pictures = result["images"].set_index("image")[["class", "thumbnail"]]
    for own, other in ((first, second), (second, first)):
        classes = pictures["class"].reindex(here.index[here[own].astype(bool) & ~here[other].astype(bool)])
        images = list(classes.groupby(classes).cumcount().sort_values(kind="stable").index)  # of each class in turn
        st.markdown(f"**Only {escaped(own)} is right** :gray[({count(len(images), 'image')})]")
        shown = [
            Picture(
                data_url(pictures["thumbnail"].get(image)),
                f"{image}, class {pictures['class'].get(image)}",
                f"{pictures['class'].get(image)}, taken for {answers.loc[image, other]}",
            )
            for image in images[:MOST_PICTURES]
        ]
        gallery(shown, key=f"gallery_only_{'first' if own == first else 'second'}")


def _export(result: Result) -> None:
    export(result, key="compare_export")


def _about(sentences: list[str], *models: str) -> list[str]:
    """Return the sentences that name all of `models`."""
    return [sentence for sentence in sentences if all(model in sentence for model in models)]


def _findings(result: Result, start: str) -> list[str]:
    return [sentence for sentence in result.manifest["findings"] if sentence.startswith(start)]


VIEWS = (
    Tab("Curves", "What does each layer know?", _curves),
    Tab("Differences", "Who is ahead, on the same images?", _gaps),
    Tab("Cost", "What does it cost, and where would I cut?", _cost),
    Tab("Similarity", "Do their layers see alike?", _alike),
    Tab("Errors", "Which images do they disagree on, and at which depth?", _errors),
    Tab("Export", "Everything behind this page, to take along", _export),
)
