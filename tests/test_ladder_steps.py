"""The ladder over checkpoints: planted onsets are told, steps are chosen evenly, a real training is read."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lab.charts.theme import standalone
from lab.errors import LabError
from lab.experiments.ladder.climb import climb_of
from lab.experiments.ladder.columns import LADDER_STEPS
from lab.experiments.ladder.measure import LadderNetwork, RungReading
from lab.experiments.ladder.steps import LadderStepsRequest, assembled, chosen_steps, findings, run
from lab.experiments.training import train
from lab.experiments.training.request import TrainRequest
from lab.images.synthetic import RUNGS, draw_set
from lab.layers import Layer
from lab.models import ModelRef
from lab.registry import charts_of
from lab.weights.trained import Trained

DEPTHS = (0.2, 0.6, 1.0)
STEPS = (0, 40, 120)
# rung -> accuracy of its middle layer at each step; its others are at chance
PLANTED = {
    "hue": (0.9, 0.9, 0.9), "texture": (0.5, 0.9, 0.9), "shape": (0.5, 0.5, 0.9), "part": (0.5, 0.9, 0.5),
    "count": (0.9, 0.9, 0.5), "relation": (0.5, 0.5, 0.5),
}  # fmt: skip


def planted(step: int, rung: str, accuracy: float, rng: np.random.Generator) -> Any:
    layers = tuple(
        Layer(f"blocks.{number}", "block", depth, "NCHW", 8, 4, 4, 8, 9, "exact") for number, depth in enumerate(DEPTHS)
    )
    name = f"test_resnet@lab:x/{step}"
    network = LadderNetwork(name, -1, ModelRef.parse(name), "", f"view {step}", layers)
    images = draw_set(RUNGS[rung].family.name, 100, size=32)
    right = rng.random((len(DEPTHS), len(images))) < np.array([0.5, accuracy, 0.5])[:, None]
    named = np.where(right, images.labels, 1 - images.labels)
    probe = np.where(named[:, None, :, None] == np.arange(2), 0.8, 0.2)
    return climb_of(RungReading(rung, network, images, probe, probe, np.full(len(DEPTHS), 8)), network)


def test_what_was_learnt_when_is_told() -> None:
    rng = np.random.default_rng(1)
    tables = assembled(
        {
            step: [planted(step, rung, curve[place], rng) for rung, curve in PLANTED.items()]
            for place, step in enumerate(STEPS)
        },
        20.0,
    )
    learnt = tables["learnt"].set_index("rung")
    assert learnt["onset"].to_dict() == {
        "hue": -1, "texture": 40, "shape": 120, "part": -1, "count": -1, "relation": -1
    }  # fmt: skip
    assert learnt.loc["count", "gain_high"] < 0
    assert set(tables["steps"]["epoch"]) == {0.0, 2.0, 6.0}
    said = findings(tables, "x")
    assert said[0].endswith("in this order: texture (from step 40 on), shape (from step 120 on).")
    assert said[1].startswith("Accuracy at the best layer rose: texture +0.4")
    assert "part" not in said[0]
    assert said[2].startswith("Clearly worse after training: count −0.")
    assert said[3] == "No difference is shown for hue, part, relation."
    assert len(said) == 4


def test_nothing_learnt_is_told() -> None:
    rng = np.random.default_rng(2)
    tables = assembled({step: [planted(step, "relation", 0.5, rng)] for step in STEPS}, 20.0)
    said = findings(tables, "x")
    assert said[0].startswith("No rung is clearly read better")
    assert said[-1] == "After training, no rung is read."


@pytest.mark.parametrize(("most", "wanted"), [(2, [0, 300]), (3, [0, 100, 300]), (99, [0, 50, 100, 200, 300])])
def test_checkpoints_are_chosen_evenly(most: int, wanted: list[int]) -> None:
    trained = Trained("test_resnet", "x", {"steps": [0, 50, 100, 200, 300, 400], "final": 300})
    assert chosen_steps(trained, 300, most) == wanted


def test_a_network_trained_here_climbs(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEATURE_LAB_HOME", str(tmp_path))
    asked = TrainRequest(data="drawn:hue", per_class=24, size=32, epochs=2).canonical()
    train.run(asked)
    request = LadderStepsRequest(asked.weights, rungs=("texture", "hue"), per_class=20, checkpoints=2).canonical()
    result = run(request)
    for name, table in result.tables.items():
        assert list(table.columns) == list(LADDER_STEPS[name].columns)
    assert request.rungs == ("hue", "texture")
    assert result["steps"]["step"].min() == 0
    assert len(result["steps"]) == 4
    assert len(result.findings) >= 2
    assert "hue" in str(standalone(charts_of(result)["steps"]))


def test_what_has_no_checkpoints_is_told() -> None:
    with pytest.raises(LabError, match="was not trained here"):
        LadderStepsRequest("test_resnet@untrained")
    with pytest.raises(LabError, match="no rung was named"):
        LadderStepsRequest(rungs=())
