"""Is the layer that a search finds as good as the best of all, and what does the search cost? Results: docs/which.md.

    python benchmarks/which_layer.py [--photos FOLDER] [--per-class 100] [--sets hue,texture] [--notes which.jsonl]

Networks: the packaged one, untrained families, small ones that are trained here first on drawn sets. Image sets: rungs
of the ladder, which none of them was trained on, and photographs in FOLDER (`pets/{cat,dog}`). For each set the probe
of a probe run reads every layer of every network (the exhaustive search), then `lab.which` searches the same layers,
from an empty cache. A pair is a set with a pool: all networks together, or one of them alone. It is a hit when the
layer that was found is within 0.5 points of the best by the same probe on the same images. Costs are processor seconds
of both, of passes and of all that reads labels; controls are left out of both, except where `--controls` names sets on
which both have them. Cards of networks are made beforehand. Goes on where it stopped.

The search's settings (images of the first round, finalists, what ranks a round) were chosen on drawn pets, shapes and
faces, which are not among the sets.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from lab.cli.question import computed_run
from lab.embeddings import embed
from lab.experiments.separability import measure
from lab.experiments.separability.fits import fit_layer
from lab.experiments.training.request import TrainRequest
from lab.experiments.which import halving
from lab.experiments.which.request import WhichRequest
from lab.experiments.which.run import run
from lab.images import open_image_set
from lab.images.synthetic import RUNGS
from lab.layers import select_layers
from lab.models import ModelRef, card
from lab.progress import silent
from lab.settings import Compute, cache_dir
from lab.stats.intervals import image_weights
from lab.weights.trained import list_trained

NEAR = 0.005
PACKAGED = "tf_efficientnet_lite0@packaged"
FAMILIES = ("tf_efficientnet_lite0", "test_resnet", "test_efficientnet", "test_convnext", "test_vit", "test_nfnet",
            "test_mambaout", "test_byobnet")  # fmt: skip
TRAINED = tuple(product(("test_resnet", "test_efficientnet"), ("shapes", "faces")))
CHOSEN_ON = ("pets", "shapes", "faces")  # image sets on which the search's settings were chosen
TOGETHER = "all"


@dataclass(frozen=True)
class Exhaustive:
    """Accuracy by (network, layer), and processor seconds of passes and of probes by network."""

    accuracy: dict[tuple[str, str], float]
    passes: dict[str, float]
    probes: dict[str, float]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--per-class", type=int, default=100)
    parser.add_argument("--sets", help="names with commas between them (default: all rungs, and photographs)")
    parser.add_argument("--controls", default="", help="sets on which both searches have controls, too")
    parser.add_argument("--notes", type=Path, default=Path("which.jsonl"), help="what was measured so far")
    given = parser.parse_args()
    networks = pool()
    # Imports are of neither search.
    embed(PACKAGED, open_image_set("drawn:pets", per_class=2), card(PACKAGED).layers[:1])
    done = {json.loads(line)["set"] for line in given.notes.read_text().splitlines()} if given.notes.exists() else set()
    for name, data in image_sets(given.photos, given.sets).items():
        if name in done:
            continue
        rows = measured(name, data, networks, given.per_class, name in given.controls.split(","))
        with given.notes.open("a") as notes:
            for row in rows:
                notes.write(json.dumps(row) + "\n")
        print(name, rows[0], flush=True)
    print(summary([json.loads(line) for line in given.notes.read_text().splitlines()]))


def pool() -> tuple[str, ...]:
    """Return the networks, after training those that are not there yet."""
    there = {trained.ref() for trained in list_trained()}
    for network, data in TRAINED:
        if f"{network}@lab:which-{data}" not in there:
            usual = TrainRequest(per_class=300, size=96, epochs=12)
            computed_run(replace(usual, model=network, data=f"drawn:{data}", name=f"which-{data}"), Compute())
    untrained = [f"{network}@untrained:0" for network in FAMILIES]
    return (PACKAGED, *untrained, *(f"{network}@lab:which-{data}" for network, data in TRAINED))


def image_sets(photos: Path | None, wanted: str | None) -> dict[str, str]:
    """Return the sets by name."""
    families = [rung.family.name for rung in RUNGS.values()]
    found = {name: f"drawn:{name}" for name in families if name not in CHOSEN_ON}
    if photos is not None:
        found["photographs"] = str(photos / "pets")
    return found if wanted is None else {name: found[name] for name in wanted.split(",")}


def measured(name: str, data: str, networks: tuple[str, ...], per_class: int, controls: bool) -> list[dict[str, Any]]:
    """Return a row for all networks together and one for each alone."""
    usual = WhichRequest(controls=(), cheaper=0, speed=False)
    asked = replace(usual, models=networks, data=data, per_class=per_class).canonical()
    for network in asked.models:
        card(network)  # is made once and kept
    empty_cache()
    searched = search(asked)
    empty_cache()
    all_ = exhaustive(asked)
    rows = [row(name, TOGETHER, searched, all_, asked.models)]
    for network in asked.models:  # the vectors are there: of a network alone all images are passed through it anyway
        rows.append(row(name, network, search(replace(asked, models=(network,))), all_, (network,)))
    if controls:
        rows[0]["with_controls"] = with_controls(asked)
    return rows


def empty_cache() -> None:
    shutil.rmtree(cache_dir("embeddings"), ignore_errors=True)


def search(asked: WhichRequest) -> dict[str, Any]:
    """Return what the search found, and processor seconds of passes and of all that reads labels."""
    with passes_timed() as passes:
        result = run(asked)
    best = result["confirmed"][result["confirmed"]["best"]].iloc[0]
    spent = result.manifest["processor_seconds"]
    return {
        "place": (best["model"], best["layer"]), "passes": passes[0],
        "labels": sum(spent[part] for part in ("rounds", "probes", "controls")) - passes[0],
        "passed": int(result["networks"]["passed"].sum()), "images": result.manifest["images"],
    }  # fmt: skip


@contextmanager
def passes_timed() -> Iterator[list[float]]:
    """Add up the processor seconds of reading images and passing them through networks."""
    spent, own = [0.0], {module: module.embed for module in (halving, measure)}

    def timed(*arguments: Any, **named: Any) -> Any:
        before = time.process_time()
        found = embed(*arguments, **named)
        spent[0] += time.process_time() - before
        return found

    try:
        for module in own:
            module.embed = timed
        yield spent
    finally:
        for module, function in own.items():
            module.embed = function


def exhaustive(asked: WhichRequest) -> Exhaustive:
    """Return what the probe of a probe run reads at every layer of every network."""
    question = measure.prepare(asked.as_probe(), silent)
    weights = image_weights(question.images.groups, question.labels)
    accuracy, passes, probes = {}, {}, {}
    for network in asked.models:
        before = time.process_time()
        layers = select_layers(card(network).layers, asked.layers)
        vectors = embed(ModelRef.parse(network), question.images, layers)
        passes[network], before = time.process_time() - before, time.process_time()
        for layer in layers:
            found = fit_layer(question.design, layer.name, vectors[layer.name], ("probe",), 1)
            right = found["probe.probabilities"].argmax(axis=2) == question.labels
            accuracy[network, layer.name] = float(right.mean(axis=0) @ weights)
        probes[network] = time.process_time() - before
    return Exhaustive(accuracy, passes, probes)


def with_controls(asked: WhichRequest) -> dict[str, float]:
    """Return the processor seconds of both searches with all controls, from an empty cache."""
    full = replace(asked, controls=WhichRequest().controls)
    empty_cache()
    found = search(full)
    empty_cache()
    question = measure.prepare(full.as_probe(), silent)
    before = time.process_time()
    with passes_timed() as passes:
        sources, _ = measure.open_sources(question, silent, Compute())
        for _ in measure.probe_all(question, sources, silent, {}):
            pass
    whole = time.process_time() - before
    return {
        "passes": found["passes"], "labels": found["labels"], "exhaustive_passes": passes[0],
        "exhaustive_labels": whole - passes[0],
    }  # fmt: skip


def row(name: str, pool_name: str, found: dict[str, Any], all_: Exhaustive, networks: Sequence[str]) -> dict[str, Any]:
    """Return what is kept of one pair."""
    own = {place: value for place, value in all_.accuracy.items() if place[0] in networks}
    return {
        "set": name, "pool": pool_name, "layers": len(own), "images": found["images"], "passed": found["passed"],
        "found": list(found["place"]), "best": list(max(own, key=lambda place: own[place])),
        "behind": max(own.values()) - own[found["place"]], "best_accuracy": max(own.values()),
        "passes": found["passes"], "labels": found["labels"],
        "exhaustive_passes": sum(all_.passes[network] for network in networks),
        "exhaustive_labels": sum(all_.probes[network] for network in networks),
    }  # fmt: skip


def summary(rows: Sequence[dict[str, Any]]) -> str:
    """Return the table of pools and sets, in Markdown."""
    lines = [
        "| pool | pairs | within 0.5 points | mean behind | worst | labels: share of exhaustive | passes and labels |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    together = [one for one in rows if one["pool"] == TOGETHER]
    alone = [one for one in rows if one["pool"] != TOGETHER]
    for title, own, passed in (("all networks", together, True), ("one network", alone, False)):
        behind = np.array([one["behind"] for one in own])
        labels = share(own, ("labels",))
        both = f"{100 * share(own, ('passes', 'labels')):.1f} %" if passed else "(all images pass)"
        lines.append(
            f"| {title} | {len(own)} | {100 * (behind <= NEAR + 1e-9).mean():.0f} % | {100 * behind.mean():.2f} points "
            f"| {100 * behind.max():.1f} points | {100 * labels:.1f} % | {both} |"
        )
    lines += ["", "| set | layers | found | accuracy | best | accuracy | labels | passes and labels | images passed |",
              "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"]  # fmt: skip
    for one in together:
        every = len({other["pool"] for other in alone if other["set"] == one["set"]}) * one["images"]
        lines.append(
            f"| {one['set']} | {one['layers']} | {' '.join(one['found'])} | {one['best_accuracy'] - one['behind']:.3f} "
            f"| {' '.join(one['best'])} | {one['best_accuracy']:.3f} | {100 * share([one], ('labels',)):.1f} % | "
            f"{100 * share([one], ('passes', 'labels')):.1f} % | {one['passed']} of {every} |"
        )
    for one in together:
        if controls := one.get("with_controls"):
            labels, both = (100 * share([controls], parts) for parts in (("labels",), ("passes", "labels")))
            told = f"labels {labels:.1f} %, with passes {both:.1f} %"
            lines += ["", f"With all controls on both sides ({one['set']}): {told}."]
    return "\n".join(lines)


def share(rows: Sequence[dict[str, Any]], parts: Sequence[str]) -> float:
    """Return the search's seconds over those of the exhaustive one."""
    own = sum(one[part] for one in rows for part in parts)
    return float(own / sum(one[f"exhaustive_{part}"] for one in rows for part in parts))


if __name__ == "__main__":
    main()
