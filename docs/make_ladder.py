"""Write docs/ladder.md, the ladder of the packaged networks and their twins: python docs/make_ladder.py [--model ID …]

Runs are kept, so what is there already is not computed again.
"""

from __future__ import annotations

import argparse
from collections.abc import Hashable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import lab
from lab.cli.terminal import Bars
from lab.experiments.base import DEFAULT_MODEL
from lab.experiments.result import Result
from lab.models import ModelRef

PAGE = Path(__file__).with_name("ladder.md")
INTRODUCTION = """# The ladder

At which depth does each level of vision become readable? Twelve drawn sets, from hue to relations, each of two classes
that differ at one level; below it they are matched (docs/ladder_leaks.md says how well). A linear probe at every layer
has to tell the classes of new drawings apart. (This page is written by `docs/make_ladder.py`; `{command}`
computes the same.)

A cell is bold where its 95 % interval lies above 0.5. The emergence depth is the depth from which accuracy stays above
halfway between chance and its best, with its 95 % interval over images; "–" is not reached by any layer."""
AGAIN = (
    "Drawn again with another seed, {inside} of {count} rungs that both runs read emerge within the interval in which "
    "the first expects other drawings of as many images to have it{outside}. By the intervals of both runs together, "
    "{agreed} of {count} agree."
)
FIGURES = """## What it takes

Measured on two cores; the second look and drawing by processor time, as other work ran beside them.

- Twelve rungs, the packaged network and three untrained twins, 200 drawings a rung: 129 s.
- The same again: nothing is computed; 0.6 s where the program is running, 1.6 s of processor time from a new shell.
- Drawing: 238 images a second over all rungs, tiles of textures included; the slowest, object, 125, texture 165.
- The same request twice gives equal tables (`tests/test_ladder.py`), and these tables have the accuracies that another
  day's run had, to the last bit.
- One command asks a ResNet, a ViT, a ConvNeXt and a Mixer, without a special case for any
  (`tests/test_ladder_families.py`): `feature-lab ladder --model test_vit@untrained --model mixer_s32_224@untrained`.
- On other drawings at most one of twelve rungs emerges outside the interval in which a ladder expects it in 94 % of
  72 repetitions, and the interval of Kendall's tau holds the mean tau of 24 runs in all of them, another
  run's in 92 % (docs/calibration.md)."""
LEARNT = """## While a network learns

`feature-lab train`, then `feature-lab ask ladder_steps`: a small network that learns to tell drawn cats from
drawn dogs, at six of its checkpoints. A number is the depth from which a rung is read, "–" that no layer reads it."""


def document(result: Result, other: Result, learnt: Result) -> str:
    """Return the page; `other` is of the same networks and of other drawings, `learnt` of a network as it learnt."""
    parts = [INTRODUCTION.format(command=result.request.command())]
    for model in result["layers"]["model"].unique():
        short = ModelRef.parse(model).short
        parts += [f"## {short}", _accuracy(result, model, -1), "Where each rung emerges, beside its untrained twins:"]
        parts += [_emergence(result, model)]
        images = int(result["labels"]["images"].iloc[0])
        parts += [f"Labels saved, of {images} (– none clearly):", _labels(result, model)]
        parts += ["Accuracy lost where training and test differ, mean over the rungs that a layer reads:"]
        parts += [_invariance(result, model)]
    sentences = [*result.findings, *again(result, other)]
    parts += ["## What was found", _list(sentences), LEARNT, _steps(learnt), _list(learnt.findings), FIGURES]
    return "\n\n".join(parts) + "\n"


def again(result: Result, other: Result) -> list[str]:
    """Say on how many rungs another seed agrees about where they emerge."""
    tables = [run["emergence"][run["emergence"]["twin"] < 0].set_index(["model", "rung"]) for run in (result, other)]
    later = tables[1][["depth", "ci_low", "ci_high"]].add_suffix("_other")
    both = tables[0].join(later).dropna(subset=["depth", "depth_other"])
    gap = both["depth_other"] - both["depth"]
    above, below = both["ci_high"] - both["depth"], both["depth"] - both["ci_low"]
    above_other, below_other = both["ci_high_other"] - both["depth_other"], both["depth_other"] - both["ci_low_other"]
    reach = np.where(gap > 0, np.hypot(above, below_other), np.hypot(below, above_other))
    agreed = int((gap.abs() <= reach + 1e-9).sum())
    inside = both["depth_other"].between(both["again_low"] - 1e-9, both["again_high"] + 1e-9)
    missed = [rung for _, rung in both.index[~inside]]
    outside = f"; not {', '.join(missed)}" if missed else ""
    return [AGAIN.format(inside=int(inside.sum()), count=len(both), outside=outside, agreed=agreed)]


