"""Pooled layers computed by ONNX Runtime or OpenVINO instead of torch: `ID+onnx`, `ID+openvino` in a network's name.

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

import numpy as np

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
Run = Callable[[np.ndarray], Sequence[np.ndarray]]


class OnnxLayers:
    """Some layers of a network in another runtime (a name of `BEGIN`), with as many threads as torch has."""

    def __init__(
        self, module: nn.Module, layers: Sequence[Layer], reduce: Reduce, size: tuple[int, ...], runtime: str = "onnx"
    ) -> None:
        """Raises LabError where its packages are not installed, and for a network that cannot be run so."""
        import torch

        package, begin = BEGIN[runtime]
        for needed in ("onnx", package):
            if find_spec(needed) is None:
                extra = f"feature-hierarchy-lab[{runtime}]"
                raise LabError(f"{needed} is not installed; pip install '{extra}', or leave +{runtime} out")
        self.layers = tuple(layers)
        images = torch.rand((3, *size), generator=torch.Generator().manual_seed(0))
        self._names = [f"layer{number}" for number in range(len(layers))]
        content = _written(module, layers, reduce, images[:2], self._names)
        try:
            self._run = begin(content, self._names)
        except Exception as error:  # each runtime has classes of its own
            told = " ".join(str(error).split())[:120]
            raise LabError(f"{package} cannot run this network ({told}); leave +{runtime} out") from error
        with torch.inference_mode(), record(module, layers, reduce) as wanted:
            module(images)
        if not same(wanted, self(images)):
            raise LabError(f"{package} puts out other layers than torch (beyond {TOLERANCE:g}); leave +{runtime} out")

    def __call__(self, batch: Tensor) -> dict[str, Tensor]:
        """Return what `reduce` makes of every layer, by name, for normalised images `(N, 3, H, W)`."""
        import torch

        found = self._run(batch.contiguous().numpy())
        return {layer.name: torch.from_numpy(rows) for layer, rows in zip(self.layers, found, strict=True)}


def _written(
    module: nn.Module, layers: Sequence[Layer], reduce: Reduce, images: torch.Tensor, names: list[str]
) -> bytes:
    import torch

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
        raise LabError(f"this network cannot be written as ONNX ({told}); leave the runtime out") from error
    return bytes(buffer.getvalue())


def _in_onnxruntime(content: bytes, names: Sequence[str]) -> Run:
    import onnxruntime
    import torch

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return lambda pixels: session.run(list(names), {PIXELS: pixels})


def _in_openvino(content: bytes, names: Sequence[str]) -> Run:
    import openvino
    import torch

    core = openvino.Core()
    options = {
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        "NUM_STREAMS": 1,
        "INFERENCE_PRECISION_HINT": "f32",  # some CPUs would take bfloat16
    }
    compiled = core.compile_model(core.read_model(model=content, weights=b""), "CPU", options)
    request = compiled.create_infer_request()

    def run(pixels: np.ndarray) -> list[np.ndarray]:
        found = request.infer({0: pixels})
        return [found[compiled.output(name)].copy() for name in names]  # its arrays are those of the next batch

    return run


# A runtime's package, and what makes of a network in ONNX a function from pixels to the named outputs.
BEGIN: dict[str, tuple[str, Callable[[bytes, Sequence[str]], Run]]] = {
    "onnx": ("onnxruntime", _in_onnxruntime),
    "openvino": ("openvino", _in_openvino),
}
