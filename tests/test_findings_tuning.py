"""What sentences on tuning curves and rebuilt pictures say of planted tables: each outcome, number and name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from planted import assert_says, table
from scipy.stats import t

from lab.experiments.building import inversion_findings, tuning_findings
from lab.experiments.number_text import NO_TWIN
from lab.stats.simultaneous import crossed_mean

# --- tuning -----------------------------------------------------------------------------------------------------------

TUNING = "control kind layer depth width best"
LAYERS = ("stem", "neck", "head")
KINDS = ("orientation", "shape")
UNSURE = "not shown to be before or after those tuned to shape"
FROM = ("stem (depth 0.10", "neck (depth 0.52", "head (depth 1.00")
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
            gap = gaps[k] if kind == "orientation" else -gaps[k]
            for twin in range(twins):
                seen = ((draw, best + jitter[draw] * k - gap) for draw in (0, 1))
                draws += [("untrained", kind, layer, draw, twin, value) for draw, value in seen]
    return tuning_findings.findings(table(TUNING, *tuning), table("control kind layer draw twin best", *draws))


@pytest.mark.parametrize(
    ("last", "change"),
    [
        (0.5, "less at the last layer than the first"),
        (0.75, "more at the last layer than the first"),
        (0.6, "no change from first to last is shown"),
    ],
)
def test_the_last_layer_is_tuned_more_or_less_than_the_first(last: float, change: str) -> None:
    """Two properties are tested, on three draws: Student's t of two degrees of freedom at 1 - 0.025/2."""
    far = 0.02 / np.sqrt(3) * t.ppf(1 - 0.025 / 2, 2)
    gap = last - 0.6
    numbers = [f"{number:+.2f}".replace("-", "−") for number in (gap, gap - far, gap + far)]
    numbers[0] = "0.00" if numbers[0] in ("+0.00", "−0.00") else numbers[0]
    middle = "" if last == 0.75 else ", most at neck, 0.70"
    assert tuned((0.6, 0.7, last))[0] == (
        "The orientation of gratings explains 0.60 of the variance of the best of 16 channels at stem, "
        f"{last:.2f} at head{middle}: {change} ({numbers[0]} ({numbers[1]} to "
        f"{numbers[2]}))."
    )


def test_layers_that_are_tuned_alike() -> None:
    said = tuned((0.6, 0.5, 0.61), (0.5, 0.5, 0.5), jitter=(-0.001, 0.0, 0.001))
    assert said[0].endswith(": alike at the first and last layer (+0.01 (0.00 to +0.02)).")
    assert "most at" not in said[0]
    assert said[1].startswith("The shape of outlines explains 0.50 of")


@pytest.mark.parametrize(
    ("orientation", "shape", "order"),
    [
        ((0.6, 0.7, 0.5), (0.1, 0.25, 0.4), (0, "before those tuned to shape", 1)),
        ((0.1, 0.25, 0.4), (0.6, 0.7, 0.5), (1, "after those tuned to shape", 0)),
        ((0.6, 0.7, 0.5), (0.4, 0.3, 0.4), (0, "no earlier than those tuned to shape", 0)),
        ((0.6, 0.7, 0.5), (0.2, 0.25, 0.4), (0, UNSURE, 1)), ((0.2, 0.25, 0.4), (0.6, 0.7, 0.5), (1, UNSURE, 0)),
        ((0.1, 0.1, 0.4), (0.1, 0.25, 0.4), (2, "after those tuned to shape", 1)),
    ],
)  # fmt: skip
def test_which_property_comes_first(orientation: Any, shape: Any, order: tuple[int, str, int]) -> None:
    first, words, other = order
    assert tuned(orientation, shape)[2] == (
        f"Channels tuned to orientation begin at {FROM[first]}), {words}, at {FROM[other]})."
    )


def test_a_property_that_hardly_a_channel_follows_has_no_beginning() -> None:
    none = "No channel is clearly tuned to {}."
    assert tuned(shape=(0.01, 0.02, 0.07))[2] == none.format("shape")
    assert tuned(orientation=(0.04, -0.01, 0.0), shape=(0.0, 0.0, 0.0))[2] == none.format("orientation")
    exact = tuned((0.25, 0.1, 0.25), (0.5, 0.5, 0.5), reach=0.125)[2]  # its lower end is half of the largest
    assert exact.startswith("Channels tuned to orientation begin at stem")
    assert tuned((0.0, 0.0, 0.0), reach=0.0)[2] == none.format("orientation")


