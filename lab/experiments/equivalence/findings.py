"""What a check found, in sentences: the outcome first, then what could have been seen and where it changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from lab.experiments.equivalence.measure import measure_in
from lab.experiments.equivalence.request import ALL, BEST
from lab.stats.equivalence import CANNOT_TELL, NOT_WORSE, WORSE

Tables = Mapping[str, pd.DataFrame]


def findings(tables: Tables, models: Sequence[str]) -> list[str]:
    """Return the findings; `models` are the one before and the new one."""
    row = next(tables["decision"].itertuples())
    return [outcome(row, *models), *doubt(row, models[0]), seen(row), *by_layer(tables["differences"])]


def by_layer(table: pd.DataFrame) -> list[str]:
    """Return what is found of the layers, from the table `differences`."""
    return [where(table), alike(table), *([images(table)] if "lost" in table else [])]


def outcome(row: Any, base: str, new: str) -> str:
    """Say whether the new one is worse, by the interval and the margin."""
    told = {
        NOT_WORSE: f"{new} is not worse than {base} by more than {row.max_drop:g}",
        WORSE: f"{new} is worse than {base} by more than {row.max_drop:g}",
        CANNOT_TELL: f"these images cannot tell whether {new} is worse than {base} by more than {row.max_drop:g}",
    }[row.outcome]
    measure = measure_in(row._fields)
    before, now = (getattr(row, column) for column in measure.columns)
    interval = "95 % interval" + (" for all layers at once" if row.rule == ALL else "")
    text = (
        f"{told}: {_place(row)} {measure.name} goes from {before:.3f} to {now:.3f} "
        f"({row.difference:+z.3f}, {interval} {row.ci_low:+z.3f} to {row.ci_high:+z.3f})."
    )
    return text[0].upper() + text[1:] if row.outcome == CANNOT_TELL else text


def doubt(row: Any, base: str) -> list[str]:
    """Say why a difference decides nothing, or that there is a drop whose size is open."""
    if row.above_chance_low <= 0:
        return [
            f"Being no worse would say nothing: there {base} itself is not clearly above guessing "
            f"({row.above_chance:+z.3f}, {row.above_chance_low:+z.3f} to {row.above_chance_high:+z.3f})."
        ]
    if row.outcome == CANNOT_TELL and row.ci_high < 0:
        return ["It is clearly below, perhaps by no more than is allowed."]
    return []


def seen(row: Any) -> str:
    """Say what drop the images could have shown, and how many it would take for the one that is allowed."""
    text = f"These {row.images:,} images show a drop of {row.smallest_drop:.3f} in 8 of 10 cases"
    if row.max_drop and row.smallest_drop > row.max_drop:
        return f"{text}; one of {row.max_drop:g} needs about {row.images_needed:,}."
    return f"{text}."


def where(table: pd.DataFrame) -> str:
    """Say at which layers what can be read rose or fell, with intervals that hold for all layers."""
    rose, fell = table[table["all_low"] > 0], table[table["all_high"] < 0]
    most = table.iloc[int(table["difference"].abs().argmax())]
    return (
        f"Reading clearly improves at {len(rose)} and worsens at {len(fell)} of {len(table)} layers; the largest "
        f"change is {most['difference']:+z.3f} at {most['layer']} ({most['all_low']:+z.3f} to "
        f"{most['all_high']:+z.3f})."
    )


def alike(table: pd.DataFrame) -> str:
    """Say where the embeddings themselves changed most."""
    known = table[table["cka"].notna()]
    if known.empty:
        return "How alike the embeddings are is unknown: at every layer one of both is constant."
    least = known.iloc[int(known["cka"].argmin())]
    return (
        f"Embeddings are least alike at {least['layer']} (debiased CKA {least['cka']:.2f}, {least['cka_low']:.2f} to "
        f"{least['cka_high']:.2f}; shuffled below {least['cka_null_95']:.2f})."
    )


def images(table: pd.DataFrame) -> str:
    """Say how many images were lost and gained at the last layer."""
    last = table.iloc[-1]
    return (
        f"At the last layer, {last['layer']}, {last['lost']} images are newly wrong in every repeat, {last['gained']} "
        "newly right."
    )


def _place(row: Any) -> str:
    if row.rule == BEST:
        layers = row.layer if row.layer == row.layer_new else f"{row.layer} and {row.layer_new}"
        return f"at the best layer of each ({layers})"
    pair = row.layer if row.layer == row.layer_new else f"{row.layer} (new: {row.layer_new})"
    return f"of all layers it falls most at {pair}, where" if row.rule == ALL else f"at {pair}"
