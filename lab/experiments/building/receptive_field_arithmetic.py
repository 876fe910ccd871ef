"""How far a stack of windows sees: the theoretical receptive field of a chain of layers. Torch-free arithmetic.

    field = 1 + Σ D_i (K_i − 1) Π_{j<i} S_j       so n layers of 3 × 3 see 2n + 1, of 5 × 5 see 4n + 1

Source: Araujo, Norris and Sim, "Computing receptive fields of convolutional neural networks" (Distill 2019).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from lab.experiments.base import PartialResults, Request, option
from lab.experiments.building.size_arithmetic import reach
from lab.experiments.manifest import result_with_findings
from lab.experiments.result import Result
from lab.progress import Progress, silent
from lab.settings import Compute


def chain_field(steps: Iterable[tuple[int, int, int]]) -> int:
    """Return the side in pixels that one output of a chain of windows (kernel, stride, dilation) can see.

    >>> chain_field([(7, 2, 1), (3, 2, 1), (3, 1, 1)])  # the first convolution, pooling and block of a ResNet
    19
    """
    field, jump = 1, 1
    for kernel, stride, dilation in steps:
        field += (reach(kernel, dilation) - 1) * jump
        jump *= stride
    return field


@dataclass(frozen=True)
class StackRequest(Request):
    """Equal layers on top of each other."""

    experiment: ClassVar[str] = "stack"

    layers: int = option(3, "how many", least=1, most=200)
    kernel: int = option(3, "pixels of each kernel", least=1, most=64)
    stride: int = option(1, "stride of each layer", least=1, most=8)
    dilation: int = option(1, "dilation of each layer", least=1, most=16)

    def title(self) -> str:
        """Return what is stacked."""
        return f"{self.layers} layers of {self.kernel} × {self.kernel}"

    def field(self, layers: int | None = None) -> int:
        """Return the side that one output of the first `layers` (all) of them sees."""
        return chain_field([(self.kernel, self.stride, self.dilation)] * (self.layers if layers is None else layers))


def run(
    request: StackRequest,
    *,
    progress: Progress = silent,
    compute: Compute = Compute(),  # noqa: B008 - frozen
    partial_results: PartialResults | None = None,
) -> Result:
    """Return the field after every layer."""
    rows = [{"layer": layer, "field": request.field(layer)} for layer in range(request.layers + 1)]
    return result_with_findings(request, {"stack": pd.DataFrame(rows)}, findings(request))


def findings(request: StackRequest) -> list[str]:
    """Return what the stack sees, in words."""
    field, grows = request.field(), request.dilation * (request.kernel - 1)
    size = f"{request.kernel} × {request.kernel}"
    many = f"1 layer of {size} sees" if request.layers == 1 else f"{request.layers} layers of {size} see"
    if request.stride == 1:
        why = f": every layer adds {grows}"
    else:
        why = f": with stride {request.stride} every layer's step is {request.stride} times as wide as the one before"
    first, single = request.layers * request.kernel**2, field**2
    sentences = [f"{many} {field} × {field} pixels{why}."]
    if request.layers > 1:
        less = "fewer, with a non-linearity after each layer" if first < single else "no fewer"
        sentences.append(
            f"It has {first:,} weights per pair of channels, one layer that sees as far {single:,}: {less}."
        )
    return sentences
