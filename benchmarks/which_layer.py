"""Is the layer that a search finds as good as the best of all, and what does the search cost? Results: docs/which.md.

    python benchmarks/which_layer.py exhaustive [--notes FOLDER] [--sets hue,texture] [--per-class 1000]
    python benchmarks/which_layer.py search     [--notes FOLDER] [--sets hue,texture]
    python benchmarks/which_layer.py table      [--notes FOLDER]

Networks: untrained families, small ones that are trained here first on drawn shapes, faces and pets, and the packaged
one, all at 64 pixels. Image sets: rungs of the ladder, which none of them was trained on, drawn twice: one draw
is searched, an independent one of equal size is looked at only to judge. `exhaustive` reads every layer of every
network, with the probe of a probe run on the first draw, and with a probe that is fitted to the first and tested on the
second; `search` is `lab.which` on the first draw, from an empty cache. A pair is a set with a pool: all networks
together, or one of them alone. It is a hit

    on the same images   when the layer found is within 0.5 points of the best by the probe of a probe run there
    on new images        when on the second draw it is within 0.5 points of the layer that the exhaustive search picks

Costs are processor seconds of one thread of both, of passes and of all that reads labels, without controls. Cards of
networks are made beforehand. Goes on where it stopped.

The search's settings were chosen on drawn pets, shapes and faces, which are not among the sets.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from lab.cli.question import computed_run
from lab.embeddings import embed
from lab.experiments.separability import measure
from lab.experiments.separability.fits import ProbeDesign, fit_layer
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
from lab.weights.own_code import code_allowed
from lab.weights.trained import list_trained

NEAR = 0.005
SIDE = 64  # of a drawing
NETWORKS = '''"""The untrained networks, and the packaged one, at few pixels."""
import timm
import torch
from lab.models import load_model

def _small(network, side):
    network.pretrained_cfg = {"input_size": (3, side, side), "mean": (0.5,) * 3, "std": (0.5,) * 3, "crop_pct": 1.0}
    return network.eval()

def _made(name, **more):
    torch.manual_seed(0)
    return _small(timm.create_model(name, **more), 64)

def packaged():
    return _small(load_model("tf_efficientnet_lite0@packaged").module, 64)
'''
UNTRAINED = ("test_byobnet", "test_convnext", "test_convnext2", "test_efficientnet", "test_efficientnet_gn",
             "test_mambaout", "test_nfnet", "test_resnet", "mobilenetv3_small_050", "lcnet_050",
             "efficientvit_b0", "edgenext_xx_small")  # fmt: skip
TRANSFORMERS = ("test_vit", "test_vit2")  # are made for a size
TRAINED = tuple(product(("test_resnet", "test_efficientnet", "test_convnext"), ("shapes", "faces", "pets")))
CHOSEN_ON = ("pets", "shapes", "faces")  # image sets on which the search's settings were chosen
TOGETHER = "all"

Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("what", choices=("exhaustive", "search", "table"))
    parser.add_argument(
        "--notes", type=Path, default=Path("which_layer"), help="drawings, and what was measured so far"
    )
    parser.add_argument("--per-class", type=int, default=1000)
    parser.add_argument("--sets", help="names with commas between them (default: all rungs the settings do not know)")
    given = parser.parse_args()
    given.notes.mkdir(parents=True, exist_ok=True)
    if given.what == "table":
        print(summary(noted(given.notes / "search.jsonl")))
        return
    families = dict.fromkeys(rung.family.name for rung in RUNGS.values())
    sets = given.sets.split(",") if given.sets else [name for name in families if name not in CHOSEN_ON]
    file = (given.notes / "networks.py").absolute()
    file.write_text(factories())
    with code_allowed([str(file)]):
        networks = pool(file)
        notes = given.notes / f"{given.what}.jsonl"
        known = {row["set"]: row for row in noted(given.notes / "exhaustive.jsonl")}
        done = {row["set"] for row in noted(notes)}
        for name in (name for name in sets if name not in done):
            if given.what == "search" and name not in known:
                continue
            first, second = (drawn(given.notes, name, seed, given.per_class) for seed in (0, 1))
            asked = WhichRequest(controls=(), cheaper=0, speed=False, models=networks, data=first).canonical()
            search_of = given.what == "search"
            rows = searches(asked, known[name]) if search_of else [exhaustive(name, asked, second)]
            with notes.open("a") as out:
                out.writelines(json.dumps(row) + "\n" for row in rows)
            print(name, "done", flush=True)


def noted(path: Path) -> list[Row]:
    """Return what was measured so far."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def factories() -> str:
    """Return the Python code that makes the networks that are not trained here."""
    made = [f"def {name}():\n    return _made({name!r})\n" for name in UNTRAINED]
    made += [f"def {name}():\n    return _made({name!r}, img_size=64)\n" for name in TRANSFORMERS]
    return "\n".join([NETWORKS, *made])


