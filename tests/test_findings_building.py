"""What sentences on two-layer networks and on filters say of planted tables: each outcome, number and name."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from planted import assert_says, table
from scipy.stats import t

from lab.experiments.building import edges_findings, filter_findings
from lab.experiments.building.filter_terms import FilterSum


def reach(values: Any, tests: int = 1) -> float:
    """How far Student's interval of a mean goes, allowing for so many means."""
    spread = np.std(values, ddof=1) / np.sqrt(len(values))
    return float(spread * t.ppf(1 - 0.025 / tests, len(values) - 1))


def ends(values: Any, tests: int = 1, digits: int = 2) -> str:
    mean, far = float(np.mean(values)), reach(values, tests)
    return f"{mean:.{digits}f} ({mean - far:.{digits}f} to {mean + far:.{digits}f})"


# --- edges ------------------------------------------------------------------------------------------------------------

ADDS = {("rectangle", "horizontal"): 3.0, ("rectangle", "vertical"): 2.0, ("rectangle", "diagonal"): -1.0,
        ("diamond", "horizontal"): 0.0, ("diamond", "vertical"): 0.5, ("diamond", "diagonal"): 4.0}  # fmt: skip
JITTER = np.array([-0.1, 0.0, 0.1])
PARTS = ("horizontal sides only", "vertical sides only", "its sides apart")


def of_edges(
    two: Any = (0.98, 0.95, 0.97), one: Any = (0.62, 0.6, 0.56), shuffled: Any = (0.31, 0.35, 0.33),
    after: Any = (0.61, 0.6, 0.65), beyond: Any = (0.8, 0.8, 0.8), adds: Any = (), shares: Any = (), single: Any = (),
) -> list[str]:  # fmt: skip
    named = {"two layers": two, "one layer": one, "shuffled labels": shuffled}
    accuracy = [(seed, name, value) for name, values in named.items() for seed, value in enumerate(values)]
    filters = [("before training", seed, value, 1.0) for seed, value in enumerate((0.3, 0.34, 0.32))]
    filters += [("after training", seed, value + more, share) for seed, (value, share)
                in enumerate(zip(after, beyond, strict=True)) for more in (-0.1, 0.1)]  # fmt: skip
    sums = [(seed, name, group, value / 2 + more, 9.0) for (name, group), value in (ADDS | dict(adds)).items()
            for seed, more in enumerate(JITTER / 2) for _ in range(2)]  # fmt: skip
    parts = dict(zip(PARTS, [(0.31, 0.3, 0.29), (0.42, 0.4, 0.41), (0.22, 0.2, 0.21)], strict=True)) | dict(shares)
    answers = [("two layers", seed, name, value) for name, values in parts.items() for seed, value in enumerate(values)]
    answers += [("two layers", 0, "the rectangle", 1.0), *(("one layer", *row) for row in single)]
    return edges_findings.findings({
        "accuracy": table("seed condition accuracy", *accuracy),
        "filters": table("when seed selectivity beyond_random", *filters),
        "combinations": table("seed class group on_own on_others", *sums),
        "responses": table("condition seed stimulus share", *answers),
    })  # fmt: skip


@pytest.mark.parametrize(
    ("one", "better"),
    [
        ((0.62, 0.6, 0.56), "more"), ((0.98, 0.97, 0.98), "less"),
        ((0.86, 0.84, 0.85), "alike to within 0.05"), ((0.89, 0.7, 0.5), "not shown to differ"),
    ],
)  # fmt: skip
def test_two_layers_against_one(one: Any, better: str) -> None:
    two, shuffled = ((0.88, 0.87, 0.87), (0.31, 0.35, 0.33))
    gaps = np.subtract(two, one)
    low, high = (f"{gaps.mean() + side * reach(gaps):+.2f}".replace("-", "−") for side in (-1, 1))
    assert of_edges(two, one)[0] == (
        f"Two layers tell rectangles, diamonds and neither apart with accuracy {np.mean(two):.2f}, one layer "
        f"{np.mean(one):.2f}: "
        f"{better} (difference {f'{gaps.mean():+.2f}'.replace('-', '−')} ({low} to {high}), 3 networks); shuffled "
        f"labels {np.mean(shuffled):.2f}, chance 0.33."
    )


