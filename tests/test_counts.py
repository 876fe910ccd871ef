"""Counts that stand beside each other have one definition: they add up."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lab.ui.separability.details import mistakes
from lab.ui.separability.panels import layer_count


def test_mistakes_and_right_answers_add_up_to_all_images() -> None:
    """An image that is right in half of the repetitions, or whose mean probability says otherwise than the repetitions,
    is counted once and where its prediction puts it."""
    rng = np.random.default_rng(0)
    classes, predicted = rng.choice(["cat", "dog"], size=(2, 200))
    table = pd.DataFrame(
        {"class": classes, "predicted": predicted, "correct": rng.choice([0, 1 / 3, 0.5, 2 / 3, 1], size=200)}
    ).assign(p_true=rng.random(200))
    found = mistakes(table)
    assert len(found) + (classes == predicted).sum() == 200
    assert found["p_true"].is_monotonic_increasing


def test_layers_of_several_networks_are_each_counted() -> None:
    two = pd.DataFrame({"model": ["b"] * 18 + ["a"] * 9})
    assert layer_count(two) == "18 + 9 layers"
    assert layer_count(two[:18]) == "18 layers"
    assert layer_count(two[:1]) == "1 layer"
