"""The playground of size arithmetic: a window slides over a row of pixels, drawn as it is set."""

from __future__ import annotations

import streamlit as st

from lab.errors import LabError
from lab.experiments.building.size_arithmetic import SlideRequest, findings, taps
from lab.ui.findings import show_command, show_sentences
from lab.ui.text import escaped
from lab.ui.url_state import opened

CELL = 28
MOST_DRAWN = 40  # padded pixels: a longer row would not fit


def slide_section() -> None:
    """Show the settings, the arithmetic in words, and the windows."""
    st.latex(r"\begin{gathered}W_2 = \frac{W_1 - F + 2P}{S} + 1\\ F = D\,(K-1) + 1\end{gathered}")
    shown = opened(SlideRequest) or SlideRequest()
    boxes = st.columns(6, vertical_alignment="bottom")
    size = boxes[0].number_input("Input W₁", 1, 4096, shown.size, key="slide_size")
    kernel = boxes[1].number_input("Kernel K", 1, 512, shown.kernel, key="slide_kernel")
    stride = boxes[2].number_input("Stride S", 1, 512, shown.stride, key="slide_stride")
    padding = boxes[3].number_input("Padding P", 0, 512, shown.padding, key="slide_padding")
    dilation = boxes[4].number_input("Dilation D", 1, 64, shown.dilation, key="slide_dilation")
    ceil = boxes[5].toggle("Round up", shown.ceil, key="slide_ceil")
    try:
        request = SlideRequest(int(size), int(kernel), int(stride), int(padding), int(dilation), ceil)
        sentences = findings(request)
    except LabError as error:
        st.warning(escaped(error))
        return
    show_sentences(sentences)
    if request.size + 2 * request.padding <= MOST_DRAWN:
        st.html(windows_grid(request))
    else:
        st.caption(f"Rows of up to {MOST_DRAWN} padded pixels are drawn.")
    show_command(request)


def windows_grid(request: SlideRequest) -> str:
    """Return the padded row of pixels and, under it, every window with its taps and the output pixel it fills."""
    found = taps(request)
    last = max(request.size + request.padding - 1, int(found["pixel"].max()))
    pixels = range(-request.padding, last + 1)
    lines = [_line([_cell(pixel in range(request.size), "", str(pixel)) for pixel in pixels], "input")]
    for window, part in found.groupby("window"):
        seen = dict(zip(part["pixel"], part["inside"], strict=True))
        row = [_cell(seen[pixel], "tap", "") if pixel in seen else "<span></span>" for pixel in pixels]
        lines.append(_line(row, f"→ output {window}"))
    grid = f"grid-template-columns:repeat({len(pixels)},{CELL}px) max-content"
    label = f"{request.output} windows of {request.kernel} taps over {request.size} pixels"
    return f'<div class="lab-slide" role="img" aria-label="{label}" style="{grid}">{"".join(lines)}</div>'


def _line(row: list[str], name: str) -> str:
    return f"{''.join(row)}<em>{name}</em>"


def _cell(inside: bool, kind: str, text: str) -> str:
    """Return one pixel; what lies outside the input is a zero of the padding."""
    return f'<b class="{kind}{"" if inside else " outside"}">{text if inside else "0"}</b>'
