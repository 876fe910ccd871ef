"""Known answers of a real network: the packaged weights on images made here, and its maps when weights are random."""

from __future__ import annotations

from lab.experiments.attribution.attribute import run as attribute
from lab.experiments.attribution.request import AttributeRequest
from lab.experiments.base import DEFAULT_MODEL
from lab.images import ImageSet, open_image_set
from lab.selfcheck import drawn_sets
from lab.selfcheck.pipeline import Judged, judge_images
from lab.selfcheck.types import Found

LAST_BLOCK = "blocks.6.0"
METHODS = ("gradcam", "saliency")
MOST_ALIKE = 0.5  # rank correlation of two maps that count as different


def texture() -> Found:
    """Judge oriented noise: the first layer reads it, so nothing comes apart with depth."""
    judged = _judged(drawn_sets.texture())
    first = judged.accuracy()[0]
    return Found(f'"{judged.outcome}", first layer {first:.2f}', judged.outcome != "for" and first >= 0.95)


def gratings() -> Found:
    """Judge gratings that lean left or right: early layers read the orientation, late ones leave it out."""
    judged = _judged(open_image_set("drawn:orientation", per_class=drawn_sets.COUNT // 2))
    early, last = max(judged.accuracy()[:4]), judged.accuracy()[-1]
    return Found(f'"{judged.outcome}", {early:.2f} to {last:.2f}', judged.outcome == "against")


def position() -> Found:
    """Judge discs whose place is the class: raw pixels are enough."""
    judged = _judged(drawn_sets.position())
    pixels = float(judged.summary.loc[judged.summary["control"] == "pixels", "accuracy"].iloc[0])
    passed = judged.outcome == "undecided" and pixels >= 0.95
    return Found(f'"{judged.outcome}", pixels {pixels:.2f}, last layer {judged.accuracy()[-1]:.2f}', passed)


def trained_above_random() -> Found:
    """Judge drawn pets: the packaged weights tell them apart at the end, random weights do not."""
    images = open_image_set("drawn:pets", per_class=50)
    judged = judge_images(images, model=DEFAULT_MODEL, controls=("untrained", "matched", "pixels"))
    trained, random = judged.accuracy()[-1], judged.accuracy("untrained")[-1]
    passed = trained >= 0.9 and random <= 0.7 and judged.outcome == "for"
    return Found(f'trained {trained:.2f}, random {random:.2f}, "{judged.outcome}"', passed)


def maps_with_random_weights() -> Found:
    """Compare maps of the trained network with those of networks whose weights are random from the output down."""
    rows = attribute(AttributeRequest(method=",".join(METHODS), layers=LAST_BLOCK))["maps"].to_dict("records")
    told = ", ".join(f"{row['method']} {row['random']:z.2f} (to {row['random_high']:.2f})" for row in rows)
    return Found(told, len(rows) == len(METHODS) and all(row["random_high"] < MOST_ALIKE for row in rows))


def _judged(images: ImageSet) -> Judged:
    return judge_images(images, model=DEFAULT_MODEL, controls=("untrained", "shuffled", "matched", "pixels"))
