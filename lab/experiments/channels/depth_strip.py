"""From the first layer to the last: one picture, and at each layer the channel most selective for each of two classes.

tables   strip           one row per layer and class: the channel, how selective it is on images it was not chosen on,
                         and where in the picture it responds
         exemplars       the patches that excite these channels most and least
         visualizations, references, course   the images optimised for them
         layers          the chosen layers
         picture         what the network saw

The map is bright where the channel is as strong as in the strongest hundredth of the images, and dark at its average.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from lab.activations.pooling import maps
from lab.activations.recording import record
from lab.encode import png
from lab.errors import LabError, nearest
from lab.experiments.base import LAYERS_HELP, PartialResults, option
from lab.experiments.channels.channel_names import check_told_apart
from lab.experiments.channels.patches import encoded, patches
from lab.experiments.channels.scan_context import ScanContext, SearchRequest, open_scan
from lab.experiments.channels.visualize import findings as told_of_images
from lab.experiments.early import CardLookup
from lab.experiments.manifest import result_with_findings
from lab.experiments.number_text import interval_of, ranged
from lab.experiments.picture import open_picture
from lab.experiments.result import Result
from lab.images import class_names, short_name
from lab.models import card
from lab.models.preprocess import normalised, pixels_for
from lab.progress import Progress, silent
from lab.settings import Compute
from lab.stats.simultaneous import stretched

if TYPE_CHECKING:
    from lab.experiments.channels.targets import ChannelTarget

HEAT = np.array([255, 138, 40], dtype=float)
STRONG = 99.0  # percentile of the images' peaks at which a map is brightest

_area = partial(ranged, name="auc", ends="ci")


@dataclass(frozen=True)
class DepthStripRequest(SearchRequest):
    """Which layers, which two classes and which picture; and how the images are searched."""

    experiment: ClassVar[str] = "depth_strip"

    layers: str = option("stages", LAYERS_HELP)
    classes: str = option("", "two classes with a comma between them (default: the set's first two)")
    picture: str = option("", "photo:NAME, SET#NUMBER or an image file (default: the set's first image)")
    steps: int = option(160, "steps of the search", least=8, most=4096)  # of many images; 256 bring a tenth more
    count: int = option(4, "exemplar patches of each end", least=1, most=12)

    def check(self, cards: CardLookup = card) -> None:
        """Raise LabError for classes that the set has not, besides what all questions check."""
        super().check(cards)
        if known := class_names(self.data):
            _two_classes(self.classes, known, self.data)
        check_told_apart("a depth strip", (), self.data, self.per_class)

    def title(self) -> str:
        """Return what is looked at."""
        return f"Depth strip of {self.model.split('@')[0]} on {short_name(self.data)}"


def run(
    request: DepthStripRequest,
    *,
    progress: Progress = silent,
    compute: Compute = Compute(),  # noqa: B008 - frozen
    partial_results: PartialResults | None = None,
) -> Result:
    """Return the strip; raises LabError when the set has not both classes or no layer has channels on positions."""
    from lab.experiments.channels.visualizer import Visualizer

    look = open_scan(request, request.layers, progress, compute)
    classes = _two_classes(request.classes, look.images.classes, request.data)
    targets = [target for layer in look.layers for target in _best(look, layer.name, classes)]
    pixels = _picture(look, request.picture)
    strip = pd.DataFrame(_rows(look, targets, pixels))
    studio = Visualizer.open(look, request, progress, compute)
    found = studio.all_of(_once(targets), partial_results if partial_results is not None else {})
    size = {"height": pixels.shape[0], "width": pixels.shape[1]}
    tables = {
        "strip": strip,
        "exemplars": patches(look, _once(targets), request.count, progress),
        "visualizations": found.visualizations,
        "references": found.references,
        "course": found.course,
        "layers": look.layers_table(),
        "picture": pd.DataFrame([{**size, "thumbnail": png(pixels)}]),
    }
    return result_with_findings(request, tables, findings(strip, found.visualizations), hashes=look.hashes)


def findings(strip: pd.DataFrame, images: pd.DataFrame) -> list[str]:
    """Return what the strip shows, a sentence each; they follow the numbers."""
    sentences = []
    for name, rows in strip.groupby("class", sort=False):
        first, last = rows.iloc[0], rows.iloc[-1]
        ends = [stretched(interval_of(row, "auc", "ci"), len(strip)).low for _, row in rows.iterrows()]
        sure = rows[np.array(ends) > 0.5]
        said = (
            f"A single channel first tells {name} from the rest at {sure.iloc[0].layer} "
            f"(depth {sure.iloc[0].depth:.2f})"
            if len(sure)
            else f"No single channel is shown to tell {name} from the rest"
        )
        sentences.append(f"{said}: held-out AUC {_area(first)} at {first.layer}, {_area(last)} at {last.layer}.")
    return [*sentences, *told_of_images(images)]


def _two_classes(asked: str, known: tuple[str, ...], data: str) -> tuple[str, str]:
    names = [name.strip() for name in asked.split(",") if name.strip()] or list(known[:2])
    for name in names:
        if name not in known:
            raise LabError(f"there is no class {name!r} in {data}{nearest(name, known)}; it has {', '.join(known)}")
    if len(names) != 2:
        raise LabError(f"a strip compares two classes, and {', '.join(names) or 'none'} is named; give A,B")
    return names[0], names[1]


def _best(look: ScanContext, layer: str, classes: tuple[str, str]) -> list[ChannelTarget]:
    """Return for each class the channel that tells it best from the rest, chosen on half of the images."""
    from lab.experiments.channels.targets import targets_of

    one = next(row for row in look.layers if row.name == layer)
    return [targets_of(look, one, f"top:1:{name}")[0] for name in classes]


def _once(targets: list[ChannelTarget]) -> list[ChannelTarget]:
    """Return targets without those of the same layer and channel."""
    return list({(target.layer.name, target.name): target for target in targets}.values())


def _picture(look: ScanContext, spec: str) -> np.ndarray:
    images = open_picture(spec) if spec else look.images
    return np.asarray(pixels_for(images, 0, look.model.preprocessing).permute(1, 2, 0).numpy())


def _rows(look: ScanContext, targets: list[ChannelTarget], pixels: np.ndarray) -> list[dict[str, Any]]:
    import torch

    image = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].to(look.model.device)
    module = look.model.module
    with torch.inference_mode(), record(module, look.layers, lambda one, layer: maps(one, layer).clone()) as taken:
        module(normalised(image, look.model.preprocessing))
    rows = []
    for target in targets:
        layer, channel = target.layer, target.channel
        assert channel is not None
        response = taken[layer.name][0, channel].cpu().numpy()
        scan = look.scans[layer.name]
        dark, bright = float(scan.means[:, channel].mean()), float(np.percentile(scan.peaks[:, channel], STRONG))
        rows.append(
            {
                "layer": layer.name,
                "depth": layer.depth,
                **{name: target.facts[name] for name in ("class", "auc", "ci_low", "ci_high")},
                "target": target.name,
                "channel": channel,
                "peak": float(response.max()),
                "average": dark,
                "strong": bright,
                "thumbnail": _overlay(pixels, np.clip((response - dark) / max(bright - dark, 1e-9), 0, 1)),
            }
        )
    return rows


def _overlay(pixels: np.ndarray, heat: np.ndarray) -> bytes:
    """Return the picture, dimmed and gray, with a map `(h, w)` in 0..1 over it in orange."""
    from PIL import Image

    height, width = pixels.shape[:2]
    alpha = Image.fromarray((heat * 255).astype(np.uint8)).resize((width, height), Image.Resampling.BILINEAR)
    share = np.asarray(alpha, dtype=float)[..., None] / 255
    gray = 0.5 * pixels.mean(axis=2, keepdims=True) * np.ones(3)
    return encoded((gray * (1 - share) + HEAT * share).round().astype(np.uint8), 160)
