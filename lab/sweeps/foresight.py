"""What a plan will cost, before anything is computed: `lab.foresee("PLAN.toml")`, `feature-lab plan PLAN.toml`.

Time is that of passes (an image read, prepared and put through a network, once for all units that share it) and of
probes, from a sample measured here (`lab.sweeps.sample`); workers are as quick as this machine's cores, a unit is one
worker's. What is finished already costs nothing.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import NormalDist
from typing import Any

import pandas as pd

from lab.errors import LabError
from lab.experiments.separability.fits import CHANNEL_DRAWS
from lab.experiments.separability.measure import TWIN_SEEDS
from lab.models import ModelRef
from lab.progress import Progress, silent
from lab.settings import Compute, home
from lab.shortages import amount, available_memory
from lab.stats.auc import Z95
from lab.stats.equivalence import Z80
from lab.sweeps.local_engine import WORKER_BYTES
from lab.sweeps.plan import Plan, Unit, read_plan
from lab.sweeps.sample import Sample, SampledSet, probe_work, take_sample
from lab.sweeps.setup import Setup
from lab.sweeps.tables import run_of
from lab.threads import cores

RUN_BYTES = 300_000  # of a run's tables, and for every image its predictions and its thumbnail
RUN_BYTES_AN_IMAGE = 4_000
PIXELS = 3 * 32 * 32  # dimensions of the control "pixels"
AFTERWARDS = 1.0  # of the time of the probes: labels needed, maps and tables; 0.7, 1.4 and 1.8 in three small plans
DISCORDANT = 0.2  # share of images that one of two layers or networks reads right and the other wrong


@dataclass(frozen=True)
class Resources:
    """What a plan may take: workers, memory of each and disk in bytes, price of a worker's hour, hours in all."""

    workers: int
    memory: float
    disk: float
    price: float = 0.0
    hours: float | None = None

    @classmethod
    def here(cls, workers: int | None = None, threads: int = 1) -> Resources:
        """Return what this machine has left, for as many workers as `feature-lab sweep` would take."""
        Setup(workers, threads)
        memory = available_memory()
        count = workers or max(1, min(cores() // threads, memory // WORKER_BYTES))
        there = next(path for path in (home(), *home().absolute().parents) if path.exists())
        return cls(count, memory / count, shutil.disk_usage(there).free)


@dataclass(frozen=True)
class Foresight:
    """Tables as `lab.sweeps.columns.PLAN` describes them, and what cannot be: a sentence each, none when all fits.

    `late` says that hours are among it.
    """

    plan: Plan
    tables: Mapping[str, pd.DataFrame]
    problems: tuple[str, ...]
    late: bool = False

    def __getitem__(self, name: str) -> pd.DataFrame:
        return self.tables[name]


def foresee(
    plan: str | Path | Mapping[str, Any] | Plan,
    resources: Resources | None = None,
    *,
    compute: Compute = Compute(),  # noqa: B008 - frozen
    threads: int = 1,
    sample: Sample | None = None,
    progress: Progress = silent,
) -> Foresight:
    """Return what a plan takes of `resources` (default: of this machine), from a sample measured now if none is given.

    Raises LabError for a plan that cannot be used.
    """
    spelled = plan if isinstance(plan, Plan) else read_plan(plan)
    spelled.check()
    having = resources or Resources.here(threads=threads)
    seen = sample or take_sample(spelled, progress=progress, compute=compute, threads=threads)
    units, total = costs(spelled, seen, having)
    drops = pd.DataFrame(list(_drops(spelled, seen, having, total)), columns=["without", "hours", "saved", "fits"])
    images = pd.DataFrame([_detectable(name, row, units) for name, row in seen.images.items()])
    tables = {"total": pd.DataFrame([total]), "units": units, "images": images, "drops": drops}
    late = having.hours is not None and total["wall_hours"] > having.hours
    return Foresight(spelled, tables, tuple(_problems(units, total, having)), late)


def costs(plan: Plan, sample: Sample, having: Resources) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return a row for each unit that has no result yet, in the order of the plan, and their sums."""
    passed: set[tuple[Any, ...]] = set()
    rows = [_unit(unit, sample, passed) for unit in plan.units if run_of(unit).status != "finished"]
    units = pd.DataFrame(rows, columns=list(_unit(plan.units[0], sample, set())))
    hours = float(units["pass_hours"].sum() + units["probe_hours"].sum())
    longest = float((units["pass_hours"] + units["probe_hours"]).max()) if rows else 0.0
    wall = max(longest, hours / having.workers)
    total = {
        "units": len(units), "passes": int(units["passes"].sum()), "hours": hours, "workers": having.workers,
        "wall_hours": wall, "cost": wall * having.workers * having.price,
        "memory": float(units["memory"].max()) if rows else 0.0, "disk": float(units["disk"].sum()),
    }  # fmt: skip
    return units, total


def _unit(unit: Unit, sample: Sample, passed: set[tuple[Any, ...]]) -> dict[str, Any]:
    asked, images, network = unit.request, sample.images[unit.images], sample.of(unit.network)
    sizes = network.dimensions[unit.layers, asked.pooling]
    trained = not ModelRef.parse(unit.network).untrained
    twins = len(TWIN_SEEDS) if "untrained" in asked.controls and trained else 0
    # A unit opens its set. The pass of a network is shared by all that read the same; other layers are another pass.
    refs = [unit.network, *(str(ModelRef.parse(unit.network).twin(seed)) for seed in TWIN_SEEDS[:twins])]
    new = [ref for ref in refs if (ref, *unit.reads[1:]) not in passed]
    passed.update((ref, *unit.reads[1:]) for ref in new)
    # Thumbnails, and the control pixels, read every image once more and keep what they read.
    again = {("thumbnails", unit.images), *([("pixels", unit.images)] if "pixels" in asked.controls else [])} - passed
    passed |= again
    vectors = images.images * sum(sizes) * 4
    fits = 1 + ("shuffled" in asked.controls) + twins
    draws = CHANNEL_DRAWS if "matched" in asked.controls else 0
    splits = asked.folds * asked.repeats
    work = sum(probe_work(images.images, size, images.classes, fits, splits) for size in sizes)
    work += draws * len(sizes) * probe_work(images.images, 16, images.classes, 1, splits)
    if "pixels" in asked.controls:
        work += probe_work(images.images, PIXELS, images.classes, 1, splits)
    return {
        "network": unit.network, "images": unit.images, "layers": unit.layers, "probe": unit.probe, "seed": unit.seed,
        "passes": len(new) * images.images,
        "pass_hours": (
            images.opening
            + len(again) * images.images * images.per_image
            + len(new) * (images.images * (images.per_image + network.per_image) + network.load)
        ) / 3600,
        "probe_hours": work * sample.probe_rates[asked.probe] * (1 + AFTERWARDS) / 3600,
        "memory": WORKER_BYTES + vectors * (1 + twins) + images.images * max(sizes) * 8 * 4,
        "disk": len(new) * vectors + RUN_BYTES + images.images * RUN_BYTES_AN_IMAGE,
    }  # fmt: skip


def _detectable(name: str, row: SampledSet, units: pd.DataFrame) -> dict[str, Any]:
    """Return the smallest difference of two accuracies on a set that is found in four of five cases."""
    error = (DISCORDANT / row.groups) ** 0.5
    cells = max(1, int((units["images"] == name).sum()))
    for_all = NormalDist().inv_cdf(1 - 0.025 / cells)
    return {
        "images": name, "count": row.images, "classes": row.classes, "groups": row.groups,
        "smallest": (Z95 + Z80) * error, "smallest_of_all": (for_all + Z80) * error,
    }  # fmt: skip


def _drops(plan: Plan, sample: Sample, having: Resources, total: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield what may be left out, one after the other, each with what remains: least of the answer first."""
    before = float(total["wall_hours"])
    for what, change in _reductions(plan, sample):
        plan = change(plan)
        hours = float(costs(plan, sample, having)[1]["wall_hours"])
        if hours < before * 0.99:
            fits = having.hours is None or hours <= having.hours
            yield {"without": what, "hours": hours, "saved": before - hours, "fits": fits}
            before = hours


def _reductions(plan: Plan, sample: Sample) -> Iterator[tuple[str, Callable[[Plan], Plan]]]:
    def probes(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[Plan], Plan]:
        return lambda now: replace(now, probes={name: change(dict(values)) for name, values in now.probes.items()})

    def without(control: str) -> Callable[[Plan], Plan]:
        usual = plan.units[0].request.controls
        return probes(lambda values: {**values, "controls": [c for c in values.get("controls", usual) if c != control]})

    if len(plan.seeds) > 1:
        yield f"all seeds but {plan.seeds[0]}", lambda now: replace(now, seeds=now.seeds[:1])
    yield "repeats beyond the first", probes(lambda values: {**values, "repeats": 1})
    yield "the control matched", without("matched")
    yield "the control untrained", without("untrained")
    slowest = sorted(plan.networks, key=lambda name: -sample.of(name).per_image)
    for gone in range(1, len(slowest)):
        kept = [name for name in plan.networks if name not in slowest[:gone]]
        yield f"the network {slowest[gone - 1]}", lambda now, kept=kept: replace(now, networks=tuple(kept))  # type: ignore[misc]


def _problems(units: pd.DataFrame, total: Mapping[str, Any], having: Resources) -> Iterator[str]:
    if len(units) and total["memory"] > having.memory:
        worst = units.sort_values("memory", kind="stable").iloc[-1]
        yield (
            f"{worst.network} on {worst['images']} needs {amount(total['memory'])} of memory and a worker has "
            f"{amount(having.memory)}; take fewer workers (--workers), fewer images (per_class) or layers"
        )
    if total["disk"] > having.disk:
        there = amount(having.disk)
        yield f"it needs {amount(total['disk'])} of disk and {there} are there; take fewer images or layers"
    if having.hours is not None and total["wall_hours"] > having.hours:
        yield (
            f"it takes {hours_text(total['wall_hours'])} with {having.workers} workers and {hours_text(having.hours)} "
            "are allowed; "
            "leave something out, or take more workers"
        )


def hours_text(hours: float) -> str:
    """Return 2.5 as "2.5 hours", and less than one in minutes or seconds."""
    if hours >= 1:
        return f"{hours:.1f} hours"
    return f"{hours * 60:.1f} minutes" if hours * 60 >= 1 else f"{hours * 3600:.1f} seconds"


def refuse(found: Foresight) -> None:
    """Raise LabError, with what to leave out, for a plan that cannot fit."""
    if not found.problems:
        return
    drops = found["drops"]
    steps = drops["without"][: int(drops["fits"].to_numpy().argmax()) + 1] if drops["fits"].any() else ()
    way_out = f"; the hours are enough without {', '.join(steps)}" if found.late and len(steps) else ""
    raise LabError(f"{found.plan.name} cannot fit: {'; '.join(found.problems)}{way_out}")