def test_shuffled_labels_that_are_learnt_are_a_leak() -> None:
    assert "; shuffled labels 0.33, chance 0.33." in of_edges(shuffled=(1 / 3,) * 3)[0]
    assert of_edges(shuffled=(0.34,) * 3)[0].endswith(
        "; but shuffled labels give 0.34 (0.34 to 0.34), above chance, 0.33: something leaks."
    )


@pytest.mark.parametrize(
    ("after", "means"),
    [
        ((0.61, 0.6, 0.65), "Training makes first-layer filters more oriented"),
        ((0.11, 0.1, 0.15), "Training makes first-layer filters less oriented"),
        ((0.31, 0.34, 0.31), "Training leaves first-layer filters as oriented as they were"),
        ((0.31, 0.6, 0.9), "Training is not shown to change how oriented first-layer filters are"),
        ((0.31, 0.37, 0.3), "Training is not shown to change how oriented first-layer filters are"),
    ],
)
@pytest.mark.parametrize(
    ("beyond", "edges"),
    [
        ((0.8, 0.81, 0.79), "most are oriented edges"),
        ((0.5, 0.5, 0.5), "some, not clearly most, are oriented edges"),
        ((0.06, 0.06, 0.06), "some, not clearly most, are oriented edges"),
        ((0.05, 0.05, 0.05), "none is shown to be an oriented edge"),
    ],
)
def test_orientation_of_filters(after: Any, means: str, beyond: Any, edges: str) -> None:
    change = np.subtract(after, (0.3, 0.34, 0.32))
    assert of_edges(after=after, beyond=beyond)[1] == (
        f"{means}: selectivity {np.mean(after):.2f}, before 0.32 (difference {ends(change)}). {ends(beyond)} of them "
        f"exceed 95 % of random filters: {edges}."
    )


def test_what_filters_of_each_orientation_add() -> None:
    """Six tests of rectangles (two groups and a comparison, of two shapes), four of diamonds."""
    said = of_edges()
    added = {key: f"{value:.1f}" for key, value in ADDS.items()}
    for name, sentence in (("rectangle", said[2]), ("diamond", said[3])):
        parts = ", ".join(f"{group} {added[name, group]}" for group in ("horizontal", "vertical", "diagonal"))
        assert sentence.startswith(f"Edges give the {name} channel: {parts}; ")
    more = ends(np.array([6.0, 6.0, 6.0]) + JITTER, 6, 1), ends(np.array([3.5, 3.5, 3.5]) - JITTER, 4, 1)
    assert said[2].endswith(f"; horizontal and vertical add more than the others, by {more[0]}.")
    assert said[3].endswith(f"; diagonal add more than the others, by {more[1]}.")


@pytest.mark.parametrize(("shape", "tests"), [("rectangle", 6), ("diamond", 4)])
def test_groups_and_comparisons_are_corrected_for_their_number(shape: str, tests: int) -> None:
    """Just beyond and just within what chance allows for so many tests."""
    own, others = ("horizontal", "vertical"), ("diagonal",)
    own, others = (own, others) if shape == "rectangle" else (others, own)
    place = 2 if shape == "rectangle" else 3
    edge = reach(JITTER, tests)
    names = f"not shown for {own[0]}."
    low, beyond = ({(shape, own[0]): edge * factor} for factor in (0.98, 1.02))
    assert of_edges(adds=low)[place].endswith(names)
    assert not of_edges(adds=beyond)[place].endswith(names)
    if len(own) == 2:
        both = {(shape, group): 0.0 for group in own}
        assert "not shown for horizontal and vertical." in of_edges(adds=both)[place]
    strong = {(shape, group): 5.0 for group in own}  # and what one of the others adds decides the comparison
    rest = 5.0 * len(own) - sum(ADDS[shape, group] for group in others[1:])
    sign = 1 if shape == "rectangle" else -1

    def compared(gap: float) -> tuple[str, str]:
        ending = of_edges(adds=strong | {(shape, others[0]): rest - gap})[place].split("; ")[1]
        return ending, ends(gap + sign * JITTER, tests, 1)

    edges = " and ".join(own)
    ending, numbers = compared(edge * 0.98)
    assert ending == f"{edges} not clearly more than the others (difference {numbers})."
    assert compared(-edge * 0.98)[0].startswith(f"{edges} not clearly more")
    ending, numbers = compared(edge * 1.02)
    assert ending.endswith(f"add more than the others, by {numbers}.")
    ending, _ = compared(-edge * 1.02)
    against = ends(edge * 1.02 - sign * JITTER, tests, 1)
    assert ending == f"{' and '.join(others)} add more, by {against}."
    against = ends(3.7 - sign * JITTER, tests, 1)
    assert compared(-3.7)[0] == f"{' and '.join(others)} add more, by {against}."