def pool(file: Path) -> tuple[str, ...]:
    """Return the networks, after training those that are not there yet, with their cards made."""
    there = {trained.ref() for trained in list_trained()}
    for network, data in TRAINED:
        if f"{network}@lab:which-{data}" not in there:
            usual = TrainRequest(per_class=300, size=64, epochs=12)
            computed_run(replace(usual, model=network, data=f"drawn:{data}?size=96", name=f"which-{data}"), Compute())
    own = [f"module:{file}:{name}" for name in ("packaged", *UNTRAINED, *TRANSFORMERS)]
    networks = (*own, *(f"{network}@lab:which-{data}" for network, data in TRAINED))
    asked = WhichRequest(models=networks).canonical().models
    images = open_image_set("drawn:pets", per_class=2)
    for network in asked:  # imports and cards are of neither search
        embed(network, images, card(network).layers[:1])
    return asked


def drawn(notes: Path, name: str, seed: int, per_class: int) -> str:
    """Return a folder of drawings, so that a pass reads them as it would read photographs."""
    folder = notes / f"{name}-{seed}-{per_class}"
    if not folder.exists():
        images = open_image_set(f"drawn:{name}?size={SIDE}&seed={seed}", per_class=per_class)
        for index, record in enumerate(images.records):
            path = folder.with_suffix(".part") / images.classes[record.label] / f"{index}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(images.pixels(index)).save(path)
        folder.with_suffix(".part").rename(folder)
    return str(folder)


def exhaustive(name: str, asked: WhichRequest, second: str) -> Row:
    """Return accuracies by network and layer, on the same images and on new ones, and the processor seconds."""
    question = measure.prepare(asked.as_probe(), silent)
    new = open_image_set(second)
    weights = image_weights(question.images.groups, question.labels)
    labels = np.concatenate([question.labels, new.labels])
    late = np.arange(len(labels)) >= len(question.labels)
    split = ProbeDesign.of_split(labels, np.arange(len(labels)), late, 0)
    shutil.rmtree(cache_dir("embeddings"), ignore_errors=True)
    found: Row = {"set": name, "images": len(question.images), "same": {}, "new": {}, "passes": {}, "probes": {}}
    for network in asked.models:
        layers = select_layers(card(network).layers, asked.layers)
        unseen = embed(ModelRef.parse(network), new, layers)
        with spent(found["passes"], network):
            vectors = embed(ModelRef.parse(network), question.images, layers)
        same, later = {}, {}
        with spent(found["probes"], network):
            for layer in layers:
                fitted = fit_layer(question.design, layer.name, vectors[layer.name], ("probe",), 1)
                right = fitted["probe.probabilities"].argmax(axis=2) == question.labels
                same[layer.name] = float(right.mean(axis=0) @ weights)
        for layer in layers:
            both = np.concatenate([vectors[layer.name], unseen[layer.name]])
            answers = fit_layer(split, layer.name, both, ("probe",), 1)["probe.probabilities"][0].argmax(axis=1)
            later[layer.name] = float((answers == labels)[late].mean())
        found["same"][network], found["new"][network] = same, later
        print(named((network, "")), round(found["passes"][network], 2), round(found["probes"][network], 2), flush=True)
    return found


@contextmanager
def spent(into: dict[str, float], name: str) -> Iterator[None]:
    """Note the processor seconds of a block."""
    before = time.process_time()
    yield
    into[name] = time.process_time() - before


def searches(asked: WhichRequest, all_: Row) -> list[Row]:
    """Return a row for all networks together and one for each alone, each from an empty cache."""
    pools = {TOGETHER: asked.models, **{network: (network,) for network in asked.models}}
    return [row(name, search(replace(asked, models=own)), all_, own) for name, own in pools.items()]


