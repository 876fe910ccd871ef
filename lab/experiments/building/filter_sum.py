"""What does one filter add up? Every convolution of a network on one picture, taken apart into its products.

    tables   layers   one row per convolution: its kind, and one of its sums against the network's own number
             chosen   the layer that was asked for, with how its window slides
             inputs, kernels, outputs   that layer in full (float64 bytes), so that any filter and position can be
                      looked at without computing anything anew; `lab.experiments.building.filter_terms` does that
             terms, contributions       the sum that was asked for, product by product
             picture  what the network saw

The network runs in double precision, so that rounding does not hide whether a sum is the same; `single` is its number
in the single precision it usually has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from lab.errors import LabError, nearest
from lab.experiments.base import PartialResults, Request, model_option, option
from lab.experiments.building.filter_findings import findings, network_findings
from lab.experiments.building.filter_terms import FilterLayer, FilterSum, kind_of
from lab.experiments.model_and_picture import load_model_and_picture
from lab.experiments.picture import DEFAULT_PICTURE, PICTURE_HELP
from lab.experiments.result import Result
from lab.progress import Progress, silent
from lab.settings import Compute

if TYPE_CHECKING:
    from lab.experiments.windows import Call

LARGEST = 40_000_000  # numbers kept of one layer (320 MB); beyond that, a smaller layer tells the same


@dataclass(frozen=True)
class FilterRequest(Request):
    """Which convolution, filter and position; left out: the first one, a selective filter, where it responds most."""

    experiment: ClassVar[str] = "filter"

    model: str = model_option()
    picture: str = option(DEFAULT_PICTURE, PICTURE_HELP)
    layer: str = option("", "name of a convolution (default: the first)")
    channel: int | None = option(None, "output channel (default: one that responds to little, strongly)", least=0)
    row: int | None = option(None, "row of the output (default: where it is strongest)", least=0)
    column: int | None = option(None, "column of the output (default: where it is strongest)", least=0)

    def title(self) -> str:
        """Return what is looked at."""
        return f"Sum of a filter of {self.layer or 'the first convolution'}, {self.model.split('@')[0]}"


def run(
    request: FilterRequest,
    *,
    progress: Progress = silent,
    compute: Compute = Compute(),  # noqa: B008 - frozen
    partial_results: PartialResults | None = None,
) -> Result:
    """Return the sum behind one number of a convolution, and one of each other convolution.

    Runs on the CPU whatever `compute` says: not every device has double precision. Raises LabError when the network
    has no convolution of that name, or the position is outside its output.
    """
    subject = load_model_and_picture(request.model, request.picture, progress)
    progress("Running the network", 1, 3, "steps")
    watched = _Convolutions(request.layer)
    subject.watched(watched.in_double, double=True)
    progress("Running the network", 2, 3, "steps")
    subject.watched(watched.in_single)
    layer = watched.chosen(request)
    found = layer.at(*_place(layer, request))
    layers = pd.DataFrame(watched.rows)
    tables = {
        "layers": layers,
        "chosen": layers[layers["layer"] == layer.name].reset_index(drop=True),
        **_whole(layer),
        **sums(found),
        "picture": subject.picture_table(),
    }
    sentences = [*findings(layer, found), *network_findings(layers)]
    return subject.result(request, tables, sentences, at=[found.channel, found.row, found.column])


def sums(found: FilterSum) -> dict[str, pd.DataFrame]:
    """Return one sum as tables: `terms` (a row per product) and `contributions` (a row per input channel)."""
    channel, row, column = np.indices(found.patch.shape).reshape(3, -1)
    terms = pd.DataFrame(
        {
            "input_channel": channel + found.first,
            "row": row,
            "column": column,
            "input": found.patch.ravel(),
            "weight": found.kernel.ravel(),
            "product": found.products.ravel(),
        }
    )
    return {"terms": terms, "contributions": found.ranked()}


class _Convolutions:
    """Takes in the convolutions of a pass in double precision: a sum of each, and one of them in full."""

    def __init__(self, wanted: str) -> None:
        self.wanted = wanted
        self.rows: list[dict[str, Any]] = []
        self.kept: FilterLayer | None = None

    def in_double(self, call: Call) -> None:
        """Take a convolution apart at its strongest response."""
        if call.weight is None or any(row["layer"] == call.layer for row in self.rows):
            return
        layer = _layer_of(call)
        channel, row, column = layer.strongest()
        found = layer.at(channel, row, column)
        self.rows.append(
            {
                **_described(layer),
                "channel": channel,
                "row": row,
                "column": column,
                "sum": found.total,
                "own": found.own,
                "difference": found.difference,
                "single": float("nan"),
            }
        )
        if self.kept is None and self.wanted in ("", call.layer):
            self.kept = layer

    def in_single(self, call: Call) -> None:
        """Add the same numbers as the network has them in single precision."""
        for row in self.rows:
            if row["layer"] == call.layer and call.weight is not None and np.isnan(row["single"]):
                row["single"] = float(call.output[0, row["channel"], row["row"], row["column"]])

    def chosen(self, request: FilterRequest) -> FilterLayer:
        """Return the layer that was asked for."""
        if not self.rows:
            raise LabError(f"{request.model} has no two-dimensional convolution; choose a convolutional network")
        if self.kept is None:
            names = [row["layer"] for row in self.rows]
            raise LabError(
                f"{request.model} has no convolution {self.wanted!r}{nearest(self.wanted, names)}; "
                f"it has {len(names)}, such as {', '.join(names[:3])}"
            )
        size = self.kept.inputs.size + self.kept.outputs.size + self.kept.kernels.size
        if size > LARGEST:
            raise LabError(f"layer {self.kept.name} has {size:,} numbers, more than are kept; choose a smaller one")
        return self.kept


def _layer_of(call: Call) -> FilterLayer:
    assert call.weight is not None
    kernels = call.weight.detach().cpu().double().numpy().copy()
    window = call.window
    return FilterLayer(
        name=call.layer,
        inputs=call.input[0].detach().cpu().double().numpy().copy(),
        kernels=kernels,
        biases=np.zeros(len(kernels)) if call.bias is None else call.bias.detach().cpu().double().numpy().copy(),
        outputs=call.output[0].detach().cpu().double().numpy().copy(),
        stride=window.stride,
        padding=window.padding,
        dilation=window.dilation,
        groups=window.groups,
    )


def _described(layer: FilterLayer) -> dict[str, Any]:
    kernel = layer.kernels.shape
    return {
        "layer": layer.name,
        "kind": kind_of(layer.inputs.shape[0], layer.groups, (kernel[2], kernel[3])),
        "in_channels": layer.inputs.shape[0],
        "out_channels": kernel[0],
        "spanned": kernel[1],
        "kernel_height": kernel[2],
        "kernel_width": kernel[3],
        "stride_y": layer.stride[0],
        "stride_x": layer.stride[1],
        "padding_y": layer.padding[0],
        "padding_x": layer.padding[1],
        "dilation_y": layer.dilation[0],
        "dilation_x": layer.dilation[1],
        "groups": layer.groups,
    }


def _place(layer: FilterLayer, request: FilterRequest) -> tuple[int, int, int]:
    if request.channel is not None:
        layer.at(request.channel, 0, 0)  # raises a sentence for a channel that is not there
    channel, row, column = layer.strongest(layer.telling() if request.channel is None else request.channel)
    return (
        channel,
        row if request.row is None else request.row,
        column if request.column is None else request.column,
    )


def _whole(layer: FilterLayer) -> dict[str, pd.DataFrame]:
    kernels = pd.DataFrame(
        {
            "channel": np.arange(len(layer.kernels)),
            "bias": layer.biases,
            "array": [kernel.astype("<f8").tobytes() for kernel in layer.kernels],
        }
    )
    return {"inputs": _maps(layer.inputs), "kernels": kernels, "outputs": _maps(layer.outputs)}


def _maps(maps: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "channel": np.arange(len(maps)),
            "height": maps.shape[1],
            "width": maps.shape[2],
            "array": [values.astype("<f8").tobytes() for values in maps],
        }
    )
