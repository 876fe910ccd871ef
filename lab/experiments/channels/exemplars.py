"""Which patches of an image set excite a channel most, and which least?

tables   exemplars  one row per channel, end ("most", "least") and rank: the image, the position, the box of pixels the
                    value can depend on, how that is known, and the patch itself
         channels   one row per channel of every chosen layer: how selective it is for the classes, measured on images
                    it was not chosen on, and what it reaches
         layers     the chosen layers

An exemplar is the position at which the channel is strongest (weakest) in an image; an image counts once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from lab.experiments.base import LAYERS_HELP, PartialResults, option
from lab.experiments.channels.channel_names import check_channels
from lab.experiments.channels.optimised import MOST
from lab.experiments.channels.patches import ENDS, patches
from lab.experiments.channels.scan_context import CHANNELS_HELP, ScanContext, ScanRequest, open_scan
from lab.experiments.early import CardLookup, layers_asked
from lab.experiments.manifest import result_with_findings
from lab.experiments.number_text import ranged
from lab.experiments.result import Result
from lab.images import class_names, short_name
from lab.models import card
from lab.progress import Progress, silent
from lab.settings import Compute
from lab.stats.subsets import best_of_width

if TYPE_CHECKING:
    from lab.experiments.channels.targets import ChannelTarget


@dataclass(frozen=True)
class ExemplarsRequest(ScanRequest):
    """Which layers and channels, and how many patches of each end."""

    experiment: ClassVar[str] = "exemplars"
    added: ClassVar[tuple[str, ...]] = ("ends",)

    layers: str = option("stages", LAYERS_HELP)
    channels: str = option("top:6", CHANNELS_HELP)
    count: int = option(9, "patches of each end", least=1, most=12)
    ends: str = option("both", "patches that excite a channel most, or least as well", choices=("both", MOST))

    def check(self, cards: CardLookup = card) -> None:
        """Raise LabError for channels that a layer has not, besides what all questions check."""
        super().check(cards)
        layers = list(layers_asked(self, cards))
        check_channels(layers, self.channels, class_names(self.data), self.data, self.per_class)

    def title(self) -> str:
        """Return what is looked at."""
        return f"Exemplar patches of {self.model.split('@')[0]} in {short_name(self.data)}"


def run(
    request: ExemplarsRequest,
    *,
    progress: Progress = silent,
    compute: Compute = Compute(),  # noqa: B008 - frozen
    partial_results: PartialResults | None = None,
) -> Result:
    """Return the patches of every named channel; raises LabError for layers, channels or images there are not."""
    from lab.experiments.channels.targets import targets_of

    look = open_scan(request, request.layers, progress, compute)
    targets = [target for layer in look.layers for target in targets_of(look, layer, request.channels)]
    tables = {
        "exemplars": patches(look, targets, request.count, progress, ENDS if request.ends == "both" else (MOST,)),
        "channels": channels_table(look, targets),
        "layers": look.layers_table(),
    }
    return result_with_findings(
        request,
        tables,
        findings(tables, look.images.spec, len(look.images)),
        hashes=look.hashes,
        notes=list(look.images.notes),
    )


def channels_table(look: ScanContext, targets: list[ChannelTarget]) -> pd.DataFrame:
    """Return one row per channel of the chosen layers; `shown` marks those whose patches are in the table."""
    from lab.experiments.channels.targets import class_table

    shown = {(target.layer.name, target.channel) for target in targets}
    parts = []
    for layer in look.layers:
        found, table = look.scans[layer.name], class_table(look, layer)
        if table is None:
            empty = {"class": "", "choosing": np.nan, "auc": np.nan, "ci_low": np.nan, "ci_high": np.nan, "rank": 0}
            table = pd.DataFrame({"channel": np.arange(layer.channels), **empty})
        table.insert(0, "layer", layer.name)
        table.insert(1, "depth", layer.depth)
        table["highest"], table["lowest"] = found.high.value[:, 0], found.low.value[:, 0]
        table["mean"] = found.means.mean(axis=0)
        table["shown"] = [(layer.name, channel) in shown for channel in table["channel"]]
        parts.append(table)
    return pd.concat(parts, ignore_index=True)


def findings(tables: dict[str, pd.DataFrame], data: str, images: int) -> list[str]:
    """Return what the patches and the channels show, a sentence each; they follow the numbers."""
    return [_fields(tables["exemplars"], data, images), *_selective(tables["channels"])]


def _fields(exemplars: pd.DataFrame, data: str, images: int) -> str:
    shown = exemplars.drop_duplicates(["layer", "target"])
    if exemplars.empty:
        return f"No patch was found among the {images} images of {data}."
    status = exemplars["status"].value_counts()
    exact = int(status.get("exact", 0) + status.get("cut by the border", 0))
    first, last = (exemplars[exemplars["depth"] == depth] for depth in (exemplars.depth.min(), exemplars.depth.max()))
    sides = [
        float(((part["bottom"] - part["top"]) * (part["right"] - part["left"])).pow(0.5).mean())
        for part in (first, last)
    ]
    grow = (
        f"from {sides[0]:.0f} pixels a side at {first.layer.iloc[0]} to {sides[1]:.0f} at {last.layer.iloc[0]}"
        if shown["layer"].nunique() > 1
        else f"{sides[0]:.0f} pixels a side"
    )
    return (
        f"Of {images} images of {data}, these patches excite {len(shown)} channels most and least, {grow}; {exact} of "
        f"{len(exemplars)} show exactly the pixels the value can depend on."
    )


def _selective(channels: pd.DataFrame) -> list[str]:
    known = channels.dropna(subset=["auc"])
    if known.empty:
        return []
    best = known[known["rank"] == 1].sort_values("depth")
    first = best.iloc[0]
    early = ranged(first, "auc", "ci")
    if len(best) == 1:
        sure = "" if first.ci_low > 0.5 else ", which may be chance"
        return [f"The channel chosen for {first['class']} at {first.layer} has AUC {early}{sure}."]
    width = int(known.groupby("layer").size().min())
    layers = [rows for _, rows in known.groupby("depth", sort=True)]
    shallow, deep = (_of_width(rows, width) for rows in (layers[0], layers[-1]))
    early, late = (ranged(row, "auc", "ci") for row in (shallow, deep))
    change = (
        "later channels tell the classes apart better"
        if deep["ci_low"] > shallow["ci_high"]
        else "later channels tell them apart worse"
        if deep["ci_high"] < shallow["ci_low"]
        else "no difference between early and late is shown"
    )
    return [
        f"The most selective of {width} channels has held-out AUC {early} at {shallow['layer']}, {late} at "
        f"{deep['layer']}: {change}."
    ]


def _of_width(rows: pd.DataFrame, width: int) -> dict[str, Any]:
    """Return what the most selective of `width` channels of a layer reaches, the mean over all sets of so many."""
    chosen_by = -rows["rank"].to_numpy(dtype=float)
    names = ("auc", "ci_low", "ci_high")
    return {"layer": rows["layer"].iloc[0]} | {
        name: best_of_width(chosen_by, rows[name].to_numpy(dtype=float), width) for name in names
    }
