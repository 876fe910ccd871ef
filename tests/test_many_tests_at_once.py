"""Sentences that pick the clear ones among many: channels, layers, methods, checkpoints, tasks. Planted truths."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lab.experiments.attribution.score_findings import findings as scores_told
from lab.experiments.attribution.score_findings import finds
from lab.experiments.attribution.score_tables import summary
from lab.experiments.channels.channel import findings as channel_told
from lab.experiments.channels.depth_strip import findings as strip_told
from lab.experiments.channels.exemplars import findings as exemplars_told
from lab.experiments.channels.kernels import findings as kernels_told
from lab.experiments.channels.selectivity import selectivity
from lab.experiments.training.checkpoint_tables import gain_table
from lab.experiments.training.checkpoints import HeldOutImages
from lab.experiments.width_vs_depth.tables import half_width
from lab.layers import Layer
from lab.stats.intervals import Interval
from lab.stats.simultaneous import stretched, widened_by_starts


def channels_of(strengths: dict[str, np.ndarray], seed: int = 0, images: int = 160) -> pd.DataFrame:
    """Return the table `channels` of layers whose channels differ so much between two classes."""
    rng = np.random.default_rng(seed)
    labels = np.arange(images) % 2
    parts = []
    for number, (name, strength) in enumerate(strengths.items()):
        means = rng.normal(size=(images, len(strength))) + labels[:, None] * strength
        table = selectivity(means, labels, np.arange(images), ("cat", "dog"))
        parts.append(table.assign(layer=name, depth=float(number)))
    return pd.concat(parts)


def selective_text(**strengths: np.ndarray) -> str:
    patch = {"layer": "a", "target": "0", "status": "exact", "depth": 0.0, "top": 0, "left": 0, "bottom": 4, "right": 4}
    tables = {"exemplars": pd.DataFrame([patch]), "channels": channels_of(strengths)}
    return exemplars_told(tables, "set", 160)[1]


def test_channels_of_one_kind_are_no_more_selective_in_a_wide_layer() -> None:
    def kind(width: int) -> np.ndarray:
        return -0.6 * np.log((np.arange(width) + 0.5) / width)

    table = channels_of({"narrow": kind(16), "wide": kind(640)})
    best = table[table["rank"] == 1].set_index("layer")["auc"]
    assert best["wide"] > best["narrow"] + 0.02
    assert "no difference between early and late is shown" in selective_text(narrow=kind(16), wide=kind(640))
    assert "tell the classes apart better" in selective_text(narrow=np.zeros(16), wide=np.full(640, 2.0))
    assert "tell them apart worse" in selective_text(narrow=np.full(16, 2.0), wide=np.zeros(640))


def test_a_strip_allows_for_all_its_channels() -> None:
    rows = [
        {"class": "cat", "layer": f"l{k}", "depth": k / 12, "auc": 0.62, "ci_low": 0.52, "ci_high": 0.72}
        for k in range(12)
    ]
    images = pd.DataFrame(
        [{"layer": "a", "target": "0", "above_random": True, "above_natural": True, "value": 1.0, "natural_best": 0.0}]
    ).assign(random_p95=0.0, own_rank=0, end="most", alike=float("nan"))
    assert "No single channel is shown" in strip_told(pd.DataFrame(rows), images)[0]
    sure = pd.DataFrame(rows).assign(ci_low=0.6)
    assert "A single channel first tells cat from the rest at l0 (depth 0.00)" in strip_told(sure, images)[0]


@pytest.mark.parametrize(
    ("shift", "said"),
    [(-0.5, "filters are smoother"), (0.5, "filters are rougher"), (0.0, "is not shown")],
)
def test_what_training_does_to_filters_is_said_over_filters(shift: float, said: str) -> None:
    rng = np.random.default_rng(0)
    both = [
        {"model": model, "layer": "stem", "height": 3, "width": 3, "colour": 0.1, "roughness": 1.4 + more + 0.1 * noise}
        for model, more in (("trained", shift), ("twin", 0.0))
        for noise in rng.normal(size=24)
    ]
    assert said in kernels_told(pd.DataFrame(both))[1]


def test_random_starts_that_differ_leave_less_certain_what_training_made_of_the_filters() -> None:
    """Three twins whose filters differ by start: the interval is wider than over as many filters of one start."""
    rng = np.random.default_rng(0)
    noise, widths = rng.normal(scale=0.05, size=(4, 24)), []
    for apart in (0.0, 0.6):
        means = (0.0, 1.0 - apart, 1.0, 1.0 + apart)
        table = pd.DataFrame(
            {"model": f"net{number}", "layer": "conv", "height": 3, "width": 3, "colour": 0.1, "roughness": value}
            for number, mean in enumerate(means)
            for value in mean + noise[number]
        )
        said = kernels_told(table)[1]
        assert "With random weights 0 of 72; " in said
        assert ("filters are smoother is not shown" in said) == (apart > 0)
        low, high = re.findall(r"weights \S+ \((\S+) to (\S+)\)", said)[0]
        widths.append(float(high.replace("−", "-")) - float(low.replace("−", "-")))
    assert widths[1] > 4 * widths[0]


def test_a_channel_is_called_the_strongest_only_beyond_its_interval() -> None:
    def text(low: float, high: float) -> str:
        own = {
            "asked": True,
            "class": "cat",
            "change": (low + high) / 2,
            "ci_low": low,
            "ci_high": high,
            "agreement": 1.0,
        }
        other = {**own, "asked": False, "change": -0.3}
        empty = pd.DataFrame({"difference": [1.0]})
        image = {"channel": 0, "layer": "a", "value": 1.0, "photographs_p95": 0.0, "images_p95": 0.0}
        image |= {"natural_best": 0.0, "random_p95": 0.0, "end": "most"}
        tables = {"visualizations": pd.DataFrame([image]), "sums": empty, "contributions": pd.DataFrame()}
        return channel_told({**tables, "effects": pd.DataFrame([own, other])})[-1]

    assert "more than any of the others" in text(-0.9, -0.5)
    assert "not clearly more than others" in text(-0.9, -0.1)
    assert "no change is shown" in text(-0.5, 0.1)


def shares(above: float, pairs: int = 12, images: int = 8, seed: int = 0) -> pd.DataFrame:
    """Return shares of maps of as many layers and two methods, so far above the parts' area on average."""
    rng = np.random.default_rng(seed)
    rows = [
        {
            "role": "trained" if twin < 0 else "untrained",
            "twin": twin,
            "method": method,
            "layer": f"l{layer}",
            "depth": 0.5,
            "image": f"i{image}",
            "ideal": 1.0,
        }
        | {"share": 0.3 + (above if method == "gradcam" and twin < 0 else 0.0) + 0.05 * rng.normal()}
        | {"area": 0.3, "edges": 0.3, "middle": 0.3}
        for twin in range(-1, 3)
        for method in ("gradcam", "activation")
        for layer in range(pairs)
        for image in range(images)
    ]
    return pd.DataFrame(rows)


