"""The card of one channel: what excites it, what feeds it, what it does.

tables   exemplars       the patches that excite it most and least
         visualizations, references, course   the image optimised for it, and what that is held against
         activations     one row per image: the channel's largest value in it and its mean, by class
         contributions   one row per channel below: what it adds to this one's pre-activation at its exemplars, and at
                         ordinary places
         sums            one row per exemplar: the pre-activation, the bias, and what the contributions miss
         effects         switched off: this channel, and others of the layer to compare with
         classes         the network's own classes that fall most on the exemplars when it is off
         layers          its layer
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from lab.errors import LabError
from lab.experiments.base import PartialResults, option
from lab.experiments.channels.channel_names import check_channels
from lab.experiments.channels.optimised import LEAST
from lab.experiments.channels.patches import PatchPlace, patches, pixels_of, places_of
from lab.experiments.channels.scan_context import ScanContext, SearchRequest, open_scan
from lab.experiments.early import CardLookup
from lab.experiments.manifest import result_with_findings
from lab.experiments.result import Result
from lab.layers import Layer, select_layers
from lab.models import ModelCard, card
from lab.models.preprocess import normalised
from lab.progress import Progress, silent
from lab.settings import Compute
from lab.stats.intervals import mean_interval

if TYPE_CHECKING:
    from lab.experiments.channels.targets import ChannelTarget

USUAL = 9  # ordinary places that contributions are held against
EXACT = 1e-6  # a sum that misses more of the value does not explain it


@dataclass(frozen=True)
class ChannelRequest(SearchRequest):
    """Which channel, and how its image is searched."""

    experiment: ClassVar[str] = "channel"

    layer: str = option("", "name of a layer (default: a stage in the middle)")
    channel: int | None = option(None, "channel (default: the most selective one for the classes)", least=0)
    negative: bool = option(True, "also the image that lowers it most (its negative)")
    count: int = option(9, "exemplar patches of each end", least=2, most=12)

    def check(self, cards: CardLookup = card) -> None:
        """Raise LabError for a layer or channel there is not, besides what all questions check."""
        super().check(cards)
        known = cards(self.model)
        if known is None:
            return
        layer = select_layers(known.layers, self.layer or middle_stage(known), exclusions=known.exclusions)[0]
        check_channels([layer], str(self.channel or 0), (), self.data)

    def title(self) -> str:
        """Return what is looked at."""
        which = "its most selective channel" if self.channel is None else f"channel {self.channel}"
        return f"Card of {which}, {self.layer or 'a middle stage'}, {self.model.split('@')[0]}"


def run(
    request: ChannelRequest,
    *,
    progress: Progress = silent,
    compute: Compute = Compute(),  # noqa: B008 - frozen
    partial_results: PartialResults | None = None,
) -> Result:
    """Return the card; raises LabError for a layer or channel there is not."""
    from lab.experiments.channels.visualizer import Visualizer

    look = open_scan(request, request.layer or middle_stage(card(request.model)), progress, compute)
    layer = look.layers[0]
    target = _target(look, layer, request.channel)
    places = places_of(look, target, request.count)
    studio = Visualizer.open(look, request, progress, compute)
    found = studio.all_of([target], partial_results if partial_results is not None else {}, negative=request.negative)
    tables = {
        "exemplars": patches(look, [target], request.count, progress),
        "visualizations": found.visualizations,
        "references": found.references,
        "course": found.course,
        "activations": _activations(look, target),
        "layers": look.layers_table(),
        **_fed_by(look, target, [place for place in places if place.end == "most"], progress),
        **_off(look, target, [place for place in places if place.end == "most"], progress),
    }
    return result_with_findings(
        request,
        tables,
        findings(tables),
        hashes=look.hashes,
        notes=list(look.images.notes),
        at=[layer.name, target.channel],
    )


def middle_stage(known: ModelCard) -> str:
    """Return the name of the stage in the middle of a network's depth."""
    stages = [layer for layer in select_layers(known.layers, "stages") if layer.height > 1]
    if not stages:
        raise LabError(f"{known.ref} has no layer with positions; name a layer")
    return min(stages, key=lambda layer: abs(layer.depth - 0.5)).name


def findings(tables: dict[str, pd.DataFrame]) -> list[str]:
    """Return what the card shows, a sentence each; they follow the numbers."""
    return [*_about_image(tables["visualizations"]), *_about_sources(tables), *_about_effect(tables["effects"])]


def _target(look: ScanContext, layer: Layer, channel: int | None) -> ChannelTarget:
    from lab.experiments.channels.targets import targets_of

    if channel is None and len(look.images.classes) < 2:
        return targets_of(look, layer, "0")[0]
    return targets_of(look, layer, "top:1" if channel is None else str(channel))[0]


def _activations(look: ScanContext, target: ChannelTarget) -> pd.DataFrame:
    scan = look.scans[target.layer.name]
    table = look.images.table()[["image", "class"]].copy()
    return table.assign(peak=scan.peaks[:, target.channel], mean=scan.means[:, target.channel])


