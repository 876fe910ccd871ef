"""Do the printed intervals and verdicts hold? Simulated networks with a known truth, through the lab's own pipeline.

A simulated network has six layers of 48 channels; each shows the class along a few directions, at a distance d' that is
the cell's effect, among nuisance that all layers share. Images, groups and labels are drawn anew in every simulation,
the network is always the same. `judge_arrays` does all the rest: folds, probes, controls (shuffled labels, 16 random
channels five times, three untrained twins, pixels), intervals, checks, emergence, verdict. The controls cost ten times
the probes, so only every fifth simulation (`--every`) has them: intervals and emergence stand on all, verdicts on these.

    python benchmarks/calibration.py --simulations 1000 --out docs/calibration.md
    python benchmarks/calibration.py --small
    python benchmarks/calibration.py --probe ridge --n 60 200 --classes 2 --simulations 100 --out docs/calibration.md

Every simulation is kept in `--folder` as it ends; a run that was interrupted goes on from there, and a larger number
adds to what is there. The truth of an interval is the mean of what it is about over all simulations of the cell
(for emergence: where the mean curve crosses), so it is about other images like these.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, fields
from itertools import groupby, product
from pathlib import Path
from typing import Any

import numpy as np

from lab.experiments.separability.judgement import Judgement, judge_arrays
from lab.probing.task import LOGISTIC, RIDGE
from lab.settings import cache_dir
from lab.stats.calibration import TABLE, SimulatedKind, simulated_kinds
from lab.stats.depth import halfway

LAYERS, CHANNELS, NUISANCE = 6, 48, 6
SHARED = 0.6  # of the variance along the class directions, what all layers share
EFFECTS = {  # d' by layer
    "none": (0.0,) * LAYERS,
    "flat": (1.6,) * LAYERS,
    "weak": (0.8, 0.8, 1.0, 1.3, 1.6, 1.6),
    "strong": (0.8, 0.8, 1.6, 2.4, 3.2, 3.2),
    "falling": (3.2, 3.2, 2.4, 1.6, 0.8, 0.8),
}
GROUPS = {"one": (1,), "uneven": (1, 1, 1, 1, 2, 3, 6)}
EVERY = 5  # one simulation in so many has all controls
HEADER = (
    "probe", "n", "classes", "balance", "groups", "effect", "simulations", "late − early", "first layer", "last layer",
    "emergence", "announced", "late better", "early better", "with controls", "for", "against", "most often passed",
)  # fmt: skip


@dataclass(frozen=True)
class Cell:
    """One kind of image set and network."""

    images: int
    classes: int
    balance: str
    groups: str
    effect: str
    probe: str = LOGISTIC

    @property
    def name(self) -> str:
        probe = "" if self.probe == LOGISTIC else f"{self.probe}-"
        return f"{probe}{self.images}-{self.classes}-{self.balance.replace(':', 'to')}-{self.groups}-{self.effect}"


def main() -> None:
    arguments = _parser().parse_args()
    cells = list(_cells(arguments))
    arguments.folder.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(arguments.processes) as pool:
        jobs = [(cell, arguments.folder, arguments.simulations, arguments.every) for cell in cells]
        for cell, found in zip(cells, pool.map(_complete, jobs), strict=True):
            print(_line(_row(cell, found)), flush=True)
    if arguments.out:
        write(arguments.out, arguments.folder)


def write(out: Path, folder: Path) -> None:
    """Write all cells that `folder` holds into the table between the markers of `out`, and into that of the program."""
    order = [cell for cell in _all_cells() if (folder / f"{cell.name}.jsonl").exists()]
    before, _, rest = out.read_text(encoding="utf-8").partition("<!-- table -->\n")
    old, _, after = rest.partition("<!-- end -->")
    rows = {tuple(line.split(" | ")[:6]): line for line in old.strip().splitlines()[2:]}
    lines = [_line(_row(cell, _read(folder / f"{cell.name}.jsonl"))) for cell in order]
    rows |= {tuple(line.split(" | ")[:6]): line for line in lines}
    table = "\n".join([_line(HEADER), _line(["---"] * len(HEADER)), *rows.values()])
    out.write_text(f"{before}<!-- table -->\n\n{table}\n\n<!-- end -->{after}", encoding="utf-8")
    kinds = {(kind.probe, kind.described): kind for kind in (*simulated_kinds(), *_kinds(order, folder))}
    with TABLE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(SimulatedKind)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(kind) for kind in kinds.values())


def _kinds(cells: Sequence[Cell], folder: Path) -> Iterator[SimulatedKind]:
    """Yield what the simulations say of each kind of image set, over its effects; "none" must be among them."""
    for key, own in groupby(cells, lambda cell: (cell.probe, cell.images, cell.classes, cell.balance, cell.groups)):
        found = {cell.effect: _read(folder / f"{cell.name}.jsonl") for cell in own}
        found = {effect: records for effect, records in found.items() if records}
        if "none" not in found:
            continue
        gaps = [coverage(np.array([one["gap"] for one in records])) for records in found.values()]
        accuracies = [np.array([one["accuracy"] for one in records]) for records in found.values()]
        ends = [coverage(values[:, layer]) for values in accuracies for layer in (0, -1)]
        alike = [one for effect in ("none", "flat") for one in found.get(effect, ()) if one["controls"]]
        yield SimulatedKind(
            *key,
            simulations=sum(map(len, found.values())),
            gap_low=min(gaps),
            gap_high=max(gaps),
            accuracy_low=min(ends),
            accuracy_high=max(ends),
            wrong=sum(one["outcome"] in ("for", "against") for one in alike),
            judged=len(alike),
            announced=float(np.mean([one["announced"] for one in found["none"]])),
            nothing=len(found["none"]),
        )


def simulate(cell: Cell, seed: int, *, controls: bool) -> Judgement | None:
    """Return what the lab says of one simulated network, None when a class has too few groups to be learned."""
    rng = np.random.default_rng((seed, 0xCA1))
    labels, groups = image_set(cell, rng)
    if min(len(np.unique(groups[labels == name])) for name in range(cell.classes)) < 2:
        return None
    draw = _network(cell, labels, groups, rng)
    layers = draw(EFFECTS[cell.effect], 0)
    if not controls:
        return judge_arrays(layers, labels, groups, controls=(), seed=seed, probe=cell.probe, threads=1)
    twins = [draw(EFFECTS["none"], 1 + twin) for twin in range(3)]
    pixels = draw((0.3,), 9)["layer0"]
    return judge_arrays(layers, labels, groups, twins=twins, pixels=pixels, seed=seed, probe=cell.probe, threads=1)


def image_set(cell: Cell, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return labels and groups `(N,)`: whole groups of each class, shuffled."""
    shares = np.ones(cell.classes)
    shares[0] = 19.0 if cell.balance == "19:1" else 1.0
    sizes = np.maximum(np.round(shares / shares.sum() * cell.images), 2).astype(int)
    labels: list[int] = []
    groups: list[int] = []
    pattern = GROUPS[cell.groups]
    for name, size in enumerate(sizes):
        while size > 0:
            held = min(size, pattern[len(set(groups)) % len(pattern)])
            groups += [len(set(groups))] * held
            labels += [name] * held
            size -= held
    order = rng.permutation(len(labels))
    return np.array(labels)[order], np.array(groups)[order]


