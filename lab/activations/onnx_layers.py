"""Pooled layers computed by ONNX Runtime instead of torch: `ID+onnx` as a network's name asks for it.

The network is traced with its layers pooled as they go, written as ONNX in memory, and used only if every layer is
torch's within 1e-4 of its largest value, on another number of images than it was traced with. Only reading activations
goes this way: whatever changes a network or differentiates through it is computed by torch in float32.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from lab.activations.folding import TOLERANCE, same
from lab.activations.recording import record
from lab.errors import LabError
from lab.layers import Layer

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

OPSET = 18
PIXELS = "pixels"

Reduce = Callable[["Tensor", Layer], "Tensor"]


class OnnxLayers:
    """Some layers of a network in ONNX Runtime, with as many threads as torch has."""

    def __init__(self, module: nn.Module, layers: Sequence[Layer], reduce: Reduce, size: tuple[int, ...]) -> None:
        """Raises LabError where onnx and onnxruntime are not installed, and for a network that cannot be run so."""
        import torch

        self.layers = tuple(layers)
        images = torch.rand((3, *size), generator=torch.Generator().manual_seed(0))
        self._names = [f"layer{number}" for number in range(len(layers))]
        self._session = _session(_written(module, layers, reduce, images[:2], self._names))
        with torch.inference_mode(), record(module, layers, reduce) as wanted:
            module(images)
        if not same(wanted, self(images)):
            raise LabError(f"ONNX Runtime puts out other layers than torch (beyond {TOLERANCE:g}); leave +onnx out")

    def __call__(self, batch: Tensor) -> dict[str, Tensor]:
        """Return what `reduce` makes of every layer, by name, for normalised images `(N, 3, H, W)`."""
        import torch

        given = {PIXELS: batch.contiguous().numpy()}
        found = self._session.run(self._names, given)
        return {layer.name: torch.from_numpy(rows) for layer, rows in zip(self.layers, found, strict=True)}


def _written(
    module: nn.Module, layers: Sequence[Layer], reduce: Reduce, images: torch.Tensor, names: list[str]
) -> bytes:
    import torch

    for package in ("onnx", "onnxruntime"):
        if find_spec(package) is None:
            raise LabError(f"{package} is not installed; pip install 'feature-hierarchy-lab[onnx]', or leave +onnx out")

    class Read(torch.nn.Module):
        """A network that puts out its layers."""

        def __init__(self) -> None:
            super().__init__()
            self.network = module

        def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
            with record(self.network, layers, reduce) as taken:
                self.network(pixels)
            return tuple(taken[layer.name] for layer in layers)

    buffer: Any = io.BytesIO()  # torch's annotation knows paths only
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch prefers its newer export, which does not see hooks
            traced = torch.jit.trace(Read().eval(), images, check_trace=False)
            torch.onnx.export(
                traced, (images,), buffer, dynamo=False, opset_version=OPSET, input_names=[PIXELS], output_names=names,
                dynamic_axes={name: {0: "images"} for name in (PIXELS, *names)},
            )  # fmt: skip
    except (RuntimeError, ValueError, TypeError) as error:
        told = " ".join(str(error).split())[:120]
        raise LabError(f"this network cannot be written as ONNX ({told}); leave +onnx out") from error
    return bytes(buffer.getvalue())


def _session(content: bytes) -> Any:
    import onnxruntime
    import torch

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime has classes of its own for each
        told = " ".join(str(error).split())[:120]
        raise LabError(f"ONNX Runtime cannot run this network ({told}); leave +onnx out") from error
