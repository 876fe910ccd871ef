"""A stack of convolutions without activations is one convolution: its kernel, and how exactly it does the same.

For each layer whose field fits: activations out, the kernel read off the network's own gradient at one position, then
tried at every position whose field lies inside a picture it was not read off. At the other positions, near the border,
the stack adds zeros before every convolution, one kernel only around the picture: they are compared apart. In float64.

    tables   layers   one row per layer: convolutions before it and their weights, the one kernel's side, stride and
                      weights, positions compared, the largest difference without activations (`linear`) and with
                      them (`active`), and at the border without them, relative to the largest value
             kernels  the single kernels of the deepest layer, as pictures
             picture  what the comparison looked at
"""

from __future__ import annotations

import copy
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from lab.activations.partial_forward import forward_to
from lab.encode import png
from lab.errors import LabError
from lab.experiments.ablation.equivalent_kernel import Single, collapsed
from lab.experiments.base import PartialResults, Request, model_option, option
from lab.experiments.model_and_picture import ModelAndPicture, load_model_and_picture
from lab.experiments.picture import DEFAULT_PICTURE, PICTURE_HELP
from lab.experiments.result import Result
from lab.interventions import anatomy
from lab.layers import Layer, select_layers
from lab.progress import Progress, silent
from lab.settings import Compute

if TYPE_CHECKING:
    from torch import Tensor, nn

EXACT = 1e-9  # relative; float64 through a few dozen layers
MOST_SHOWN = 40


@dataclass(frozen=True)
class CollapseRequest(Request):
    """Which network, on which picture it is tried, and how large a kernel may become."""

    experiment: ClassVar[str] = "collapse"

    model: str = model_option()
    picture: str = option(DEFAULT_PICTURE, PICTURE_HELP)
    most: int = option(35, "largest side of the single kernel, in pixels", least=3, most=99)

    def title(self) -> str:
        """Return what is looked at."""
        return f"{self.model.split('@')[0]}'s first layers as one convolution"


def run(
    request: CollapseRequest,
    *,
    progress: Progress = silent,
    compute: Compute = Compute(),  # noqa: B008 - frozen
    partial_results: PartialResults | None = None,
) -> Result:
    """Return the single convolutions; raises LabError when no layer of the network has a field that is small enough."""
    subject = load_model_and_picture(request.model, request.picture, progress)
    layers = _small_layers(subject, request.most)
    if not layers:
        raise LabError(
            f"no layer of {request.model} is made of convolutions only and sees at most {request.most} × "
            f"{request.most} pixels; allow more, or choose a convolutional network"
        )
    # A copy in float64, changed as the network itself would be; the network's own weights stay as they are.
    module = copy.deepcopy(subject.model.module).double()
    image = subject.image.double()
    acting = [name for name, _ in anatomy(subject.model).activations]
    size = (int(image.shape[-2]), int(image.shape[-1]))
    rows: list[dict[str, Any]] = []
    single = None
    for number, layer in enumerate(layers):
        progress("Collapsing the layers before it", number, len(layers), "layers")
        active = forward_to(module, layer.name, image)
        with _bare(module, acting):
            single = collapsed(module, layer, size)
            linear = forward_to(module, layer.name, image)
        rows.append(_row(module, layer, single, image, linear, active))
    assert single is not None
    kernels = _kernel_pictures(single)
    tables = {"layers": pd.DataFrame(rows), "kernels": kernels, "picture": subject.picture_table()}
    return subject.result(request, tables, findings(tables["layers"]), layer=layers[-1].name)


def findings(layers: pd.DataFrame) -> list[str]:
    """Return what was found, a sentence each."""
    last = layers.iloc[-1]
    exact = int((layers["linear"] <= EXACT).sum())
    if exact == len(layers):
        said = (
            f"Without activations the {int(last.convolutions)} convolutions up to {last.layer} are one of "
            f"{int(last.height)} × {int(last.width)} pixels, stride {int(last.stride)}: the same numbers at all "
            f"{int(last.positions):,} positions whose field lies inside the picture (off by {last.linear:.0e} of the "
            "largest value)."
        )
    else:
        off = layers[layers["linear"] > EXACT].iloc[0]
        said = (
            f"Even without activations {off.layer} is not one convolution (off by {off.linear:.1e} of the largest "
            "value): something else in it is not linear or sees the whole image."
        )
    return [said, *_border(last, exact == len(layers)), *_weights(last, exact == len(layers)), _active(layers)]


