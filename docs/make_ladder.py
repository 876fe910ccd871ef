"""Write docs/ladder.md, the ladder of the packaged networks and their twins: python docs/make_ladder.py [--model ID …]

Runs are kept, so what is there already is not computed again.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

import lab
from lab.cli.terminal import Bars
from lab.experiments.base import DEFAULT_MODEL, Result
from lab.models import ModelRef

PAGE = Path(__file__).with_name("ladder.md")
INTRODUCTION = """# The ladder

At which depth does each level of vision become readable? Twelve drawn sets, from hue to relations, each of two classes
that differ at one level; below it they are matched (docs/ladder_leaks.md says how well). A linear probe at every layer
has to tell the classes of new drawings apart. (This page is written by `docs/make_ladder.py`; `{command}` computes the
same.)

A cell is bold where its 95 % interval lies above 0.5. The emergence depth is the depth from which accuracy stays above
halfway between chance and its best, with its 95 % interval over images; "–" is not reached by any layer.
"""


def document(result: Result) -> str:
    """Return the page."""
    parts = [INTRODUCTION.format(command=result.request.command())]
    for model in result["layers"]["model"].unique():
        short = ModelRef.parse(model).short
        parts += [f"## {short}", _accuracy(result, model, -1), f"Where each rung emerges in {short}, beside its twins:"]
        parts += [_emergence(result, model)]
    parts += ["## What was found", "\n".join(f"- {sentence}" for sentence in result.findings)]
    return "\n\n".join(parts) + "\n"


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
        rows.append([rung, *(_depth(row) for _, row in own.iterrows()), _decline(own.iloc[0])])
    twins = [f"untrained {twin}" for twin in table["twin"].unique() if twin >= 0]
    return _markdown(["rung", "network", *twins, "last minus best"], rows)


def _cell(row: pd.Series) -> str:
    text = f"{row['accuracy']:.2f}"
    return f"**{text}**" if row["ci_low"] > 0.5 else text


def _depth(row: pd.Series) -> str:
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
    given = parser.parse_args()
    bars = Bars()
    result = lab.ask("ladder", progress=bars, models=tuple(given.model or (DEFAULT_MODEL,)))
    bars.close()
    PAGE.write_text(document(result))


if __name__ == "__main__":
    main()