def _fed_by(
    look: ScanContext, target: ChannelTarget, places: list[PatchPlace], progress: Progress
) -> dict[str, pd.DataFrame]:
    import torch

    from lab.experiments.channels.channel_contributions import sums

    layer, channel = target.layer, target.channel
    assert channel is not None
    rng = np.random.default_rng(channel)
    usual = [
        (int(image), int(rng.integers(max(1, layer.height))), int(rng.integers(max(1, layer.width))))
        for image in rng.integers(len(look.images), size=USUAL)
    ]
    wanted = [(place.image, place.row, place.column) for place in places] + usual
    seen = pixels_of(look, sorted({image for image, _, _ in wanted}), progress)
    progress("Adding up what feeds it", 0, 1, "steps")
    pixels = torch.stack([torch.from_numpy(seen[image]).permute(2, 0, 1) for image, _, _ in wanted])
    found = sums(
        look.model, layer, normalised(pixels, look.model.preprocessing), channel, [(r, c) for _, r, c in wanted]
    )
    count = len(places)
    table = pd.DataFrame(
        {
            "image": [look.images.records[image].id for image, _, _ in wanted],
            "at": ["exemplar"] * count + ["ordinary place"] * len(usual),
            "value": found.value,
            "bias": found.bias,
            "difference": found.difference,
        }
    )
    rows = [row for source, part in found.parts.items() for row in _contributions(source, part, count, found.through)]
    names = ["source", "through", "channel", "contribution", "ci_low", "ci_high", "usual"]
    contributions = pd.DataFrame(rows, columns=names)
    order = (contributions["contribution"] - contributions["usual"]).abs().sort_values(ascending=False).index
    return {"contributions": contributions.loc[order].reset_index(drop=True), "sums": table}


def _contributions(source: str, part: np.ndarray, count: int, through: dict[str, str]) -> list[dict[str, object]]:
    rows = []
    for channel in np.flatnonzero(np.abs(part).max(axis=0) > 0).tolist():
        found = mean_interval(part[:count, channel])
        rows.append(
            {
                "source": source,
                "through": through[source],
                "channel": channel,
                **found.columns("contribution", "ci"),
                "usual": float(part[count:, channel].mean()),
            }
        )
    return rows


def _off(
    look: ScanContext, target: ChannelTarget, places: list[PatchPlace], progress: Progress
) -> dict[str, pd.DataFrame]:
    from lab.experiments.channels.channel_ablation import ablate_channel

    assert target.channel is not None
    name = target.facts["class"]
    if not name:
        return {"effects": pd.DataFrame(), "classes": pd.DataFrame()}
    images = np.array([place.image for place in places])
    found = ablate_channel(look, target.layer, target.channel, name, images, progress)
    return {"effects": found.effects, "classes": found.classes}


def _about_image(images: pd.DataFrame) -> list[str]:
    row = images.iloc[0]
    natural = max(row.photographs_p95, row.images_p95)
    how = "beyond" if row.value > natural else "no further than"
    return [
        f"The image made for channel {row.channel} of {row.layer} raises its mean to {row.value:.2f}, {how} 95 % of "
        f"natural images ({natural:.2f}; at best {row.natural_best:.2f}; random {row.random_p95:.2f}).",
        *(_about_negative(negative) for negative in images[images["end"] == LEAST].itertuples()),
    ]


def _about_negative(row: Any) -> str:
    low, least = -row.value, -row.natural_best
    how = "below" if low < least else "not below"
    return f"Its negative lowers the mean to {low:.2f}, {how} every natural image ({least:.2f})."


def _about_sources(tables: dict[str, pd.DataFrame]) -> list[str]:
    sums, table = tables["sums"], tables["contributions"]
    worst = float(sums["difference"].max())
    if table.empty or worst > EXACT:
        return [f"Its value is not a plain sum over channels before it (a sum misses {worst:.1%})."]
    mean = float(sums.loc[sums["at"] == "exemplar", "value"].mean())
    rise = table["contribution"] - table["usual"]
    first = table.iloc[0]
    needed = _needed(np.sort(np.abs(rise.to_numpy()))[::-1])
    return [
        f"Before activation it is {mean:+z.2f} at its exemplars, exactly the sum of {len(table)} contributions and a "
        f"bias. Channel {first.channel} of {first.source} matters most: {first.contribution:+z.2f}, at ordinary "
        f"positions {first.usual:+z.2f}; {needed} {'makes' if needed == 1 else 'make'} half of the difference."
    ]


def _needed(sizes: np.ndarray) -> int:
    return int(np.searchsorted(np.cumsum(sizes), 0.5 * sizes.sum()) + 1) if sizes.sum() else 0


def _about_effect(effects: pd.DataFrame) -> list[str]:
    if effects.empty:
        return ["Its effect is not measured: that needs two classes or more, with a few images each."]
    own, others = effects[effects["asked"]].iloc[0], effects[~effects["asked"]]
    largest = float(others["change"].abs().max()) if len(others) else float("nan")
    clear = own.ci_low > 0 or own.ci_high < 0
    least = min(abs(own.ci_low), abs(own.ci_high)) if clear else 0.0
    verdict = (
        "no change is shown"
        if not clear
        else "more than any of the others"
        if least > largest
        else "not clearly more than others"
    )
    return [
        f"Held at its average, the logit for {own['class']} changes by {_signed(own.change)} ({_signed(own.ci_low)} to "
        f"{_signed(own.ci_high)}): {verdict} ({len(others)} other channels: up to {largest:.3f}). "
        f"{own.agreement:.0%} of the decisions stay."
    ]


def _signed(value: float) -> str:
    """Return "+0.012"; nothing is +0.000 whichever side of it a value lies."""
    return f"{value:+z.3f}"
