"""How large a map comes out of a sliding window, and how many weights it takes. Torch-free arithmetic.

    W2 = (W1 − F + 2P) / S + 1      F = D (K − 1) + 1 for a kernel of K with dilation D

Convolutions round down. Poolings may round up; then a last window that would start beyond the image and its first
padding is left out, as torch does. Source of the formula: Dumoulin and Visin, "A guide to convolution arithmetic for
deep learning" (2016), relationship 15.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from lab.errors import LabError
from lab.experiments.base import PartialResults, Request, option
from lab.experiments.manifest import result_with_findings
from lab.experiments.result import Result
from lab.progress import Progress, silent
from lab.settings import Compute


def reach(kernel: int, dilation: int = 1) -> int:
    """Return how many pixels a kernel spreads over."""
    return dilation * (kernel - 1) + 1


def output_size(
    size: int, kernel: int, stride: int = 1, padding: float = 0, dilation: int = 1, *, ceil: bool = False
) -> int:
    """Return how many parts a window has along one side; `padding` is that of each end (the mean, if they differ).

    Raises LabError when the window is larger than the padded side.

    >>> output_size(224, kernel=7, stride=2, padding=3)
    112
    """
    free = size - reach(kernel, dilation) + 2 * padding
    if free < 0:
        raise LabError(
            f"a window of {reach(kernel, dilation)} does not fit into {size} with padding {padding:g}; "
            "make the input or the padding larger, or the kernel smaller"
        )
    places = int(-(-free // stride) if ceil else free // stride) + 1
    if ceil and (places - 1) * stride >= size + padding:
        places -= 1  # the last window would see nothing but the padding at the end
    return places


@dataclass(frozen=True)
class Counts:
    """How many weights a convolution has, and how many it would have with less sharing (biases not counted)."""

    shared: int
    local: int
    connected: int


def counts(
    in_channels: int, out_channels: int, kernel: tuple[int, int], groups: int,
    input_size: tuple[int, int], output_size: tuple[int, int],
) -> Counts:  # fmt: skip
    """Return weights as they are (local and shared), local but not shared between places, and fully connected."""
    shared = in_channels // groups * out_channels * kernel[0] * kernel[1]
    places = output_size[0] * output_size[1]
    inputs = in_channels * input_size[0] * input_size[1]
    return Counts(shared, shared * places, inputs * out_channels * places)


@dataclass(frozen=True)
class SlideRequest(Request):
    """A window to try: how wide the input is and how the window slides over it."""

    experiment: ClassVar[str] = "slide"

    size: int = option(7, "pixels of the input", least=1, most=4096)
    kernel: int = option(3, "pixels of the kernel", least=1, most=512)
    stride: int = option(2, "pixels between windows", least=1, most=512)
    padding: int = option(1, "zeros added at each end", least=0, most=512)
    dilation: int = option(1, "pixels between a kernel's taps", least=1, most=64)
    ceil: bool = option(False, "round up, as some poolings do (yes or no)")

    def title(self) -> str:
        """Return what slides."""
        return f"A window of {self.kernel} over {self.size}, stride {self.stride}, padding {self.padding}"

    @property
    def output(self) -> int:
        """How many places the window has."""
        return output_size(self.size, self.kernel, self.stride, self.padding, self.dilation, ceil=self.ceil)


def run(
    request: SlideRequest,
    *,
    progress: Progress = silent,
    compute: Compute = Compute(),  # noqa: B008 - frozen
    partial_results: PartialResults | None = None,
) -> Result:
    """Return every window's taps, one row each, and the arithmetic in words."""
    return result_with_findings(request, {"taps": taps(request)}, findings(request))


def taps(request: SlideRequest) -> pd.DataFrame:
    """Return one row per window and tap: window, tap, pixel (negative in the padding), inside."""
    rows = [
        (window, tap, pixel, 0 <= pixel < request.size)
        for window in range(request.output)
        for tap in range(request.kernel)
        for pixel in [window * request.stride + tap * request.dilation - request.padding]
    ]
    return pd.DataFrame(rows, columns=["window", "tap", "pixel", "inside"])


def findings(request: SlideRequest) -> list[str]:
    """Return the arithmetic in words."""
    spread = reach(request.kernel, request.dilation)
    exact = (request.size - spread + 2 * request.padding) / request.stride + 1
    formula = f"({request.size} − {spread} + 2·{request.padding}) / {request.stride} + 1 = {exact:g}"
    sentences = [f"{formula}: the window has {request.output} {'position' if request.output == 1 else 'positions'}."]
    if request.dilation > 1:
        sentences.append(f"With dilation {request.dilation} its {request.kernel} taps spread over {spread} pixels.")
    found = taps(request)
    unseen = request.size - found.loc[found["inside"], "pixel"].nunique()
    if exact != request.output:
        sentences.append(f"It does not come out even; this is rounded {'up' if request.output > exact else 'down'}.")
    if unseen:
        sentences.append(
            f"{unseen} of {request.size} pixels {'is' if unseen == 1 else 'are'} under no tap of any window."
        )
    elif request.output == request.size:
        sentences.append("The output is as large as the input.")
    return sentences
