"""The playground of receptive fields: equal layers on top of each other, and what one number at the top sees."""

from __future__ import annotations

import streamlit as st

from lab.errors import LabError
from lab.experiments.building.receptive_field_arithmetic import StackRequest, findings
from lab.ui.findings import show_command, show_sentences
from lab.ui.text import escaped
from lab.ui.url_state import opened

CELL = 22
MOST_DRAWN = 45  # pixels: a wider field would not fit
MOST_LAYERS = 12


def stack_section() -> None:
    """Show the settings, the arithmetic in words, and the cone."""
    shown = opened(StackRequest) or StackRequest()
    boxes = st.columns(4)
    layers = boxes[0].number_input("Layers n", 1, 200, shown.layers, key="stack_layers")
    kernel = boxes[1].number_input("Kernel", 1, 64, shown.kernel, key="stack_kernel")
    stride = boxes[2].number_input("Stride", 1, 8, shown.stride, key="stack_stride")
    dilation = boxes[3].number_input("Dilation", 1, 16, shown.dilation, key="stack_dilation")
    try:
        request = StackRequest(int(layers), int(kernel), int(stride), int(dilation))
    except LabError as error:
        st.warning(escaped(error))
        return
    show_sentences(findings(request))
    if request.field() <= MOST_DRAWN and request.layers <= MOST_LAYERS:
        st.html(cone(request))
    else:
        st.caption(f"Fields of up to {MOST_DRAWN} pixels and {MOST_LAYERS} layers are drawn.")
    show_command(request)


def cone(request: StackRequest) -> str:
    """Return one row per layer: the positions that reach the single one at the top, above the pixels they stand on."""
    width = request.field()
    lines = []
    for layer in range(request.layers, -1, -1):
        needed = _needed(request, layer)
        row = "".join(f'<b class="{"tap" if pixel in needed else "off"}"></b>' for pixel in range(width))
        name = "pixels" if layer == 0 else f"layer {layer}"
        many = f"{len(needed)} {'number' if len(needed) == 1 else 'numbers'}" if layer else f"{width} pixels wide"
        lines.append(f"{row}<em>{name}: {many}</em>")
    grid = f"grid-template-columns:repeat({width},{CELL}px) max-content"
    label = f"One number at layer {request.layers} sees {width} pixels"
    return f'<div class="lab-slide" role="img" aria-label="{label}" style="{grid}">{"".join(lines)}</div>'


def _needed(request: StackRequest, layer: int) -> set[int]:
    """Return the pixels that stand under the positions of `layer` which the top depends on."""
    positions = {0}
    for _ in range(request.layers - layer):
        positions = {p * request.stride + tap * request.dilation for p in positions for tap in range(request.kernel)}
    jump = request.stride**layer
    offset = (request.field(layer) - 1) // 2
    return {position * jump + offset for position in positions}
