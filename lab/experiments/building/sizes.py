"""Size arithmetic: every sliding window of a network, what the formula says comes out and what really did.

    tables   windows  one row per convolution or pooling: what came in, how the window slides, the size by the formula
                      and the size of the module's real output
             weights  one row per convolution: its weights as they are, without sharing, and fully connected

What is compared is the module's own output, as the next module gets it; so a module that does more than slide a window
(crops, adds, upsamples) is found out. Padding is what reached the window beyond the module's input.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd

from lab.errors import LabError
from lab.experiments.base import PartialResults, Request, model_option
from lab.experiments.building.size_arithmetic import counts, output_size
from lab.experiments.manifest import result_with_findings
from lab.experiments.result import Result
from lab.models import load_model
from lab.progress import Progress, silent
from lab.settings import Compute

if TYPE_CHECKING:
    from torch import nn

    from lab.experiments.windows import Call

COLUMNS = (
    "layer", "kind", "in_height", "in_width", "kernel_height", "kernel_width", "stride_y", "stride_x", "padding_y",
    "padding_x", "dilation_y", "dilation_x", "ceil", "formula_height", "formula_width", "real_height", "real_width",
    "agrees",
)  # fmt: skip


@dataclass(frozen=True)
class SizesRequest(Request):
    """Which network."""

    experiment: ClassVar[str] = "sizes"

    model: str = model_option()

    def title(self) -> str:
        """Return what is looked at."""
        return f"Sizes of {self.model.split('@')[0]}, layer by layer"


def run(
    request: SizesRequest,
    *,
    progress: Progress = silent,
    compute: Compute = Compute(),  # noqa: B008 - frozen
    partial_results: PartialResults | None = None,
) -> Result:
    """Return sizes and weight counts of every sliding window; raises LabError when the network has none."""
    progress("Opening the network", 0, 2, "steps")
    model = load_model(request.model)
    progress("Running the network", 1, 2, "steps")
    how = model.preprocessing
    windows, weights = measured(model.module, how.input_size)
    if windows.empty:
        raise LabError(f"{request.model} has no window that slides in two dimensions; choose a convolutional network")
    size = (how.height, how.width)
    sentences = findings(windows, weights, size, model.card.parameters)
    hashes = {str(model.ref): model.weights_digest}
    return result_with_findings(
        request, {"windows": windows, "weights": weights}, sentences, hashes=hashes, input_size=list(size)
    )


def measured(module: nn.Module, input_size: tuple[int, int, int]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the tables `windows` and `weights` of a network for an image of `input_size` (C, H, W)."""
    import torch

    from lab.experiments.windows import watch

    windows: list[dict[str, Any]] = []
    weights: list[dict[str, Any]] = []

    def see(call: Call) -> None:
        windows.append(_window(call))
        if call.weight is not None:
            weights.append(_weights(call))

    first = next(module.parameters(), torch.zeros(()))
    noise = torch.rand((1, *input_size), generator=torch.Generator().manual_seed(0)).to(first.device, first.dtype)
    with torch.no_grad(), watch(module, see), _real_sizes(module, windows):
        module(noise)
    table = pd.DataFrame(windows, columns=[name for name in COLUMNS if name != "agrees"])
    table["agrees"] = (table["formula_height"] == table["real_height"]) & (
        table["formula_width"] == table["real_width"]
    )
    return table, pd.DataFrame(weights)


def findings(windows: pd.DataFrame, weights: pd.DataFrame, size: tuple[int, int], parameters: int) -> list[str]:
    """Return what the tables show, a sentence each; `parameters` is how many the whole network has."""
    agree, all_of = int(windows["agrees"].sum()), len(windows)
    if agree == all_of:
        where = "the only sliding window" if all_of == 1 else f"all {all_of} sliding windows"
        said = f"The formula gives the real size of the output in {where}."
    else:
        first = windows[~windows["agrees"]].iloc[0]
        said = (
            f"The formula gives the real size in {agree} of {all_of} sliding windows; it fails at {first.layer}, where "
            f"it says {first.formula_height} × {first.formula_width} and the output is {first.real_height} × "
            f"{first.real_width}: that layer does more than slide."
        )
    return [said, _shrinking(windows, size), *_counted(weights, size, parameters)]


