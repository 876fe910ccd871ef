"""A sweep of a real network, in a process of its own, is what `lab.probe` says of each of its cells."""

from __future__ import annotations

import numpy as np

import lab
from lab.sweeps.tables import run_of

PLAN = {
    "networks": ["test_resnet@untrained"],
    "images": [{"data": "drawn:pets", "per_class": 12}],
    "probes": [{"name": "quick", "controls": ["pixels"], "repeats": 1, "probe": "ridge"}],
    "seeds": [0, 5],
}


def test_every_cell_is_what_a_probe_of_it_says() -> None:
    found = lab.sweep(PLAN, workers=1)
    assert found.finished == 2
    for unit in found.plan.units:
        assert run_of(unit).manifest["threads"] == 1
        alone = lab.probe(
            "test_resnet@untrained", "drawn:pets", per_class=12, layers="stages", controls=("pixels",), repeats=1,
            seed=unit.seed, probe="ridge",
        )["summary"]  # fmt: skip
        own = found["scores"].query("seed == @unit.seed")
        assert list(own["layer"]) == list(alone["layer"])
        assert list(own["control"]) == list(alone["control"])
        for column in ("accuracy", "ci_low", "balanced_accuracy", "auc"):
            assert np.allclose(own[column], alone[column], atol=1e-6, equal_nan=True)
