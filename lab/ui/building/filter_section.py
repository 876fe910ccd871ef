"""One filter taken apart: the toy with eyes and a mouth, then a real convolution, any filter and place of it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from lab.charts.filter_sum import contribution_steps
from lab.experiments.building.filter_findings import findings, network_findings
from lab.experiments.building.filter_sum import FilterRequest, sums
from lab.experiments.building.filter_terms import KINDS, FilterLayer, FilterSum
from lab.experiments.result import Result
from lab.ui import url_state
from lab.ui.building.cells import cells, figures, gray_png, picture
from lab.ui.building.convolution import channel_name, convolution
from lab.ui.chart import show_spec, tables_spec
from lab.ui.choices import with_current
from lab.ui.findings import show_command, show_findings, show_sentences
from lab.ui.run_cache import CachedTables, run_of
from lab.ui.run_status import launch, result_or_status
from lab.ui.selection import Selection, request_for
from lab.ui.text import escaped

SHOWN_CHANNELS = 6


def filter_section(subject: Selection) -> None:
    """Show a convolution of the chosen network on the chosen picture, taken apart."""
    result = result_or_status(
        request_for(FilterRequest, subject, layer=st.query_params.get(url_state.param(FilterRequest, "layer"), "")),
        offer="Takes every convolution of this network apart on this picture.",
    )
    if result is None:
        return
    layer = _layer(result)
    found = _chosen_sum(subject, result, layer)
    _at_work(layer, found)
    show_findings(findings(layer, found))
    show_command(_request_here(result, found))
    st.html(sum_table(layer, found, result["picture"].iloc[0]))
    spec = tables_spec(sums(found), contribution_steps, bias=found.bias, total=found.total, height=400)
    show_spec(spec, key="contribution_chart")
    _network(result)


def _at_work(layer: FilterLayer, found: FilterSum) -> None:
    """Show the window slide over one of the input channels that add most."""
    order = [int(channel) for channel in found.ranked()["input_channel"].head(SHOWN_CHANNELS)]
    channel = order[0]
    if len(order) > 1:
        st.session_state.setdefault("sum_over", channel)
        if st.session_state["sum_over"] not in range(found.first, found.first + len(found.contributions)):
            st.session_state["sum_over"] = channel
        offered = with_current(order, [st.session_state["sum_over"]])
        channel = st.selectbox(
            "Input channel that the window slides over", offered, key="sum_over", width=280,
            format_func=lambda one: channel_name(layer, one),
        )  # fmt: skip
    convolution(layer, found, int(channel), key="convolution")


def _request_here(result: Result, found: FilterSum) -> FilterRequest:
    """Return the request of the very sum that is shown, which the run's other places need no computing for."""
    asked, layer = result.request.as_dict(), str(result["chosen"]["layer"].iloc[0])
    return FilterRequest(asked["model"], asked["picture"], layer, found.channel, found.row, found.column)


def sum_table(layer: FilterLayer, found: FilterSum, seen: pd.Series) -> str:
    """Return the sum as HTML: for the strongest channels the map, the patch, the kernel slice and their product."""
    order = found.ranked()["input_channel"].to_numpy()[:SHOWN_CHANNELS]
    most = [float(np.abs(values).max()) for values in (found.patch, found.kernel, found.products)]
    rows = [_channel_row(layer, found, int(channel), most) for channel in order]
    rest = found.contributions.sum() - sum(found.contributions[int(c) - found.first] for c in order)
    if len(found.contributions) > len(order):
        rows.append(_line(f"the other {len(found.contributions) - len(order)} channels", rest))
    if found.bias:
        rows.append(_line("bias", found.bias))
    rows.append(_line("sum", found.total, "total"))
    rows.append(_line("the network's own number", found.own))
    heads = ("input channel", "", "what it holds there", "", "kernel slice", "", "product", "adds")
    head = "".join(f"<th>{name}</th>" for name in heads)
    return f'<div class="lab-sum"><table><tr>{head}</tr>{"".join(rows)}</table></div>'


def _channel_row(layer: FilterLayer, found: FilterSum, channel: int, most: list[float]) -> str:
    at = channel - found.first
    shown = picture(gray_png(layer.inputs[channel]), width=92, box=_box(layer, found), label=f"input channel {channel}")
    grids = [
        cells(values, most=size, label=f"{what} of input channel {channel}")
        for values, size, what in zip(
            (found.patch[at], found.kernel[at], found.products[at]), most, ("patch", "kernel", "product"), strict=True
        )
    ]
    signs = ("×", "=")
    middle = "".join(f'<td>{grid}</td><td class="sign">{sign}</td>' for grid, sign in zip(grids, signs, strict=False))
    value = found.contributions[at]
    return (
        f'<tr><td class="name">{channel_name(layer, channel)}</td><td>{shown}</td>{middle}<td>{grids[2]}</td>'
        f'<td class="number">{value:+z.2f}</td></tr>'
    )


