"""The main experiment end to end: a tiny network for its properties, the default one and photographs for truth."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lab.errors import LabError
from lab.experiments.result import Result
from lab.experiments.separability.request import ProbeRequest
from lab.experiments.separability.run import embeddings_of, probe, run
from lab.registry import request_from
from lab.runs.store import open_run, table_hash

TINY = ProbeRequest(models=("test_resnet@untrained",), data="drawn:pets", per_class=15, repeats=2).canonical()


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Result:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FEATURE_LAB_HOME", str(tmp_path_factory.mktemp("home")))
        return run(TINY)


def refitted(result: Result, embedding: np.ndarray, layer: str) -> pd.Series:
    """Accuracies per repeat and fold of scikit-learn's own pipeline on the exported folds and values of C."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    labels = result.tables["images"]["class"].to_numpy()
    folds = result.tables["folds"].query("control == 'probe' and layer == @layer").set_index(["repeat", "fold"])
    splits = result.tables["splits"].pivot_table(index="repeat", columns="image", values="fold", sort=False)
    splits = splits[result.tables["images"].image]
    found = {}
    for (repeat, fold), row in folds.iterrows():
        test = splits.loc[repeat].to_numpy() == fold
        model = make_pipeline(StandardScaler(), LogisticRegression(C=row.C, tol=1e-8, max_iter=20_000))
        model.fit(embedding[~test], labels[~test])
        found[repeat, fold] = (model.predict(embedding[test]) == labels[test]).mean()
    return (pd.Series(found) - folds.accuracy).abs()


def test_every_layer_has_every_control(tiny: Result) -> None:
    summary = tiny.tables["summary"]
    layers = list(tiny.tables["layers"].layer)
    for control in ("probe", "shuffled", "matched"):
        assert list(summary[summary.control == control].layer) == layers
    # The model is untrained: a twin would be the same network again.
    assert "untrained" not in set(summary.control)
    assert (summary[summary.control == "matched"].dim <= 16).all()


def test_intervals_hold_their_values(tiny: Result) -> None:
    summary = tiny.tables["summary"]
    assert (summary.ci_low <= summary.accuracy).all()
    assert (summary.accuracy <= summary.ci_high).all()
    measured = summary[summary.control == "probe"]
    assert (measured.ci_high - measured.ci_low > 0.05).all(), "30 images do not give narrow intervals"


def test_each_image_is_tested_once_a_repeat_and_groups_stay_together(tiny: Result) -> None:
    splits = tiny.tables["splits"]
    assert (splits.groupby(["repeat", "image"]).size() == 1).all()
    assert (splits.groupby(["repeat", "group"]).fold.nunique() == 1).all()
    folds = tiny.tables["folds"]
    assert (folds.groupby(["control", "layer", "repeat"]).n_test.sum() == 30).all()


def test_folds_and_predictions_agree_with_the_summary(tiny: Result) -> None:
    summary = tiny.tables["summary"].query("control == 'probe'").set_index("layer").accuracy
    predicted = tiny.tables["predictions"].groupby("layer").correct.mean()
    pd.testing.assert_series_equal(predicted[summary.index], summary, check_names=False)
    folds = tiny.tables["folds"].query("control == 'probe'")
    weighted = (folds.accuracy * folds.n_test).groupby(folds.layer).sum() / 60
    pd.testing.assert_series_equal(weighted[summary.index], summary, check_names=False)


def test_decisions_follow_from_the_predictions(tiny: Result) -> None:
    predictions, layers = tiny.tables["predictions"], list(tiny.tables["layers"].layer)
    right = (predictions.correct == 1).groupby([predictions.image, predictions.layer]).first()
    for row in tiny.tables["decisions"].itertuples():
        correct = [right[row.image, layer] for layer in layers]
        if not correct[-1]:
            assert np.isnan(row.depth_of_decision)
            assert row.right_from == row.layer == ""
            continue
        first = layers.index(row.right_from)
        assert all(correct[first:])
        assert first == 0 or not correct[first - 1]
        assert row.layer == "" or layers.index(row.layer) >= first
    luck = tiny.tables["decision_luck"].set_index("layer")
    starts = tiny.tables["decisions"].right_from.value_counts().reindex(layers, fill_value=0)
    assert luck.right_from_here.tolist() == starts.cumsum().tolist()


def test_every_layer_says_what_its_labels_cost_and_how_few_suffice(tiny: Result) -> None:
    layers = list(tiny.tables["layers"].layer)
    code, curve = tiny.tables["code_length"], tiny.tables["label_efficiency"]
    assert list(code.layer) == layers
    assert (code.bits <= code.uniform_bits + np.log2(6) + 1e-9).all(), "no code is longer than naming every label"
    np.testing.assert_allclose(code.saved, code.control_bits - code.bits)
    assert (code.images == tiny.tables["images"].group.nunique()).all()
    assert list(curve.layer.unique()) == layers
    assert (curve.least <= curve.balanced_accuracy).all()
    assert (curve.balanced_accuracy <= curve.most).all()