def test_sums_of_groups_without_a_filter_are_zero() -> None:
    rows = [
        (0, "rectangle", "vertical", 1.5, 2.0), (0, "rectangle", "vertical", 1.0, 3.0),
        (1, "rectangle", "diagonal", 4.0, 5.0), (1, "diamond", "diagonal", 6.0, 7.0),
    ]  # fmt: skip
    sums = edges_findings.group_sums(table("seed class group on_own on_others", *rows))
    found = {tuple(row[:3]): tuple(row[3:]) for row in sums.itertuples(index=False)}
    groups = ("horizontal", "vertical", "diagonal")
    there = [(0, "rectangle"), (1, "rectangle"), (1, "diamond")]
    zeros = {(*key, group): (0.0, 0.0) for key in there for group in groups}
    assert found == zeros | {
        (0, "rectangle", "vertical"): (2.5, 5.0), (1, "rectangle", "diagonal"): (4.0, 5.0),
        (1, "diamond", "diagonal"): (6.0, 7.0),
    }  # fmt: skip
    assert len(edges_findings._combination(sums.iloc[:0], "diamond", groups[2:]).split("No second-layer")) == 2
    assert "speaks for a circle: they" in edges_findings._combination(sums, "circle", groups)


@pytest.mark.parametrize(
    ("shares", "ending"),
    [
        ({}, "it answers the whole more than any part, less than half for one pair of sides."),
        ({1: (0.5, 0.5, 0.5)}, "it answers the whole more than any part."),
        ({2: (1.0, 1.0, 1.0)}, "that it answers the whole more than its sides apart is not shown."),
        ({0: (0.9, 1.0, 1.1), 1: (1, 1, 1)},
         "that it answers the whole more than horizontal sides only or vertical sides only is not shown."),
        ({0: (1.2, 1.21, 1.22), 1: (1.3, 1.31, 1.32), 2: (1, 1, 1)},
         "it answers horizontal sides only and vertical sides only more than the whole."),
    ],
)  # fmt: skip
def test_what_the_channel_answers_to_parts_of_its_shape(shares: dict[int, Any], ending: str) -> None:
    parts = [(0.31, 0.3, 0.29), (0.42, 0.4, 0.41), (0.22, 0.2, 0.21)]
    parts = [shares.get(k, values) for k, values in enumerate(parts)]
    listed = ", ".join(
        f"{ends(values, 3)} to {name}" for values, name in
        zip(parts, (*PARTS[:2], "the four sides apart"), strict=True)
    )  # fmt: skip
    said = of_edges(shares={PARTS[k]: values for k, values in shares.items()})[4]
    assert said == f"Of its answer to a rectangle the rectangle channel gives {listed}: {ending}"


def test_what_a_single_layer_answers_to_parts() -> None:
    single = [(seed, PARTS[part], 0.4 + 0.2 * part + 0.03 * seed) for seed in range(3) for part in range(3)]
    said = of_edges(single=single)[4]
    numbers = ends((0.5, 0.53, 0.56))
    assert said.endswith(f" A single layer gives one pair of sides {numbers}.")
    nothing = "There is no channel for rectangles to show parts to."
    responses = table("condition seed stimulus share", ("one layer", 0, PARTS[0], 0.5))
    assert edges_findings._parts(responses) == edges_findings._parts(responses.iloc[:0]) == nothing
    assert edges_findings._parts(pd.DataFrame()) == nothing


