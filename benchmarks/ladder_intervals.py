"""Do the ladder's own intervals hold? Planted vectors of 200 drawings, with a known truth.

    python benchmarks/ladder_intervals.py [--simulations 120]

Losses: classes at distance d', whose direction is the same on both sides of a change, or turned on the other side.
"holds" is how often the loss's interval held the mean loss, "loss shown" and "gain shown" how often it lay on one side
of 0, "labels named" how often the finding on labels saved would name the rung. Other drawings: how often the depth of
emergence in one set lay in the 95 % interval that another set of as many drawings gave for it. What real drawings do is
`ladder_redrawn.py`'s to say.
"""

from __future__ import annotations

import argparse
import os

import numpy as np
from calibration import CHANNELS, EFFECTS, LAYERS, Cell, _network, image_set

from lab.experiments.ladder.changes import halves
from lab.experiments.ladder.climb import Climb, climb_of, likely_again
from lab.experiments.ladder.contrasts import LOSS_REFIT
from lab.experiments.ladder.findings import LEAST_SAVED
from lab.experiments.ladder.measure import LadderNetwork, RungReading, _beside
from lab.experiments.separability.fits import ProbeDesign, fit_layer
from lab.experiments.separability.label_efficiency import code_row
from lab.images import ImageSet, images_of_arrays
from lab.images.synthetic import RUNGS, draw_set
from lab.layers import Layer
from lab.models import ModelRef
from lab.stats.intervals import bootstrap, difference

DIMENSIONS = 24


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--simulations", type=int, default=120)
    count = parser.parse_args().simulations
    images = draw_set(RUNGS["hue"].family.name, 100, size=32)
    print("| d' | turned | loss | holds | loss shown | gain shown | labels saved | labels named |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for effect, turned in ((0.0, False), (1.0, False), (2.0, False), (1.0, True), (2.0, True)):
        print(losses(images, effect, turned, count), flush=True)
    print("\n| effect | other drawings inside | pairs of sets |\n| --- | --- | --- |")
    for name in ("weak", "strong"):
        print(others(name, count), flush=True)


def losses(images: ImageSet, effect: float, turned: bool, count: int) -> str:
    """Return a row of the first table."""
    found, boot = [], bootstrap(images.groups, images.labels, seed=3, refit=LOSS_REFIT)
    sign = 2.0 * images.labels - 1
    whole = {"uniform": np.array(float(len(images))), "images": np.array(len(images))}
    for seed in range(count):
        rng = np.random.default_rng(seed)
        sides, mixed = halves(rng.normal(size=(len(images), 4)), images.labels, seed)
        vectors = rng.normal(size=(len(images), DIMENSIONS))
        vectors[:, 0] += effect / 2 * sign
        vectors[:, 1] += effect / 2 * sign * (2 * sides["position"] - 1) * turned
        read = _beside(images, {"position": sides["position"]}, mixed, seed, vectors)
        loss = difference(boot, read["mixed"] - read["moved position"])
        code = code_row({"bits": read["bits"], "control": read["control"], **whole}, 2)
        named = code["saved_low"] > 0 and code["labels_saved"] >= LEAST_SAVED * len(images)
        found.append((loss.value, loss.low, loss.high, code["labels_saved"], named))
    value, low, high, saved, named_in = np.array(found, dtype=float).T
    holds = (low <= value.mean()) & (value.mean() <= high)
    shares = " | ".join(f"{100 * share.mean():.1f} %" for share in (holds, low > 0, high < 0))
    return (
        f"| {effect:g} | {'yes' if turned else 'no'} | {value.mean():.3f} | {shares} | {saved.mean():.1f} | "
        f"{100 * named_in.mean():.1f} % |"
    )


def others(name: str, count: int) -> str:
    """Return a row of the second table."""
    inside = []
    for number in range(count):
        one, other = (climb(name, 2 * number + which) for which in (0, 1))
        if one.emergence.reached and other.emergence.reached:
            low, high = likely_again(one, 1)
            inside.append(low <= other.emergence.depth <= high)
    return f"| {name} | {100 * np.mean(inside):.1f} % | {len(inside)} |"


def climb(name: str, seed: int) -> Climb:
    """Return what the ladder makes of one simulated network (`calibration.py`) on new images."""
    rng, cell = np.random.default_rng((seed, 0xCA1)), Cell(200, 2, "equal", "one", name)
    labels, groups = image_set(cell, rng)
    layers = _network(cell, labels, groups, rng)(EFFECTS[name], 0)
    design = ProbeDesign.of(labels, groups, 5, 3, seed)
    probe = np.stack(
        [fit_layer(design, key, rows, ("probe",), 1)["probe.probabilities"] for key, rows in layers.items()]
    )
    depths = np.linspace(0, 1, LAYERS)
    known = tuple(
        Layer(key, "block", depth, "NC", CHANNELS, 0, 0, 0, 0, "unknown")
        for key, depth in zip(layers, depths, strict=True)
    )
    network = LadderNetwork("simulated", -1, ModelRef.parse("test_resnet@untrained"), "", "", known)
    images = images_of_arrays(np.zeros((len(labels), 3, 1, 1)), labels, classes=("one", "other"), groups=groups)
    return climb_of(RungReading("hue", network, images, probe, probe, np.full(LAYERS, CHANNELS)), network)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
