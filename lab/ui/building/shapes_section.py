"""Edges become shapes: in a small network trained here, and in the chosen one."""

from __future__ import annotations

import html

import numpy as np
import pandas as pd
import streamlit as st

from lab.charts.shapes import orientation_sums, part_responses, tuning_by_depth, tuning_curve
from lab.experiments.building.edges_findings import GROUPS
from lab.experiments.building.edges_to_shapes import EdgesRequest
from lab.experiments.building.tuning_curves import TuningRequest
from lab.experiments.result import Result
from lab.ui.building.cells import cells, figures, strip
from lab.ui.building.views import by_weights, chosen_view
from lab.ui.chart import show_chart
from lab.ui.findings import show_command, show_findings, show_sentences
from lab.ui.run_status import result_or_status
from lab.ui.selection import Selection, request_for
from lab.ui.url_state import opened

VIEWS = {"A network trained here": ("edges",), "The chosen network": ("tuning",)}
SMALL, SLICE, PATTERN = 9, 7, 6  # pixels of a cell


def shapes_section(subject: Selection) -> None:
    """Show one of the two networks."""
    view = chosen_view("shapes_view", VIEWS)
    if view == "The chosen network":
        _tuning(subject)
    else:
        _edges()


def _edges() -> None:
    request = (opened(EdgesRequest) or EdgesRequest()).canonical()
    st.markdown(
        "Every drawing holds the same eight strokes: only how they stand to each other makes a rectangle, a diamond "
        "or neither."
    )
    result = result_or_status(
        request,
        offer="Trains small networks of two layers and of one on drawn rectangles and diamonds.",
    )
    if result is None:
        return
    st.html(drawings_shown(result["examples"]))
    show_findings(result.manifest["findings"][:1])
    if len(result["channels"]):
        st.markdown("### What the second layer looks for, in each network")
        st.html(patterns_shown(result["channels"]))
        st.caption(
            "The channel that speaks most for the shape, its filters drawn where they are wanted (orange lightens, "
            "blue darkens)."
        )
    show_sentences(result.manifest["findings"][-1:])
    left, right = st.columns(2, gap="large")
    with left:
        if len(result["responses"]):
            show_chart(result, part_responses, key="parts_chart", height=440)
    with right:
        if len(result["combinations"]):
            show_chart(result, orientation_sums, key="sums_chart", height=440)
    show_sentences(result.manifest["findings"][1:-1])
    _one_network(result)
    show_command(request)


def _one_network(result: Result) -> None:
    seeds = sorted(int(seed) for seed in result["accuracy"]["seed"].unique())
    st.markdown("### One of these networks, looked into")
    network, shape = st.columns([2, 5], vertical_alignment="bottom")
    seed = network.number_input("Network", 1, len(seeds), 1, key="edges_seed") - 1
    kinds = list(result["channels"].loc[result["channels"]["seed"] == seed, "class"]) if len(result["channels"]) else []
    st.caption("First layer: each filter (orange lightens, blue darkens) and the bars it answers.")
    st.html(filters_shown(result["filters"], int(seed)))
    if not kinds:
        st.caption("No channel of this network speaks for a shape.")
        return
    kind = shape.segmented_control("Channel for", kinds, default=kinds[0], required=True, key="edges_class")
    st.caption(
        f"Second layer: the channel that speaks most for a {kind}. For every filter below: where it wants that edge, "
        "and what it adds at the channel's largest response. On the right all of it drawn together, as if nothing were "
        "rectified."
    )
    st.html(combination_shown(result, int(seed), str(kind)))


def drawings_shown(examples: pd.DataFrame) -> str:
    """Return the example drawings, a row per class, as HTML."""
    return strip(
        [(html.escape(str(name)), list(part["thumbnail"])) for name, part in examples.groupby("class", sort=False)],
        width=72, label="a drawing",
    )  # fmt: skip


def patterns_shown(channels: pd.DataFrame) -> str:
    """Return what the channels for each shape look for, a row per shape and a pattern per network, as HTML."""
    lines = []
    for shape, part in channels.groupby("class", sort=False):
        name = html.escape(str(shape))
        patterns = [
            cells(grid(row), side=PATTERN, label=f"{name}, network {row['seed'] + 1}", bare=True)
            for row in part.to_dict("records")
        ]
        shown = "".join(f"<td>{pattern}</td>" for pattern in patterns)
        lines.append(f"<tr><th>{name}</th>{shown}</tr>")
    return f'<div class="lab-strip"><table>{"".join(lines)}</table></div>'


def filters_shown(filters: pd.DataFrame, seed: int) -> str:
    """Return a network's first-layer filters after training, by orientation, as HTML."""
    here = filters[(filters["seed"] == seed) & (filters["when"] == "after training")]
    order = here.assign(rank=here["group"].map({name: index for index, name in enumerate(GROUPS)})).sort_values("rank")
    items = []
    for row in order.to_dict("records"):
        label = f"filter {row['filter']}, {row['group']}"
        caption = f"{row['filter']}: {row['group']}<br>{row['angle']:.0f}°, selectivity {row['selectivity']:.2f}"
        items.append((cells(grid(row), side=2 * SMALL, label=label, bare=True), caption))
    return figures(items)


