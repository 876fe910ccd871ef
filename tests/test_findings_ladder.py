"""What sentences on the ladder say of planted tables: each outcome, each number, and the rungs that are named."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from planted import assert_says, table

from lab.experiments.ladder import findings as ladder

NAN = float("nan")

# --- ladder -----------------------------------------------------------------------------------------------------------

EMERGENCE = "model twin rung depth reached declines best best_layer last"


def rung(name: str, depth: float = 0.5, reached: bool = True, declines: bool = False, **more: Any) -> tuple[Any, ...]:
    numbers = {"model": "resnet18@untrained", "twin": -1, "best": 0.9, "at": "head", "last": 0.8} | more
    best, last = numbers["best"], numbers["last"]
    return numbers["model"], numbers["twin"], name, depth, reached, declines, best, numbers["at"], last


def of_ladder(
    *, rungs: Any = (), tau: Any = (0.7, 0.3, 0.9), read: int = 6,
    pairs: Any = ((-1, "hue", "edge", False, 0.1),), gains: Any = (),
    twins: Any = (0, (NAN, NAN, NAN)), pixels: Any = (), more: Any = (),
) -> list[str]:  # fmt: skip
    model = "resnet18@untrained"
    own = [(*row, *twins) for row in [(model, -1, read, tau), *more]]
    tables = {
        "rungs": table("images", (40,), (70,)),
        "emergence": table(EMERGENCE, *(rungs or [rung("hue")])),
        "order": table("model twin rungs tau twins twins_tau", (model, 0, 6, tau, 9, tau), *own),
        "pairs": table("model twin lower higher reversed later", *((model, *pair) for pair in pairs)),
        "gains": table("model rung gain", *((model, *one) for one in gains)),
        "ease": pd.DataFrame({"model": []}),
        "labels": pd.DataFrame({"model": [], "saved_low": []}),
        "invariance": pd.DataFrame({"model": [], "change": []}),
        "networks": pd.DataFrame({"model": []}),
        "accuracy": table(
            "control rung accuracy/ci", ("probe", "hue", (0.9, 0.8, 1)), *(("pixels", *p) for p in pixels)
        ),
    }
    return ladder.findings(tables)


TAU = "Kendall's tau {} ({}) over 6 rungs of 40 images"


@pytest.mark.parametrize(
    ("tau", "words", "start"),
    [
        (
            (0.7, 0.3, 0.9),
            ("0.70", "0.30 to 0.90"),
            "Low-level first holds for {} on the whole, not for every rung: ",
        ),
        ((0.4, 0.0, 0.8), ("0.40", "0.00 to 0.80"), "Low-level first is not shown for {}: "),
        ((-0.4, -0.8, 0.0), ("-0.40", "-0.80 to 0.00"), "Low-level first is not shown for {}: "),
    ],
)
def test_whether_low_levels_come_first(tau: Any, words: tuple[str, str], start: str) -> None:
    wrong = [(-1, "a", "b", True, 0.1), (-1, "c", "d", False, 0.9), (-1, "e", "f", True, 0.3), (0, "x", "y", True, 0.9)]
    named = "; clearly reversed: e after f, a after b"
    text = start.format("resnet18 (untrained)") + TAU.format(*words)
    assert of_ladder(tau=tau, pairs=wrong)[0] == f"{text}{named}."
    three = [*wrong, (-1, "g", "h", True, 0.2)]
    assert of_ladder(tau=tau, pairs=three)[0] == f"{text}{named.replace('f, a', 'f, g after h, a')}."
    many = [*three, (-1, "i", "j", True, 0.05), (-1, "k", "l", True, 0.04)]
    assert of_ladder(tau=tau, pairs=many)[0] == f"{text}{named.replace('f, a', 'f, g after h, a')} and 2 more pairs."


def test_an_order_that_holds_is_reversed_or_cannot_be_judged() -> None:
    fine = [(-1, "a", "b", False, 0.1)]
    assert of_ladder(pairs=fine)[0] == (
        f"Low-level first holds for resnet18 (untrained): {TAU.format('0.70', '0.30 to 0.90')}, no pair clearly "
        "reversed."
    )
    assert of_ladder(tau=(0.4, 0.0, 0.8), pairs=fine)[0].endswith("of 40 images.")
    assert of_ladder(tau=(-0.4, -0.8, -0.1))[0] == (
        "Low-level first does not hold for resnet18 (untrained), but the other way round: "
        f"{TAU.format('-0.40', '-0.80 to -0.10')}."
    )
    assert of_ladder(read=2)[0] == (
        "Low-level first cannot be judged for resnet18 (untrained): it reads 2 rungs, and three are needed."
    )
    assert "over 3 rungs of" in of_ladder(read=3)[0]


def test_what_rungs_are_read_where_and_lost_again() -> None:
    rungs = (
        rung("hue", 0.3, declines=True, best=0.93, at="neck", last=0.71), rung("edge", 0.1),
        rung("shape", 0.8, False, True),
        rung("part", 0.9, False), rung("face", 0.5, declines=True, best=0.88, at="stem", last=0.66),
        rung("x", 0.01, twin=0),
    )  # fmt: skip
    assert_says(
        of_ladder(rungs=rungs)[1:],
        "First to emerge is edge (depth 0.10), last face (depth 0.50).",
        "Not reached by any layer: shape and part.",
        "Clearly lost again by the end: hue (0.93 to 0.71) and face (0.88 to 0.66).",
        "A probe of 8 × 8 thumbnails reads no rung.",
    )
    said = of_ladder(rungs=(rung("hue", 0.0, False),))
    assert_says(
        said[1:3], "Not reached by any layer: hue.", "No rung is clearly worse at the last layer than at its best."
    )
    assert of_ladder()[1] == "First to emerge is hue (depth 0.50), last hue (depth 0.50)."


def test_what_training_adds_twins_and_thumbnails() -> None:
    gains = [
        ("a", (0.2, 0.1, 0.3)), ("b", (0.1, 0.0, 0.2)), ("c", (-0.2, -0.3, -0.1)), ("d", (-0.1, -0.2, 0.0)),
        ("e", (0.31, 0.1, 0.5)), ("f", (0.0, 0.0, 0.0)),
    ]  # fmt: skip
    pixels = [("a", (0.6, 0.51, 0.7)), ("b", (0.6, 0.5, 0.7)), ("c", (0.9, 0.8, 1.0)), ("d", (0.5, 0.4, 0.6))]
    twins = (2, (-0.333, -1.0, 0.4))
    assert_says(
        of_ladder(gains=gains, twins=twins, pixels=pixels)[3:],
        "Training clearly helps 2 of 6 rungs, most e (+0.31), a (+0.20).",
        "No help of training is shown for b, d and f.",
        "The untrained twins clearly read better: c.",
        "Mean tau of untrained twins: -0.33 (-1.00 to 0.40), 2 starts.",
        "A probe of 8 × 8 thumbnails reads only a and c.",
    )
    assert of_ladder(twins=(1, (0.5, -1.0, 1.0)))[3].endswith("0.50 (-1.00 to 1.00), one start.")
    assert len(of_ladder()) == 4
    assert_says(of_ladder(gains=gains[1:2])[3:4], "No help of training is shown for b.")
    assert len(of_ladder(gains=gains[2:3])) == len(of_ladder(gains=gains[:1])) == 5


def test_each_network_of_a_ladder_is_told_by_its_own_rows() -> None:
    other = "resnet34@untrained"
    said = of_ladder(rungs=(rung("hue"), rung("hue", 0.25, model=other)), more=[(other, -1, 4, (0.5, 0.2, 0.8))])
    assert said[1] == "First to emerge is hue (depth 0.50), last hue (depth 0.50)."
    assert said[3].startswith(
        "Low-level first holds for resnet34 (untrained): Kendall's tau 0.50 (0.20 to 0.80) over 4 rungs"
    )
    assert said[4] == "First to emerge is hue (depth 0.25), last hue (depth 0.25)."
    assert len(said) == 7


SAVED = "model layer rung labels_saved images saved_low"
LOSS = "model change layer rungs loss"
NETWORK = "model against rung gain later reached_against reached"


@pytest.mark.parametrize(
    ("tau", "said"),
    [
        (
            (0.5, 0.01, 0.9),
            "net reads best at its end what untrained networks read best: …0.50 (…0.01 to 0.90).",
        ),
        (
            (-0.5, -0.9, -0.1),
            "net reads worst at its end what untrained networks read best: …0.50 (…0.90 to …0.10).",
        ),
        (
            (0.5, 0.0, 0.9),
            "That net reads best at its end what untrained networks read best is not shown: …0.50…0.00…0.90…",
        ),
        ((-0.5, -0.9, 0.0), "That net reads best at its end … is not shown: …0.50…0.90 to 0.00)."),
    ],
)
def test_whether_untrained_networks_make_easy_what_is_read_best(tau: Any, said: str) -> None:
    assert_says(ladder._ease("net", table("model twins tau", ("m", 3, tau))), said)
    assert ladder._ease("net", table("model twins tau")) == []


def test_labels_are_saved_clearly_and_by_no_small_share() -> None:
    rows = [
        ("m", "a", "hue", 9.0, 100, 1.0), ("m", "b", "hue", 12.0, 100, 1.0), ("m", "c", "hue", 40.0, 100, 0.0),
        ("m", "a", "edge", 5.0, 100, 0.1), ("m", "a", "part", 4.9, 100, 0.1), ("m", "b", "hue", 11.0, 100, 1.0),
    ]  # fmt: skip
    assert ladder._saved(table(SAVED, *rows)) == ["Most labels saved, of 100: hue 12 at b, edge 5 at a."]
    assert ladder._saved(table(SAVED, rows[2])) == ladder._saved(table(SAVED, rows[4])) == []


def test_what_probes_lose_at_another_size_is_told_of_the_first_and_the_last_layer() -> None:
    rows = [("m", "size", name, count, (0.1 + count / 10, 0.02, 0.5)) for name, count in (("a", 1), ("b", 2), ("c", 3))]
    said = ladder._invariance(table(LOSS, *rows, ("m", "turn", "c", 2, (0.1, 0.0, 0.2))))
    assert said == [
        "Accuracy is clearly lost at another size: 0.20 (0.02 to 0.50) at a, 0.40 (0.02 to 0.50) at c.",
        "No loss is shown at another turn (first or last layer that reads a rung).",
    ]


def test_a_further_network_is_set_against_the_first() -> None:
    less, none, more = (-0.2, -0.3, -0.1), (0.0, 0.0, 0.0), (0.2, 0.1, 0.3)
    kinds = {
        "a": (more, none, True, True), "b": (less, none, True, True), "c": (none, less, True, True),
        "d": (none, more, True, True), "e": (less, none, True, False), "f": (none, none, True, False),
        "g": (less, none, False, False), "h": (none, none, True, True), "i": (more, none, False, True),
    }  # fmt: skip
    rows = [("m", "resnet34@untrained", name, *kind) for name, kind in kinds.items()]
    assert ladder._against("net", table(NETWORK, *rows)) == [
        "Against resnet34 (untrained), net clearly reads better a and i; reads worse b, e and g; reads earlier c; "
        "reads later d; no longer reads e."
    ]
    assert ladder._against("net", table(NETWORK, rows[7])) == [
        "No difference of net from resnet34 (untrained) is shown."
    ]
    assert ladder._against("net", table(NETWORK)) == []
