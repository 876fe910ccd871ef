"""What the ladder holds against each other: planted changes, labels, networks and what is easy untrained."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kendalltau
from test_ladder import DEPTHS, NAMES, network, planted

from lab.experiments.ladder.changes import CHANGES, halves, values_of
from lab.experiments.ladder.climb import climb_of
from lab.experiments.ladder.contrasts import (
    ease_rows,
    invariance_rows,
    label_rows,
    layer_rows,
    moved_rows,
    network_rows,
)
from lab.experiments.ladder.findings import _against, _ease, _invariance, _saved
from lab.experiments.ladder.measure import RungReading, _beside
from lab.images.synthetic import RUNGS, draw_set
from lab.probing.code_length import online_code
from lab.stats.ordering import agreement

RNG = np.random.default_rng(5)


def reading(rung: str, vectors: list[np.ndarray], sides: dict[str, np.ndarray], mixed: np.ndarray) -> RungReading:
    """A rung as a network of six layers reads it whose embeddings are given."""
    images = draw_set(RUNGS[rung].family.name, 60, size=32)
    found = [_beside(images, sides, mixed, 0, layer) for layer in vectors]
    arrays = {name: np.stack([layer[name] for layer in found]) for name in found[0]}
    right = np.where(images.labels[:, None] == np.arange(2), 0.9, 0.1)
    probe = np.broadcast_to(right, (len(vectors), 1, *right.shape))
    moved = {name: arrays.pop(f"moved {name}") for name in sides}
    return RungReading(rung, network(), images, probe, probe, np.full(len(vectors), 3), moved=moved, **arrays)


@pytest.fixture(scope="module")
def bound() -> RungReading:
    """The first three layers tell the classes on each side by another sign, the last three on both by the same."""
    images = draw_set("hue", 60, size=32)
    sides, mixed = halves(RNG.normal(size=(120, 4)), images.labels, 0)
    position = {"position": sides["position"]}
    sign = 2.0 * images.labels - 1
    flips = RNG.normal(size=(120, 3)) * 0.3 + np.outer(sign * (2 * position["position"] - 1), [1, 0, 0])
    stays = RNG.normal(size=(120, 3)) * 0.3 + np.outer(sign, [0, 1, 0])
    return reading("hue", [flips] * 3 + [stays] * 3, position, mixed)


def test_both_sides_hold_half_of_each_class() -> None:
    labels = np.repeat([0, 1], 31)
    values = RNG.normal(size=(62, 4))
    values[:, 1] = np.nan
    sides, mixed = halves(values, labels, 3)
    assert list(sides) == [name for name in CHANGES if name != "size"]
    for half in [*sides.values(), *mixed]:
        assert [int(half[labels == label].sum()) for label in (0, 1)] == [16, 16]
    own = values[labels == 1, 0]
    assert own[sides["position"][labels == 1] == 1].min() > own[sides["position"][labels == 1] == 0].max()
    assert np.array_equal(halves(values, labels, 3)[1], mixed)


def test_drawings_say_where_they_lie() -> None:
    drawing = draw_set("part", 2, size=64).drawing(0)
    position, size, colouring, background = values_of(drawing)
    assert (position, size) == (drawing.factors["x"], drawing.factors["scale"])
    pixels = drawing.pixels.astype(float)
    assert colouring == pytest.approx((pixels[..., 0] - pixels[..., 2]).mean())
    frame = np.concatenate([pixels[:4].reshape(-1, 3), pixels[-4:].reshape(-1, 3),
                            pixels[4:-4, :4].reshape(-1, 3), pixels[4:-4, -4:].reshape(-1, 3)])  # fmt: skip
    assert background == pytest.approx(frame.mean(axis=0) @ [0.299, 0.587, 0.114], rel=1e-5)


def test_what_holds_on_one_side_only_is_lost_on_the_other(bound: RungReading) -> None:
    rows = pd.DataFrame(moved_rows(bound))
    assert (rows["change"] == "position").all()
    first, last = rows.iloc[0], rows.iloc[-1]
    assert first["moved"] < 0.1  # the other sign: wrong nearly always
    assert first["loss_low"] > 0.2
    assert last["moved"] > 0.95
    assert abs(last["loss"]) < 0.03
    told = _invariance(pd.DataFrame(invariance_rows(network(), [bound])))
    assert len(told) == 1
    assert told[0].startswith("Accuracy is clearly lost at another position: ")
    assert "at blocks.0" in told[0]


def test_labels_saved_are_those_of_the_online_code(bound: RungReading) -> None:
    rows = pd.DataFrame(label_rows(bound))
    assert (rows.loc[3:, "saved_low"] > 0).all()
    assert (rows.loc[:2, "labels_saved"] < 20).all()
    assert rows.loc[5, "labels_saved"] > 60
    assert "hue" in _saved(rows)[0]
    vectors = RNG.normal(size=(120, 3))
    images, (sides, mixed) = bound.images, halves(RNG.normal(size=(120, 4)), bound.images.labels, 0)
    assert np.array_equal(
        _beside(images, sides, mixed, 4, vectors)["bits"], online_code(vectors, images.labels, seed=4).bits
    )


def climbs(firsts: list[int | None], twin: int, rng: np.random.Generator) -> list[Any]:
    net = network(twin)
    return [climb_of(planted(name, first, rng, net=net), net) for name, first in zip(NAMES, firsts, strict=True)]


def test_a_further_network_is_held_against_the_first() -> None:
    rng = np.random.default_rng(1)
    one, other = climbs([0, 0, 1, 1, 2, 2, 3, 3], -1, rng), climbs([0, 0, 1, 1, 4, 2, 3, None], -1, rng)
    table = pd.DataFrame(network_rows([one, other])).set_index("rung")
    assert table.loc["texture", "later_low"] > 0
    assert table.loc["part", "gain_high"] < 0
    assert not table.loc["part", "reached"]
    assert list(table.index[table["later_low"] > 0]) == ["texture"]
    text = _against("test_resnet", table.reset_index())[0]
    assert "reads later texture" in text
    assert "no longer reads part" in text
    cells = pd.DataFrame(layer_rows([one, other]))
    assert len(cells) == len(NAMES) * len(DEPTHS)
    clear = cells[cells["difference_high"] < 0]
    assert {("texture", "blocks.2"), ("texture", "blocks.3"), ("part", "blocks.3")} <= set(
        zip(clear["rung"], clear["layer"], strict=True)
    )
    assert set(clear["rung"]) == {"texture", "part"}
    assert list(network_rows([one])) == []


@pytest.mark.parametrize(("easy", "words"), [(4, "m reads best"), (0, "is not shown")])
def test_what_is_easy_untrained_is_held_against_what_training_prefers(easy: int, words: str) -> None:
    rng = np.random.default_rng(3)
    own = climbs([0, 0, 0, 0, None, None, None, None], -1, rng)
    firsts: list[int | None] = [0] * easy + [None] * (len(NAMES) - easy)
    table = pd.DataFrame(ease_rows("m", {("m", -1): own, ("m", 0): climbs(firsts, 0, rng)}))
    assert words in _ease("m", table)[0]
    assert list(ease_rows("m", {("m", -1): own})) == []


def test_other_drawings_are_expected_within_a_wider_interval() -> None:
    climb = climbs([3, *[0] * 7], -1, np.random.default_rng(3))[0]
    assert climb.draws.std() < climb.again.std()


def test_agreement_is_kendalls_tau_b() -> None:
    one, other = np.array([1.0, 2, 2, 3, 5, 4]), np.array([1.0, 1, 2, 4, 4, 3])
    found = agreement(one, other, one[None], other[None])
    assert found.value == pytest.approx(kendalltau(one, other).statistic)
    assert found.low == found.high == pytest.approx(found.value)
