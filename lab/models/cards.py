"""Model cards: what a network turned out to be, kept on disk so that asking again needs neither torch nor the
weights.

A card is kept under the model's name and the versions of timm, torch and this code, together with the size and time
of each file its weights were read from; it counts only as long as these are the same.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.errors import LabError
from lab.files import read_json, write_json
from lab.layers import Exclusion, Layer
from lab.layers.modules import parameters_in
from lab.layers.table import layer_table
from lab.models.behaviour import behaviour_of
from lab.models.given_preprocess import as_preprocessing
from lab.models.preprocess import Preprocessing, preprocessing_of
from lab.models.reference import ModelRef
from lab.settings import cache_dir
from lab.weights import Built, file_stamp
from lab.weights.checking import refuse_not_finite
from lab.weights.networks import architecture_of, weights_digest
from lab.weights.own_code import code_digest

if TYPE_CHECKING:
    from torch import nn

# The cards of networks whose code is the user's own, by name and stamp: code may change, so they are not kept on disk.
_OWN: dict[tuple[str, str], ModelCard] = {}

# Raise when the layer table, the receptive fields, the costs or the digest of the same weights come out otherwise.
CARD_VERSION = 3


@dataclass(frozen=True)
class ModelCard:
    """What is known of a model without having it: JSON-able, torch-free. `weights_digest` names its weights.

    `notes` say what of the file that the weights came from is not in the network, a sentence each.
    """

    ref: ModelRef
    weights_digest: str
    preprocessing: Preprocessing
    layers: tuple[Layer, ...]
    exclusions: tuple[Exclusion, ...]
    parameters: int
    classifier_classes: int
    architecture: str
    notes: tuple[str, ...] = ()
    behaviour: str = ""

    @property
    def view(self) -> str:
        """Hex SHA-256 of the weights and the preprocessing: networks of one view say the same of every image.

        The weights of a network whose code is the user's own are not all there is to it: its `behaviour` counts too.
        """
        text = json.dumps([self.weights_digest, self.preprocessing.as_dict(), *filter(None, [self.behaviour])])
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def flops(self) -> int:
        """Floating-point operations of one image up to the last layer."""
        return max((layer.flops for layer in self.layers), default=0)

    def as_dict(self) -> dict[str, Any]:
        """Return the card as JSON-able values."""
        return {
            "model": str(self.ref),
            "weights_digest": self.weights_digest,
            "preprocessing": self.preprocessing.as_dict(),
            "layers": [layer.as_dict() for layer in self.layers],
            "exclusions": [[exclusion.name, exclusion.reason] for exclusion in self.exclusions],
            "parameters": self.parameters,
            "classifier_classes": self.classifier_classes,
            "architecture": self.architecture,
            "notes": list(self.notes),
            "behaviour": self.behaviour,
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ModelCard:
        """Return the card that `as_dict` described."""
        return cls(
            ref=ModelRef.parse(values["model"]),
            weights_digest=values["weights_digest"],
            preprocessing=Preprocessing.from_dict(values["preprocessing"]),
            layers=tuple(Layer.from_dict(layer) for layer in values["layers"]),
            exclusions=tuple(Exclusion(name, reason) for name, reason in values["exclusions"]),
            parameters=values["parameters"],
            classifier_classes=values["classifier_classes"],
            architecture=values["architecture"],
            notes=tuple(values["notes"]),
            behaviour=values.get("behaviour", ""),
        )


def cached_card(ref: ModelRef) -> ModelCard | None:
    """Return the card of a model from the cache, None when there is none or its files have changed."""
    if ref.own_code:
        return _OWN.get((str(ref), ref.stamp()))
    values = _read(_path(ref))
    if values is None or values["card"]["model"] != str(ref):
        return None
    if any(file_stamp(Path(path)) != stamp for path, stamp in values["files"].items()):
        return None
    return ModelCard.from_dict(values["card"])


def card_of(ref: ModelRef, built: Built) -> ModelCard:
    """Freeze a network and return its card, from the cache when it is there; its weights are read (and checked)
    either way.

    Raises LabError naming the first weight that is NaN or infinite.
    """
    module = built.module.eval().requires_grad_(False)
    if ref.own_code:
        refuse_not_finite(module.state_dict(), str(ref))
        return cached_card(ref) or _OWN.setdefault((str(ref), ref.stamp()), _describe_own(ref, built))
    refuse_not_finite(module.state_dict(), str(ref))
    digest = digest_of(ref, module)
    known = cached_card(ref)
    if known is None or known.weights_digest != digest:
        known = _describe(ref, built, digest)
        files = {str(path): file_stamp(path) for path in built.files}
        write_json(_path(ref), {"card": known.as_dict(), "files": files})
    return known


def digest_of(ref: ModelRef, module: nn.Module) -> str:
    """Return what names a network's numbers: its weights' digest, and the precision that they are computed in."""
    digest = weights_digest(module)
    return hashlib.sha256(f"{digest}\0{ref.precision}".encode()).hexdigest() if ref.precision else digest


def known_parameters() -> dict[str, int]:
    """Return the number of parameters of each architecture of which there is a card."""
    cards = (_read(path) for path in cache_dir("models").glob("card-*.json"))
    return {values["card"]["architecture"]: values["card"]["parameters"] for values in cards if values}


def _describe(ref: ModelRef, built: Built, digest: str) -> ModelCard:
    module = built.module
    how = preprocessing_of(module)
    layers, exclusions = _layers(module, how.input_size)
    return ModelCard(
        ref=ref,
        weights_digest=digest,
        preprocessing=how,
        layers=layers,
        exclusions=exclusions,
        parameters=parameters_in(module),
        classifier_classes=int(getattr(module, "num_classes", 0)),
        architecture=architecture_of(module),
        notes=built.notes,
    )


def _describe_own(ref: ModelRef, built: Built) -> ModelCard:
    module = built.module
    how, guessed = as_preprocessing(built.preprocess, module)
    behaviour = behaviour_of(module, how.input_size, str(ref))
    layers, exclusions = _layers(module, how.input_size, code_digest(module))
    if not layers:
        raise LabError(f"{ref}: no module within it puts out one tensor for each image, so there is no layer to read")
    return ModelCard(
        ref=ref, weights_digest=digest_of(ref, module), preprocessing=how, layers=layers, exclusions=exclusions,
        parameters=parameters_in(module), classifier_classes=behaviour.classes,
        architecture=architecture_of(module), notes=(*built.notes, *guessed), behaviour=behaviour.digest,
    )  # fmt: skip


def _layers(
    module: nn.Module, input_size: tuple[int, int, int], code: str = ""
) -> tuple[tuple[Layer, ...], tuple[Exclusion, ...]]:
    """Return a network's layer table, which its weights have no part in: an untrained twin's is the network's own.

    `code` names what the modules do where their names do not.
    """
    shapes = [(name, tuple(tensor.shape)) for name, tensor in module.state_dict().items()]
    identity = repr((CARD_VERSION, _versions(), architecture_of(module), input_size, shapes, code or repr(module)))
    path = cache_dir("models") / f"layers-{hashlib.sha256(identity.encode()).hexdigest()[:24]}.json"
    kept = _read(path, ("layers", "exclusions"))
    if kept is None:
        layers, exclusions = layer_table(module, input_size)
        write_json(
            path,
            {
                "layers": [layer.as_dict() for layer in layers],
                "exclusions": [[exclusion.name, exclusion.reason] for exclusion in exclusions],
            },
        )
        return layers, exclusions
    layers = tuple(Layer.from_dict(layer) for layer in kept["layers"])
    return layers, tuple(Exclusion(name, reason) for name, reason in kept["exclusions"])


def _path(ref: ModelRef) -> Path:
    key = hashlib.sha256("\0".join([str(CARD_VERSION), str(ref), *_versions()]).encode()).hexdigest()
    return cache_dir("models") / f"card-{key[:24]}.json"


def _versions() -> list[str]:
    return [importlib.metadata.version(name) for name in ("timm", "torch")]


def _read(path: Path, keys: Collection[str] = ("card", "files")) -> dict[str, Any] | None:
    try:
        values = read_json(path)
    except LabError:  # a damaged cache file is made again
        return None
    return values if isinstance(values, dict) and set(keys) <= values.keys() else None
