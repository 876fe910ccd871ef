"""A cut network as ONNX, for ONNX Runtime and whatever else reads it; checked with ONNX Runtime before it is kept."""

from __future__ import annotations

import io
import warnings
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from lab.errors import LabError

if TYPE_CHECKING:
    from lab.backbone.truncation import ProbedBackbone

OPSET = 17
TOLERANCE = 1e-4  # of the largest value of the embedding, or of 1
PIXELS, OUTPUTS = "pixels", ("probabilities", "embedding")


def onnx_file(cut: ProbedBackbone, size: tuple[int, int, int]) -> tuple[bytes, str]:
    """Return an ONNX file and what to say of it; empty, with the reason, where torch cannot make one.

    Its input `pixels` is `(N, C, H, W)` in 0..1, `size` being `(C, H, W)`; its outputs are `probabilities` `(N, K)` and
    `embedding` `(N, D)`. ONNX Runtime is run on another number of images, and the file kept only if it finds what the
    network itself finds.
    Raises LabError when onnx or onnxruntime is not installed.
    """
    import torch

    for package in ("onnx", "onnxruntime"):
        if find_spec(package) is None:
            raise LabError(f"{package} is not installed; `pip install onnx onnxruntime`, or leave --onnx out")
    images = torch.rand((3, *size), generator=torch.Generator().manual_seed(0))
    buffer: Any = io.BytesIO()  # torch's annotation knows paths only
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch prefers its newer export, which cannot end a pass early
            traced = torch.jit.trace(cut, images[:2], check_trace=False).eval()
            torch.onnx.export(
                traced, (images[:2],), buffer, dynamo=False, opset_version=OPSET, input_names=[PIXELS],
                output_names=list(OUTPUTS), dynamic_axes={name: {0: "images"} for name in (PIXELS, *OUTPUTS)},
            )  # fmt: skip
            wanted = [tensor.numpy() for tensor in cut(images)]
    except (RuntimeError, ValueError, TypeError) as error:
        return b"", f"none: torch cannot write it ({' '.join(str(error).split())[:120]})"
    return _checked(buffer.getvalue(), images.numpy(), wanted)


def _checked(content: bytes, images: Any, wanted: list[Any]) -> tuple[bytes, str]:
    import onnxruntime

    try:
        session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
        found = session.run(list(OUTPUTS), {PIXELS: images})
    except Exception as error:  # ONNX Runtime has classes of its own for each
        return b"", f"none: ONNX Runtime cannot run it ({' '.join(str(error).split())[:120]})"
    gap = max(float(abs(one - other).max()) for one, other in zip(found, wanted, strict=True))
    if gap > TOLERANCE * max(float(abs(wanted[1]).max()), 1.0):
        return b"", f"none: ONNX Runtime's answer differs by {gap:.2g}"
    return content, f"equal to the network within {gap:.2g} in ONNX Runtime"
