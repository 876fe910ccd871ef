"""What sentences on joined layers and missing activations say of planted tables: each outcome, number and name."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from planted import LESS, MORE, NOTHING, OPEN, SAME, assert_says, table

from lab.experiments.ablation import (
    layer_concatenation_findings,
    without_activations_findings,
)
from lab.experiments.ablation.layer_concatenation_findings import ALL, BEST, BOTH, LAST

CONTROLS = table("control accuracy", ("chance", 0.5), ("pixels", 0.61), ("untrained", 0.63))
FEW = table("control accuracy", ("chance", 0.5), ("pixels", 0.61))

# --- layers together --------------------------------------------------------------------------------------------------

SWEEP = "reader dim accuracy/ci gap"
SOLE = (0.8, 0.74, 0.86)


def of_layers(*rows: Any, chosen: pd.DataFrame | None = None) -> list[str]:
    readers = table(
        "kind reader layers dim accuracy/ci",
        ("all", LAST, "head", 1280, (0.81, 0.75, 0.87)), ("all", ALL, "every", 4321, (0.88, 0.83, 0.92)),
        ("all", BOTH, "unmatched", 9, SOLE), ("matched", LAST, "x", 4, SOLE), ("matched", BOTH, "stem + head", 4, SOLE),
    )  # fmt: skip
    found = chosen if chosen is not None else table("layer times", ("stem", 3), ("head", 11), ("neck", 1))
    tables = {"readers": readers, "sweep": table(SWEEP, *rows), "controls": FEW, "chosen": found}
    return layer_concatenation_findings.findings(tables)


def sweep(*gaps: Any, last: Any = SOLE) -> list[tuple[Any, ...]]:
    """Every choice of layers with the same gaps, one a dimension: 4, 8, 16, …"""
    dims = [4 * 2**step for step in range(len(gaps))]
    only = [(LAST, dim, last, NOTHING) for dim in dims]
    return only + [
        (name, dim, (0.8 + gap[0], 0.7, 0.95), gap)
        for name in (BEST, BOTH, ALL) for dim, gap in zip(dims, gaps, strict=True)
    ]  # fmt: skip


def test_layers_together_are_compared_over_the_whole_sweep() -> None:
    said = of_layers(*sweep(LESS, MORE, SAME, OPEN, (0.09, 0.06, 0.13)), (ALL, 64, (0.97, 0.9, 1.0), (0.15, 0.1, 0.2)))
    numbers = "8 and 64 (+0.12 (+0.07 to +0.17) at 8)"
    rest = "worse at 4 (−0.11 (−0.16 to −0.06) at 4); within 0.05 at 16; not shown to differ at 32."
    assert_says(
        said,
        "The last layer is not the best at 8 and 64 of 4, 8, 16, 32 and 64 dimensions: most at 64, where all "
        "layers gives 0.97 instead of 0.80 (difference +0.15 (+0.10 to +0.20)).",
        "The last layer (head) alone reads 0.81 (0.75 to 0.87); chance 0.50.",
        f"The best single layer, by dimension: better at {numbers}; {rest}",
        f"Early and late (stem + head), by dimension: better at {numbers}; {rest}",
        f"All layers, by dimension: better at 8, 64 and 64 (+0.15 (+0.10 to +0.20) at 64); {rest}",
        "Unmatched, all layers read 0.88 (0.83 to 0.92) with 4,321 dimensions instead of 1,280.",
        "head was the best single layer in 11 of 15 folds; 3 layers were at least once.",
    )


def test_what_is_said_of_the_last_layer_where_none_is_better() -> None:
    assert of_layers(*sweep(SAME, LESS))[0] == (
        "At 4 and 8 dimensions the last layer is enough: no other choice reads more by 0.05."
    )
    assert of_layers(*sweep(SAME, OPEN))[0] == (
        "At 4 and 8 dimensions no other choice of layers is shown to read more than the last layer."
    )
    chance = "neither the last layer is shown to beat chance nor another choice of layers to read more."
    assert of_layers(*sweep(SAME, OPEN, last=(0.55, 0.5, 0.6)))[0] == f"At 4 and 8 dimensions {chance}"
    assert "is enough" in of_layers(*sweep(SAME, last=(0.55, 0.51, 0.6)))[0]
    single = [(name, 1, SOLE, gap) for name, gap in ((LAST, NOTHING), (BEST, SAME), (BOTH, SAME), (ALL, LESS))]
    one = of_layers(*single, chosen=table("layer times", ("head", 15)))
    assert one[0].startswith("At 1 dimension the last layer is enough")
    assert one[-1] == "head was the best single layer in 15 of 15 folds."
    more = of_layers(*sweep(MORE, last=(0.5, 0.4, 0.6)))[0]
    assert more.startswith("The last layer is not the best at 4 of 4 dimensions: most at 4, where ")
    assert "0.92 instead of 0.50 (difference +0.12" in more


# --- without activations ----------------------------------------------------------------------------------------------

DEPTH = "up_to depth removed bend refitted refitted_gap above_chance above_pixels directions colours"


def depth(name: str, at: float, removed: int, gap: Any = SAME, **more: Any) -> tuple[Any, ...]:
    numbers = {"bend": 0.25, "chance": MORE, "pixels": MORE, "directions": 7, "colours": (0.31, 0.27, 0.35)} | more
    refitted = (0.9 + gap[0], 0.77, 0.83)
    return (
        name, at, removed, numbers["bend"], refitted, gap, numbers["chance"], numbers["pixels"], numbers["directions"],
        numbers["colours"],
    )  # fmt: skip


def of_depths(*rows: Any, activations: int = 9, controls: pd.DataFrame = FEW, **intact: Any) -> list[str]:
    first = depth("", 0.0, 0, NOTHING, directions=120, colours=(0.12, 0.08, 0.16), **intact)
    return without_activations_findings.findings(
        {"depths": table(DEPTH, first, *rows), "controls": controls}, activations
    )


NUMBERS = "a refit probe reads {}, intact 0.90; raw pixels 0.61, chance 0.50."


@pytest.mark.parametrize(
    ("gap", "beyond", "said"),
    [
        (SAME, MORE, "These classes need no activations, to within 0.05: "),
        (MORE, MORE, "The network does better without activations: "),
        (OPEN, MORE, "Whether these classes need activations is not shown: "),
        (LESS, MORE, "Something is left beyond {} (+0.12 (+0.07 to +0.17)): "),
        (LESS, LESS, "Less than {} is left (−0.11 (−0.16 to −0.06)): "),
        (LESS, SAME, "Nothing is left beyond {}, to within 0.05 (−0.01 (−0.05 to +0.05)): "),
        (LESS, OPEN, "Accuracy is lost; nothing is shown to be left beyond {} (+0.02 (−0.03 to +0.06)): "),
    ],
)  # fmt: skip
def test_what_is_left_without_any_activation(gap: Any, beyond: Any, said: str) -> None:
    numbers = NUMBERS.format(f"{0.9 + gap[0]:.2f}")
    row = depth("b", 1.0, 9, gap, pixels=beyond, chance=NOTHING)
    assert of_depths(row)[1] == said.format("raw pixels") + numbers
    for pixels in (0.5, 0.44):
        level = table("control accuracy", ("chance", 0.5), ("pixels", pixels))
        found = of_depths(depth("b", 1.0, 9, gap, chance=beyond, pixels=NOTHING), controls=level)[1]
        assert found == said.format("chance") + numbers.replace("0.61", f"{pixels:.2f}")


@pytest.mark.parametrize("chance", [SAME, LESS, OPEN, NOTHING])
def test_an_intact_network_at_chance_has_nothing_to_lose(chance: Any) -> None:
    said = of_depths(depth("b", 1.0, 9, LESS), chance=chance)[1]
    assert said.startswith("The intact network is not clearly above chance, so nothing can be lost: a refit probe")


def test_a_bend_is_told_from_rounding() -> None:
    affine = of_depths(depth("b", 1.0, 9, bend=0.0009))[0]
    assert_says([affine], "Without its 9 activations the network is one affine map…(off by 9.0e-04).")
    bent = of_depths(depth("b", 1.0, 9, bend=0.001))[0]
    assert_says([bent], "Without its 9 activations the network is still not linear (off by 0.00)…")


def test_how_deep_activations_can_go_is_told() -> None:
    def on_the_way(*rows: Any) -> str:
        return of_depths(*rows)[2]

    last = depth("c", 1.0, 9, (-0.3, -0.4, -0.2))
    changes = "(6 activations) it changes by −0.11 (−0.16 to −0.06)"
    fallen = depth("b", 0.5, 6, LESS)
    assert f"Up to a the loss is within 0.05; up to b {changes}" in on_the_way(depth("a", 0.2, 1), fallen, last)
    assert "Up to a no loss is shown; up to b (6" in on_the_way(
        depth("z", 0.1, 1), depth("a", 0.2, 3, OPEN), fallen, last
    )
    assert "Up to a no loss is shown; up to b (6" in on_the_way(depth("a", 0.2, 3, MORE), fallen, last)
    assert on_the_way(fallen, last) == f"Already up to b {changes}."
    assert on_the_way(depth("a", 0.2, 3), depth("b", 1.0, 9)) == "At every depth the loss is within 0.05."
    none = "At no depth is a loss shown."
    assert on_the_way(depth("a", 0.2, 3), depth("b", 1.0, 9, OPEN)) == none
    assert on_the_way(depth("a", 0.2, 3, MORE), depth("b", 1.0, 9)) == none


def test_directions_and_colours_of_the_last_layer() -> None:
    row = depth("b", 1.0, 9, colours=(0.9, 0.8, 0.95), directions=1)
    assert of_depths(row)[3] == (
        "1 direction holds 99 % of the last layer's variance, intact 120; average colours explain "
        "0.90, intact 0.12: little more than average colours."
    )
    few = of_depths(depth("b", 1.0, 9, colours=(0.9, 0.79, 0.95), directions=2))[3]
    assert few.startswith("2 directions hold 99 %")
    assert few.endswith("intact 0.12.")


def test_activations_that_could_not_be_taken_out_are_told() -> None:
    assert_says(
        of_depths(depth("a", 0.2, 3, LESS), activations=4),
        "Only 3 of 4 activations, those up to a, could be taken out: …",
        "Without these 3, " + NUMBERS.format("0.79"),
        "Already up to a (3 activations) …changes by −0.11 (−0.16 to −0.06).",
    )
    assert len(of_depths(depth("a", 0.2, 3, LESS), activations=3)) == 4
    assert of_depths() == ["No network without activations gave usable numbers."]
