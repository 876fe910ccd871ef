"""The tables of a check, one function each."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from lab.experiments.equivalence.request import ALL, BEST, CheckRequest
from lab.experiments.equivalence.sides import Side, Sides
from lab.partial_results import Arrays
from lab.stats.differences import simultaneous
from lab.stats.disagreement import disagreement
from lab.stats.equivalence import CANNOT_TELL, NOT_WORSE, DropTest, drop_at_every_layer, drop_test, images_for
from lab.stats.intervals import Interval, difference

Row = dict[str, Any]
CHANGED = ["layer", "image", "class", "predicted_base", "predicted_new", "change"]


def decision(sides: Sides, request: CheckRequest) -> pd.DataFrame:
    """Return the one row that says what was decided, by the rule that the request names.

    A network before that is not clearly above guessing there makes it "cannot tell", whatever the difference.
    """
    named, right, test = _DECIDED_BY.get(request.layer, _at_layer)(sides, request)
    base, new = right
    above = difference(sides.boot, base - sides.chance)
    columns = sides.measure.columns
    outcome = CANNOT_TELL if test.outcome == NOT_WORSE and above.low <= 0 else test.outcome
    images = sides.boot.groups
    row = {
        "rule": request.layer,
        **named,
        columns[0]: float(sides.boot.mean(base)),
        columns[1]: float(sides.boot.mean(new)),
        **test.gap.columns("difference", "ci"),
        "max_drop": request.max_drop,
        "outcome": outcome,
        "smallest_drop": test.smallest_drop,
        "images": round(images),
        "images_needed": images_for(images, test.smallest_drop, request.max_drop) if request.max_drop else np.nan,
        **above.columns("above_chance"),
    }
    return pd.DataFrame([row])


def differences(sides: Sides, alike: Arrays, max_drop: float) -> pd.DataFrame:
    """Return a row per layer of the network before: what changed there."""
    base, new = sides.sides
    rows = []
    for position, ((layer, partner), at_once) in enumerate(
        zip(sides.layers, simultaneous(sides.boot, sides.gaps), strict=True)
    ):
        other = sides.partners[position]
        test = drop_test(sides.boot, sides.gaps[position], max_drop)
        columns = sides.measure.columns
        rows.append(
            {
                "layer": layer.name,
                "layer_new": partner.name,
                "depth": layer.depth,
                columns[0]: float(sides.boot.mean(base.scores[position])),
                columns[1]: float(sides.boot.mean(new.scores[other])),
                **test.gap.columns("difference", "ci"),
                "all_low": at_once.low,
                "all_high": at_once.high,
                "outcome": test.outcome,
                "smallest_drop": test.smallest_drop,
                **Interval(*(float(alike[name][position]) for name in ("cka", "low", "high"))).columns("cka"),
                "cka_null_95": float(alike["null"][position]),
                **_turned(base, position, new, other),
            }
        )
    return pd.DataFrame(rows)


def _turned(base: Side, position: int, new: Side, other: int) -> Row:
    """Return how many images turned from right to wrong and back, where there is right and wrong."""
    if base.answers is None or new.answers is None:
        return {}
    apart = disagreement(base.answers.per_repeat[:, position], new.answers.per_repeat[:, other])
    return {"lost": apart.steady_a, "gained": apart.steady_b, "by_folds": apart.by_folds}


def changed(sides: Sides) -> pd.DataFrame:
    """Return the images that one of both reads right in every repeat and the other wrong in every repeat, by layer.

    There are none where an answer is not just right or wrong.
    """
    base, new = (side.answers for side in sides.sides)
    if base is None or new is None:
        return pd.DataFrame(columns=CHANGED)
    images = sides.question.images
    classes = np.array(images.classes, dtype=object)
    rows: list[Row] = []
    for position, (layer, _) in enumerate(sides.layers):
        other = sides.partners[position]
        a, b = base.per_repeat[:, position] > 0.5, new.per_repeat[:, other] > 0.5
        lost, gained = a.all(axis=0) & ~b.any(axis=0), b.all(axis=0) & ~a.any(axis=0)
        answers = [classes[p.argmax(axis=1)] for p in (base.probabilities[position], new.probabilities[other])]
        turned = np.flatnonzero(np.asarray(lost | gained))
        rows += [
            dict(zip(CHANGED, (
                layer.name, images.records[k].id, classes[images.records[k].label], answers[0][k], answers[1][k],
                "lost" if bool(a[0, k]) else "gained",
            ), strict=True))
            for k in turned
        ]  # fmt: skip
    return pd.DataFrame(rows, columns=CHANGED)


Decided = tuple[dict[str, str], tuple[np.ndarray, np.ndarray], DropTest]


def _at_best(sides: Sides, request: CheckRequest) -> Decided:
    """Each at its best layer, which where classes are read was picked on other images than it is judged by."""
    base, new = sides.sides
    right = base.choice.correct, new.choice.correct
    named = {"layer": base.layers[base.choice.layer].name, "layer_new": new.layers[new.choice.layer].name}
    return named, right, drop_test(sides.boot, right[1] - right[0], request.max_drop)


def _at_layer(sides: Sides, request: CheckRequest) -> Decided:
    position = [layer.name for layer, _ in sides.layers].index(request.layer)
    return _pair(sides, position, drop_test(sides.boot, sides.gaps[position], request.max_drop))


def _at_all(sides: Sides, request: CheckRequest) -> Decided:
    """The layer that fell most stands for all of them, with the interval that allows for looking at all."""
    outcome, at_once = drop_at_every_layer(sides.boot, sides.gaps, request.max_drop)
    # Of two that fell alike the less certain one.
    position = int(np.argmin([gap.low for gap in at_once]))
    own = drop_test(sides.boot, sides.gaps[position], request.max_drop)
    return _pair(sides, position, DropTest(outcome, at_once[position], own.smallest_drop))


def _pair(sides: Sides, position: int, test: DropTest) -> Decided:
    base, new = sides.sides
    layer, partner = sides.layers[position]
    right = base.scores[position], new.scores[sides.partners[position]]
    return {"layer": layer.name, "layer_new": partner.name}, right, test


_DECIDED_BY = {BEST: _at_best, ALL: _at_all}
