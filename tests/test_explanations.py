"""Which explanation is right: concept vectors and exemplar patches against own arithmetic, and what is called right."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from lab.attributions.linear_probe import fit_linear_probes
from lab.attributions.methods import METHODS
from lab.attributions.probe_methods import PROBE_METHODS
from lab.attributions.targets import Target
from lab.attributions.task import AttributionTask
from lab.errors import LabError
from lab.experiments.attribution.columns import EXPLANATIONS
from lab.experiments.attribution.explanations import findings, judged, run
from lab.experiments.attribution.request import ExplanationsRequest
from lab.images.synthetic import draw_set
from lab.layers import select_layers
from lab.models import load_model
from lab.models.preprocess import normalised, pixels_for
from lab.registry import charts_of

TINY = "test_resnet@untrained:1"
SMALL = ExplanationsRequest(TINY, rungs=("part",), layers="layer4", images=2, per_class=20)


@pytest.fixture(scope="module")
def explained(tmp_path_factory: pytest.TempPathFactory) -> tuple[AttributionTask, np.ndarray]:
    """What a probe of layer4 says of three drawings, and the layer's activations from a hook of our own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FEATURE_LAB_HOME", str(tmp_path_factory.mktemp("explained")))
        model = load_model(TINY)
        images = draw_set("part", 20)
        (layer,) = select_layers(model.layers, "layer4")
        probe = fit_linear_probes(model, images, [layer])["layer4"]
    batch = normalised(
        torch.stack([pixels_for(images, k, model.preprocessing) for k in (0, 1, 25)]), model.preprocessing
    )
    seen: list[torch.Tensor] = []
    handle = model.module.get_submodule("layer4").register_forward_hook(lambda _m, _i, out: seen.append(out.clone()))
    with torch.no_grad():
        model.module(batch)
    handle.remove()
    target = Target(torch.tensor([0, 1, 1]), probe)
    task = AttributionTask(model.module, batch, (layer,), target, torch.zeros(1, 3, 1, 1))
    return task, seen[0].double().numpy()


def test_a_concept_vector_is_the_classes_difference_of_means(explained: tuple[AttributionTask, np.ndarray]) -> None:
    task, values = explained
    probe = task.target.probe
    assert probe is not None
    assert probe.means is not None
    found = PROBE_METHODS["concept"].explain(task).maps["layer4"].double().numpy()
    toward = probe.means[1] - probe.means[0]
    for k, sign in enumerate((-1, 1, 1)):
        wanted = np.tensordot(sign * toward, values[k] - probe.mean[:, None, None], axes=1)
        assert np.allclose(found[k], wanted, rtol=1e-3, atol=1e-4 * abs(wanted).max())


def test_an_exemplar_is_the_strongest_channels_best_place(explained: tuple[AttributionTask, np.ndarray]) -> None:
    task, values = explained
    probe = task.target.probe
    assert probe is not None
    found = PROBE_METHODS["exemplar"].explain(task).maps["layer4"].numpy()
    for k, sign in enumerate((-1, 1, 1)):
        pooled = (values[k].mean(axis=(1, 2)) - probe.mean) / probe.scale
        channel = int((sign * (probe.weight[1] - probe.weight[0]) * pooled).argmax())
        assert found[k].sum() == 1
        assert found[k].argmax() == values[k, channel].argmax()


def test_the_probes_own_direction_is_gradient_times_activation(explained: tuple[AttributionTask, np.ndarray]) -> None:
    task, values = explained
    probe = task.target.probe
    assert probe is not None
    found = METHODS["gradxact"].explain(replace(task)).maps["layer4"].double().numpy()
    direction = (probe.weight[1] - probe.weight[0]) / probe.scale / values[0, 0].size
    wanted = np.tensordot(direction, values[1], axes=1)
    assert np.allclose(found[1], wanted, rtol=1e-3, atol=1e-4 * abs(wanted).max())


def judgement(**changes: Any) -> pd.DataFrame:
    row = {"role": "trained", "method": "gradcam", "layer": "a", "depth": 0.5, "share": 0.6, "area": 0.2}
    row |= {f"over_{bar}_low": 0.1 for bar in ("area", "edges", "untrained")} | {"over_area": 0.4} | changes
    probes = pd.DataFrame(
        [{"role": "trained", "layer": "a", "accuracy": 0.8, "ci_low": changes.get("read", 0.7), "ci_high": 0.9}]
    )
    return judged(pd.DataFrame([row, {**row, "role": "untrained"}]), probes)


@pytest.mark.parametrize(
    ("changes", "right", "words"),
    [
        ({}, True, "Right on part: Grad-CAM at a (60% of it on 20% of the picture)"),
        ({"over_area_low": -0.1}, False, "no map is shown to be right"),
        ({"over_edges_low": -0.1}, False, "no map is shown to be right"),
        ({"over_untrained_low": -0.1}, False, "no map is shown to be right"),
        ({"over_untrained_low": float("nan")}, True, "Right on part"),
        ({"read": 0.45}, False, "nothing to explain"),
    ],
)
def test_right_is_above_all_that_knows_nothing(changes: dict[str, float], right: bool, words: str) -> None:
    own = judgement(**changes)
    assert list(own["right"]) == [right]
    told = findings({"explanations": own.assign(rung="part"), "optimised": pd.DataFrame({"rung": []})})
    assert words in told[-1]
    reads = changes.get("read", 0.7) > 0.5  # else there is no pair to count
    assert (told[0].endswith("Grad-CAM 1 of 1." if right else "none of 1 ever.")) == reads


def test_a_run_explains_every_rung(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("FEATURE_LAB_HOME", str(tmp_path))
    result = run(SMALL)
    for name, table in result.tables.items():
        assert list(table.columns) == list(EXPLANATIONS[name].columns)
    table = result["explanations"]
    assert {"concept", "exemplar", "gradcam", "gradxact"} <= set(table["method"])
    assert table["over_untrained"].isna().all()  # an untrained network has no twin
    assert set(charts_of(result)) == {"explanations"}


def test_what_cannot_be_explained_is_told() -> None:
    with pytest.raises(LabError, match="no rung 'hues'"):
        ExplanationsRequest(rungs=("hues",))
    with pytest.raises(LabError, match="no rung was named"):
        ExplanationsRequest(rungs=())
