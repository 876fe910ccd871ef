"""Differences between readouts of factors: the last layer against the first, raw pixels, untrained twins and more."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from lab.experiments.building.decoding_contrasts import NOTHING, Contrast, ScoredReadout, contrast_table

FactorScores = dict[tuple[str, str], dict[str, list[ScoredReadout]]]  # (control, layer) -> factor -> twins


def factor_contrasts(found: FactorScores) -> pd.DataFrame:
    """Return the table `contrasts`, a row for each kind and factor."""
    return contrast_table(_contrasts(found), "layer", "factor")


def _contrasts(found: FactorScores) -> Iterator[Contrast]:
    layers = [layer for control, layer in found if control == "real"]
    first, last = layers[0], layers[-1]
    others = {
        "last - pixels": ("pixels", ""),
        "trained - untrained": ("untrained", last),
        "last - half of the images": ("half", last),
    }
    if first != last:
        others["last - first"] = ("real", first)
    for factor, (own,) in found["real", last].items():
        where = {"layer": last, "factor": factor}
        yield Contrast("last", where, own, [NOTHING])
        for kind, key in others.items():
            if key in found:
                yield Contrast(kind, where, own, found[key][factor])
        if first != last and ("matched", first) in found:
            one, other = (found["matched", layer][factor] for layer in (last, first))
            yield Contrast("matched last - first", where, one[0], other)
