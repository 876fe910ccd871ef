"""Does `feature-lab check` claim wrongly as seldom as it says? Pairs of simulated networks with a planted drop.

A pair is a network before and after training: three layers of 48 channels that show two classes at distances d', and
share most of their noise from before to after (`SHARED`). Images and noise are drawn anew in every simulation; folds,
probes, intervals and decisions are the lab's own. The truth is the mean difference over all simulations of a cell. With
that as the margin both claims are wrong, and each should be made in at most 2.5 %; with a margin of 0.02 and of 0.05
the table says how often each outcome came. `smallest drop` is the mean of what the test said it could have seen.

    python benchmarks/check.py --simulations 400 --out docs/check.md
    python benchmarks/check.py --simulations 200 --images 100 --target number   # grades, labels: the other measures
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lab.experiments.equivalence.target_sides import scored
from lab.experiments.separability.fits import ProbeDesign, fit_layer
from lab.experiments.targets.judgement import shared_bootstrap
from lab.experiments.targets.kind import Reading
from lab.experiments.targets.run import KINDS
from lab.images.targets import CLASS, GRADES, NUMBER, SEVERAL, TARGETS
from lab.stats.differences import best_layer
from lab.stats.equivalence import CANNOT_TELL, NOT_WORSE, WORSE, decide, drop_at_every_layer, drop_test
from lab.stats.intervals import Bootstrap, Interval, bootstrap

CHANNELS, SHARED, REPEATS = 48, 0.7, 3
BEFORE = (0.8, 1.6, 2.4)  # d' by layer
DROPS = {  # what is taken off d' at each layer, as a share
    "none": (0.0, 0.0, 0.0),
    "small": (0.0, 0.0, 0.15),
    "large": (0.0, 0.2, 0.5),
    "gain": (0.0, 0.0, -0.3),
}
_TARGETS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    NUMBER: lambda number: number,
    GRADES: lambda number: np.digitize(number, [-0.7, 0.0, 0.7]),
    SEVERAL: lambda number: np.stack([number > 0, number > 0.5], axis=1),
}
MARGINS = (0.02, 0.05)
OUTCOMES = (NOT_WORSE, WORSE, CANNOT_TELL)


@dataclass(frozen=True)
class Simulated:
    """What the test said of one pair: at the last layer, at each one's best layer, and how all layers stand."""

    last: Interval
    best: Interval
    smallest_drop: float
    everywhere: dict[float, str]


def simulate(images: int, drop: str, seed: int, target: str = CLASS) -> Simulated:
    """Return what is decided about one pair of networks on `images` images."""
    if target != CLASS:
        return _simulate_target(images, drop, seed, target)
    rng = np.random.default_rng((seed, images, sorted(DROPS).index(drop)))
    labels = np.arange(images) % 2
    groups = np.arange(images)
    design = ProbeDesign.of(labels, groups, 5, REPEATS, seed)
    before, after = [], []
    for strength, less in zip(BEFORE, DROPS[drop], strict=True):
        common = rng.standard_normal((images, CHANNELS))
        for right, distance in ((before, strength), (after, strength * (1 - less))):
            noise = np.sqrt(SHARED) * common + np.sqrt(1 - SHARED) * rng.standard_normal((images, CHANNELS))
            noise[:, 0] += distance * (labels - 0.5)
            found = fit_layer(design, "layer", noise, ("probe",), 1)["probe.probabilities"]
            right.append((found.argmax(axis=2) == labels).astype(float))
    old, new = (np.stack(right, axis=1) for right in (before, after))
    chosen = best_layer(new, design.splits).correct - best_layer(old, design.splits).correct
    return _decided(bootstrap(groups, labels), new.mean(axis=0) - old.mean(axis=0), chosen)