def search(asked: WhichRequest) -> Row:
    """Return what the search found, and processor seconds of passes and of all that reads labels."""
    shutil.rmtree(cache_dir("embeddings"), ignore_errors=True)
    with passes_timed() as passes, opened_once():
        result = run(asked)
    confirmed = result["confirmed"]
    best = confirmed[confirmed["best"]].iloc[0]
    took = result.manifest["processor_seconds"]
    return {
        "place": (best["model"], best["layer"]), "passes": passes[0],
        "labels": sum(took[part] for part in ("rounds", "probes", "controls")) - passes[0],
        "confirmed": len(confirmed), "passed": int(result["networks"]["passed"].sum()),
    }  # fmt: skip


@contextmanager
def passes_timed() -> Iterator[list[float]]:
    """Add up the processor seconds of reading images and passing them through networks."""
    total, own = [0.0], {module: module.embed for module in (halving, measure)}

    def timed(*arguments: Any, **named: Any) -> Any:
        before = time.process_time()
        found = embed(*arguments, **named)
        total[0] += time.process_time() - before
        return found

    try:
        for module in own:
            module.embed = timed
        yield total
    finally:
        for module, function in own.items():
            module.embed = function


_opened = lru_cache(maxsize=1)(open_image_set)


@contextmanager
def opened_once() -> Iterator[None]:
    """Open a set once for all searches, which takes longer than many of them and is of neither side's cost."""
    measure.open_image_set = lambda spec, *, progress, **how: _opened(spec, **how)
    try:
        yield
    finally:
        measure.open_image_set = open_image_set


def row(pool_name: str, found: Row, all_: Row, networks: Sequence[str]) -> Row:
    """Return what is kept of one pair."""
    places = [(network, layer) for network in networks for layer in all_["same"][network]]
    same, new = ({place: all_[draw][place[0]][place[1]] for place in places} for draw in ("same", "new"))
    best = max(places, key=lambda place: same[place])
    return {
        "set": all_["set"], "pool": pool_name, "layers": len(places), "images": all_["images"],
        "found": list(found["place"]), "best": list(best), "best_same": same[best], "best_new": new[best],
        "behind_same": same[best] - same[found["place"]], "behind_new": new[best] - new[found["place"]],
        "behind_luckiest": max(new.values()) - new[found["place"]],
        **{name: found[name] for name in ("passed", "confirmed", "passes", "labels")},
        "all_passes": sum(all_["passes"][network] for network in networks),
        "all_labels": sum(all_["probes"][network] for network in networks),
    }  # fmt: skip


def summary(rows: Sequence[Row]) -> str:
    """Return the tables of pools and sets, in Markdown."""
    lines = [
        "| pool | pairs | hits on the same images | hits on new images | mean behind there | worst | labels | all |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    together = [one for one in rows if one["pool"] == TOGETHER]
    alone = [one for one in rows if one["pool"] != TOGETHER]
    for title, own in (("all networks", together), ("one network", alone)):
        hits = [100 * np.mean([one[f"behind_{draw}"] <= NEAR + 1e-9 for one in own]) for draw in ("same", "new")]
        behind = [100 * one["behind_new"] for one in own]
        lines.append(
            f"| {title} | {len(own)} | {hits[0]:.0f} % | {hits[1]:.0f} % | {np.mean(behind):.2f} points | "
            f"{max(behind):.1f} points | {share(own, ('labels',))} | {share(own, ('passes', 'labels'))} |"
        )
    lines += ["", "| set | found | on new images | picked by the exhaustive search | on new images | labels | all | "
              "images passed |", "| --- | --- | --- | --- | --- | --- | --- | --- |"]  # fmt: skip
    for one in together:
        every = len({other["pool"] for other in alone if other["set"] == one["set"]}) * one["images"]
        lines.append(
            f"| {one['set']} | {named(one['found'])} | {one['best_new'] - one['behind_new']:.3f} | "
            f"{named(one['best'])} | {one['best_new']:.3f} | {share([one], ('labels',))} | "
            f"{share([one], ('passes', 'labels'))} | {one['passed']:,} of {every:,} |"
        )
    return "\n".join(lines)


def named(place: Sequence[str]) -> str:
    """Return a network and its layer, in short."""
    return f"{place[0].rpartition(':')[2] if place[0].startswith('module:') else place[0]} {place[1]}"


def share(rows: Sequence[Row], parts: Sequence[str]) -> str:
    """Return the search's seconds over those of the exhaustive one."""
    own = sum(one[part] for one in rows for part in parts)
    return f"{100 * own / sum(one[f'all_{part}'] for one in rows for part in parts):.1f} %"


if __name__ == "__main__":
    main()
