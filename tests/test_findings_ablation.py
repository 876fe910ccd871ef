"""What sentences on changed networks say of planted tables: each outcome, each number, and the one that is picked."""

from __future__ import annotations

from typing import Any

import pytest
from planted import LESS, MORE, NOTHING, OPEN, SAME, assert_says, table

from lab.experiments.ablation import (
    intervention_findings,
    late_layers_only_findings,
)
from lab.experiments.ablation.intervention_contrasts import BRANCH_OR_SHORTCUT, PERMUTED, WITH_OR_WITHOUT
from lab.experiments.ablation.intervention_outputs import INTACT
from lab.experiments.ablation.late_layers_only_findings import REAL

CONTROLS = table("control accuracy", ("chance", 0.5), ("pixels", 0.61), ("untrained", 0.63))
FEW = table("control accuracy", ("chance", 0.5), ("pixels", 0.61))

# --- break ------------------------------------------------------------------------------------------------------------

CHANGE = "change intervention place possible draws problem carried carried_gap carried_above refitted recovered least"
CONTRAST = "contrast place places one other gap"


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
        "3 of 7 changes cost accuracy, “c” most: the frozen probe falls to 0.61, by −0.30 (−0.37 to −0.23). After 3 "
        "changes it "
        "is not clearly above chance.",
        "Intact, the last layer tells cat from dog with accuracy 0.91 (0.87 to 0.95); chance 0.50, raw pixels 0.61, "
        "untrained network 0.63.",
        "A refit probe is not shown to read more than the frozen one after any change.",
        "1 change gave no usable numbers: h.",
    )
    assert_says(
        of_changes(changed("a", OPEN), changed("b", MORE), classes=("cat", "dog", "owl"))[:2],
        "None of 2 changes is shown to cost accuracy; 0 keep it, to within 0.05.",
        "…tells cat, dog and owl apart with accuracy 0.91 (…0.87 to 0.95…0.50…0.61…0.63.",
    )


@pytest.mark.parametrize("above", [(0.2, 0.0, 0.4), (-0.3, -0.4, -0.2), (0.0, 0.0, 0.0)])
def test_where_the_intact_network_is_at_chance_nothing_is_broken(above: tuple[float, float, float]) -> None:
    nothing = "That is not clearly above chance, so there is nothing to break…"
    assert_says(of_changes(*HARM, above=above), "Intact, …0.91…0.87…0.95…0.50…0.61…0.63.", nothing)


def test_a_network_that_no_change_gave_numbers_of_is_told() -> None:
    lost = [changed(name, problem="no number") for name in "aab"]
    first = "Intact, …0.91…0.87…0.95…0.50…0.61…0.63."
    assert_says(of_changes(*lost), first, "2 changes gave no usable numbers: a; b.")
    assert_says(of_changes(), first, "This network allows no intervention.")


def test_what_a_refit_probe_finds_back_is_told_where_it_is_most() -> None:
    rows = (
        changed("a", recovered=MORE), changed("b", recovered=(0.2, 0.1, 0.3), carried=0.64),
        changed("c", recovered=LESS),
        changed("d", recovered=SAME), changed("e", recovered=(0.16, 0.1, 0.3)), changed("f", recovered=OPEN),
    )  # fmt: skip
    assert (
        "After 3 of 6 changes a refit probe reads more than the frozen one, most after “b”: 0.84 "
        "instead of 0.64 (difference +0.20 (+0.10 to +0.30))." in of_changes(*rows)[2]
    )


def test_interventions_of_which_not_every_place_was_tried_are_named() -> None:
    rows = (
        changed("a", kind="drop", possible=5), changed("b", kind="drop", possible=5),
        changed("b", kind="drop", possible=4), changed("a", kind="cut", possible=1),
        changed("c", kind="swap", possible=7),
    )  # fmt: skip
    assert of_changes(*rows)[-1] == "Only 4 of 13 parts were tried."


@pytest.mark.parametrize(
    ("gap", "blocks", "apart"),
    [
        (MORE, "Losing a block costs less than", "costs less than one"),
        (LESS, "Losing a block costs more than", "costs more than one"),
        (SAME, "Losing a block costs as much as", "costs as much as one"),
        (
            OPEN,
            "Whether a block or its shortcut is worth more is not shown",
            "is not shown to cost more or less than one",
        ),
    ],
)
def test_what_branch_and_shortcut_are_worth(gap: Any, blocks: str, apart: str) -> None:
    contrasts = (
        (WITH_OR_WITHOUT, "", 9, 0.83, 0.74, gap), (BRANCH_OR_SHORTCUT, "", 1, 0.81, 0.72, gap),
        (BRANCH_OR_SHORTCUT, "", 2, 0.79, 0.68, MORE),
    )  # fmt: skip
    one, two, other = of_changes(changed("a"), contrasts=contrasts)[2:5]
    ends = " to ".join(f"{end:+.2f}".replace("-", "−") for end in gap[1:])
    difference = f"(difference {gap[0]:+.2f} ({ends})".replace("-", "−")
    assert one.startswith(blocks)
    assert f"0.81 against 0.72 {difference}, 1 block)." in one
    assert ", 2 blocks)." in two
    assert apart in other
    assert f"one without, at other depths: 0.83 against 0.74 {difference})." in other


