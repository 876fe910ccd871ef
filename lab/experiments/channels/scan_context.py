"""What the questions about channels have in common: a network and an image set, opened and scanned once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from lab.exemplars import Reach, Scan, reach, scan
from lab.experiments.base import DATA_HELP, DEFAULT_DATA, Request, model_option, option
from lab.experiments.early import CardLookup
from lab.images import ImageSet, open_image_set
from lab.layers import Layer, select_layers
from lab.models import LoadedModel, card, load_model
from lab.progress import Progress
from lab.settings import Compute

CHANNELS_HELP = (
    "channels of each layer, with commas between them: 3, 0-8, top:4 (most selective for the classes), "
    "3@5x6 (at one position), class:NAME (the probe's direction), all"
)


@dataclass(frozen=True)
class ScanRequest(Request):
    """Which network, and which images its channels are looked at on."""

    model: str = model_option()
    data: str = option(DEFAULT_DATA, DATA_HELP)
    per_class: int | None = option(None, "at most N images a class", least=1)

    def check(self, cards: CardLookup = card) -> None:
        """Raise LabError for a network whose pixels cannot be shown, besides what all questions check."""
        super().check(cards)
        if known := cards(self.model):
            known.preprocessing.check_pixels()


@dataclass(frozen=True)
class SearchRequest(ScanRequest):
    """How images are optimised, besides."""

    size: int | None = option(None, "side of an image in pixels (default: the network's own)", least=32, most=512)
    steps: int = option(256, "steps of the search", least=8, most=4096)
    seed: int = option(0, "the noise each image begins as", least=0)

    def check(self, cards: CardLookup = card) -> None:
        """Raise LabError for a network whose input is not square, besides what all questions check."""
        super().check(cards)
        if known := cards(self.model):
            known.preprocessing.side()


@dataclass(frozen=True, eq=False)
class ScanContext:
    """A network and images, with what the channels of each chosen layer and of the last one do on them, by layer name.

    `end` is the last layer before the classifier, whose probe tells the classes.
    """

    model: LoadedModel
    images: ImageSet
    layers: tuple[Layer, ...]
    end: Layer
    scans: Mapping[str, Scan]
    reaches: Mapping[str, Reach]

    @property
    def hashes(self) -> dict[str, str]:
        """What the answer was computed from, for the manifest."""
        return {str(self.model.ref): self.model.weights_digest, "images": self.images.fingerprint}

    def layers_table(self) -> pd.DataFrame:
        """Return one row per chosen layer."""
        rows = [_layer_row(layer) for layer in self.layers]
        return pd.DataFrame(rows).assign(model=str(self.model.ref))


def open_scan(request: ScanRequest, layers: str, progress: Progress, compute: Compute) -> ScanContext:
    """Open the network and the images of a request and scan `layers`; raises LabError when they cannot be used."""
    progress("Opening the network and the images", 0, 2, "steps")
    images = open_image_set(request.data, per_class=request.per_class, progress=progress)
    model = load_model(request.model, device=compute.device)
    chosen = select_layers(model.layers, layers, exclusions=model.card.exclusions)
    end = select_layers(model.layers, "blocks")[-1]
    scans = scan(model, images, list(dict.fromkeys([*chosen, end])), compute=compute, progress=progress)
    return ScanContext(model, images, chosen, end, scans, reach(model, chosen, progress=progress))


def _layer_row(layer: Layer) -> dict[str, Any]:
    return {
        "layer": layer.name,
        "depth": layer.depth,
        "kind": layer.kind,
        "channels": layer.channels,
        "height": layer.height,
        "width": layer.width,
        "receptive_field": layer.receptive_field,
        "receptive_field_height": layer.receptive_field_height,
        "receptive_field_width": layer.receptive_field_width,
        "receptive_field_status": layer.receptive_field_status,
    }
