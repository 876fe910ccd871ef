"""What sentences on receptive fields and tuning curves say of planted tables: each outcome, number and name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from planted import assert_says, table
from scipy.stats import t

from lab.experiments.building import receptive_field_findings, tuning_findings
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
    inside = "In all 6 measurements the gradient is zero at every pixel outside the theoretical receptive field."
    assert of_fields(draws=draws)[0] == inside
    worse = [*draws, *drawn("neck", [1, 1], [1, 1], outside=0.1234), *drawn("head", [1, 1], [1, 1], outside=0.1)]
    assert_says(
        of_fields(draws=worse)[:1],
        "In 12 of 14 measurements the gradient stays inside …; at neck 12.34% of it lies outside, so the theory is wrong there.",
    )


def test_theory_and_effect_at_the_middle_layer_that_does_not_see_everything() -> None:
    layers = [field(name) for name in ("a", "b", "c")]
    whole = [field(name, "global") for name in ("x", "y", "z")]
    end = ", 95 % from 62 × 62 in the picture shown."
    numbers = f"only 35 × 35 of them (mean over 3 pictures, 95 % interval 30 to 40){end}"
    theory = "At {} one position can depend on {}; half of its gradient comes from {}"
    assert of_fields(whole[0], *layers, *whole[1:])[1] == theory.format("b", "80 × 91 pixels", numbers)
    assert of_fields(*layers[:2])[1] == theory.format("b", "80 × 91 pixels", numbers)
    assert of_fields(*whole)[1] == theory.format("y", "the whole picture", numbers)
    assert "on at most 80 × 91 pixels;" in of_fields(field("a", "upper bound"))[1]
    for side in ((0, 91), (80, 0)):
        assert "on an unknown part of the picture's pixels;" in of_fields(field("a", side=side))[1]
    unsure = of_fields(field("a", half=(35.4, -3.0, float("inf"))))[1]
    assert unsure.endswith(f"only 35 × 35 of them (one picture; others may differ){end}")
    assert "95 % interval 0 to 40" in of_fields(field("a", half=(35.4, -3.0, 40.0)))[1]
    assert "95 % interval 1 to 40" in of_fields(field("a", half=(35.4, 0.6, 40.0)))[1]
    for half, holds in ((91.0, "as much as 91 × 91"), (90.0, "only 90 × 90")):
        for box in ((10, 90, 20, 111), (20, 111, 10, 90)):
            assert f"comes from {holds} of them" in of_fields(field("a", half=(half, 30, 40), box=box))[1]


def test_the_first_layer_that_sees_the_whole_picture() -> None:
    none = "The middle position of none of these layers can see the whole picture."
    assert of_fields(field("a", box=(1, 160, 0, 200)), field("b", box=(0, 160, 1, 200)))[2] == none
    layers = (
        field("a"), field("b", depth=0.61, box=(5, 165, 7, 207)), field("c", depth=0.7, box=(-9, 300, -9, 300)),
        field("d", half=(77.0, 1, 2)),
    )  # fmt: skip
    assert of_fields(*layers)[2] == (
        "From b on (depth 0.61) the middle position can depend on the whole picture; half of its gradient comes from 35 × 35 "
        "of 160 × 200 pixels there, and from 77 × 77 at d."
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
        "Against 2 networks with random weights, over 3 pictures, training has made the effective field wider at 2 of 9 "
        "layers (wide, wider) and narrower at 3 (narrow, less, least), alike to within 10% at 3; at the others neither is "
        f"shown. At open it is 53 against 40 pixels (ratio {value}, {low} to {high}; intervals over pictures and random "
        "starts, for all layers at once)."
    )
    assert "wider at 0 of 1 layers and narrower at 0, alike to within 10% at 1" in of_fields(draws=draws[9:18])[3]
    for pictures, starts, text in (
        (1, 2, "1 picture and 2 random starts are"), (2, 1, "2 pictures and 1 random start are"), (1, 1, "1 picture and 1"),
    ):  # fmt: skip
        few = drawn("a", *[[40.0] * pictures] * (starts + 1))
        assert f"What training has done to the field is not shown: {text}" in of_fields(draws=few)[3]
    assert of_fields(draws=drawn("a", [40.0, 40.0], [40.0, 40.0], [40.0, 40.0]))[3].startswith("Against 2 networks")


def test_fields_below_a_pixel_count_as_one() -> None:
    draws = table("layer picture twin half_side outside", *drawn("a", [0.5, 0.2], [0.3, 1.0], [0.7, 0.1]),
                  *drawn("b", [1.5, 1.5], [1.2, 1.2], [1.2, 1.2]))  # fmt: skip
    found = receptive_field_findings.trained_to_untrained(draws)
    assert (found["a"].value, found["a"].low, found["a"].high) == (0, 0, 0)
    assert found["b"].value == pytest.approx(np.log(1.5 / 1.2))


# --- tuning -----------------------------------------------------------------------------------------------------------

TUNING = "control kind layer depth width best"
LAYERS = ("stem", "neck", "head")
KINDS = ("orientation", "shape")
JITTER = (-0.01, 0.0, 0.01)


def tuned(
    orientation: Any = (0.6, 0.7, 0.5), shape: Any = (0.2, 0.3, 0.45), *, reach: float = 0.04, shuffled: float = 0.06,
    twins: int = 0, gaps: Any = (0.2, -0.2, 0.01), jitter: Any = JITTER, depths: Any = (0.1, 0.52, 1.0),
) -> list[str]:  # fmt: skip
    tuning: list[Any] = []
    draws: list[Any] = []
    for kind, values in zip(KINDS, (orientation, shape), strict=True):
        for k, (layer, best) in enumerate(zip(LAYERS, values, strict=True)):
            where, ends = (kind, layer, depths[k], 16 + k), (best, best - reach, best + reach)
            tuning += [("real", *where, ends), ("shuffled", *where, (shuffled - 0.02 * (k != 1), 0.0, 0.1))]
            draws += [("real", kind, layer, draw, -1, best + more) for draw, more in enumerate(np.multiply(jitter, k))]
            draws += [("shuffled", kind, layer, draw, -1, 9.0) for draw in range(5)]
            if twins:
                tuning.append(("untrained", *where, (best - 0.1, 0.0, 0.1)))
            draws += [("untrained", kind, layer, draw, twin, best + jitter[draw] * k - gaps[k]) for twin in range(twins) for draw in (0, 1)]  # fmt: skip
    return tuning_findings.findings(table(TUNING, *tuning), table("control kind layer draw twin best", *draws))


@pytest.mark.parametrize(
    ("last", "change"),
    [
        (0.5, "so channels of the first of these layers are tuned more sharply to it than those of the last"),
        (0.75, "so channels of the last of these layers are tuned more sharply to it than those of the first"),
        (0.6, "so no difference between the first and the last layer is shown"),
    ],
)
def test_the_last_layer_is_tuned_more_or_less_than_the_first(last: float, change: str) -> None:
    """Two properties are tested, on three draws: Student's t of two degrees of freedom at 1 - 0.025/2."""
    far = 0.02 / np.sqrt(3) * t.ppf(1 - 0.025 / 2, 2)
    gap = last - 0.6
    numbers = [f"{number:+.2f}".replace("-", "−") for number in (gap, gap - far, gap + far)]
    numbers[0] = "0.00" if numbers[0] in ("+0.00", "−0.00") else numbers[0]
    middle = "" if last == 0.75 else ", most at neck with 0.70 (0.66 to 0.74)"
    assert tuned((0.6, 0.7, last))[0] == (
        "The orientation of a grating explains 0.60 (0.56 to 0.64) of the variance of the best of 16 channels of stem and "
        f"{last:.2f} ({last - 0.04:.2f} to {last + 0.04:.2f}) at head{middle}; the difference over 3 draws of stimuli, at "
        f"equal numbers of channels, is {numbers[0]} ({numbers[1]} to {numbers[2]}), {change}."
    )


