"""What sentences on receptive fields say of planted tables: each outcome, each number, and the layer picked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from planted import assert_says, table

from lab.experiments.building import receptive_field_findings
from lab.experiments.number_text import NO_TWIN
from lab.stats.simultaneous import crossed_mean

# --- receptive fields -------------------------------------------------------------------------------------------------

FIELD = "model layer depth status side_height side_width top bottom left right half_side/ci most_side"
SIZE = (160, 200)


def field(
    layer: str, status: str = "exact", side: Any = (80, 91), box: Any = (10, 90, 20, 111),
    half: Any = (35.4, 30.2, 40.3), depth: float = 0.5, model: str = "own",
) -> tuple[Any, ...]:  # fmt: skip
    return model, layer, depth, status, *side, *box, half, 62.3


def drawn(layer: str, *sides: list[float], outside: float = 0.0) -> list[tuple[Any, ...]]:
    """Half sides by picture, of the network and then of each twin."""
    return [
        (layer, picture, twin, side, outside if picture == twin else 0.0)
        for twin, row in enumerate(sides, -1) for picture, side in enumerate(row)
    ]  # fmt: skip


def of_fields(*fields: Any, draws: Any = (), size: tuple[int, int] = SIZE) -> list[str]:
    shown = fields or (field("stem"),)
    measured = draws or drawn("stem", [40.0, 41.0, 42.0])
    found = table(FIELD, *shown, field("twin", "global", model="twin", box=(0, 999, 0, 999)))
    return receptive_field_findings.findings(found, table("layer picture twin half_side outside", *measured), size)


def test_gradients_outside_the_theory_are_told() -> None:
    draws = drawn("stem", [40, 40], [40, 40], [40, 40])
    inside = "Outside the theoretical receptive field the gradient is zero in all 6 measurements."
    assert of_fields(draws=draws)[0] == inside
    worse = [*draws, *drawn("neck", [1, 1], [1, 1], outside=0.1234), *drawn("head", [1, 1], [1, 1], outside=0.1)]
    assert_says(
        of_fields(draws=worse)[:1],
        "In 12 of 14 measurements the gradient stays inside …; at neck 12.34% lies outside: the theory is wrong there.",
    )


def test_theory_and_effect_at_the_middle_layer_that_does_not_see_everything() -> None:
    layers = [field(name) for name in ("a", "b", "c")]
    whole = [field(name, "global") for name in ("x", "y", "z")]
    end = "."
    numbers = f"only 35 × 35 (30 to 40, over 3 pictures){end}"
    theory = "At {} one position can depend on {}; half of its gradient comes from {}"
    assert of_fields(whole[0], *layers, *whole[1:])[1] == theory.format("b", "80 × 91 pixels", numbers)
    assert of_fields(*layers[:2])[1] == theory.format("b", "80 × 91 pixels", numbers)
    assert of_fields(*whole)[1] == theory.format("y", "the whole picture", numbers)
    assert "on at most 80 × 91 pixels;" in of_fields(field("a", "upper bound"))[1]
    for side in ((0, 91), (80, 0)):
        assert "on an unknown part of the picture's pixels;" in of_fields(field("a", side=side))[1]
    unsure = of_fields(field("a", half=(35.4, -3.0, float("inf"))))[1]
    assert unsure.endswith(f"only 35 × 35 (one picture){end}")
    assert "(0 to 40, over" in of_fields(field("a", half=(35.4, -3.0, 40.0)))[1]
    assert "(1 to 40, over" in of_fields(field("a", half=(35.4, 0.6, 40.0)))[1]
    for half, holds in ((91.0, "as much as 91 × 91"), (90.0, "only 90 × 90")):
        for box in ((10, 90, 20, 111), (20, 111, 10, 90)):
            assert f"comes from {holds} (" in of_fields(field("a", half=(half, 30, 40), box=box))[1]


def test_the_first_layer_that_sees_the_whole_picture() -> None:
    none = "No layer's middle position sees the whole picture."
    assert of_fields(field("a", box=(1, 160, 0, 200)), field("b", box=(0, 160, 1, 200)))[2] == none
    layers = (
        field("a"), field("b", depth=0.61, box=(5, 165, 7, 207)), field("c", depth=0.7, box=(-9, 300, -9, 300)),
        field("d", half=(77.0, 1, 2)),
    )  # fmt: skip
    assert of_fields(*layers)[2] == (
        "From b on (depth 0.61) the middle position can depend on the whole picture; half of its gradient comes from "
        "35 × 35 of 160 × 200 pixels there, 77 × 77 at d."
    )


def test_trained_fields_against_untrained_ones() -> None:
    assert of_fields()[3] == NO_TWIN
    steady = {
        "wide": 1.2,
        "same": 1.05,
        "narrow": 0.8,
        "wider": 1.3,
        "alike": 0.96,
        "level": 1.0,
        "less": 0.85,
        "least": 0.7,
    }
    draws = [row for name, ratio in steady.items() for row in drawn(name, [50 * ratio] * 3, [50.0] * 3, [50.0] * 3)]
    last = ([60.0, 50.0, 48.0], [40.0, 36.0, 50.0], [44.0, 30.0, 41.0])
    gaps = np.log(np.array(last[0]))[:, None] - np.log(np.array(last[1:]).T)
    ratio = crossed_mean(gaps, 9)
    low, value, high = (f"{np.exp(number):.2f}" for number in (ratio.low, ratio.value, ratio.high))
    assert of_fields(draws=[*draws, *drawn("open", *last)])[3] == (
        "Training makes the effective field wider at 2 of 9 layers, narrower at 3, alike at 3; at open it is 53 "
        f"pixels, with random weights 40 (ratio {value}, {low} to {high})."
    )
    assert "wider at 0 of 1 layers, narrower at 0, alike at 1;" in of_fields(draws=draws[9:18])[3]
    for pictures, starts, text in (
        (1, 2, "1 picture and 2 random starts are"), (2, 1, "2 pictures and 1 random start are"),
        (1, 1, "1 picture and 1"),
    ):  # fmt: skip
        few = drawn("a", *[[40.0] * pictures] * (starts + 1))
        assert f"What training does to the field is not shown: {text}" in of_fields(draws=few)[3]


def test_fields_below_a_pixel_count_as_one() -> None:
    draws = table("layer picture twin half_side outside", *drawn("a", [0.5, 0.2], [0.3, 1.0], [0.7, 0.1]),
                  *drawn("b", [1.5, 1.5], [1.2, 1.2], [1.2, 1.2]))  # fmt: skip
    found = receptive_field_findings.trained_to_untrained(draws)
    assert (found["a"].value, found["a"].low, found["a"].high) == (0, 0, 0)
    assert found["b"].value == pytest.approx(np.log(1.5 / 1.2))
