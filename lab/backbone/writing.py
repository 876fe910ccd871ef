"""Writing a cut network: from a finished run, the layer and the images it was probed on."""

from __future__ import annotations

import datetime
import hashlib
import io
import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lab.backbone.artifact import ABOUT, EXAMPLE, FORMAT, NETWORK, ONNX, PROBE, SCRIPT, WEIGHTS
from lab.backbone.fitting import Fitted, fit
from lab.backbone.onnx_file import onnx_file
from lab.errors import LabError, nearest
from lab.experiments.result import Result
from lab.experiments.separability.request import ProbeRequest
from lab.experiments.separability.run import embeddings_of
from lab.files import write_bytes
from lab.images import ImageSet
from lab.layers import Layer
from lab.models import LoadedModel, load_model
from lab.probing.task import LOGISTIC
from lab.progress import Progress, silent
from lab.settings import Compute
from lab.weights.trained import find_trained

if TYPE_CHECKING:
    from torch import Tensor

    from lab.backbone.truncation import ProbedBackbone

EXAMPLE_TEXT = '''"""Which class is in a picture? `python example.py PICTURE…`, in the folder of this file."""

import sys

import lab

backbone = lab.load_backbone(".")
print(f"{backbone.about['model']} cut at {backbone.layer} tells apart {', '.join(backbone.classes)}")
for picture, answer in zip(sys.argv[1:], backbone.predict(sys.argv[1:])):
    print(picture, {name: round(share, 3) for name, share in answer.items()})

# The TorchScript file needs torch alone; pixels are those of `preprocessing` in backbone.json, RGB in 0..1:
#     probabilities, embedding = torch.jit.load("backbone.torchscript.pt")(pixels)  # pixels: (N, 3, height, width)
'''

OWN_EXAMPLE_TEXT = '''"""Which class is in a picture? A network of your own, cut at a layer, with its probe."""

import json

import torch

about = json.load(open("backbone.json", encoding="utf-8"))
shape = about["preprocessing"]
# RGB (or gray) in 0..1; where `preprocessing` names a function, what this function makes of a picture.
pixels = torch.rand(1, shape.get("channels", 3), shape["height"], shape["width"])
probabilities, embedding = torch.jit.load("backbone.torchscript.pt")(pixels)
print(dict(zip(about["classes"], probabilities[0].tolist())))

# With your own code at hand, from the weights alone, and for pictures by their paths:
#     backbone = lab.load_backbone(".", network=MyNetwork(), preprocess=...)
#     backbone.predict(["picture.jpg"])
'''


@dataclass(frozen=True)
class CutPoint:
    """Where to cut: a network of a run, and a layer of it."""

    model: str
    layer: str


def export_backbone(
    result: Result,
    out: Path | str,
    *,
    model: str = "",
    layer: str = "",
    torchscript: bool = True,
    onnx: bool = False,
    images: ImageSet | None = None,
    compute: Compute = Compute(),  # noqa: B008 - frozen
    progress: Progress = silent,
) -> list[Path]:
    """Write the network of a run cut at a layer, with a probe fitted on the run's images, and return the paths.

    `model` "" is the run's first one, or the one that a comparison recommends; `layer` "" the recommended one, or the
    layer with the best accuracy. `onnx` writes the network as ONNX too, checked with ONNX Runtime. `images` are those
    of the run where they came from Python.

    A network of your own is written alike: TorchScript and ONNX hold all of it, the weights are loaded into a module
    that your code makes (`lab.load_backbone(folder, network=…)`). Raises LabError for a model or layer that the run
    does not have, a network of another process, and a folder that holds other files.
    """
    from lab.backbone.truncation import ProbedBackbone, put_weights, scale_of, weights_up_to

    out = Path(out)
    if out.exists() and any(path.name not in (ABOUT, WEIGHTS, SCRIPT, ONNX, EXAMPLE) for path in out.iterdir()):
        raise LabError(f"{out} holds other files; give an empty or new folder")
    place = chosen_cut(result, model, layer)
    loaded = load_model(place.model)
    at = next(known for known in loaded.layers if known.name == place.layer)
    fitted = _fitted(result, place, images, compute, progress)
    progress("Writing", 0, 1, "steps")
    how = loaded.preprocessing
    weights = weights_up_to(loaded.module, at, how.input_size)
    written = {WEIGHTS: _safetensors(weights, fitted)}
    about = _about(result, loaded, at, fitted, weights) | {"sha256": hashlib.sha256(written[WEIGHTS]).hexdigest()}
    put_weights(loaded.module, weights)
    probe = [_float(fitted.weight), _float(fitted.bias)]
    cut = ProbedBackbone(loaded.module, at, about["pooling"], *scale_of(how), *probe).eval()
    if torchscript:
        script, about["torchscript"] = _script(cut, how.input_size)
        written |= {SCRIPT: script} if script else {}
    if onnx:
        graph, about["onnx"] = onnx_file(cut, how.input_size)
        written |= {ONNX: graph} if graph else {}
    example = OWN_EXAMPLE_TEXT if loaded.ref.own_code else EXAMPLE_TEXT
    written |= {EXAMPLE: example.encode(), ABOUT: json.dumps(about, indent=1, allow_nan=False).encode()}
    try:
        for name, content in written.items():
            write_bytes(out / name, content)
    except OSError as error:
        raise LabError(f"{out} cannot be written to ({error}); choose another folder") from error
    return [out / name for name in written]