def test_layers_that_are_tuned_alike() -> None:
    said = tuned((0.6, 0.5, 0.61), (0.5, 0.5, 0.5), jitter=(-0.001, 0.0, 0.001))
    assert said[0].endswith("is +0.01 (0.00 to +0.02), so the first and the last layer are tuned to it alike.")
    assert "most at" not in said[0]
    assert said[1].startswith("The shape of an outline, whatever its turn and place, explains 0.50 (0.46 to 0.54) of")


@pytest.mark.parametrize(
    ("orientation", "shape", "order"),
    [
        ((0.6, 0.7, 0.5), (0.1, 0.25, 0.4), ("stem on (depth 0.10; the best of 16", "before those tuned to shape,", "neck on (depth 0.52)")),
        ((0.1, 0.25, 0.4), (0.6, 0.7, 0.5), ("neck on (depth 0.52; the best of 17", "after those tuned to shape,", "stem on (depth 0.10)")),
        ((0.6, 0.7, 0.5), (0.4, 0.3, 0.4), ("stem on (depth 0.10; the best of 16", "no layer earlier than those tuned to shape,", "stem on (depth 0.10)")),
        ((0.6, 0.7, 0.5), (0.2, 0.25, 0.4), ("stem on (depth 0.10; the best of 16", "and which come first is not shown: those tuned to shape are there", "neck on (depth 0.52)")),
        ((0.2, 0.25, 0.4), (0.6, 0.7, 0.5), ("neck on (depth 0.52; the best of 17", "and which come first is not shown: those tuned to shape are there", "stem on (depth 0.10)")),
        ((0.1, 0.1, 0.4), (0.1, 0.25, 0.4), ("head on (depth 1.00; the best of 18", "after those tuned to shape,", "neck on (depth 0.52)")),
    ],
)  # fmt: skip
def test_which_property_comes_first(orientation: Any, shape: Any, order: tuple[str, str, str]) -> None:
    assert tuned(orientation, shape)[2] == (
        f"Channels tuned to orientation are there from {order[0]} surely reaches half of the largest share), {order[1]} from "
        f"{order[2]}."
    )


