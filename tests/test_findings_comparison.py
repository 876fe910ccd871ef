"""What sentences of a comparison say of planted tables: each outcome, each number, and the row that is picked."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from planted import assert_says, table

from lab.experiments.comparison import findings as comparison

NAN = float("nan")
NONE = (NAN, NAN, NAN)

# --- compare: the recommendation --------------------------------------------------------------------------------------

CUT = "name model layer accuracy/ci chosen gflops parameters behind above_chance_low above_pixels_low above_twin_low"
MODEL = (
    "model best_layer accuracy/ci gflops pairs_apart pairs emergence accuracy_per_gflop images_per_second"
)  # fmt: skip


def a_cut(name: str, accuracy: float, chosen: float = 0.0, **more: Any) -> tuple[Any, ...]:
    numbers = {"gflops": 0.1, "parameters": 2.4e6, "chance": 0.3, "pixels": 0.2, "twin": 0.1} | more
    model, layer = name.split("/")
    ends = (accuracy, accuracy - 0.06, accuracy + 0.05)
    above = (numbers["chance"], numbers["pixels"], numbers["twin"])
    behind = (0.012, -0.014, 0.038)
    return name, model, layer, ends, chosen, numbers["gflops"], numbers["parameters"], behind, *above


def a_model(model: str, accuracy: float, **more: Any) -> tuple[Any, ...]:
    numbers = {"layer": "head", "gflops": 0.8, "apart": 1, "pairs": 1, "emergence": (0.5, 0.4, 0.6)} | more
    ends = (accuracy, accuracy - 0.07, accuracy + 0.04)
    per, speed = numbers.get("per", 1.0), numbers.get("speed", NONE)
    return (
        model, numbers["layer"], ends, numbers["gflops"], numbers["apart"], numbers["pairs"], numbers["emergence"], per,
        speed,
    )  # fmt: skip


MODELS = table(MODEL, a_model("small", 0.9), a_model("large", 0.95, gflops=2.0), a_model("other", 0.85))


def recommended(*cuts: Any, classes: Any = ("cat", "dog"), models: pd.DataFrame = MODELS) -> list[str]:
    images = pd.DataFrame({"image": range(40)})
    return comparison.recommendation({"cuts": table(CUT, *cuts), "models": models, "images": images}, classes)


def test_the_cheapest_cut_as_good_as_the_best_is_recommended() -> None:
    cuts = (
        a_cut("small/a", 0.7, gflops=0.01), a_cut("small/b", 0.91, 1.0), a_cut("large/c", 0.95, 0.5, gflops=1.2),
        a_cut("large/d", 0.93),
    )  # fmt: skip
    assert recommended(*cuts) == [
        "To tell cat from dog use small up to b: accuracy 0.910 [0.85, 0.96] on 40 images, for 12 % of its operations "
        "(0.10 GFLOPs).",
        "The best layer, c of large, reads 0.950 for 1.20 GFLOPs: not clearly better (difference 0.012, -0.014 to "
        "0.038).",
    ]
    alone = a_cut("large/e", 0.97, 2.0, gflops=0.04)
    assert recommended(*cuts, alone, classes=("cat", "dog", "owl")) == [
        "To tell cat, dog and owl apart use large up to e: accuracy 0.970 [0.91, 1.02] on 40 images, for 2 % of its "
        "operations (40.0 MFLOPs).",
        "No other of 5 layers is better, and no cheaper one as good.",
    ]
    free = recommended(a_cut("small/a", 0.9, 1.0), models=MODELS.assign(gflops=0.0))[0]
    assert "for 100 % of its operations" in free


@pytest.mark.parametrize(("value", "text"), [(0.1, "0.10 GFLOPs"), (0.0999, "99.9 MFLOPs")])
def test_operations_are_told_in_their_unit(value: float, text: str) -> None:
    assert f"({text})." in recommended(a_cut("small/a", 0.9, 1.0, gflops=value))[0]


@pytest.mark.parametrize(
    ("above", "obstacle"),
    [
        ((0.0, 0.1, 0.1), "guessing"), ((-0.1, 0.1, 0.1), "guessing"), ((0.1, 0.0, 0.1), "a probe on raw pixels"),
        ((0.1, 0.1, 0.0), "its untrained twin"), ((0.0, 0.1, -0.1), "guessing and its untrained twin"),
        ((0.0, 0.0, 0.0), "guessing, a probe on raw pixels and its untrained twin"),
    ],
)  # fmt: skip
def test_a_layer_not_above_every_reference_is_not_recommended(above: tuple[float, ...], obstacle: str) -> None:
    bad = dict(zip(("chance", "pixels", "twin"), above, strict=True))
    worse, best = a_cut("small/a", 0.8, 1.0, chance=0.0), a_cut("large/b", 0.95, **bad)
    four = ("a", "b", "c", "d")
    assert recommended(worse, best, classes=four) == [
        "To tell a, b, c and d apart use none of these networks: the best of 2 layers, b of large, reads 0.950 "
        f"[0.89, 1.00] on 40 images, not clearly above {obstacle}."
    ]
    assert recommended(worse, best, classes=(*four, "e"))[0].startswith("To tell the 5 classes apart use none")
    sound = a_cut("small/a", 0.8, 1.0)
    assert recommended(sound, best)[0].startswith("To tell cat from dog use small up to a: accuracy 0.800")
    chosen = a_cut("large/b", 0.95)
    assert "use small up to a" in recommended(worse, chosen)[0]


# --- compare: pairs of networks ---------------------------------------------------------------------------------------

PAIR = "model_a model_b depth difference/ci"


def test_the_leader_at_its_best_layer_is_set_against_each_other_network() -> None:
    best = table(
        "model_a model_b difference/ci",
        ("small", "large", (-0.05, -0.09, -0.01)), ("large", "other", (0.02, -0.01, 0.05)),
        ("small", "other", (0.5, 0.4, 0.6)), ("large", "third", (0.1, 0.05, 0.15)),
        ("fourth", "large", (0.0, -0.2, 0.0)),
    )  # fmt: skip
    start = "At its best layer, head, large leads with 0.950 [0.88, 0.99]:"
    clear = "clearly above small (+0.050, +0.010 to +0.090) and third (+0.100, +0.050 to +0.150)"
    level = "not clearly above other (+0.020, -0.010 to +0.050) and fourth (+0.000, +0.000 to +0.200)"
    assert comparison.at_best(best, MODELS) == f"{start} {clear} and {level}."
    assert comparison.at_best(best.iloc[[0, 2, 3]], MODELS) == f"{start} {clear}."
    assert comparison.at_best(best.iloc[[1, 4]], MODELS) == f"{start} {level}."


def test_networks_are_compared_at_equal_depth() -> None:
    rows = [
        ("a", "b", 0.1, (0.1, 0.05, 0.15)), ("a", "b", 0.2, (0.0, 0.0, 0.1)), ("a", "b", 0.3, (-0.25, -0.3, -0.2)),
        ("a", "b", 0.4, (-0.2, -0.3, -0.1)), ("a", "b", 0.5, (-0.05, -0.1, 0.0)),
        ("c", "a", 0.1, (0.02, -0.1, 0.1)), ("c", "a", 0.3, (0.04, -0.1, 0.1)), ("c", "a", 0.9, (0.03, -0.1, 0.1)),
    ]  # fmt: skip
    more = [("a", other, 0.5, (0.1, 0.0, 0.2)) for other in ("d", "e", "f")]
    said = comparison.at_equal_depth(table(PAIR, *rows, *more))
    assert_says(
        said[:2],
        "At equal relative depth a is clearly ahead of b at 1 of 5 depths, clearly behind at 2.",
        "At equal relative depth c is clearly ahead of a at 0 of 3 depths, clearly behind at 0.",
    )
    assert len(said) == 4
    ahead, behind = (comparison.at_equal_depth(table(PAIR, rows[k]))[0] for k in (0, 2))
    assert "a is clearly ahead of b at 1 of 1 depths, clearly behind at 0." in ahead
    assert "a is clearly ahead of b at 0 of 1 depths, clearly behind at 1." in behind


def test_only_pairs_of_the_leader_are_told() -> None:
    pairs = table(
        PAIR, *[(a, b, 0.5, (0, 0, 0)) for a, b in (("small", "large"), ("large", "other"), ("small", "other"))]
    )
    assert list(comparison._of_leader(pairs, MODELS).index) == [0, 1]


def test_the_depth_at_which_classes_come_apart() -> None:
    models = table(
        MODEL, a_model("a", 0.9, emergence=(0.52, 0.41, 0.63)), a_model("b", 0.9, apart=0, emergence=NONE),
        a_model("c", 0.9, apart=2, pairs=3, emergence=(0.34, NAN, NAN)),
    )  # fmt: skip
    assert comparison.come_apart(models) == (
        "The classes come apart at depth 0.52 (0.41 to 0.63) in a, nowhere in b and at depth 0.34 in c (2 of 3 pairs)."
    )
    assert comparison.come_apart(models.iloc[:1]).endswith("apart at depth 0.52 (0.41 to 0.63) in a.")


def alike_rows(near: float, far: float) -> pd.DataFrame:
    return table(
        "model_a model_b layer_a layer_b depth_a depth_b cka/ci null_95",
        ("x", "x", "p", "q", 0.1, 0.1, (0.99, 0.9, 1.0), 0.1), ("x", "y", "p", "q", 0.3, 0.3, NONE, 0.1),
        ("x", "y", "a", "b", 0.2, 0.25, (near, near - 0.05, near + 0.06), 0.14),
        ("x", "y", "c", "d", 0.9, 0.5, (far, far - 0.05, far + 0.06), far - 0.05),
        ("x", "y", "e", "f", 0.2, 0.5, (far - 0.1, 0.0, far), 0.2),
        ("x", "y", "g", "h", 0.5, 0.375, (far - 0.05, 0.4, far), 0.19),
    )  # fmt: skip


def test_layers_of_different_networks_are_set_against_shuffled_images() -> None:
    assert_says(
        comparison.alike(alike_rows(0.7, 0.6)),
        "Of 4 pairs of layers from different networks 2 are more alike than with shuffled images, most of all a of x "
        "and b of y (debiased CKA 0.70, 0.65 to 0.76; shuffled below 0.14).",
    )
    said = comparison.alike(alike_rows(0.5, 0.55))
    assert "most of all c of x and d of y (debiased CKA 0.55, 0.50 to 0.61; shuffled below 0.50)" in said[0]
    assert comparison.alike(alike_rows(0.7, 0.6).iloc[:2]) == []


ERROR = "model_a model_b depth both_right only_a only_b both_wrong steady_a steady_b by_accuracy by_folds kappa/ci"


@pytest.mark.parametrize(
    ("kappa", "kind"),
    [
        ((0.41, 0.2, 0.6), "they share more errors than chance"),
        ((-0.2, -0.3, -0.1), "they share fewer errors than chance"),
        ((0.1, 0.0, 0.2), "their errors may be unrelated"),
        ((-0.1, -0.2, 0.0), "their errors may be unrelated"),
    ],
)
def test_errors_of_two_networks_at_their_ends(kappa: Any, kind: str) -> None:
    pair = ("a", "b", 1.0, 20, 5, 3, 2, 4, 1, 9.4)
    table_ = table(ERROR, ("x", "y", 0.5, *pair[3:], 6.3, kappa), (*pair, 6.3, kappa), (*pair, NAN, NONE))
    start = (
        "At their last layers only one of a and b is right on 8 of 30 images (5 and 3); unrelated errors would give 9"
    )
    one, other = comparison.errors(table_)
    ends = f"({'error consistency'} {kappa[0]:.2f}, {kappa[1]:.2f} to {kappa[2]:.2f})"
    assert one == f"{start}, other folds of one network 6; {kind} {ends}."
    assert other == f"{start}."
    assert len(comparison.errors(pd.concat([table_] * 3))) == comparison.LISTED == 4


# --- compare: speed ---------------------------------------------------------------------------------------------------


def speeds(own: list[float], part: str = "whole") -> pd.DataFrame:
    """Rounds of `fast` (measured together with its twin), `slow` and `mid`."""
    rows = [(part, k, "fast", "f", value) for k, value in enumerate(own)]
    rows += [(part, k, "twin", "f", value) for k, value in enumerate(own)]
    for name, value in (("slow", 50.0), ("mid", 100.0)):
        rows += [(part, k, name, name, value) for k in range(len(own))]
    return table("part round model measured_as images_per_second", *rows)


TIMED = table(
    MODEL, a_model("slow", 0.9, speed=(50.0, 49.0, 51.0)), a_model("fast", 0.9, speed=(124.4, 121.0, 133.0)),
    a_model("mid", 0.9, speed=(101.2, 98.0, 103.0)), a_model("twin", 0.9, speed=(123.0, 1.0, 2.0)),
    a_model("unknown", 0.9),
)  # fmt: skip


def test_the_fastest_network_is_so_in_every_round() -> None:
    found = comparison.fastest(TIMED, speeds([106.0] * 7))
    assert found == [
        "fast (as twin, of the same architecture) is the fastest here in each of 7 rounds: 124 images/s (middle half "
        "121 to 133) against 101 images/s (middle half 98 to 103) of mid."
    ]
    single = speeds([106.0] * 8)
    alone = comparison.fastest(TIMED, single[single["model"] != "twin"])
    assert comparison.fastest(TIMED, single[single["model"].isin(("fast", "mid"))]) == alone
    assert alone[0].startswith("fast is the fastest here in each of 8 rounds")
    assert comparison.fastest(TIMED, speeds([*[106.0] * 6, 105.0])) == []
    assert comparison.fastest(TIMED, speeds([*[106.0] * 6, 60.0])) == []
    assert comparison.fastest(TIMED, speeds([106.0] * 6)) == []
    assert comparison.fastest(TIMED, speeds([106.0] * 7, part="cut")) == []
    both = single[single["measured_as"] == "f"]
    assert comparison.fastest(TIMED, both) == []