@pytest.mark.parametrize(
    ("there", "at_the_end", "ending"),
    [
        (SAME, LESS, ", as before: the next layer needs their order."),
        (SAME, OPEN, ", as before."),
        (SAME, MORE, ", as before."),
        (SAME, SAME, ", as before."),
        (OPEN, LESS, ", not shown to be the same."),
        (MORE, LESS, ", not as before."),
        (LESS, LESS, ", not as before."),
    ],
)
def test_permuted_channels_are_told_at_their_worst_known_place(there: Any, at_the_end: Any, ending: str) -> None:
    rows = [
        changed(name, at_the_end, kind=kind, place=name, carried=carried)
        for name, kind, carried in (
            ("z", "drop", 0.5), ("a", "permute", 0.7), ("b", "permute", 0.66), ("c", "permute", 0.8),
            ("d", "permute", 0.6),
        )
    ]  # fmt: skip
    contrasts = [
        ("other", "b", 1, 0.1, 0.2, OPEN),
        *((PERMUTED, place, 1, one, other, gap) for place, one, other, gap in (
            ("a", 0.1, 0.2, LESS), ("b", 0.75, 0.77, there), ("c", 0.3, 0.4, OPEN),
        )),
    ]  # fmt: skip
    (told,) = (one for one in of_changes(*rows, contrasts=contrasts) if one.startswith("Permuting"))
    assert told == (
        "Permuting the channels b leaves 0.66 (0.61 to 0.70) at the end; right there a refit probe reads 0.75, intact "
        f"0.77{ending}"
    )
    (unknown,) = (one for one in of_changes(*rows) if one.startswith("Permuting the channels d "))
    assert unknown.endswith("leaves 0.60 (0.55 to 0.64) at the end.")


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
        (LESS, "The stage needs the stages before it: an adapted image serves it worse (−0.11 (−0.16 to −0.06)"),
        (MORE, "An adapted image serves the stage better than the stages before it (+0.12"),
        (SAME, "The stages before are not needed, to within 0.05 (−0.0"),
        (OPEN, "Whether the stages before are needed is not shown (+0.02"),
    ],
)  # fmt: skip
def test_the_best_adapter_is_set_against_the_real_features(gap: Any, start: str) -> None:
    fits = (
        adapter("crop", 0.62, carried=0.58), adapter("pool", 0.71, gap, carried=0.53),
        adapter("tile", 0.66, MORE, carried=0.56),
    )  # fmt: skip
    said = of_tail(*fits)
    assert said[0].startswith(start)
    assert said[0].endswith(" with pool, the best of 3 adapters).")
    assert_says(
        said[1:3],
        "stage 3 expects 40 × 28, the image is 3 × 224: it stops: “bad shape”.",
        "A probe behind stage 3 reads 0.95 of real features; of the adapted image at best 0.71 "
        "(refit) and 0.58 (frozen); raw pixels 0.61, chance 0.50.",
    )
    assert of_tail(*fits, kind="")[1].endswith(": it does not stop (bad shape).")


def test_what_a_stage_adds_to_its_adapters() -> None:
    fits = (
        adapter("crop", 0.62, added=MORE), adapter("pool", 0.71, added=(0.2, 0.15, 0.25), before=0.51),
        adapter("tile", 0.66, added=(0.14, 0.1, 0.2)), adapter("fold", 0.66, added=LESS), adapter("skip", 0.66),
        adapter("keep", 0.66, added=SAME),
    )  # fmt: skip
    assert of_tail(*fits)[3] == (
        "With pool the stage still helps: 0.71 behind it, 0.51 before (difference +0.20 (+0.15 to +0.25))."
    )
    none = "The stage is not shown to help any adapter's input."
    assert of_tail(*fits[3:])[3] == none


@pytest.mark.parametrize(
    ("beyond", "ending"),
    [
        (MORE, "the pixels add 0.12 (0.07 to 0.17) of the rest."),
        (LESS, "the pixels give less."),
        (NOTHING, "the pixels add nothing."),
        (SAME, "the pixels are not shown to add anything."),
    ],
)
def test_the_adapter_that_comes_closest(beyond: Any, ending: str) -> None:
    fits = (
        adapter("crop", 0.6, r2=0.41), adapter("pool", 0.6, r2=0.52, beyond=beyond),
        adapter("tile", 0.6, r2=0.46, beyond=(0.3, 0.2, 0.4)),
    )  # fmt: skip
    assert of_tail(*fits)[4] == (
        f"The closest adapter, pool, predicts real features with R² 0.52; their mean reaches 0.18, {ending}"
    )
