"""What sentences on changed networks say of planted tables: each outcome, each number, and the one that is picked."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from planted import assert_says, table

from lab.experiments.ablation import (
    intervention_findings,
    late_layers_only_findings,
    layer_concatenation_findings,
    without_activations_findings,
)
from lab.experiments.ablation.intervention_contrasts import BRANCH_OR_SHORTCUT, PERMUTED, WITH_OR_WITHOUT
from lab.experiments.ablation.intervention_outputs import INTACT
from lab.experiments.ablation.late_layers_only_findings import REAL
from lab.experiments.ablation.layer_concatenation_findings import ALL, BEST, BOTH, LAST

CONTROLS = table("control accuracy", ("chance", 0.5), ("pixels", 0.61), ("untrained", 0.63))
FEW = table("control accuracy", ("chance", 0.5), ("pixels", 0.61))

# --- break ------------------------------------------------------------------------------------------------------------

CHANGE = "change intervention place possible draws problem carried carried_gap carried_above refitted recovered least"
CONTRAST = "contrast place places one other gap"
LESS, SAME, MORE, OPEN = (-0.11, -0.16, -0.06), (-0.01, -0.05, 0.05), (0.12, 0.07, 0.17), (0.02, -0.03, 0.06)
NOTHING = (0.0, 0.0, 0.0)


def intact(above: tuple[float, float, float] = (0.41, 0.37, 0.45)) -> tuple[Any, ...]:
    return ("", INTACT, "", 0, 0, "", (0.91, 0.87, 0.95), NOTHING, above, (0.93, 0.92, 0.94), NOTHING, (0.0, 0.0))


def changed(
    change: str, gap: Any = SAME, above: Any = MORE, recovered: Any = OPEN, *, kind: str = "drop", place: str = "",
    possible: int = 1, problem: str = "", carried: float = 0.72,
) -> tuple[Any, ...]:  # fmt: skip
    ends = (carried, carried - 0.05, carried + 0.04)
    refitted = (carried + recovered[0], 0.81, 0.89)
    least = (carried - 0.02, carried + 0.03)
    return change, kind, place or change, possible, 3, problem, ends, gap, above, refitted, recovered, least


def of_changes(*rows: Any, contrasts: Any = (), classes: tuple[str, ...] = ("cat", "dog"), **row: Any) -> list[str]:
    changes = table(CHANGE, intact(**row), *rows).rename(
        columns={"least_low": "carried_least", "least_high": "carried_most"}
    )
    tables = {"changes": changes, "controls": CONTROLS, "contrasts": table(CONTRAST, *contrasts)}
    return intervention_findings.findings(tables, classes)


HARM = (
    changed("a", SAME, SAME), changed("b", (-0.2, -0.26, -0.14), OPEN, carried=0.71),
    changed("c", (-0.3, -0.37, -0.23), LESS, carried=0.61), changed("d", LESS, MORE, carried=0.8),
    changed("e", MORE, OPEN, carried=0.99), changed("f", OPEN, MORE), changed("g", OPEN, MORE),
)  # fmt: skip


def test_the_largest_fall_of_the_frozen_probe_is_told_and_how_many_fell() -> None:
    assert_says(
        of_changes(*HARM, changed("h", problem="no number")),
        "The frozen probe … gets fewer images right in 3 of 7 changed networks; in 1 it stays within 0.05, in 1 it "
        "gets more right, in 2 neither is shown … the largest fall is −0.30 (−0.37 to −0.23), to 0.61, after “c”. In 1 "
        "of 7 it is within 0.05 of chance, in 3 it is not shown to beat chance.",
        "In the intact network a probe of the last layer tells cat from dog with accuracy 0.91 (95 % interval 0.87 to "
        "0.95); the floor: chance 0.50, raw pixels 0.61, the untrained network 0.63.",
        "At no change is a refit probe shown to find more than the frozen one.",
        "1 change gave no usable numbers: h.",
    )
    assert_says(
        of_changes(changed("a", OPEN), changed("b", MORE), classes=("cat", "dog", "owl"))[:2],
        "In none of the 2 changed networks is a loss shown …: in 0 it stays within 0.05, in 1 it gets more right, in 1 "
        "neither is shown…",
        "…tells 3 classes apart with accuracy 0.91 (95 % interval …0.87 to 0.95…0.50…0.61…0.63.",
    )


@pytest.mark.parametrize("above", [(0.2, 0.0, 0.4), (-0.3, -0.4, -0.2), (0.0, 0.0, 0.0)])
def test_where_the_intact_network_is_at_chance_nothing_is_broken(above: tuple[float, float, float]) -> None:
    nothing = "That is not shown to be better than chance, so there is nothing to break…"
    assert_says(of_changes(*HARM, above=above), "In the intact network…0.91…0.87…0.95…0.50…0.61…0.63.", nothing)


def test_a_network_that_no_change_gave_numbers_of_is_told() -> None:
    lost = [changed(name, problem="no number") for name in "aab"]
    first = "In the intact network…0.91…0.87…0.95…0.50…0.61…0.63."
    assert_says(of_changes(*lost), first, "2 changes gave no usable numbers: a; b.")
    assert_says(of_changes(), first, "No intervention is possible in this network.")


def test_what_a_refit_probe_finds_back_is_told_where_it_is_most() -> None:
    rows = (
        changed("a", recovered=MORE), changed("b", recovered=(0.2, 0.1, 0.3), carried=0.64), changed("c", recovered=LESS),
        changed("d", recovered=SAME), changed("e", recovered=(0.16, 0.1, 0.3)), changed("f", recovered=OPEN),
    )  # fmt: skip
    assert (
        "In 3 of 6 changes a refit probe finds more than the frozen one: after “b” 0.84 (95 % interval 0.81 to 0.89) "
        "instead of 0.64 (difference +0.20 (+0.10 to +0.30))." in of_changes(*rows)[2]
    )


def test_interventions_of_which_not_every_place_was_tried_are_named() -> None:
    rows = (
        changed("a", kind="drop", possible=5), changed("b", kind="drop", possible=5),
        changed("b", kind="drop", possible=4), changed("a", kind="cut", possible=1), changed("c", kind="swap", possible=7),
    )  # fmt: skip
    assert of_changes(*rows)[-1].startswith("Not every place was tried (drop 2 of 5, swap 1 of 7);")


@pytest.mark.parametrize(
    ("gap", "blocks", "apart"),
    [
        (MORE, "Losing what a block computes costs less than", "does less harm than"),
        (LESS, "Losing what a block computes costs more than", "does more harm than"),
        (SAME, "A block's branch and its shortcut are worth alike", "does as much harm as"),
        (OPEN, "Whether a block's branch or its shortcut is worth more is not shown", "no more and no less harm, as"),
    ],
)
def test_what_branch_and_shortcut_are_worth(gap: Any, blocks: str, apart: str) -> None:
    contrasts = (
        (WITH_OR_WITHOUT, "", 9, 0.83, 0.74, gap), (BRANCH_OR_SHORTCUT, "", 1, 0.81, 0.72, gap),
        (BRANCH_OR_SHORTCUT, "", 2, 0.79, 0.68, MORE),
    )  # fmt: skip
    one, two, other = of_changes(changed("a"), contrasts=contrasts)[2:5]
    ends = " to ".join(f"{end:+.2f}".replace("-", "−") for end in gap[1:])
    difference = f"(difference {gap[0]:+.2f} ({ends}))".replace("-", "−")
    assert one.startswith(blocks)
    assert (
        f"0.81 with the branch out against 0.72 with the shortcut out, mean over the same 1 block {difference}." in one
    )
    assert "0.79 with the branch out against 0.68 with the shortcut out, mean over the same 2 blocks (" in two
    assert apart in other
    assert f"0.83 against 0.74 {difference}; these are other blocks" in other


@pytest.mark.parametrize(
    ("there", "at_the_end", "ending"),
    [
        (SAME, LESS, ", as before: what a layer makes is of use only to a next layer that knows its order."),
        (SAME, OPEN, ", as before."),
        (SAME, MORE, ", as before."),
        (SAME, SAME, ", as before."),
        (OPEN, LESS, ", which is not shown to be the same."),
        (MORE, LESS, ", not as before."),
        (LESS, LESS, ", not as before."),
    ],
)
def test_permuted_channels_are_told_at_their_worst_known_place(there: Any, at_the_end: Any, ending: str) -> None:
    rows = [
        changed(name, at_the_end, kind=kind, place=name, carried=carried)
        for name, kind, carried in (
            ("z", "drop", 0.5), ("a", "permute", 0.7), ("b", "permute", 0.66), ("c", "permute", 0.8), ("d", "permute", 0.6),
        )
    ]  # fmt: skip
    contrasts = [
        ("other", "b", 1, 0.1, 0.2, OPEN),
        *((PERMUTED, place, 1, one, other, gap) for place, one, other, gap in (
            ("a", 0.1, 0.2, LESS), ("b", 0.75, 0.77, there), ("c", 0.3, 0.4, OPEN),
        )),
    ]  # fmt: skip
    assert of_changes(*rows, contrasts=contrasts)[2] == (
        "Permuting the channels b takes no number away, it only mixes up which is which: the accuracy at the end becomes "
        "0.66 (95 % interval 0.61 to 0.70), the mean over 3 permutations (from 0.64 to 0.69). Right there a refit probe "
        f"finds 0.75 against 0.77 in the intact network{ending}"
    )
    unknown = of_changes(*rows)[2]
    assert unknown.startswith("Permuting the channels d takes")
    assert unknown.endswith(
        "becomes 0.60 (95 % interval 0.55 to 0.64), the mean over 3 permutations (from 0.58 to 0.63)."
    )


# --- late layers only -------------------------------------------------------------------------------------------------

ADAPTER = "adapter carried refitted refitted_gap before added r2 r2_beyond r2_mean_map"


def adapter(name: str, refitted: float, gap: Any = OPEN, added: Any = OPEN, r2: float = 0.3, **more: Any) -> tuple:
    numbers = {"carried": 0.55, "beyond": OPEN, "before": 0.47} | more
    carried = numbers["carried"]
    return (
        name, (carried, carried - 0.02, carried + 0.03), (refitted, refitted - 0.04, refitted + 0.05), gap,
        numbers["before"], added, (r2, r2 - 0.06, r2 + 0.07), numbers["beyond"], 0.18,
    )  # fmt: skip


def of_tail(*fits: Any, kind: str = "RuntimeError") -> list[str]:
    error = table("stage expects given kind message", ("stage 3", "40 × 28", "3 × 224", kind, "bad shape"))
    real = adapter(REAL, 0.99, carried=0.95, r2=1.0)
    tables = {"error": error, "adapters": table(ADAPTER, real, *fits), "controls": FEW}
    return late_layers_only_findings.findings(tables)


@pytest.mark.parametrize(
    ("gap", "start"),
    [
        (LESS, "y is not j(x): made to fit, the image stays behind what the stages before it provide (−0.11 (95 % "
               "interval −0.16 to −0.06)"),
        (MORE, "On these images the image itself serves the stage better than the stages before it do (+0.12"),
        (SAME, "On these images the stages before are not needed: to within 0.05 the image itself serves the stage as "
               "well (−0.01"),
        (OPEN, "Whether the stages before are needed for this task is not shown on these images (+0.02"),
    ],
)  # fmt: skip
def test_the_best_adapter_is_set_against_the_real_features(gap: Any, start: str) -> None:
    fits = (
        adapter("crop", 0.62, carried=0.58), adapter("pool", 0.71, gap, carried=0.53),
        adapter("tile", 0.66, MORE, carried=0.56),
    )  # fmt: skip
    said = of_tail(*fits)
    assert said[0].startswith(start)
    assert said[0].endswith("to the real features for pool, the best of 3 adapters).")
    assert_says(
        said[1:3],
        "stage 3 expects 40 × 28 and the image is 3 × 224: it stops: “bad shape”.",
        "…behind stage 3 is right in 0.95 (95 % interval 0.93 to 0.98) of the images. Made to fit, the image leaves at "
        "best 0.71 (95 % interval 0.67 to 0.76) (pool; refit probe) and 0.58 (95 % interval 0.56 to 0.61) for the "
        "probe of the intact network; raw pixels read directly give 0.61, chance is 0.50.",
    )
    assert of_tail(*fits, kind="")[1].endswith(": it does not stop, by chance of shapes (bad shape).")


def test_what_a_stage_adds_to_its_adapters() -> None:
    fits = (
        adapter("crop", 0.62, added=MORE), adapter("pool", 0.71, added=(0.2, 0.15, 0.25), before=0.51),
        adapter("tile", 0.66, added=(0.14, 0.1, 0.2)), adapter("fold", 0.66, added=LESS), adapter("skip", 0.66),
        adapter("keep", 0.66, added=SAME),
    )  # fmt: skip
    assert of_tail(*fits)[3] == (
        "With pool the stage still helps: 0.71 behind it against 0.51 read off the adapter itself (difference +0.20 "
        "(95 % interval +0.15 to +0.25))."
    )
    none = "With none of the adapters is the stage shown to make its input easier to read than it was"
    assert of_tail(*fits[3:])[3] == f"{none}; with skip neither is shown."
    assert of_tail(fits[3], fits[5])[3] == f"{none}."


@pytest.mark.parametrize(
    ("beyond", "ending"),
    [
        (MORE, "so the pixels give 0.12 (0.07 to 0.17) of what that leaves."),
        (LESS, "so the pixels give less than that."),
        (NOTHING, "so the pixels give nothing beyond that."),
        (SAME, "so the pixels are not shown to give anything beyond that."),
    ],
)
def test_the_adapter_that_comes_closest(beyond: Any, ending: str) -> None:
    fits = (
        adapter("crop", 0.6, r2=0.41), adapter("pool", 0.6, r2=0.52, beyond=beyond),
        adapter("tile", 0.6, r2=0.46, beyond=(0.3, 0.2, 0.4)),
    )  # fmt: skip
    assert of_tail(*fits)[4] == (
        "Of the adapters tried, pool comes closest to the real features with R² 0.52 (95 % interval 0.46 to 0.59) on "
        "images it was not fitted on; their mean at each position, without looking at the image, reaches 0.18, "
        f"{ending}"
    )


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
    numbers = "8 (+0.12 (+0.07 to +0.17)), 64 (+0.09 (+0.06 to +0.13))"
    rest = (
        "worse than it at 4 (−0.11 (−0.16 to −0.06)); alike to within 0.05 at 16 (−0.01 (−0.05 to +0.05)); with no "
        "difference shown at 32 (+0.02 (−0.03 to +0.06))."
    )
    assert_says(
        said,
        "The last layer is not the best there is at 8 and 64 of 4, 8, 16, 32 and 64 dimensions: most at 64, where all "
        "layers gives 0.97 instead of 0.80 (difference +0.15 (95 % interval +0.10 to +0.20)).",
        "The last layer (head) alone: 0.81 (95 % interval 0.75 to 0.87); chance is 0.50.",
        f"By dimension, the best single layer reads better than the last one at {numbers}; {rest}",
        f"By dimension, early and late (stem + head) read better than the last one at {numbers}; {rest}",
        f"By dimension, all layers read better than the last one at {numbers}, 64 (+0.15 (+0.10 to +0.20)); {rest}",
        "Without matching, all layers together give a probe 4,321 dimensions instead of 1,280 and 0.88 (95 % interval "
        "0.83 to 0.92).",
        "Asked on training images only, head was the best single layer in 11 of 15 folds; 3 layers were at least once.",
    )


def test_what_is_said_of_the_last_layer_where_none_is_better() -> None:
    assert of_layers(*sweep(SAME, LESS))[0] == (
        "At 4 and 8 dimensions the last layer is enough: no other choice of layers reads more than it by 0.05."
    )
    assert of_layers(*sweep(SAME, OPEN))[0] == (
        "At 4 and 8 dimensions no other choice of layers is shown to read more than the last layer, but it may."
    )
    chance = "the last layer is not shown to beat chance, and no other choice of layers is shown to read more than it."
    assert of_layers(*sweep(SAME, OPEN, last=(0.55, 0.5, 0.6)))[0] == f"At 4 and 8 dimensions {chance}"
    assert "is enough" in of_layers(*sweep(SAME, last=(0.55, 0.51, 0.6)))[0]
    single = [(name, 1, SOLE, gap) for name, gap in ((LAST, NOTHING), (BEST, SAME), (BOTH, SAME), (ALL, LESS))]
    one = of_layers(*single, chosen=table("layer times", ("head", 15)))
    assert one[0].startswith("At 1 dimension the last layer is enough")
    assert one[-1] == "Asked on training images only, head was the best single layer in 15 of 15 folds."
    more = of_layers(*sweep(MORE, last=(0.5, 0.4, 0.6)))[0]
    assert more.startswith("The last layer is not the best there is at 4 of 4 dimensions: most at 4, where ")
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


NUMBERS = (
    "a probe refit to its last layer is right in {} (95 % interval 0.77 to 0.83) of the images, against 0.90 (95 % "
    "interval 0.77 to 0.83) in the intact network, 0.61 from raw pixels and 0.50 by chance."
)


@pytest.mark.parametrize(
    ("gap", "beyond", "said"),
    [
        (SAME, MORE, "For these classes the activations are not needed, to within 0.05: "),
        (MORE, MORE, "For these classes the network does better without its activations: "),
        (OPEN, MORE, "Whether the activations are needed for these classes is not shown: "),
        (LESS, MORE, "Something is left beyond what {} (+0.12 (+0.07 to +0.17)): "),
        (LESS, LESS, "What is left is less than {} (−0.11 (−0.16 to −0.06)): "),
        (LESS, SAME, "Nothing is left beyond what {}, to within 0.05 (−0.01 (−0.05 to +0.05)): "),
        (LESS, OPEN, "Accuracy is lost, and whether anything is left beyond what {} is not shown (+0.02 (−0.03 to "
                     "+0.06)): "),
    ],
)  # fmt: skip
def test_what_is_left_without_any_activation(gap: Any, beyond: Any, said: str) -> None:
    numbers = NUMBERS.format(f"{0.9 + gap[0]:.2f}")
    row = depth("b", 1.0, 9, gap, pixels=beyond, chance=NOTHING)
    assert of_depths(row)[1] == said.format("raw pixels give") + numbers
    level = table("control accuracy", ("chance", 0.5), ("pixels", 0.5))
    assert of_depths(depth("b", 1.0, 9, gap, chance=beyond, pixels=NOTHING), controls=level)[1] == (
        said.format("chance gives") + numbers.replace("0.61", "0.50")
    )


@pytest.mark.parametrize("chance", [SAME, LESS, OPEN, NOTHING])
def test_an_intact_network_at_chance_has_nothing_to_lose(chance: Any) -> None:
    said = of_depths(depth("b", 1.0, 9, LESS), chance=chance)[1]
    assert said.startswith("The intact network is not shown to beat chance here, so nothing can be lost: a probe")


def test_a_bend_is_told_from_rounding() -> None:
    affine = of_depths(depth("b", 1.0, 9, bend=0.0009))[0]
    assert_says([affine], "With all 9 activations taken out the whole network is one affine map…(off by 9.0e-04 of…).")
    bent = of_depths(depth("b", 1.0, 9, bend=0.001))[0]
    assert_says([bent], "With all 9 activations taken out the network is still not linear (off by 0.00 of…")


def test_how_deep_activations_can_go_is_told() -> None:
    def on_the_way(*rows: Any) -> str:
        return of_depths(*rows)[2]

    last = depth("c", 1.0, 9, (-0.3, -0.4, -0.2))
    changes = (
        "(6 activations, depth 0.50) the accuracy of a refit probe of the last layer changes by −0.11 (−0.16 to −0.06)"
    )
    fallen = depth("b", 0.5, 6, LESS)
    assert f"Up to a the loss is within 0.05; up to b {changes}" in on_the_way(depth("a", 0.2, 1), fallen, last)
    assert "Up to a no loss is shown; up to b (6" in on_the_way(
        depth("z", 0.1, 1), depth("a", 0.2, 3, OPEN), fallen, last
    )
    assert "Up to a no loss is shown; up to b (6" in on_the_way(depth("a", 0.2, 3, MORE), fallen, last)
    assert on_the_way(fallen, last) == (f"Already up to b {changes}, intervals over images for all 2 depths at once.")
    assert on_the_way(depth("a", 0.2, 3), depth("b", 1.0, 9)) == "At every depth the loss is within 0.05."
    none = "At no depth is a loss shown when the activations before it are taken out."
    assert on_the_way(depth("a", 0.2, 3), depth("b", 1.0, 9, OPEN)) == none
    assert on_the_way(depth("a", 0.2, 3, MORE), depth("b", 1.0, 9)) == none


def test_directions_and_colours_of_the_last_layer() -> None:
    row = depth("b", 1.0, 9, colours=(0.9, 0.8, 0.95), directions=1)
    assert of_depths(row)[3] == (
        "1 direction holds 99 % of what the images differ in at the last layer, against 120 in the intact network; the "
        "images' average colours explain 0.90 (0.80 to 0.95) of the variance there, against 0.12 (0.08 to 0.16); these "
        "vectors are little more than average colours."
    )
    few = of_depths(depth("b", 1.0, 9, colours=(0.9, 0.79, 0.95), directions=2))[3]
    assert few.startswith("2 directions hold 99 %")
    assert few.endswith("against 0.12 (0.08 to 0.16).")


def test_activations_that_could_not_be_taken_out_are_told() -> None:
    assert_says(
        of_depths(depth("a", 0.2, 3, LESS), activations=4),
        "Only 3 of 4 activations, those up to a, could be taken out: …is not known.",
        "Without these 3, " + NUMBERS.format("0.79"),
        "Already up to a (3 activations, depth 0.20) …changes by −0.11 (−0.16 to −0.06)…for all 1 depths at once.",
    )
    assert len(of_depths(depth("a", 0.2, 3, LESS), activations=3)) == 4
    assert of_depths() == ["No network without activations gave usable numbers."]
