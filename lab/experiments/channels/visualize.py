"""What image does a channel respond to most? Optimised from noise, and held against random and natural images.

tables   visualizations  one row per target, end and copy: the image that raises (lowers) it, the objective it reaches,
                         the 95th percentile of random images, of photographs and of the image set, and how far it
                         raises other channels as well
         exemplars       the patches of the same channels
         references      the objective of every image it is held against
         course          the objective on the way
         layers          the chosen layers

The objective is the channel's mean over positions, on the network as it was loaded. Images of the set and photographs
are seen at the network's own size, noise at the size of the visualization.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from lab.errors import LabError
from lab.experiments.base import LAYERS_HELP, PartialResults, option
from lab.experiments.channels.channel_names import channel_words, check_channels
from lab.experiments.channels.optimised import LEAST, MOST
from lab.experiments.channels.patches import patches
from lab.experiments.channels.scan_context import CHANNELS_HELP, SearchRequest, open_scan
from lab.experiments.early import CardLookup, layers_asked
from lab.experiments.manifest import result_with_findings
from lab.experiments.result import Result
from lab.images import class_names
from lab.models import card
from lab.progress import Progress, silent
from lab.settings import Compute

MADE_OF = {"fourier": "a spectrum, free", "phases": "phases under the spectrum of natural images (MaCo)"}


@dataclass(frozen=True)
class VisualizeRequest(SearchRequest):
    """Which layers and channels, and how the image is searched."""

    experiment: ClassVar[str] = "visualize"

    layers: str = option("stages", LAYERS_HELP)
    channels: str = option("top:3", CHANNELS_HELP)
    made_of: str = option(
        "fourier", "; ".join(f"{name}: {text}" for name, text in MADE_OF.items()), choices=tuple(MADE_OF)
    )
    copies: int = option(1, "images of each target, made unlike each other", least=1, most=8)
    negative: bool = option(False, "also the image that lowers each target most (its negative)")
    count: int = option(4, "exemplar patches of each end", least=1, most=12)

    def check(self, cards: CardLookup = card) -> None:
        """Raise LabError for channels that a layer has not, besides what all questions check."""
        super().check(cards)
        layers = list(layers_asked(self, cards))
        if self.negative and any(word.kind == "position" for word in channel_words(self.channels)):
            raise LabError("one position has no negative image; name whole channels, or leave the negative out")
        check_channels(layers, self.channels, class_names(self.data), self.data, self.per_class)

    def title(self) -> str:
        """Return what is looked at."""
        return f"Feature visualization of {self.model.split('@')[0]}, {self.layers}, {self.channels}"


def run(
    request: VisualizeRequest,
    *,
    progress: Progress = silent,
    compute: Compute = Compute(),  # noqa: B008 - frozen
    partial_results: PartialResults | None = None,
) -> Result:
    """Return the images of every named channel; raises LabError for layers, channels or images there are not.

    Images that are finished are left in `partial_results`.
    """
    from lab.experiments.channels.targets import targets_of
    from lab.experiments.channels.visualizer import Visualizer

    look = open_scan(request, request.layers, progress, compute)
    targets = [target for layer in look.layers for target in targets_of(look, layer, request.channels)]
    studio = Visualizer.open(look, request, progress, compute, request.made_of)
    pieces = partial_results if partial_results is not None else {}
    found = studio.all_of(targets, pieces, copies=request.copies, negative=request.negative)
    tables = {
        "visualizations": found.visualizations,
        "exemplars": patches(look, targets, request.count, progress),
        "references": found.references,
        "course": found.course,
        "layers": look.layers_table(),
    }
    return result_with_findings(
        request, tables, findings(found.visualizations), hashes=look.hashes, noise=studio.noise_counts
    )


def findings(images: pd.DataFrame) -> list[str]:
    """Return what the visualizations reach, a sentence each; they follow the numbers."""
    raised, lowered = (images[images["end"] == end] for end in (MOST, LEAST))
    return [*_about_raised(raised), *_about_lowered(lowered), *_about_copies(images)]


def _about_raised(images: pd.DataFrame) -> list[str]:
    beyond = images["above_random"] & images["above_natural"]
    silent = (images[["value", "natural_best", "random_p95"]] == 0).all(axis=1)
    short = images[~beyond & ~silent]
    said = f"{int(beyond.sum())} of {len(images)} images end above 95 % of random and natural images"
    if len(short):
        named = ", ".join(f"{row.layer} · {row.target}" for row in short.head(5).itertuples())
        said += f"; not so {named}" + (f" and {len(short) - 5} more" if len(short) > 5 else "")
    best = int((images["value"] > images["natural_best"]).sum())
    own = images[images["own_rank"] > 0]
    first = int((own["own_rank"] == 1).sum())
    sentences = [f"{said}; {best} exceed every natural image."]
    if silent.any():
        sentences.append(f"{int(silent.sum())} of {len(images)} belong to channels that no image raises above 0.")
    if len(own):
        sentences.append(
            f"{first} of {len(own)} excite their own channel more than any other"
            f"{'; the rest show what channels share' * (first < len(own))}."
        )
    return sentences


def _about_lowered(images: pd.DataFrame) -> list[str]:
    if images.empty:
        return []
    beyond = images["above_random"] & images["above_natural"]
    return [
        f"{int(beyond.sum())} of {len(images)} negatives end below 95 % of random and natural images, "
        f"{int((images['value'] > images['natural_best']).sum())} below every natural image."
    ]


def _about_copies(images: pd.DataFrame) -> list[str]:
    alike = images["alike"].dropna()
    if alike.empty:
        return []
    return [
        f"Images of one target are alike to {alike.mean():.2f} (cosine of Gram matrices), at most {alike.max():.2f}."
    ]