def _labels(result: Result, model: str) -> str:
    table = result["labels"][result["labels"]["model"] == model]
    layers = list(dict.fromkeys(table.sort_values("depth", kind="stable")["layer"]))
    rows = []
    for rung, own in table.groupby("rung", sort=False):
        cells = own.set_index("layer")
        clear = cells["saved_low"] > 0
        rows.append([str(rung), *(f"{cells['labels_saved'][name]:.0f}" if clear[name] else "–" for name in layers)])
    return _markdown(["rung", *layers], rows)


def _invariance(result: Result, model: str) -> str:
    table = result["invariance"][result["invariance"]["model"] == model]
    layers = list(dict.fromkeys(table.sort_values("depth", kind="stable")["layer"]))
    rows = []
    for change, own in table.groupby("change", sort=False):
        cells = {str(row["layer"]): _loss(row) for row in own.to_dict("records")}
        rows.append([str(change), *(cells.get(layer, "–") for layer in layers)])
    return _markdown(["change", *layers], rows)


def _loss(row: Mapping[Hashable, Any]) -> str:
    return f"{row['loss']:.2f} ({row['loss_low']:.2f} to {row['loss_high']:.2f})"


def _accuracy(result: Result, model: str, twin: int) -> str:
    table = result["accuracy"]
    own = table[(table["model"] == model) & (table["twin"] == twin) & (table["control"] == "probe")]
    layers = list(dict.fromkeys(own.sort_values("depth", kind="stable")["layer"]))
    pixels = table[table["control"] == "pixels"].set_index("rung")
    rows = []
    for rung in result["rungs"]["rung"]:
        cells = own[own["rung"] == rung].set_index("layer")
        rows.append([rung, _cell(pixels.loc[rung]), *(_cell(cells.loc[layer]) for layer in layers)])
    return _markdown(["rung", "8 × 8 pixels", *layers], rows)


def _emergence(result: Result, model: str) -> str:
    table = result["emergence"][result["emergence"]["model"] == model]
    rows = []
    for rung in result["rungs"]["rung"]:
        own = table[table["rung"] == rung]
        rows.append([rung, *map(_depth, own.to_dict("records")), _decline(own.iloc[0])])
    twins = [f"untrained {twin}" for twin in table["twin"].unique() if twin >= 0]
    return _markdown(["rung", "network", *twins, "last minus best"], rows)


def _steps(learnt: Result) -> str:
    table = learnt["steps"]
    moments = [f"step {step}" for step in table["step"].unique()]
    rows = [[str(rung), *map(_depth, own.to_dict("records"))] for rung, own in table.groupby("rung", sort=False)]
    return _markdown(["rung", *moments], rows)


def _list(sentences: Iterable[str]) -> str:
    return "\n".join(f"- {sentence}" for sentence in sentences)


def _cell(row: pd.Series) -> str:
    text = f"{row['accuracy']:.2f}"
    return f"**{text}**" if row["ci_low"] > 0.5 else text


def _depth(row: Mapping[Hashable, Any]) -> str:
    return f"{row['depth']:.2f} ({row['ci_low']:.2f} to {row['ci_high']:.2f})" if row["reached"] else "–"


def _decline(row: pd.Series) -> str:
    return f"{row['decline']:.2f} ({row['decline_low']:.2f} to {row['decline_high']:.2f})"


def _markdown(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [list(head), *(list(row) for row in rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    """Compute what is not there yet and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", action="append", help="ID[@WEIGHTS]; more than once")
    parser.add_argument("--untrained", type=int, default=3, help="untrained twins of each")
    given = parser.parse_args()
    bars = Bars()
    models = tuple(given.model or (DEFAULT_MODEL,))
    result = lab.ask("ladder", progress=bars, models=models, untrained=given.untrained)
    other = lab.ask("ladder", progress=bars, models=models, untrained=0, seed=1)
    lab.ask("train", progress=bars)
    learnt = lab.ask("ladder_steps", progress=bars)
    bars.close()
    PAGE.write_text(document(result, other, learnt))


if __name__ == "__main__":
    main()