def test_the_same_request_gives_the_same_tables_hash_for_hash(tiny: Result) -> None:
    again = run(TINY)
    assert {n: table_hash(t) for n, t in again.tables.items()} == {n: table_hash(t) for n, t in tiny.tables.items()}


def test_a_direct_scikit_learn_fit_on_the_exported_folds_agrees() -> None:
    result = run(TINY)
    embeddings = embeddings_of(result)
    assert embeddings
    for name, embedding in embeddings.items():
        assert refitted(result, embedding, name.split("/")[-1]).max() < 1e-9


def test_another_seed_splits_the_same_images_anew_and_needs_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    first = run(TINY)
    monkeypatch.setattr("lab.embeddings.cached.load_model", None)
    second = run(replace(TINY, seed=1))
    assert list(first.tables["images"].image) == list(second.tables["images"].image)
    assert not first.tables["splits"].fold.equals(second.tables["splits"].fold)
    pd.testing.assert_frame_equal(first.tables["projection"], second.tables["projection"])


def test_a_model_that_cannot_be_computed_does_not_take_the_others_down() -> None:
    both = replace(TINY, models=(*TINY.models, "tf_efficientnet_lite0@checkpoint:/no/such/file.pth"))
    result = run(both)
    assert list(result.manifest["verdicts"]) == list(TINY.models)
    (problem,) = result.manifest["problems"]
    assert "/no/such/file.pth" in problem


def test_no_controls_are_named_in_the_verdict() -> None:
    result = run(replace(TINY, controls=()))
    assert set(result.tables["summary"].control) == {"probe", "chance"}


@pytest.mark.parametrize("per_class", [2, 3])
def test_very_few_images_are_still_an_answer(per_class: int) -> None:
    result = run(replace(TINY, per_class=per_class))
    assert result.manifest["verdicts"][TINY.models[0]]["outcome"] != "for"
    assert len(result.tables["images"]) == 2 * per_class


def test_many_classes_have_an_emergence_for_each_pair() -> None:
    request = ProbeRequest(models=TINY.models, data="digits", per_class=8, repeats=1, controls=())
    result = run(request.canonical())
    assert len(result.tables["emergence"]) == 45
    assert result.tables["summary"].query("control == 'chance'").accuracy.item() == pytest.approx(0.1)


def test_requests_survive_the_trip_through_json() -> None:
    request = ProbeRequest(models=("a", "b"), classes=("x", "y"), per_class=5, controls=("pixels",))
    assert request_from(request.as_dict()) == request
    assert request_from(request.as_dict()).run_id == request.run_id
    assert replace(request, seed=1).run_id != request.run_id
    with pytest.raises(LabError, match="no field 'sead'; nearest: seed"):
        request_from({"experiment": "probe", "sead": 1})


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"folds": 1}, "folds is 1"),
        ({"models": ()}, "no model"),
        ({"models": ("a", "a")}, "named twice"),
        ({"controls": ("matchd",)}, "nearest: matched"),
    ],
)
def test_impossible_requests_are_refused(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(LabError, match=said):
        ProbeRequest(**fields)


def test_python_in_a_few_lines() -> None:
    import lab

    model = lab.load_model("test_resnet@untrained")
    images = lab.open_image_set("drawn:pets", per_class=10)
    result = probe(model, images, repeats=1)
    assert len(result.tables["images"]) == 20
    assert "vega-lite" in lab.accuracy_by_depth(result.tables).to_json()


def test_photographs_come_apart_late_and_only_in_the_trained_network(photos: Path) -> None:
    """The figures that the lab promises for 240 photographs of cats and dogs and the default model."""
    request = ProbeRequest(data=str(photos / "pets")).canonical()
    result = open_run_result(request)
    summary = result.tables["summary"]
    accuracy = summary.query("control == 'probe'").accuracy.to_list()
    assert accuracy[0] <= 0.75
    assert accuracy[-1] >= 0.97
    assert summary.query("control == 'untrained'").accuracy.max() <= 0.70
    assert result.manifest["verdicts"][request.models[0]]["outcome"] == "for"

    embeddings = embeddings_of(result)
    for layer in ("bn1", "blocks.3.0", "bn2"):
        assert refitted(result, embeddings[f"{request.models[0]}/{layer}"], layer).mean() <= 0.005


def open_run_result(request: ProbeRequest) -> Result:
    from lab.progress import silent
    from lab.runs.jobs import compute
    from lab.settings import Compute

    run = open_run(request)
    compute(run, Compute(), silent)
    return run.result()