def chosen_cut(result: Result, model: str, layer: str) -> CutPoint:
    """Return where to cut; raises LabError when the run has no such model or layer."""
    if not isinstance(result.request, ProbeRequest):
        raise LabError(f"run {result.request.run_id} probed no layers; name a probe run or a comparison")
    if result.request.embeddings:
        raise LabError(f"run {result.request.run_id} probed vectors that were given, so there is no network to be cut")
    if result.request.probe != LOGISTIC:
        raise LabError(
            f"run {result.request.run_id} read layers by {result.request.probe} probes, and a logistic one would be "
            "taken along, which it has not measured; probe with --probe logistic first"
        )
    layers = result["layers"]
    models = list(dict.fromkeys(layers["model"]))
    known = [name for name in models if name == model or name.split("@")[0] == model]
    if model and len(known) != 1:
        raise LabError(f"this run has no model {model!r}{nearest(model, models)}; it has: {', '.join(models)}")
    picked, at = _recommended(result, known[0] if model else "")
    names = list(layers[layers["model"] == picked]["layer"])
    if layer and layer not in names:
        raise LabError(
            f"{picked} has no layer {layer!r} in this run{nearest(layer, names)}; it has: {', '.join(names)}"
        )
    if not (layer or at):
        raise LabError(f"no layer of {picked} is clearly above guessing and the other controls; name one with --layer")
    return CutPoint(picked, layer or at)


def _recommended(result: Result, model: str) -> tuple[str, str]:
    """Return the place that a comparison recommends; of one network, its smallest good cut, or its best layer."""
    if "cuts" in result.tables:
        if not model:
            row = result["cuts"][result["cuts"]["chosen"]].iloc[0]
            return str(row["model"]), str(row["layer"])
        models = result["models"].set_index("model")
        return model, str(models.loc[model, "cut_layer"])
    model = model or str(result["layers"]["model"].iloc[0])
    probe = result["summary"].query("control == 'probe' and model == @model")
    return model, str(probe.iloc[int(np.argmax(probe["accuracy"].to_numpy()))]["layer"])


def _fitted(result: Result, place: CutPoint, images: ImageSet | None, compute: Compute, progress: Progress) -> Fitted:
    found = embeddings_of(result, images, progress=progress, compute=compute)
    table: pd.DataFrame = result["images"]
    classes, labels = np.unique(table["class"].to_numpy(dtype=str), return_inverse=True)
    groups = table["group"].to_numpy()
    request = result.request.as_dict()
    progress("Fitting the probe", 0, 1, "steps")
    return fit(found[f"{place.model}/{place.layer}"], labels, groups, tuple(map(str, classes)), request["seed"])


def _about(
    result: Result, loaded: LoadedModel, layer: Layer, fitted: Fitted, weights: dict[str, Tensor]
) -> dict[str, Any]:
    from importlib.metadata import version

    request = result.request.as_dict()
    held = fitted.held_out
    return {
        "format": FORMAT,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "model": str(loaded.ref),
        "architecture": loaded.ref.id,
        "own_code": loaded.ref.own_code,
        "input": _input_of(loaded),
        "weights_digest": loaded.weights_digest,
        "layer": layer.as_dict(),
        "pooling": request["pooling"],
        "preprocessing": loaded.preprocessing.as_dict(),
        "classes": sorted(result["images"]["class"].unique().tolist()),
        "held_out": {"accuracy": held.accuracy, "ci_low": held.ci_low, "ci_high": held.ci_high},
        "images": len(result["images"]),
        "C": fitted.regularisation,
        "flops": layer.flops,
        "parameters": layer.parameters,
        "run": result.request.run_id,
        "command": result.request.command(),
        "versions": {name: version(name) for name in ("feature-hierarchy-lab", "torch", "timm")},
        "tensors": sorted([*(NETWORK + name for name in weights), PROBE + "weight", PROBE + "bias"]),
    }


def _input_of(loaded: LoadedModel) -> dict[str, Any]:
    """Return the input a network was built for when it is not its architecture's own (one trained here), else {}."""
    if loaded.ref.source.name != "lab":
        return {}
    trained, _ = find_trained(loaded.ref.id, loaded.ref.argument)
    return dict(trained.about["input"])


def _safetensors(weights: dict[str, Tensor], fitted: Fitted) -> bytes:
    from safetensors.torch import save

    probe = {PROBE + "weight": _float(fitted.weight), PROBE + "bias": _float(fitted.bias)}
    return bytes(save({**{NETWORK + name: tensor for name, tensor in weights.items()}, **probe}))


def _script(cut: ProbedBackbone, size: tuple[int, int, int]) -> tuple[bytes, str]:
    """Return a TorchScript file and what to say of it; empty, with the reason, where torch cannot make one.

    It is run on another number of images, and used only if it finds what the network itself finds.
    """
    import torch

    images = torch.rand((3, *size), generator=torch.Generator().manual_seed(0))
    buffer = io.BytesIO()
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch prefers its newer export, which cannot end a pass early
            traced = torch.jit.freeze(torch.jit.trace(cut, images[:2], check_trace=False).eval())
            torch.jit.save(traced, buffer)
            found, wanted = traced(images), cut(images)
    except (RuntimeError, ValueError, TypeError) as error:
        return b"", f"none: torch cannot trace it ({' '.join(str(error).split())[:120]})"
    gap = max(float((one - other).abs().max()) for one, other in zip(found, wanted, strict=True))
    size_of = max(float(wanted[1].abs().max()), 1.0)
    if gap > 1e-4 * size_of:
        return b"", f"none: the traced network differs by {gap:.2g}"
    return buffer.getvalue(), f"equal to the network within {gap:.2g}"


def _float(values: np.ndarray) -> Tensor:
    import torch

    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))