# --- filter -----------------------------------------------------------------------------------------------------------


def a_sum(*contributions: float, first: int = 0, of: int = 0, bias: float = 0.25, off: float = 0.0) -> FilterSum:
    patch = np.zeros((len(contributions), 2, 3))
    patch[:, 1, 2] = np.divide(contributions, 2)
    total = sum(contributions) + bias
    return FilterSum(5, 1, 1, first, of or len(contributions), patch, np.full(patch.shape, 2.0), bias, total - off)


def of_filter(found: Any, kind: str = "grouped") -> list[str]:
    layer: Any = SimpleNamespace(kind=kind)
    return filter_findings.findings(layer, found)


def test_what_a_filter_spans() -> None:
    window = "in 2 × 3: one number out of {} products."
    assert of_filter(a_sum(1, 2))[0] == f"This filter spans all 2 input channels {window.format(12)}"
    assert of_filter(a_sum(*range(200)))[0].endswith(window.format("1,200"))
    assert of_filter(a_sum(1))[0] == f"This filter spans the only input channel {window.format(6)}"
    apart = "This filter does not span all 9 input channels: it sees only {} (grouped convolution)."
    assert_says(of_filter(a_sum(1, first=4, of=9))[:1], apart.format("input channel 4"))
    assert_says(of_filter(a_sum(1, 2, 3, first=3, of=9))[:1], apart.format("the 3 input channels 3 to 5"))


def test_whether_a_sum_is_the_networks_number() -> None:
    assert of_filter(a_sum(1.5, -0.5))[1] == (
        "The contributions sum to +1.00 plus the bias +0.25: +1.25, exactly the network's own number (difference 0)."
    )
    assert of_filter(a_sum(1.5, bias=0.0, off=9e-6))[1].endswith(
        "(no bias): +1.50, exactly the network's own number (difference 9e-06)."
    )
    assert of_filter(a_sum(1.5, -0.5, off=-0.5))[1].endswith(
        "not the network's own number, which is +1.750000 (difference 0.5)."
    )
    assert "not the network's" in of_filter(a_sum(1.5, off=1.2e-5))[1]
    at = SimpleNamespace(difference=1e-5, own=1.0, bias=0.0, contributions=np.array([1.0]), total=1.0)
    assert "exactly the network's" in filter_findings._adds_up(at)  # type: ignore[arg-type]


def test_who_adds_to_a_sum() -> None:
    assert of_filter(a_sum(0.5))[2] == "A single channel contributes: +0.50."
    assert of_filter(a_sum(0, 0))[2] == "Every contribution is zero here."
    numbers = "Channels raise it by {} and lower it by {}, the strongest of {}, channel {}, by {}; "
    assert of_filter(a_sum(1.0, -2.0, 0.5, 0.5, first=3))[2] == (
        numbers.format("+2.00", "-2.00", 4, 4, "-2.00") + "it is enough for half of all."
    )
    assert of_filter(a_sum(1.0, -1.5, 0.25, 0.75, 0.0))[2] == (
        numbers.format("+2.00", "-1.50", 5, 1, "-1.50") + "2 are enough for half of all."
    )


def test_all_convolutions_of_a_network() -> None:
    def told(*rows: Any) -> list[str]:
        return filter_findings.network_findings(table("layer kind difference", *rows))

    assert told(("a", "full", 0.0), ("b", "1×1", 1e-5), ("c", "single", 2e-6)) == [
        "In 3 of 3 convolutions the products sum to the network's own number (largest difference 1e-05).",
        "All 3 of its convolutions span every input channel.",
    ]
    mixed = [
        ("a", "full", 1e-6),
        ("b", "grouped", 0.02),
        ("c", "depthwise", 0.01),
        ("d", "depthwise", 0.0),
        ("e", "1×1", 0.0),
    ]
    assert_says(
        told(*mixed),
        "In 3 of 5 convolutions … (largest difference 2e-02); not at b.",
        "2 of its 5 convolutions span every input channel; not so 2 depthwise, 1 grouped.",
    )
    assert told(("a", "full", 0.0))[1] == "Its only convolution spans every input channel."
    assert "(largest difference 0)" in told(("a", "full", 0.0))[0]