def _network(
    cell: Cell, labels: np.ndarray, groups: np.ndarray, rng: np.random.Generator
) -> Callable[[Sequence[float], int], dict[str, np.ndarray]]:
    """Return a function of the effects and the network's number that gives the layers' embeddings of these images."""
    count, kinds = int(groups.max()) + 1, cell.classes
    nuisance, common = rng.standard_normal((count, NUISANCE)), rng.standard_normal((count, kinds))
    centres = (np.eye(kinds) - 1 / kinds) / np.sqrt(2)

    def draw(effects: Sequence[float], number: int) -> dict[str, np.ndarray]:
        wiring = np.random.default_rng((number, 0x3E7))
        found = {}
        for position, effect in enumerate(effects):
            axes = np.linalg.qr(wiring.standard_normal((CHANNELS, kinds + NUISANCE)))[0]
            own = np.sqrt(SHARED) * common + np.sqrt(1 - SHARED) * rng.standard_normal((count, kinds))
            noise = rng.standard_normal((count, CHANNELS))
            noise -= noise @ axes @ axes.T
            inner = np.hstack([effect * centres[labels] + own[groups], 1.5 * nuisance[groups]])
            found[f"layer{position}"] = (inner @ axes.T + noise[groups]).astype(np.float32)
        return found

    return draw


def _complete(job: tuple[Cell, Path, int, int]) -> list[dict[str, Any]]:
    """Simulate what a cell's file still lacks, and return all of it."""
    cell, folder, simulations, every = job
    path = folder / f"{cell.name}.jsonl"
    found = _read(path)
    with path.open("a", encoding="utf-8") as kept:
        for seed in range(len(found), simulations):
            judged = simulate(cell, seed, controls=seed % every == 0)
            if judged is None:
                break
            found.append(record(judged))
            kept.write(json.dumps(found[-1]) + "\n")
            kept.flush()
    return found