def combination_shown(result: Result, seed: int, shape: str) -> str:
    """Return how the channel for a shape is put together from the filters below it, as HTML."""
    table = result["combinations"]
    here = table[(table["seed"] == seed) & (table["class"] == shape)].sort_values("on_own", ascending=False)
    filters = result["filters"]
    kernels = filters[(filters["seed"] == seed) & (filters["when"] == "after training")].set_index("filter")
    most = max(float(np.abs(grid(row)).max()) for row in here.to_dict("records"))
    lines = []
    for row in here.to_dict("records"):
        kernel = kernels.loc[row["filter"]].to_dict()
        lines.append(
            f'<tr><td class="name">{row["filter"]} ({row["group"]})</td>'
            f"<td>{cells(grid(kernel), side=SMALL, label='filter', bare=True)}</td><td class='sign'>at</td>"
            f"<td>{cells(grid(row), most=most, side=SLICE, label='kernel slice', bare=True)}</td>"
            f'<td class="number">{row["on_own"]:+z.2f}</td><td class="number">{row["on_others"]:+z.2f}</td></tr>'
        )
    channels = result["channels"]
    channel = channels[(channels["seed"] == seed) & (channels["class"] == shape)].iloc[0].to_dict()
    sums = [here[name].sum() + channel["bias"] for name in ("on_own", "on_others")]
    lines.append(f'<tr><td class="name" colspan="4">bias</td>{_twice(channel["bias"], channel["bias"])}</tr>')
    lines.append(f'<tr class="total"><td class="name" colspan="4">sum</td>{_twice(*sums)}</tr>')
    heads = ("filter", "", "", "where it is wanted", f"adds on {shape}s", "adds on others")
    head = "".join(f"<th>{name}</th>" for name in heads)
    drawn = cells(grid(channel), side=9, label=f"what channel {channel['channel']} looks for", bare=True)
    whole = figures([(drawn, f"channel {channel['channel']} drawn together")])
    table_shown = f'<div class="lab-sum"><table><tr>{head}</tr>{"".join(lines)}</table></div>'
    return f'<div class="lab-maps">{table_shown}{whole}</div>'


def grid(row: dict) -> np.ndarray:  # type: ignore[type-arg]
    """Return the numbers that a row of a table holds."""
    return np.frombuffer(row["array"], dtype="<f8").reshape(int(row["height"]), int(row["width"]))


def _twice(one: float, other: float) -> str:
    return f'<td class="number">{one:+z.2f}</td><td class="number">{other:+z.2f}</td>'


def _tuning(subject: Selection) -> None:
    request = request_for(TuningRequest, subject)
    result = result_or_status(
        request,
        offer="Shows gratings and outlines to this network and to untrained twins.",
    )
    if result is None:
        return
    examples = result["examples"]
    shown = [(str(kind), list(part["thumbnail"])) for kind, part in examples.groupby("kind", sort=False)]
    st.html(strip(shown, width=72, label="a stimulus"))
    show_findings(result.manifest["findings"][2:3])
    which = st.segmented_control(
        "Channels", ["best", "mean"], default="best", required=True, key="tuning_which",
        format_func=lambda name: {"best": "The best of equally many channels", "mean": "All its channels"}[name],
    )  # fmt: skip
    show_chart(result, tuning_by_depth, key="tuning_chart", which=which, height=560)
    show_sentences([*result.manifest["findings"][:2], *result.manifest["findings"][3:]])
    _curves(result)
    show_command(request)


def _curves(result: Result) -> None:
    st.markdown("### Tuning curves of single channels")
    curves = result["curves"]
    names = by_weights(curves["model"].unique())
    weights, first, last = st.columns(3, vertical_alignment="bottom")
    shown = weights.segmented_control(
        "Weights", list(names), default=next(iter(names)), required=True, key="tuning_weights"
    )
    layers = list(dict.fromkeys(curves["layer"]))
    best = [layers.index(_best_for(result["tuning"], kind)) for kind in ("orientation", "shape")]
    early = first.selectbox("Layer", layers, index=best[0], key="tuning_early")
    late = last.selectbox("Layer beside it", layers, index=best[1], key="tuning_late")
    for side, layer, column in zip(("early", "late"), (early, late), st.columns(2, gap="large"), strict=True):
        with column:
            for kind in ("orientation", "shape"):
                choices = {"kind": kind, "model": names[str(shown)], "layer": layer, "height": 330}
                show_chart(result, tuning_curve, key=f"curve_{kind}_{side}", **choices)
    st.caption("Answers of the best channel to other stimuli than it was chosen by; 95 % intervals.")


def _best_for(tuning: pd.DataFrame, kind: str) -> str:
    """Return the layer whose best channel follows a property most."""
    real = tuning[(tuning["control"] == "real") & (tuning["kind"] == kind)]
    return str(real["layer"].iloc[int(real["best"].to_numpy().argmax())])
