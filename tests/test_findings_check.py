"""What sentences of a check say of planted tables: each outcome, each number, and the layer that is picked."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from planted import assert_says, table

from lab.experiments.equivalence import findings as equivalence
from lab.experiments.equivalence.request import ALL, BEST
from lab.stats.equivalence import CANNOT_TELL, NOT_WORSE, WORSE

NAN = float("nan")
NONE = (NAN, NAN, NAN)

# --- check ------------------------------------------------------------------------------------------------------------

DECISION = (
    "outcome rule layer layer_new accuracy_base accuracy_new difference/ci max_drop above_chance images smallest_drop "
    "images_needed"
)


def decision(outcome: str = NOT_WORSE, **more: Any) -> Any:
    numbers = {
        "rule": "one", "layer": "neck", "layer_new": "neck", "difference": (-0.012, -0.034, 0.011), "max_drop": 0.05,
        "above_chance": (0.3, 0.2, 0.4), "smallest": 0.061,
    } | more  # fmt: skip
    row = (
        outcome, numbers["rule"], numbers["layer"], numbers["layer_new"], 0.912, 0.9, numbers["difference"],
        numbers["max_drop"], numbers["above_chance"], 1234, numbers["smallest"], 2345,
    )  # fmt: skip
    return next(table(DECISION, row).itertuples())


NUMBERS = "accuracy goes from 0.912 to 0.900 (-0.012, 95 % interval{} -0.034 to +0.011)."


@pytest.mark.parametrize(
    ("outcome", "start"),
    [
        (NOT_WORSE, "new is not worse than base by more than 0.05"),
        (WORSE, "new is worse than base by more than 0.05"),
        (CANNOT_TELL, "These images cannot tell whether new is worse than base by more than 0.05"),
    ],
)
@pytest.mark.parametrize(
    ("rule", "layer_new", "place"),
    [
        ("one", "neck", "at neck"), ("one", "head", "at neck (new: head)"),
        (BEST, "neck", "at the best layer of each (neck)"), (BEST, "head", "at the best layer of each (neck and head)"),
        (ALL, "neck", "of all layers it falls most at neck, where"),
        (ALL, "head", "of all layers it falls most at neck (new: head), where"),
    ],
)  # fmt: skip
def test_the_outcome_of_a_check(outcome: str, start: str, rule: str, layer_new: str, place: str) -> None:
    said = equivalence.outcome(decision(outcome, rule=rule, layer_new=layer_new), "base", "new")
    assert said == f"{start}: {place} {NUMBERS.format(' for all layers at once' * (rule == ALL))}"


def test_what_a_check_leaves_open() -> None:
    chance = [
        "Being no worse would say nothing: there base itself is not clearly above guessing (+0.010, +0.000 to +0.100)."
    ]
    assert equivalence.doubt(decision(above_chance=(0.01, 0.0, 0.1)), "base") == chance
    below = {"difference": (-0.06, -0.1, -0.001)}
    assert_says(equivalence.doubt(decision(CANNOT_TELL, **below), "base"), "It is clearly below, …")
    for sure in (decision(NOT_WORSE, **below), decision(WORSE, **below), decision(CANNOT_TELL),
                 decision(CANNOT_TELL, difference=(-0.06, -0.1, 0.0))):  # fmt: skip
        assert equivalence.doubt(sure, "base") == []


def test_the_drop_that_could_have_been_seen() -> None:
    text = "These 1,234 images show a drop of 0.061 in 8 of 10 cases"
    assert equivalence.seen(decision()) == f"{text}; one of 0.05 needs about 2,345."
    assert equivalence.seen(decision(max_drop=0.061)) == f"{text}."
    assert equivalence.seen(decision(max_drop=0.07)) == f"{text}."
    assert equivalence.seen(decision(max_drop=0)) == f"{text}."


DIFFERENCE = "layer difference/all cka null lost gained"


def differences(*gaps: Any) -> pd.DataFrame:
    names = ("a", "b", "c", "d", "e", "f")
    ckas = ((0.9, 0.8, 0.95), NONE, (0.71, 0.6, 0.8), (0.8, 0.7, 0.9), (0.85, 0.7, 0.9), (0.9, 0.8, 1.0))
    rows = [(names[k], gap, ckas[k], 0.13 + k, 3 + k, 20 + k) for k, gap in enumerate(gaps)]
    return table(DIFFERENCE, *rows).rename(columns={"null": "cka_null_95"})


def test_where_a_network_changed() -> None:
    gaps = (
        (0.1, 0.05, 0.15), (0.02, 0.0, 0.1), (-0.2, -0.3, -0.1), (-0.1, -0.2, 0.0), (-0.1, -0.2, -0.01),
        (-0.15, -0.2, -0.01),
    )  # fmt: skip
    table_ = differences(*gaps)
    assert equivalence.where(table_) == (
        "Reading clearly improves at 1 and worsens at 3 of 6 layers; the largest change is -0.200 at c (-0.300 to "
        "-0.100)."
    )
    assert equivalence.where(differences(gaps[1], gaps[3])) == (
        "Reading clearly improves at 0 and worsens at 0 of 2 layers; the largest change is -0.100 at b (-0.200 to "
        "+0.000)."
    )
    assert equivalence.where(differences(gaps[0])).startswith("Reading clearly improves at 1 and worsens at 0 of 1")
    assert equivalence.where(differences(gaps[2])).startswith("Reading clearly improves at 0 and worsens at 1 of 1")
    assert equivalence.alike(table_) == (
        "Embeddings are least alike at c (debiased CKA 0.71, 0.60 to 0.80; shuffled below 2.13)."
    )
    assert_says([equivalence.alike(table_.iloc[1:2])], "How alike the embeddings are is unknown: …")
    assert equivalence.images(table_) == (
        "At the last layer, f, 8 images are newly wrong in every repeat, 25 newly right."
    )
    one = pd.DataFrame([decision()._asdict()])
    assert len(equivalence.findings({"decision": one, "differences": table_}, ("base", "new"))) == 5
