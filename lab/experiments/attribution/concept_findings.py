"""What was found of concepts, in sentences: which are known from which layer on, and the class they speak for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from lab.experiments.number_text import signed, two
from lab.images import short_name


def findings(tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """Say how many concepts are known, and of each from which layer on and which class it speaks for."""
    table, speaks = tables["concepts"], tables["speaks"]
    named = table[["set", "concept"]].drop_duplicates().to_numpy().tolist()
    parts = [[one[(one["set"] == spec) & (one["concept"] == name)] for one in (table, speaks)] for spec, name in named]
    known = sum(bool(own["known"].any()) for own, _ in parts)
    said = [
        f"{known} of {len(parts)} concepts are known at some layer: {int(table['known'].sum())} of {len(table)} pairs "
        "of concept and layer, at most 5 % of them by luck."
    ]
    told = [(str(name), own, toward) for (_, name), (own, toward) in zip(named, parts, strict=True)]
    return [*said, *(f"{_known(name, own)} {_speaking(name, own, toward)}".strip() for name, own, toward in told)]


def stood_alone(names: Sequence[str], data: str) -> list[str]:
    """Say what concepts that were given alone are held against, which may differ in more than the concept."""
    if not names:
        return []
    return [
        f"{', '.join(map(repr, names))} was told from the images of {short_name(data)}, since nothing was named: "
        "whatever else differs counts as the concept. Name images of the same kind without it with --against."
    ]


def _known(name: str, own: pd.DataFrame) -> str:
    best = own.iloc[int(own["accuracy"].to_numpy().argmax())]
    told = f"{two(best['accuracy'])} at {best['layer']} (random concepts up to {two(best['luck_most'])})"
    if not own["known"].any():
        return f"{name!r} is known at no layer: told from {best['against']} with {told} at best."
    first = own.iloc[int(own["known"].to_numpy().argmax())]
    return f"{name!r} is first known at {first['layer']} and best told from {best['against']} with {told}."


def _speaking(name: str, own: pd.DataFrame, toward: pd.DataFrame) -> str:
    """Say for which class a concept speaks, at layers that know it."""
    there = toward[toward["clear"] & toward["layer"].isin(own.loc[own["known"], "layer"])]
    if not own["known"].any():
        return ""
    if there.empty:
        return "It is not shown to speak for or against a class."
    best = there.iloc[int(there["change"].abs().to_numpy().argmax())]
    way = "for" if best["change"] > 0 else "against"
    return (
        f"It speaks {way} {best['class']} at {there['layer'].nunique()} of {toward['layer'].nunique()} layers that "
        f"tell the classes apart, most at {best['layer']}: {signed(best['change'])} log-odds a step (random "
        f"{signed(best['luck_low'])} to {signed(best['luck_high'])})."
    )