def record(judged: Judgement) -> dict[str, Any]:
    """Return what a simulation leaves: values with their intervals, and what was said."""
    checks = {check.check: check for check in judged.checks}
    gap, lead, apart = checks["late_minus_early"], checks["late_minus_best_early"], judged.emergence
    return {
        "lead": [lead.value, lead.ci_low, lead.ci_high],
        "gap": [gap.value, gap.ci_low, gap.ci_high],
        "accuracy": [[s.accuracy, s.ci_low, s.ci_high] for s in judged.accuracy],
        "curve": [s.balanced_accuracy for s in judged.accuracy],
        "emergence": [apart[0].depth, apart[0].ci_low, apart[0].ci_high] if apart[0].reached else None,
        "announced": any(pair.reached for pair in apart),
        "controls": "late_selectivity" in checks,
        "outcome": judged.verdict.outcome,
        "passed": [name for name, check in checks.items() if check.passed],
    }


def coverage(values: np.ndarray, truth: float | None = None) -> float:
    """Return the share of intervals `(S, 3)` (value, low, high) that hold the truth, by default the mean value."""
    goal = values[:, 0].mean() if truth is None else truth
    return float(np.mean((values[:, 1] <= goal) & (goal <= values[:, 2]))) if len(values) else float("nan")


def _row(cell: Cell, found: Sequence[dict[str, Any]]) -> list[str]:
    what = [cell.probe, str(cell.images), str(cell.classes), cell.balance, cell.groups, cell.effect]
    if not found:
        return [*what, "0: a class has too few groups", *[""] * (len(HEADER) - len(what) - 1)]
    whole = [one for one in found if one["controls"]]
    often = {name: np.mean([name in one["passed"] for one in whole]) for one in whole for name in one["passed"]}
    most = max(often, key=lambda name: often[name]) if often and cell.effect == "none" else ""
    gaps, accuracy = (np.array([one[name] for one in found]) for name in ("gap", "accuracy"))
    outcomes = [one["outcome"] for one in whole]
    return [
        *what,
        str(len(found)),
        *(_share(coverage(values)) for values in (gaps, accuracy[:, 0], accuracy[:, -1])),
        _share(_emergence_coverage(cell, found)),
        _share(np.mean([one["announced"] for one in found])),
        _share(np.mean([one["lead"][1] > 0 for one in found])),
        _share(np.mean([one["lead"][2] < 0 for one in found])),
        str(len(whole)),
        *(_share(np.mean([one == outcome for one in outcomes])) for outcome in ("for", "against")),
        f"{most} {_share(often[most])}" if most else "",
    ]  # fmt: skip


def _emergence_coverage(cell: Cell, found: Sequence[dict[str, Any]]) -> float:
    """Return how often the interval of two classes' emergence holds the depth at which the mean curve crosses."""
    reached = np.array([one["emergence"] for one in found if one["emergence"]])
    if cell.classes != 2 or cell.effect not in ("strong", "weak") or len(reached) < len(found) / 2:
        return float("nan")
    curve = np.mean([one["curve"] for one in found], axis=0)
    return coverage(reached, halfway(np.linspace(0, 1, LAYERS).tolist(), curve))


def _share(value: float | np.floating[Any]) -> str:
    return f"{100 * value:.1f} %" if np.isfinite(value) else ""


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def _all_cells() -> Iterator[Cell]:
    for probe, *values in product((LOGISTIC, RIDGE), (40, 60, 200, 600), (2, 5), ("equal", "19:1"), GROUPS, EFFECTS):
        yield Cell(*values, probe)


def _cells(arguments: argparse.Namespace) -> Iterator[Cell]:
    for cell in _all_cells():
        plain = cell.classes == 2 and cell.balance == "equal" and cell.groups == "one" and cell.images in (60, 200)
        chosen = not arguments.effects or cell.effect in arguments.effects.split(",")
        wanted = [cell.probe == arguments.probe, cell.images in arguments.n, cell.classes in arguments.classes, chosen]
        wanted += [cell.balance in arguments.balance, cell.groups in arguments.groups]
        if all(wanted) and (plain or not arguments.small):
            yield cell


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--simulations", type=int, default=1000, help="simulations a cell (default 1000)")
    parser.add_argument("--small", action="store_true", help="only two equal classes of 60 and 200 single images")
    parser.add_argument("--n", type=int, nargs="+", default=[40, 60, 200, 600], help="only sets of so many images")
    parser.add_argument("--classes", type=int, nargs="+", default=[2, 5], help="only sets of so many classes")
    parser.add_argument("--probe", choices=(LOGISTIC, RIDGE), default=LOGISTIC)
    parser.add_argument("--balance", nargs="+", default=["equal", "19:1"], help="only these")
    parser.add_argument("--groups", nargs="+", default=list(GROUPS), choices=list(GROUPS), help="only these")
    parser.add_argument("--every", type=int, default=EVERY, help=f"one simulation in N has controls (default {EVERY})")
    parser.add_argument("--effects", default="", help=f"only these, A,B: {', '.join(EFFECTS)}")
    parser.add_argument("--folder", type=Path, default=cache_dir("calibration"), help="where simulations are kept")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="processes (default: all cores)")
    parser.add_argument("--out", type=Path, help="the Markdown file whose table is written anew")
    return parser


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