def _line(name: str, value: float, kind: str = "") -> str:
    return f'<tr class="{kind}"><td class="name" colspan="7">{name}</td><td class="number">{value:+z.2f}</td></tr>'


def _box(layer: FilterLayer, found: FilterSum) -> tuple[float, float, float, float]:
    """Return the window of a position as shares of the input map."""
    height, width = layer.inputs.shape[1:]
    top, left = layer.corner(found.row, found.column)
    high = (layer.kernels.shape[2] - 1) * layer.dilation[0] + 1
    wide = (layer.kernels.shape[3] - 1) * layer.dilation[1] + 1
    return top / height, left / width, high / height, wide / width


def _layer(result: Result) -> FilterLayer:
    tables = result.tables
    return (
        _cached_layer(tables.folder, tables.stamp)
        if isinstance(tables, CachedTables)
        else FilterLayer.from_tables(tables)
    )


@st.cache_resource(show_spinner=False, max_entries=4)
def _cached_layer(folder: str, stamp: str) -> FilterLayer:
    """Keep a layer's arrays unpacked; nobody writes to them."""
    names = ("chosen", "inputs", "kernels", "outputs")
    return FilterLayer.from_tables(CachedTables(folder, stamp, names))


def _chosen_sum(subject: Selection, result: Result, layer: FilterLayer) -> FilterSum:
    """Show the boxes for layer, filter and place, and return the sum they name."""
    state = st.session_state
    gone = "sum_channel" not in state  # boxes that another tab did not show are forgotten
    if gone or state.get("sum_of") != (result.request.run_id, layer.name):
        state["sum_of"] = (result.request.run_id, layer.name)
        state["sum_channel"], state["sum_row"], state["sum_column"] = result.manifest["at"]
    limits = layer.outputs.shape
    with st.container(horizontal=True, vertical_alignment="bottom"):
        _layer_box(subject, result, layer)
        st.number_input("Filter", 0, limits[0] - 1, key="sum_channel", width=130)
        st.number_input("Row", 0, limits[1] - 1, key="sum_row", width=130)
        st.number_input("Column", 0, limits[2] - 1, key="sum_column", width=130)
        here = int(state["sum_channel"])
        st.button("Strongest", key="sum_strongest", on_click=_go, args=layer.strongest(here))
        st.button("Lowest", key="sum_weakest", on_click=_go, args=layer.weakest(here))
    return layer.at(int(state["sum_channel"]), int(state["sum_row"]), int(state["sum_column"]))


def _layer_box(subject: Selection, result: Result, layer: FilterLayer) -> None:
    table = result["layers"].set_index("layer")
    st.session_state["sum_layer"] = layer.name

    def shown_as(name: str) -> str:
        row = table.loc[name]
        return f"{name} · {row.kernel_height}×{row.kernel_width}, {row.spanned} of {row.in_channels} channels"

    def chosen() -> None:
        name = st.session_state["sum_layer"]
        wanted = FilterRequest(subject.model, subject.picture, name).canonical()
        url_state.show(wanted)
        if run_of(wanted) is None:
            launch(wanted)

    st.selectbox("Convolution", list(table.index), key="sum_layer", format_func=shown_as, on_change=chosen, width=300)


def _go(channel: int, row: int, column: int) -> None:
    st.session_state.update({"sum_channel": channel, "sum_row": row, "sum_column": column})


def _network(result: Result) -> None:
    layers = result["layers"]
    with st.expander("Every convolution of this network", icon=":material/functions:"):
        show_sentences(network_findings(layers))
        kinds = ", ".join(f"**{kind}** {KINDS[kind]}" for kind in layers["kind"].unique())
        st.caption(f"Each row is one filter at the position where it responds most. {kinds}.")
        columns = ["layer", "kind", "spanned", "in_channels", "kernel_height", "kernel_width", "groups"]
        columns += ["sum", "own", "difference", "single"]
        exact = st.column_config.NumberColumn(format="scientific")
        st.dataframe(layers[columns], hide_index=True, key="convolutions_table", column_config={"difference": exact})
    seen = result["picture"].iloc[0]
    with st.expander("What the network sees", icon=":material/image:"):
        shown = picture(seen["thumbnail"], width=int(min(seen["width"], 320)), label="the picture, resized and cropped")
        st.html(figures([(shown, escaped(f"{seen['width']} × {seen['height']} pixels, three channels"))]))