def _shrinking(windows: pd.DataFrame, size: tuple[int, int]) -> str:
    strided = windows[(windows["stride_y"] > 1) | (windows["stride_x"] > 1)]
    last = windows.iloc[-1]
    left = f"{last.real_height} × {last.real_width}"
    end = f"{size[0]} × {size[1]} positions become {left}"
    if strided.empty:
        return f"No window takes a stride; {end}."
    many = "1 window takes" if len(strided) == 1 else f"{len(strided)} windows take"
    return f"{many} a stride of 2 or more; {end}."


def _counted(weights: pd.DataFrame, size: tuple[int, int], parameters: int) -> list[str]:
    if weights.empty:
        return []
    shared, local, connected = (float(weights[name].sum()) for name in ("shared", "local", "connected"))
    inputs = size[0] * size[1] * 3
    first = weights.iloc[0]
    hold = "convolution holds" if len(weights) == 1 else f"{len(weights)} convolutions hold"
    return [
        f"A unit connected to the whole image has {inputs:,} inputs, one of {first.layer} {int(first.per_unit):,}.",
        f"Its {hold} {_many(shared)} of {_many(parameters)} parameters; without sharing there would be {_many(local)} "
        f"({local / shared:,.0f} times), fully connected {_many(connected)} ({connected / shared:,.0f} times).",
    ]


def _many(number: float) -> str:
    for size, word in ((1e12, "trillion"), (1e9, "billion"), (1e6, "million")):
        if number >= size:
            return f"{number / size:,.1f} {word}"
    return f"{number:,.0f}"


def _window(call: Call) -> dict[str, Any]:
    window = call.window
    formula, padding = [], []
    for axis in (0, 1):
        # What a module adds around its input by itself counts as padding too; both ends need not get the same.
        extra = call.input.shape[-2 + axis] - call.entered[axis] if call.entered[axis] else 0
        both_ends = 2 * window.padding[axis] + _odd_pixel(call, axis) + extra
        padding.append(both_ends / 2)
        size = call.entered[axis] or call.input.shape[-2 + axis]
        formula.append(
            output_size(
                size, window.kernel[axis], window.stride[axis], both_ends / 2, window.dilation[axis], ceil=window.ceil
            )
        )
    values = (
        call.layer, call.kind, *(call.entered if call.entered[0] else call.input.shape[-2:]), *window.kernel,
        *window.stride, *padding, *window.dilation, window.ceil, *formula, *call.output.shape[-2:],
    )  # fmt: skip
    return dict(zip(COLUMNS, values, strict=False))


def _odd_pixel(call: Call, axis: int) -> int:
    """Return 1 where torch's own "same" padding puts one pixel more at the end than at the front."""
    window = call.window
    spread = window.dilation[axis] * (window.kernel[axis] - 1)
    return int(window.same and spread % 2 == 1)


def _weights(call: Call) -> dict[str, Any]:
    window, out = call.window, (int(call.output.shape[-2]), int(call.output.shape[-1]))
    in_channels, out_channels = int(call.input.shape[1]), int(call.output.shape[1])
    entered = call.entered if call.entered[0] else (int(call.input.shape[-2]), int(call.input.shape[-1]))
    found = counts(in_channels, out_channels, window.kernel, window.groups, entered, out)
    return {
        "layer": call.layer,
        "per_unit": found.shared // out_channels,
        "units": out_channels * out[0] * out[1],
        "shared": found.shared,
        "local": found.local,
        "connected": float(found.connected),
    }


@contextmanager
def _real_sizes(module: nn.Module, rows: list[dict[str, Any]]) -> Iterator[None]:
    """Within the block, replace the size in a module's latest row by that of the module's own output."""

    def after(name: str) -> Any:
        def hook(module: nn.Module, inputs: Any, output: Any) -> None:
            row = next((row for row in reversed(rows) if row["layer"] == name), None)
            if row is not None and getattr(output, "ndim", 0) == 4:
                row["real_height"], row["real_width"] = int(output.shape[-2]), int(output.shape[-1])

        return hook

    leaves = [(name, child) for name, child in module.named_modules() if name and not any(child.children())]
    handles = [child.register_forward_hook(after(name)) for name, child in leaves]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
