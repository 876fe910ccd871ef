"""A convolution of a real network at work: what the browser needs to slide its window over one input channel.

The bytes: uint32 length of a header (little-endian, as all), the header (JSON, filled up to a multiple of 4), then
float32 the input channel (height, width), what it adds to the output (high, wide), and the output (high, wide).
"""

from __future__ import annotations

import json

import numpy as np
import streamlit as st

from lab.experiments.building.filter_terms import FilterLayer, FilterSum
from lab.ui.components import file_url, mount

COLOURS = ("red", "green", "blue")


def convolution(layer: FilterLayer, found: FilterSum, input_channel: int, *, key: str) -> None:
    """Show the window at the output pixel of `found`, over one input channel; who goes elsewhere is followed."""

    def gone() -> None:
        row, column = st.session_state[key]["at"]
        st.session_state.update({"sum_row": int(row), "sum_column": int(column)})

    url = file_url(packed(layer, found.channel, input_channel), key=key)
    mount("convolution", {"url": url, "row": found.row, "column": found.column}, key=key, at=gone)


def packed(layer: FilterLayer, channel: int, input_channel: int) -> bytes:
    """Return the numbers of one output channel and one input channel that it spans."""
    spanned = layer.kernels.shape[1]
    first = layer.at(channel, 0, 0).first
    header = {
        "height": layer.inputs.shape[1], "width": layer.inputs.shape[2],
        "high": layer.outputs.shape[1], "wide": layer.outputs.shape[2],
        "kernel": layer.kernels[channel, input_channel - first].tolist(),
        "stride": layer.stride, "padding": layer.padding, "dilation": layer.dilation,
        "bias": float(layer.biases[channel]), "others": spanned - 1,
        "from": f"Input channel {channel_name(layer, input_channel)}", "to": f"Output of filter {channel}",
    }  # fmt: skip
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 4)
    numbers = (layer.inputs[input_channel], layer.added_by(channel, input_channel), layer.outputs[channel])
    return b"".join([np.uint32(len(text)).tobytes(), text, *(part.astype("<f4").tobytes() for part in numbers)])


def channel_name(layer: FilterLayer, channel: int) -> str:
    """Return how an input channel is called: by its colour too, where it is one of the picture's."""
    return f"{channel} ({COLOURS[channel]})" if layer.inputs.shape[0] == len(COLOURS) else str(channel)
