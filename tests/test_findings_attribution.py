"""What sentences on attribution maps say of planted tables: each outcome, each number, and the map that is picked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from planted import assert_says, table

from lab.attributions.methods import METHODS
from lab.experiments.attribution import map_findings, score_findings
from lab.experiments.attribution.map_findings import EDGES, RANDOM, learned, matters, missing_text, random_range

NAN = float("nan")
TARGET = "score_at name probability accuracy/ci"
MAP = "method layer score_at random random_pair gain edges share area incompleteness problem"
GAINS = (0.0, 0.1, 0.2, 0.3, 0.4)
# Their mean is 0.2, their spread 0.1581; times sqrt(1 + 1/5) and Student's t of 4 degrees of freedom, 2.7764 at 97.5 %
REACH = 0.480894
# and 4.3147 at 1 - 0.025/4
REACH_OF_FOUR = 0.747325


def a_map(method: str, layer: str = "", **more: Any) -> tuple[Any, ...]:
    numbers = {"at": "", "random": (0.6, 0.3, 0.7), "gain": 0.1, "edges": 0.2, "share": NAN, "missing": NAN}
    numbers |= {"pair": 0.0, "area": NAN, "problem": ""} | more
    names = ("at", "random", "pair", "gain", "edges", "share", "area", "missing", "problem")
    return method, layer, *(numbers[name] for name in names)


def random_orders(place: str, shift: float = 0.0, edges: float = 0.05) -> list[tuple[Any, ...]]:
    return [(EDGES, place, edges), *((RANDOM, place, gain + shift) for gain in GAINS)]


def of_maps(
    *maps: Any, targets: Any = (("", "cat", 0.83, (NAN, NAN, NAN)),), orders: Any = (), method: str = ""
) -> Any:
    tables = {"maps": table(MAP, *maps), "targets": table(TARGET, *targets)}
    more = {"orders": table("order score_at gain", *orders)} if orders else {}
    return map_findings.findings(tables | more, method)


@pytest.mark.parametrize(
    ("low", "high", "answer"),
    [
        (0.3, 0.49, "yes"), (0.3, 0.5, "open"), (0.51, 0.6, "no"), (0.5, 0.6, "open"), (0.4, 0.6, "open"),
        (NAN, 0.4, "open"), (0.6, NAN, "open"),
    ],
)  # fmt: skip
def test_a_map_depends_on_weights_where_its_interval_says_so(low: float, high: float, answer: str) -> None:
    assert learned({"random_low": low, "random_high": high}) == answer
    assert learned({}) == "open"


def test_a_map_matters_beyond_the_range_of_random_orders() -> None:
    orders = table("order score_at gain", *random_orders("a"), *random_orders("b", 7.0), (RANDOM, "c", 0.4))
    for tests, reach in ((0, REACH), (1, REACH), (4, REACH_OF_FOUR)):
        mean, low, high = random_range(orders, "a", tests)
        assert (mean, low, high) == pytest.approx((0.2, 0.2 - reach, 0.2 + reach), abs=1e-5)
        assert matters({"score_at": "a", "gain": high}, orders, tests) == "no"
        assert matters({"score_at": "a", "gain": high + 1e-9}, orders, tests) == "yes"
    assert random_range(orders, "a") == random_range(orders, "a", 1)
    assert matters({"score_at": "a", "gain": 0.7}, orders) == "yes"
    assert np.isnan(random_range(orders, "c")).all()
    assert np.isnan(random_range(orders.iloc[:0], "a")).all()
    two = table("order score_at gain", (RANDOM, "a", 0.1), (RANDOM, "a", 0.3))
    assert np.isfinite(random_range(two, "a")).all()
    assert matters({"score_at": "c", "gain": 9.0}, orders) == "open"
    assert matters({"score_at": "a"}, orders) == "open"


def test_what_is_explained_is_told() -> None:
    only = [a_map("gradcam")]
    assert of_maps(*only)[0] == "The network's score for cat is explained (probability 0.83)."
    own = [("stem", "cat", 0.71, (0.8, 0.74, 0.86))]
    assert_says(
        of_maps(*only, targets=own)[:1],
        "The probe at stem is explained for cat (probability 0.71); it gets 80% of held-out images right (74% to 86%).",
    )
    each = [*own, ("neck", "dog", 0.6, (0.7, 0.5, 0.9)), ("head", "cat", 0.9, (0.95, 0.9, 0.99))]
    assert_says(
        of_maps(*only, targets=each)[:1],
        "Each layer's own probe is explained: 2 say cat, 1 say dog. At stem it gets 80% of held-out images right "
        "(74% to 86%), at head 95% (90% to 99%).",
    )


def test_maps_that_random_weights_leave_alike_are_named() -> None:
    kept = [a_map(name, layer, random=(0.9, 0.8, 0.95), pair=0.4) for name, layer in
            (("gradcam", "a"), ("saliency", ""), ("ig", ""), ("gradcam", "b"), ("gradcam", "c"))]  # fmt: skip
    other = [a_map("gradxact", "a", random=(0.1, 0.0, 0.2)), a_map("gradxact", "b")]
    start = "With random weights {} become another map (rank correlation below 0.5)."
    end = " Not to be trusted, since random weights leave them much the same: Grad-CAM at a, "
    assert of_maps(*other, *kept)[1] == (
        f"{start.format('1 of 7 maps')}{end}Saliency on the pixels, Integrated gradients on the pixels and 2 more."
    )
    assert of_maps(*other, *kept[:3])[1].endswith("Integrated gradients on the pixels.")
    assert of_maps(*other)[1] == start.format("1 of 2 maps")


def test_maps_that_move_the_probability_are_set_against_random_squares() -> None:
    maps = (
        a_map("gradcam", "a", at="x", gain=0.2 + REACH_OF_FOUR - 0.01), a_map("gradcam", "b", at="x", gain=1.2),
        a_map("gradcam", "c", at="y", gain=1.3), a_map("gradcam", "d", at="x", gain=0.1),
    )  # fmt: skip
    orders = [*random_orders("x", edges=0.61), *random_orders("y", 0.1, edges=0.07)]
    assert of_maps(*maps, orders=orders)[2] == (
        "2 of 4 maps move the probability more than random squares, most Grad-CAM at c: 1.30 against 0.30 (95 % of "
        "them "
        "-0.45 to 1.05); edges 0.07."
    )
    assert not [one for one in of_maps(*maps) if "move the probability" in one]


def test_maps_are_set_against_edges_parts_and_what_they_should_add_up_to() -> None:
    maps = (
        a_map("gradcam", "a", edges=0.31, share=0.4, area=0.4, missing=0.1),
        a_map("ig", edges=0.52, share=0.7, area=0.3,
        missing=0.423), a_map("deeplift", edges=0.44, share=0.6, area=0.35, missing=0.11), a_map("saliency", edges=0.2),
    )  # fmt: skip
    said = of_maps(*maps)[2:]
    assert_says(
        said,
        "Most like an edge detector is Integrated gradients on the pixels (rank correlation 0.52).",
        "The parts that differ fill 30% of this picture; 2 of 3 maps put more than that there, most Integrated "
        "gradients on the pixels: 70%.",
        "Attributions … by 42.3% at worst (Integrated gradients on the pixels); 2 miss more than 10%: ask for …",
    )
    assert_says(of_maps(maps[0])[-1:], "Attributions … by 10.0% at worst (Grad-CAM at a).")
    assert (missing_text(10.0), missing_text(10.1)) == ("1000.0%", "over 1000%")


def test_maps_of_one_method_that_cannot_be_read_are_told() -> None:
    maps = (
        a_map("gradcam", "a", edges=0.9), a_map("guided_backprop", edges=0.4, problem="it is flat"),
        a_map("guided_backprop", "b", edges=0.3),
    )  # fmt: skip
    said = of_maps(*maps, method="guided_backprop")
    assert said[2] == "Most like an edge detector is Guided backpropagation on the pixels (rank correlation 0.40)."
    assert said[3:] == [
        METHODS["guided_backprop"].warning, "Guided backpropagation on the pixels cannot be read: it is flat.",
    ]  # fmt: skip
    assert METHODS["guided_backprop"].warning
    unchecked = table(MAP, *maps).drop(columns=["random_low", "random_high", "random", "gain"])
    told = map_findings.findings({"maps": unchecked, "targets": table(TARGET, ("", "cat", 0.8, (0.1, 0.2, 0.3)))})
    assert len(told) == 4


# --- scores -----------------------------------------------------------------------------------------------------------

SCORE = "role method layer share area edges images over_area over_edges over_untrained over_activation"


def score(method: str, layer: str, *lows: float, role: str = "trained", activation: Any = (NAN, NAN, NAN)) -> Any:
    """A map above its three bars by `lows` at least; nan where there was nothing to compare it with."""
    area, edges, untrained = ((low + 0.04, low, low + 0.11) for low in lows)
    return role, method, layer, 0.6, 0.2, 0.31, 24, area, edges, untrained, activation


def of_scores(*rows: Any, probes: pd.DataFrame | None = None) -> list[str]:
    read = table(
        "role layer accuracy/ci", ("untrained", "z", (0.99, 0.98, 1.0)), ("trained", "stem", (0.62, 0.55, 0.69)),
        ("trained", "neck", (0.94, 0.9, 0.97)), ("trained", "head", (0.91, 0.8, 0.96)),
    )  # fmt: skip
    return score_findings.findings({"summary": table(SCORE, *rows), "probes": probes if probes is not None else read})


def test_the_pair_that_puts_most_on_the_parts_is_told_with_what_it_is_above() -> None:
    others = (
        score("gradcam", "z", 0.9, 0.9, 0.9, role="untrained"), score("saliency", "", 0.1, 0.1, 0.1),
        score("gradcam", "b", 0.2, 0.2, NAN), score("ig", "", 0.3, 0.0, 0.3),
    )  # fmt: skip
    best = score("gradcam", "c", 0.35, 0.2, 0.1)
    more = score("gradxact", "c", 0.31, 0.2, 0.1)
    pairs = (
        "4 of 5 pairs of method and layer find what differs: above the parts' area, an edge detector and an untrained "
        "network (1 not compared with an untrained network): Saliency, "
        "Grad-CAM, Gradient × activation."
    )
    numbers = "puts most on the parts that differ: 60% on 20% of the picture (difference {}, {}); an edge detector 31%"
    assert_says(
        of_scores(*others, best, more),
        pairs,
        f"Grad-CAM at c {numbers.format('39%', '35% to 46%')}, untrained networks 46%. Clearly above all three.",
        "The explained probes read 62% of held-out pictures at stem, at most 94% (90% to 97%) at neck.",
    )
    below = of_scores(*others, score("gradcam", "c", 0.35, 0.0, -0.1))
    assert below[1].endswith(", untrained networks 66%. Not clearly above an edge detector and an untrained network.")
    assert below[0].startswith("2 of 4 pairs")
    alone = of_scores(score("gradcam", "b", 0.2, 0.2, NAN), score("ig", "", 0.1, -0.1, NAN))
    assert_says(
        alone[:2],
        "1 of 2 pairs of method and layer find what differs: above the parts' area and an edge detector: Grad-CAM.",
        f"Grad-CAM at b {numbers.format('24%', '20% to 31%')}. Clearly above the parts' area and an edge detector.",
    )
    none = of_scores(score("gradcam", "b", 0.0, NAN, NAN), score("ig", "", -0.1, NAN, NAN))
    assert_says(
        none[:2],
        "0 of 2 pairs of method and layer find what differs: above the parts' area.",
        f"Grad-CAM at b {numbers.format('4%', '0% to 11%')}. Not clearly above the parts' area.",
    )


def test_grad_cam_is_set_against_the_activation_that_knows_no_target() -> None:
    found = [(0.1, 0.03, 0.2), (0.01, -0.02, 0.02), (-0.1, -0.2, -0.03), (-0.1, -0.2, -0.04), (0.0, -0.1, 0.1)]
    more = [(0.1, 0.01, 0.2), (0.1, 0.02, 0.03)]
    rows = [score("gradcam", f"l{k}", 0.1, 0.1, 0.1, activation=gap) for k, gap in enumerate([*found, *more])]
    other = [score("ig", "", 0.1, 0.1, 0.1, activation=(0.3, 0.2, 0.4)), score("gradcam", "x", 0.1, 0.1, 0.1)]
    assert of_scores(*rows, *other)[2] == (
        "Grad-CAM puts more there than plain activation at 3 of 7 layers, less at 2."
    )
    assert len(of_scores(*other)) == 3