def test_a_property_that_hardly_a_channel_follows_has_no_beginning() -> None:
    none = "No channel is tuned to {} clearly enough to say where such channels begin."
    assert tuned(shape=(0.01, 0.02, 0.07))[2] == none.format("shape")
    assert tuned(orientation=(0.04, -0.01, 0.0), shape=(0.0, 0.0, 0.0))[2] == none.format("orientation")
    exact = tuned((0.25, 0.1, 0.25), (0.5, 0.5, 0.5), reach=0.125)[2]  # its lower end is half of the largest
    assert exact.startswith("Channels tuned to orientation are there from stem on")
    assert tuned((0.0, 0.0, 0.0), reach=0.0)[2] == none.format("orientation")


def test_channels_against_those_of_random_weights() -> None:
    assert tuned()[3] == NO_TWIN
    assert tuned(twins=1)[3].startswith("One untrained twin is one random start")
    counts = "the trained network's channels are tuned more at {} of 3 layers, less at {}, alike at {} (untrained at most {})"
    for gaps, numbers in (
        ((0.2, -0.2, 0.01), (1, 1, 1)),
        ((0.2, 0.3, -0.06), (2, 1, 0)),
        ((0.0, 0.049, 0.2), (1, 0, 2)),
    ):
        said = tuned(twins=2, gaps=gaps)[3]
        assert_says(
            [said],
            f"Against 2 networks with random weights, …, orientation: {counts.format(*numbers, '0.60')}; shape: "
            f"{counts.format(*numbers, '0.35')}; at the other layers neither is shown (…).",
        )


def test_gaps_to_twins_are_taken_on_the_draws_that_both_have_seen() -> None:
    own = {0: 0.9, 1: 0.7, 2: 0.1, 3: 0.4}
    twins = {(1, 0): 0.4, (1, 1): 0.3, (3, 0): 0.2, (3, 1): 0.35}
    rows = [("real", "a", draw, -1, best) for draw, best in own.items()]
    rows += [("untrained", "a", draw, twin, best) for (draw, twin), best in twins.items()]
    rows.append(("shuffled", "a", 1, -1, 7.0))
    found = tuning_findings.against_twins(table("control layer draw twin best", *rows), tests=6)
    assert found == {"a": crossed_mean(np.array([[0.7 - 0.4, 0.7 - 0.3], [0.4 - 0.2, 0.4 - 0.35]]), 6)}


def test_layers_and_properties_are_as_many_tests_of_twins() -> None:
    """Three layers and two properties: a difference just within, and just beyond, what six tests allow for."""
    for factor, more in ((0.97, 0), (1.03, 1)):
        values = np.array([[0.3, 0.3], [0.5, 0.5]])
        far = crossed_mean(values, 6)
        shift = far.high - far.value
        rows, tuning = [], []
        for kind in KINDS:
            for k, layer in enumerate(LAYERS):
                tuning += [
                    (control, kind, layer, 0.1 + k, 16, (0.5, 0.45, 0.55))
                    for control in ("real", "untrained", "shuffled")
                ]
                for draw in (0, 1):
                    gap = values[draw, 0] - 0.4 + factor * shift if k == 0 else 0.0
                    rows.append(("real", kind, layer, draw, -1, 0.5 + gap))
                    rows += [("untrained", kind, layer, draw, twin, 0.5) for twin in (0, 1)]
        said = tuning_findings.findings(table(TUNING, *tuning), table("control kind layer draw twin best", *rows))
        assert f"orientation: the trained network's channels are tuned more at {more} of 3 layers" in said[3]


def test_shuffled_labels_that_explain_much_are_told() -> None:
    few = "With the stimuli's labels shuffled the best channel explains 0.06 at most."
    assert tuned()[3:] == [NO_TWIN, few]
    still = tuned(shuffled=0.1)[4]
    assert still.startswith(
        "With the stimuli's labels shuffled the best channel still explains 0.10 (neck): more draws are"
    )