def _border(last: pd.Series, exact: bool) -> list[str]:
    if not exact or last.border_positions < 1:
        return []
    where = f"near the border ({int(last.border_positions):,} positions)"
    if last.border <= EXACT:
        return [f"So they are {where}."]
    return [f"Not {where}, where every convolution adds zeros: off by {_times(last.border)} largest value."]


def _times(off: float) -> str:
    return f"{off:.0f} times the" if off >= 2 else f"{off:.0%} of the"


def _weights(last: pd.Series, exact: bool) -> list[str]:
    if not exact or last.convolutions < 2:
        return []
    return [
        f"The one kernel has {int(last.single_weights):,} weights, {last.single_weights / last.stack_weights:.1f} "
        "times the stack's: away from the border, depth without activations adds no function."
    ]


def _active(layers: pd.DataFrame) -> str:
    last = layers.iloc[-1]
    if last.active <= 100 * EXACT:
        return "Activations change nothing on this picture: none is ever in its bent part."
    return f"With activations the one kernel is off by {_times(last.active)} largest value."


def _small_layers(subject: ModelAndPicture, most: int) -> list[Layer]:
    found = select_layers(subject.model.layers, "blocks")
    size = min(subject.image.shape[-2:])
    return [
        layer
        for layer in found
        if layer.layout == "NCHW"
        and layer.kind != "head"
        and layer.receptive_field_status == "exact"
        and layer.receptive_field <= min(most, size // 2)
    ]


def _bare(module: nn.Module, names: list[str]) -> AbstractContextManager[None]:
    from torch import nn

    from lab.interventions.swapping import replaced

    return replaced(module, {name: nn.Identity() for name in names})


def _row(
    module: nn.Module, layer: Layer, single: Single, image: Tensor, linear: Tensor, active: Tensor
) -> dict[str, Any]:
    from torch import nn

    made = single(image)
    before = _before(module, layer, image)
    weights = [one.weight.numel() for one in before if isinstance(one, nn.Conv2d)]

    def off(real: Tensor) -> float:
        here = real[..., single.rows, single.columns]
        return float((made - here).abs().max() / here.abs().max().clamp_min(1e-300))

    return {
        "layer": layer.name,
        "depth": layer.depth,
        "convolutions": len(weights),
        "stack_weights": sum(weights),
        "height": int(single.kernel.shape[-2]),
        "width": int(single.kernel.shape[-1]),
        "stride": single.stride,
        "channels": int(single.kernel.shape[0]),
        "single_weights": single.kernel.numel(),
        "positions": int(made.shape[-2] * made.shape[-1]),
        "linear": off(linear),
        "active": off(active),
        **_at_border(single, image, linear),
    }


def _at_border(single: Single, image: Tensor, linear: Tensor) -> dict[str, Any]:
    """Return how many positions have a field beyond the picture, and the largest difference there."""
    import torch

    size = (int(linear.shape[-2]), int(linear.shape[-1]))
    outside = torch.ones(size, dtype=torch.bool)
    outside[single.rows, single.columns] = False
    if not outside.any():
        return {"border_positions": 0, "border": 0.0}
    apart = (single.over_padding(image, size) - linear).abs()[..., outside]
    largest = linear.abs().max().clamp_min(1e-300)
    return {"border_positions": int(outside.sum()), "border": float(apart.max() / largest)}


def _before(module: nn.Module, layer: Layer, image: Tensor) -> list[nn.Module]:
    """Return the modules that run before `layer` has put out its numbers."""
    ran: list[nn.Module] = []
    handles = [
        child.register_forward_hook(lambda child, _inputs, _output: ran.append(child)) for child in module.modules()
    ]
    try:
        forward_to(module, layer.name, image)
    finally:
        for handle in handles:
            handle.remove()
    return ran


def _kernel_pictures(single: Single) -> pd.DataFrame:
    rows = []
    for channel, kernel in enumerate(single.kernel[:MOST_SHOWN]):
        values = kernel.permute(1, 2, 0).numpy()
        scaled = 127.5 + 127.5 * values / max(float(np.abs(values).max()), 1e-300)
        rows.append({"channel": channel, "thumbnail": png(scaled.round().astype(np.uint8))})
    return pd.DataFrame(rows)