def _simulate_target(images: int, drop: str, seed: int, target: str) -> Simulated:
    """Return the same where a number is shown in the place of two classes, by the measure of the target."""
    rng = np.random.default_rng((seed, images, sorted(DROPS).index(drop), 7))
    number = rng.standard_normal(images)
    kind = next(kind for kind in KINDS.values() if kind.target == target)
    design = kind.design(_TARGETS[target](number), np.arange(images), 5, REPEATS, seed)  # type: ignore[attr-defined]
    before, after = [], []
    for strength, less in zip(BEFORE, DROPS[drop], strict=True):
        common = rng.standard_normal((images, CHANNELS))
        for found, distance in ((before, strength), (after, strength * (1 - less))):
            noise = np.sqrt(SHARED) * common + np.sqrt(1 - SHARED) * rng.standard_normal((images, CHANNELS))
            noise[:, 0] += distance * number
            found.append(Reading.of("", "probe", None, kind.fit(design, "layer", noise, ("probe",))).found)
    (old, old_best), (new, new_best) = (scored(kind, design, found) for found in (before, after))
    return _decided(shared_bootstrap(kind, design), new - old, new_best.correct - old_best.correct)


def _decided(boot: Bootstrap, gaps: np.ndarray, chosen: np.ndarray) -> Simulated:
    last, best = (drop_test(boot, row, MARGINS[0]) for row in (gaps[-1], chosen))
    everywhere = {margin: drop_at_every_layer(boot, gaps, margin)[0] for margin in MARGINS}
    return Simulated(last.gap, best.gap, last.smallest_drop, everywhere)


def row(images: int, drop: str, found: list[Simulated]) -> dict[str, str]:
    """Return a line of the table."""
    cells = {"images": str(images), "planted": drop, "simulations": str(len(found))}
    for where in ("last", "best"):
        gaps = [getattr(one, where) for one in found]
        truth = float(np.mean([gap.value for gap in gaps]))
        cells[f"{where}: true difference"] = f"{truth:+.3f}"
        cells[f"{where}: interval holds it"] = _share([gap.low <= truth <= gap.high for gap in gaps])
        at_margin = [decide(gap, -truth) for gap in gaps]
        cells[f"{where}: wrongly not worse"] = _share([one == NOT_WORSE for one in at_margin])
        cells[f"{where}: wrongly worse"] = _share([one == WORSE for one in at_margin])
    for margin in MARGINS:
        said = [decide(one.last, margin) for one in found]
        cells[f"margin {margin}"] = " / ".join(_share([one == o for one in said]) for o in OUTCOMES)
        every = [one.everywhere[margin] for one in found]
        cells[f"all layers, {margin}"] = " / ".join(_share([one == o for one in every]) for o in OUTCOMES)
    cells["smallest drop"] = f"{np.mean([one.smallest_drop for one in found]):.3f}"
    return cells


def _share(held: list[bool]) -> str:
    return f"{100 * np.mean(held):.1f} %"


def _cells(arguments: argparse.Namespace) -> Iterator[tuple[int, str]]:
    for images in arguments.images:
        for drop in DROPS:
            yield images, drop


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--simulations", type=int, default=400)
    parser.add_argument("--images", type=int, nargs="*", default=[100, 240])
    parser.add_argument("--target", choices=TARGETS, default=CLASS)
    parser.add_argument("--out", type=Path, help="a Markdown file; the table goes between its markers")
    arguments = parser.parse_args()
    lines: list[str] = []
    for images, drop in _cells(arguments):
        found = [simulate(images, drop, seed, arguments.target) for seed in range(arguments.simulations)]
        cells = row(images, drop, found)
        if not lines:
            lines += [f"| {' | '.join(cells)} |", f"| {' | '.join('---' for _ in cells)} |"]
        lines.append(f"| {' | '.join(cells.values())} |")
        print(cells, flush=True)
    if arguments.out:
        text = arguments.out.read_text()
        start, _, rest = text.partition("<!-- table -->")
        end = rest.partition("<!-- end -->")[2]
        table = "\n".join(lines)
        arguments.out.write_text(f"{start}<!-- table -->\n\n{table}\n\n<!-- end -->{end}")


if __name__ == "__main__":
    main()
