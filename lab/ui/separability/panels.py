"""What a finished separability run shows first: the verdict, the chart, what it was made from."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from lab.charts.curves import METRICS, curve_rows
from lab.charts.hero import Patches, hero
from lab.charts.map_rows import data_url
from lab.charts.picking import chosen_on_curves
from lab.charts.tables import key_figures
from lab.charts.theme import classes_of, layers_of, models_of
from lab.experiments.channels.depth_strip import DepthStripRequest
from lab.experiments.result import Result
from lab.experiments.separability.fits import CHANNEL_DRAWS
from lab.experiments.separability.measure import TWIN_SEEDS
from lab.experiments.separability.split_notes import calibration_note, split_text
from lab.probing.controls import CONTROLS
from lab.probing.probes import MATCHED_DIMENSION
from lab.probing.task import LOGISTIC
from lab.runs.examples import example_of
from lab.ui.chart import chart_spec, on_a_phone, show_pickable
from lab.ui.chosen import choose_layer, chosen_layer
from lab.ui.run_cache import finished_result, made_of, run_of
from lab.ui.text import count, duration, escaped

# outcome -> (badge, its colour, icon); the sentence itself comes from the run
OUTCOMES: dict[str, tuple[str, Any, str]] = {
    "for": ("Yes, they come apart with depth", "green", ":material/check_circle:"),
    "against": ("No, not with depth", "red", ":material/cancel:"),
    "undecided": ("Undecided whether depth helps", "orange", ":material/help:"),
}
FEW_CLASSES = 3
PHONE_WIDTH = 280  # of the picture of the whole story, its axes and labels not counted
HEIGHT = 300  # of the curves alone, in pixels
METRIC_NAMES = {
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "auc": "AUC",
    "knn_accuracy": "Nearest neighbours",
    "silhouette": "Silhouette",
}


def verdicts(result: Result) -> None:
    """Show the verdict on each network: a badge, the numbers behind it, and the sentence in full under "Why"."""
    classes = classes_of(result.tables)
    apart = " and ".join(classes) if len(classes) <= FEW_CLASSES else f"{len(classes)} classes"
    probe = result.request.as_dict().get("probe", LOGISTIC)
    note = calibration_note(result["images"], result["splits"], probe)
    for number, (model, verdict) in enumerate(result.manifest["verdicts"].items()):
        verdict_card(
            verdict, OUTCOMES[verdict["outcome"]][0], f"**{escaped(apart)}** in {escaped(model)}",
            key_figures(result.tables, model), note, key=f"verdict_{number}",
        )  # fmt: skip


def verdict_card(
    verdict: Mapping[str, str], badge: str, about: str, figures: Sequence[tuple[str, float]], note: str, *, key: str
) -> None:
    """Show a verdict: the badge, what it is about (markdown), the numbers behind it, its sentence under "Why"."""
    _, colour, icon = OUTCOMES[verdict["outcome"]]
    with st.container(border=True, key=key):
        st.markdown(f":{colour}-badge[{icon} {badge}] {about}")
        st.html(_figures(figures))
        with st.expander("Why", icon=":material/gavel:"):
            st.markdown(escaped(verdict["sentence"]))
            st.caption(escaped(note))


def _figures(numbers: Sequence[tuple[str, float]]) -> str:
    shown = "".join(f"<div><dt>{html.escape(name)}</dt><dd>{value:z.2f}</dd></div>" for name, value in numbers)
    return f'<dl class="lab-figures">{shown}</dl>'


def problems(result: Result) -> None:
    """Tell which networks could not be computed and what is doubtful about the folds, and why."""
    for problem in result.manifest.get("problems", ()):
        st.warning(escaped(problem))


def facts(result: Result) -> None:
    """Say in one line what the numbers rest on."""
    images, aside = result["images"], len(result["quarantine"])
    counts = images["class"].value_counts(sort=False)
    per_class = (
        ", ".join(f"{n:,} {name}" for name, n in counts.items()) if len(counts) <= 3 else f"{len(counts)} classes"
    )
    split = split_text(result["splits"], told=len(images))
    parts = [f"{count(len(images), 'image')} ({per_class})", layer_count(result["layers"]), split]
    if seconds := result.manifest.get("timings", {}).get("total"):
        parts.append(f"computed in {duration(seconds)}")
    if aside:
        parts.append(f"{count(aside, 'image')} set aside")
    st.caption(escaped(" · ".join(parts)))
    for note in result.manifest.get("notes", ()):
        st.caption(escaped(note))


def layer_count(layers: pd.DataFrame) -> str:
    """Return "18 layers", or "18 + 9 layers" when there are several networks."""
    sizes = layers.groupby("model", sort=False).size().tolist()
    return count(sizes[0], "layer") if len(sizes) == 1 else f"{' + '.join(map(str, sizes))} layers"


def metric_picker() -> str:
    """Return the metric chosen for charts; the choice is in the URL."""
    names = {METRIC_NAMES.get(metric, metric): metric for metric in METRICS}
    chosen = st.segmented_control(
        "Measured by",
        list(names),
        default=next(iter(names)),
        required=True,
        key="metric",
        bind="query-params",
        label_visibility="collapsed",
    )
    return names[chosen]


def chart_options(result: Result) -> tuple[str, list[str]]:
    """Return the metric and the controls to draw, as the user picked them."""
    with st.container(horizontal=True, vertical_alignment="center", gap="medium", key="chart_options"):
        metric = metric_picker()
        return metric, controls_picker(result, metric)


def hero_chart(
    result: Result, model: str = "", *, key: str = "hero_chart", metric: str = "accuracy",
    controls: list[str] | None = None,
) -> None:  # fmt: skip
    """Show the whole story of a network (the run's first) in one picture, with the patches of its channels where known,
    and the curves of the run's other networks.

    The chosen layer is marked on the curve; a click on a point chooses another.
    """
    names = models_of(result["layers"])
    model = model or names[0]

    def choose(picked: dict[str, Any]) -> None:
        choose_layer(picked["layer"])
        if len(names) > 1:
            st.session_state["network"] = picked["model"]

    shown = {"width": PHONE_WIDTH, "places": 3} if on_a_phone() else {}
    patches = _patches(model, result.request.as_dict().get("data"))
    spec = chart_spec(
        result, hero, model=model, patches=patches, chosen=True, others=tuple(names), metric=metric, height=HEIGHT,
        controls=None if controls is None else tuple(controls), **shown,
    )  # fmt: skip
    with st.container(key="hero"):
        show_pickable(spec, _chosen(result, model, metric), choose, key=key, width="content")


def _chosen(result: Result, model: str, metric: str = "accuracy") -> list[dict[str, Any]]:
    layer = chosen_layer(layers_of(result["layers"], model))
    return made_of(result, chosen_on_curves, layers={model: layer}, metric=metric)


def _patches(model: str, data: str | None) -> Patches:
    """Return the patches that the depth strip of the same network and images has found, here or in an example."""
    if not data:
        return ()
    request = DepthStripRequest(model=model, data=data).canonical()
    run = run_of(request) or example_of(request)
    if run is None or run.status != "finished":
        return ()
    found = finished_result(run)["exemplars"].query("end == 'most'").sort_values(["depth", "rank"], kind="stable")
    urls = found["thumbnail"].map(data_url)
    return tuple((float(depth), url) for depth, url in zip(found["depth"], urls, strict=True) if url)


def controls_picker(result: Result, metric: str) -> list[str]:
    """Return the controls to draw, of those that `metric` was measured for; the choice is in the URL."""
    present = set(curve_rows(result.tables, metric=metric)["control"])
    names = {control.label: name for name, control in CONTROLS.items() if name in present and name != "probe"}
    if not names:
        return []
    chosen = st.pills(
        "Controls shown",
        list(names),
        selection_mode="multi",
        default=list(names),
        key="show",
        bind="query-params",
        label_visibility="collapsed",
    )
    return [names[label] for label in chosen]


def how_to_read() -> None:
    """Explain the chart to someone who sees it for the first time."""
    with st.expander("How to read this", icon=":material/lightbulb:"):
        st.markdown(
            "Each point is a layer, the first on the left. Its height is the share of held-out images that a linear "
            "classifier gets right from that layer alone; the band is the 95 % interval. The verdict compares the "
            "shaded thirds. The triangle marks the depth from which accuracy stays above the level half way between "
            "chance and its best, with its 95 % interval.\n\n"
            f"Dashed are **controls**. The *untrained twin* has random weights (mean of {len(TWIN_SEEDS)}): what it "
            "reaches comes from the wiring. *Matched dimension* gives every layer "
            f"{MATCHED_DIMENSION} random channels (mean of {CHANNEL_DRAWS} draws), so that none wins by width. "
            "*Shuffled labels*: where there is nothing to learn. *Raw pixels*: without any network."
        )