def test_channels_against_those_of_random_weights() -> None:
    assert tuned()[3] == NO_TWIN
    assert tuned(twins=1)[3].startswith("One untrained twin is too few")
    counts = "more to {} at {} of 3 layers, less at {}"
    for gaps, numbers in (
        ((0.2, -0.2, 0.01), (1, 1)),
        ((0.2, 0.3, -0.06), (2, 1)),
        ((0.0, 0.049, 0.2), (1, 0)),
    ):
        more, less = numbers
        said = tuned(twins=2, gaps=gaps)[3]
        assert_says(
            [said],
            f"Against 2 networks with random weights, channels are tuned "
            f"{counts.format('orientation', more, less)}; {counts.format('shape', less, more)}.",
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
        assert f"tuned more to orientation at {more} of 3 layers" in said[3]


def test_shuffled_labels_that_explain_much_are_told() -> None:
    few = "Shuffled labels explain 0.06 at most."
    assert tuned()[3:] == [NO_TWIN, few]
    still = tuned(shuffled=0.1)[4]
    assert still.startswith("Shuffled labels still explain 0.10 (neck): ")


# --- inversion --------------------------------------------------------------------------------------------------------


def inverted(layer: str, likeness: float, error: float = 0.05, twin: int = 0, reach: float = 0.03) -> tuple[Any, ...]:
    return layer, twin, (likeness, likeness - reach, likeness + reach), (error, error - 0.02, error + 0.02)


def of_inversions(*rows: Any) -> list[str]:
    return inversion_findings.findings(table("layer twin likeness error", *rows), 3)


@pytest.mark.parametrize(
    ("last", "change"),
    [
        (0.5, "more that differs looks the same to the deeper one"),
        (0.95, "the deeper one gives more back"),
        (0.8, "no difference is shown"),
        (0.86, "no difference is shown"), (0.74, "no difference is shown"),
    ],
)  # fmt: skip
def test_rebuilt_pictures_are_compared_where_activations_were_matched(last: float, change: str) -> None:
    every = [inverted("stem", 0.8, 0.01), inverted("neck", 0.2, 0.06), inverted("head", last)]
    numbers = (
        f"the thumbnail has likeness 0.80 (0.77 to 0.83), from head, the last, {last:.2f} ({last - 0.03:.2f} to "
        f"{last + 0.03:.2f}) (correlation of pixels; 3 starts): {change}."
    )
    assert_says(
        of_inversions(*every),
        f"Rebuilt from stem, the first, {numbers}",
        "Activations were matched everywhere, to within 6.0%: …",
        NO_TWIN,
    )
    far = [inverted("input", 0.99, 0.08), *every, inverted("logits", 0.1, 0.4)]
    assert_says(
        of_inversions(*far)[:2],
        f"Rebuilt from stem, the first of the 3 layers whose activations were matched, {numbers}",
        "At input, logits the search did not clearly match the activations (at logits it left 40%): …",
    )
    few = of_inversions(far[0], far[4], every[1])[0]
    assert few.startswith("The search matched the picture's activations, to within 10%, at 1 of 3 layers: what the")


def test_rebuilt_pictures_of_random_weights() -> None:
    own = [inverted("a", 0.8), inverted("b", 0.7), inverted("c", 0.6), inverted("d", 0.5, 0.09), inverted("e", 0.9)]
    twins = [inverted(name, value, error, 1) for name, value, error in
             (("a", 0.9, 0.05), ("b", 0.6, 0.05), ("d", 0.1, 0.05), ("e", 0.71, 0.05), ("c", 0.62, 0.04),
              ("f", 0.1, 0.05))]  # fmt: skip
    text = (
        "With random weights (3 starts) the picture comes back worse at {} and better at {} of the {} layers matched "
        "by "
        "both; from {}."
    )
    assert_says(of_inversions(*own, *twins)[2:], text.format(2, 1, 4, "e with 0.71 against 0.90 (−0.19)"))
    unmatched = [*twins[:3], inverted("e", 0.71, 0.08, 1), twins[4]]
    assert_says(of_inversions(*own, *unmatched)[2:], text.format(1, 1, 3, "c with 0.62 against 0.60 (+0.02)"))
    none = of_inversions(own[3], own[4], inverted("d", 0.1, 0.05, 1), inverted("e", 0.1, 0.08, 1))[2]
    assert none.startswith("No layer was matched with and without training")
    assert list(inversion_findings.matched(pd.DataFrame({"error_high": [0.1, 0.0999]}))) == [False, True]
