"""The folder of a cut network, and loading it.

    backbone.json            what it is: model, layer, preprocessing, classes, what it reads, where it comes from
    backbone.safetensors     weights of the network up to the layer (`network.…`), of the probe (`probe.…`)
    backbone.torchscript.pt  the same as one TorchScript file, where torch can make one: it needs torch and nothing else
    backbone.onnx            the same as ONNX, where it was asked for and ONNX Runtime finds the same
    example.py               how to use either

No pickle is read. The weights' names and shapes are checked before anything is used.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lab.errors import LabError, check_type
from lab.experiments.picture import open_picture
from lab.files import read_json
from lab.layers import Layer
from lab.models.given_preprocess import as_preprocessing, input_for
from lab.models.preprocess import Preprocessing
from lab.weights.networks import build_network
from lab.weights.own_code import own_copy
from lab.weights.trained import build_for_input

if TYPE_CHECKING:
    from torch import Tensor, nn

    from lab.backbone.truncation import ProbedBackbone

FORMAT = 1
ABOUT, WEIGHTS, SCRIPT, EXAMPLE = "backbone.json", "backbone.safetensors", "backbone.torchscript.pt", "example.py"
ONNX = "backbone.onnx"
NETWORK, PROBE = "network.", "probe."


@dataclass(frozen=True)
class Backbone:
    """A cut network with its probe. `about` is what backbone.json says."""

    about: dict[str, Any]
    module: ProbedBackbone
    how: Preprocessing

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes that the probe tells apart."""
        return tuple(self.about["classes"])

    @property
    def layer(self) -> str:
        """The layer at which the network is cut."""
        return str(self.about["layer"]["name"])

    def predict(self, pictures: Sequence[str | Path]) -> list[dict[str, float]]:
        """Return per picture (an image file) the probability of each class."""
        probabilities, _ = self(pictures)
        return [dict(zip(self.classes, map(float, row), strict=True)) for row in probabilities]

    def embed(self, pictures: Sequence[str | Path]) -> np.ndarray:
        """Return the embeddings of some pictures (image files), float32 `(N, D)`."""
        return self(pictures)[1]

    def __call__(self, pictures: Sequence[str | Path]) -> tuple[np.ndarray, np.ndarray]:
        """Return probabilities `(N, K)` and embeddings `(N, D)` of some pictures."""
        import torch

        found = []
        for picture in pictures:
            made = input_for(open_picture(str(picture)), 0, self.how)
            pixels = made.float() if self.how.function else made.float() / 255
            with torch.inference_mode():
                found.append([part.numpy() for part in self.module(pixels[None])])
        if not found:
            raise LabError("no picture was given; give the paths of image files")
        return np.concatenate([p for p, _ in found]), np.concatenate([e for _, e in found])


def load_backbone(folder: str | Path, *, network: nn.Module | None = None, preprocess: Any = None) -> Backbone:
    """Return the cut network that `export_backbone` wrote to `folder`.

    One of your own is given as `network`, a module of the same code with whatever weights, which is copied and never
    touched, and with the `preprocess` that it had, where that was a function. Raises LabError when a file is missing or
    the weights are not those that backbone.json speaks of.
    """
    import torch

    from lab.backbone.truncation import ProbedBackbone, put_weights, scale_of

    check_type("folder", folder, (str, os.PathLike), "a path")
    folder = Path(folder)
    about = read_json(folder / ABOUT)
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise LabError(f"{folder} holds no {ABOUT} of format {FORMAT}; give a folder that export-backbone has written")
    tensors = _tensors(folder / WEIGHTS, about.get("sha256"))
    built = _network_of(about, network)
    built.eval().requires_grad_(False)
    weights = {name.removeprefix(NETWORK): value for name, value in tensors.items() if name.startswith(NETWORK)}
    _check(built.state_dict(), weights, about["tensors"], folder)
    put_weights(built, weights)
    how = Preprocessing.from_dict(about["preprocessing"])
    if how.function and preprocess is not None:
        how, _ = as_preprocessing(preprocess, built)
    weight, bias = (tensors[PROBE + name].to(torch.float32) for name in ("weight", "bias"))
    layer = Layer.from_dict(about["layer"])
    cut = ProbedBackbone(built, layer, about["pooling"], *scale_of(how), weight, bias)
    return Backbone(about, cut.eval(), how)


def _network_of(about: dict[str, Any], network: nn.Module | None) -> nn.Module:
    """Return the network that the weights are for: one that timm builds, or a copy of the user's own."""
    id, input = about["architecture"], about["input"]
    if about.get("own_code"):
        if network is None:
            raise LabError(
                f"this backbone was cut from {id}, a network of your own: give a module of its code, "
                "lab.load_backbone(folder, network=…), or use its TorchScript or ONNX file"
            )
        return own_copy(network)[0]
    if network is not None:
        raise LabError(f"this backbone was cut from {id}, which timm builds; leave network out")
    return build_for_input(id, input, num_classes=len(about["classes"])) if input else build_network(id)


def _tensors(path: Path, sha256: str | None) -> dict[str, Tensor]:
    """Return the tensors of a file, whose SHA-256 must be this one (backbones of earlier versions have none)."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        content = path.read_bytes()
        if sha256 is not None and hashlib.sha256(content).hexdigest() != sha256:
            raise LabError(f"{path} is not the file that was exported: its SHA-256 differs; export the backbone again")
        return dict(load(content))
    except (OSError, SafetensorError) as error:
        raise LabError(f"{path} cannot be read ({error}); export the backbone again") from error


def _check(own: dict[str, Tensor], given: dict[str, Tensor], wanted: Sequence[str], folder: Path) -> None:
    missing = sorted(set(wanted) - {NETWORK + name for name in given} - {PROBE + "weight", PROBE + "bias"})
    strange = sorted(set(given) - set(own))
    odd = sorted(name for name, value in given.items() if name in own and value.shape != own[name].shape)
    for words, names in (("lacks", missing), ("holds unknown", strange), ("holds other shapes of", odd)):
        if names:
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            raise LabError(f"{folder / WEIGHTS} {words} {', '.join(names[:3])}{more}; export the backbone again")