def test_of_many_maps_that_know_nothing_hardly_one_finds_the_parts() -> None:
    found = 0
    for seed in range(10):
        table = summary(shares(0.0, seed=seed))
        found += any(finds(row) for row in table[table["role"] == "trained"].to_dict("records"))
    assert found == 0
    probes = pd.DataFrame([{"role": "trained", "layer": "l0", "accuracy": 0.9, "ci_low": 0.8, "ci_high": 1.0}])
    strong = summary(shares(0.3))
    assert "at 12 of 12 layers, less at 0" in " ".join(scores_told({"summary": strong, "probes": probes}))
    nothing = summary(shares(0.0))
    assert "at 0 of 12 layers, less at 0" in " ".join(scores_told({"summary": nothing, "probes": probes}))
    reverse = summary(shares(-0.25))
    assert "at 0 of 12 layers, less at 12" in " ".join(scores_told({"summary": reverse, "probes": probes}))


def gains(rise: float, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    labels = np.repeat([0, 1], 50)
    held = HeldOutImages(*_held(labels))
    layers = tuple(Layer(f"l{k}", "block", k / 5, "NC", 8, 1, 1, 1, 1, "exact") for k in range(6))
    base = rng.random((6, 100)) < 0.6
    readings = {
        step: {
            f"layer/{layer.name}": np.stack([(rng.random(100) < 0.6 + rise * k * step / 8).astype(float)] * 2)
            if step
            else np.stack([base[k].astype(float)] * 2)
            for k, layer in enumerate(layers)
        }
        for step in range(9)
    }
    return gain_table(readings, layers, held)


def _held(labels: np.ndarray) -> list[Any]:
    from dataclasses import fields

    known = {"labels": labels, "groups": np.arange(len(labels)), "seed": 0}
    return [known.get(field.name) for field in fields(HeldOutImages)]


def test_no_layer_wakes_up_where_nothing_is_learnt() -> None:
    woken = sum((gains(0.0, seed)["onset"] >= 0).any() for seed in range(12))
    assert woken <= 2  # 48 differences each; without allowing for them nearly all would have one
    learnt = gains(0.08, 0)
    assert learnt["onset"].iloc[-1] > 0
    assert learnt["lead_low"].iloc[0] > 0


def test_several_tasks_widen_what_one_claims() -> None:
    values = np.array([0.1, 0.12, 0.11])
    assert half_width(values, 0.01, 4) > 1.3 * half_width(values, 0.01)
    alone = stretched(Interval(0.5, 0.4, 0.7), 1)
    assert (alone.low, alone.high) == pytest.approx((0.4, 0.7))
    wide = stretched(Interval(0.5, 0.4, 0.7), 10)
    assert wide.low < 0.4
    assert wide.high > 0.7
    assert widened_by_starts(Interval(0.5, 0.4, 0.6), np.array([0.2])).high == float("inf")
    same = widened_by_starts(Interval(0.5, 0.4, 0.6), np.array([0.2, 0.2, 0.2]))
    assert (same.low, same.high) == pytest.approx((0.4, 0.6))
