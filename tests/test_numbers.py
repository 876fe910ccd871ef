"""A number is predicted as well as by scikit-learn, its interval covers, its controls see what is not there."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_sets import image_set, scene
from scipy.stats import spearmanr
from sklearn.linear_model import RidgeCV
from sklearn.metrics import r2_score
from sklearn.preprocessing import StandardScaler

import lab
from lab.charts.numbers import predicted_by_value, r2_by_depth
from lab.errors import LabError
from lab.experiments.result import Result
from lab.experiments.targets.design import TargetDesign
from lab.experiments.targets.judgement import ArraysJudgement, judge_number_arrays
from lab.experiments.targets.numbers import Numbers
from lab.experiments.targets.request import RegressRequest
from lab.images import ImageSet, number_columns, open_image_set
from lab.probing.ridge import PENALTIES
from lab.stats.numbers import (
    explained_interval,
    explained_parts,
    number_scores,
    number_weights,
    spearman_interval,
    squared_errors,
)

MODEL = "test_resnet@untrained:0"
NUMBERS = Numbers()


def known(count: int, dims: int, r2: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return vectors and a number of which the best linear prediction explains the share `r2`."""
    vectors = rng.normal(size=(count, dims))
    weights = rng.normal(size=dims)
    signal = vectors @ weights / np.linalg.norm(weights)
    return vectors, np.sqrt(r2) * signal + np.sqrt(1 - r2) * rng.normal(size=count)


def read(vectors: np.ndarray, values: np.ndarray, seed: int = 0, repeats: int = 3) -> tuple[TargetDesign, Any]:
    design = NUMBERS.design(values, np.arange(len(values)), 5, repeats, seed)
    return design, told(design, vectors, "probe")["probe"]


def told(design: TargetDesign, vectors: np.ndarray, *fits: str) -> dict[str, dict[str, np.ndarray]]:
    """Return the predictions and training means of each control."""
    found = NUMBERS.fit(design, "layer", vectors, fits)
    return {name: {part: found[f"{name}.{part}"] for part in ("predictions", "means")} for name in fits}


def test_scikit_learn_predicts_the_same_on_the_same_folds() -> None:
    vectors, values = known(80, 12, 0.6, np.random.default_rng(0))
    design, reading = read(vectors, values, repeats=1)
    predictions = reading["predictions"]
    for fold in range(5):
        test = design.splits[0] == fold
        scaler = StandardScaler().fit(vectors[~test])
        train = scaler.transform(vectors[~test])
        other = np.clip(scaler.transform(vectors[test]), train.min(axis=0), train.max(axis=0))
        # A penalty is in the mean variance of a principal axis: of 12 standardised features, the number of rows.
        model = RidgeCV(PENALTIES * len(train)).fit(train, values[~test])
        assert predictions[0, test] == pytest.approx(model.predict(other), abs=1e-6)


def test_scores_are_those_of_the_libraries() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(size=70)
    predictions = values[None] * 0.5 + rng.normal(size=(2, 70))
    means = np.full((2, 70), values.mean())
    found = number_scores(values, predictions, means, np.arange(70))
    assert found.share == pytest.approx(np.mean([r2_score(values, one) for one in predictions]))
    assert found.spearman == pytest.approx(np.mean([spearmanr(values, one).statistic for one in predictions]))
    assert found.mae == pytest.approx(np.abs(values - predictions).mean())
    assert found.ci_low < found.share < found.ci_high
    assert found.spearman_ci_low < found.spearman < found.spearman_ci_high
    assert spearman_interval(0.5, 4) == (-1, 1)


def test_parts_add_up_to_r2_and_copies_count_once() -> None:
    vectors, values = known(60, 5, 0.5, np.random.default_rng(2))
    _, reading = read(vectors, values)
    groups = np.arange(60)
    weights = number_weights(groups)
    own, whole = squared_errors(values, reading["predictions"], reading["means"], weights)
    once = explained_interval(own, whole, groups)
    assert explained_parts(own, whole, weights) @ weights == pytest.approx(once.value)
    thrice = explained_interval(np.repeat(own, 3), np.repeat(whole, 3), np.repeat(groups, 3))
    assert (thrice.value, thrice.low, thrice.high) == pytest.approx((once.value, once.low, once.high))


@pytest.mark.parametrize(("count", "dims", "r2"), [(400, 4, 0.5), (300, 4, 0.9), (150, 8, 0.0)])
def test_a_known_r2_lies_in_its_interval(count: int, dims: int, r2: float) -> None:
    """As often as the certificate asks: with vectors short enough that a fitted ridge is nearly the best one."""
    rng, held = np.random.default_rng(int(count + 100 * r2)), 0
    for seed in range(40):
        design, reading = read(*known(count, dims, r2, rng), seed=seed, repeats=1)
        found = NUMBERS.summary(design, "probe", reading)
        held += found["ci_low"] <= r2 <= found["ci_high"]
    assert held >= 36  # 95 % of 40 less two standard errors


def planted(seed: int, *, late: float, early: float = 0.0, count: int = 120) -> ArraysJudgement:
    """Return what is found in six layers, the first and last of which know this share of the number."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=count)
    shares = np.linspace(early, late, 6)

    def layer(share: float) -> np.ndarray:
        signal = np.sqrt(share) * values[:, None] + np.sqrt(1 - share) * rng.normal(size=(count, 1))
        return np.hstack([signal, rng.normal(size=(count, 9))])

    layers = {f"l{k}": layer(share) for k, share in enumerate(shares)}
    return judge_number_arrays(layers, values, pixels=rng.normal(size=(count, 20)), repeats=1, label="age")


def test_a_planted_rise_is_found_with_its_direction_and_nothing_where_there_is_nothing() -> None:
    assert planted(0, late=0.9).verdict.outcome == "for"
    assert planted(0, late=0.9).emergence.reached
    assert "predict age better than early ones: R² " in planted(0, late=0.9).verdict.sentence
    assert planted(1, late=0.0, early=0.9).verdict.outcome == "against"
    nothing = [planted(seed, late=0.0) for seed in range(8)]
    assert all(found.verdict.outcome == "undecided" for found in nothing)
    assert sum(found.emergence.reached for found in nothing) <= 1


def test_shuffled_numbers_are_not_read() -> None:
    vectors, values = known(120, 6, 0.9, np.random.default_rng(4))
    design = NUMBERS.design(values, np.arange(120), 5, 3, 0)
    found = told(design, vectors, "probe", "shuffled", "matched")
    true, shuffled = (NUMBERS.summary(design, name, found[name]) for name in ("probe", "shuffled"))
    assert true["ci_low"] > 0.7
    assert shuffled["r2"] < 0.1
    assert sorted(design.shuffled[0]) == pytest.approx(sorted(values))


def test_folds_keep_groups_apart_and_a_given_split_stays() -> None:
    rng = np.random.default_rng(5)
    groups, values = np.arange(90) // 3, rng.normal(size=90)
    design = NUMBERS.design(values, groups, 5, 2, 0)
    for folds in design.splits:
        assert all(len(set(folds[groups == group])) == 1 for group in set(groups))
    tested = groups % 3 == 0
    given = NUMBERS.design(values, groups, 5, 2, 0, tested)
    assert given.splits.tolist() == [[0 if one else -1 for one in tested]]
    found = told(given, rng.normal(size=(90, 4)), "probe")["probe"]
    assert np.isfinite(found["predictions"][0]).tolist() == tested.tolist()
    for wrong, said in (
        ((values, groups, 5, 2, 0, np.arange(90) % 2 == 0), "groups are in both parts"),
        ((values[:8], groups[:8], 5, 2, 0), "too few to predict a number"),
        ((np.ones(90), groups, 5, 2, 0), "the number is 1 in every image"),
    ):
        with pytest.raises(LabError, match=said):
            NUMBERS.design(*wrong)


def exposed(count: int = 48) -> ImageSet:
    """Return pictures whose number is how bright they were made."""
    rng = np.random.default_rng(6)
    bright = rng.uniform(0.2, 1, count)
    images = image_set([(scene(k, 48, 48) * bright[k]).astype(np.uint8) for k in range(count)])
    records = tuple(replace(r, label=0, value=float(v)) for r, v in zip(images.records, bright, strict=True))
    return replace(images, records=records, classes=("exposure",))


@pytest.fixture(scope="module")
def result() -> Result:
    return lab.regress(MODEL, exposed(), layers="stages", repeats=1, controls=("shuffled", "matched", "pixels"))


def test_a_run_reads_the_brightness_of_pictures(result: Result) -> None:
    probe = result["summary"].query("control == 'probe'")
    assert probe["ci_low"].max() > 0.2
    assert result["summary"].query("control == 'shuffled'")["r2"].max() < 0.2
    assert set(result["summary"]["control"]) == {"probe", "shuffled", "matched", "pixels", "chance"}
    first = result["predictions"].query("layer == @probe.layer.iloc[0]")
    assert r2_score(first["value"], first["predicted"]) == pytest.approx(probe["r2"].iloc[0], abs=0.03)
    assert "predicts exposure" in result.findings[0] or "predict exposure" in result.findings[0]
    assert result["images"]["value"].between(0.2, 1).all()


def test_charts_speak_of_r2(result: Result) -> None:
    drawn = r2_by_depth(result.tables).to_dict()
    assert "R² of a ridge regression" in drawn["title"]["text"]
    assert r2_by_depth(result.tables, metric="spearman").to_dict()
    points = predicted_by_value(result.tables).to_dict()
    assert "R²" in points["title"]["subtitle"][0]
    with pytest.raises(LabError, match="has no layer 'nope'"):
        predicted_by_value(result.tables, layer="nope")


def test_wrong_use_ends_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="was opened as classes"):
        lab.regress(MODEL, image_set([scene(k) for k in range(12)]))
    with pytest.raises(LabError, match="has no number 'scl'; nearest: scale"):
        lab.regress(MODEL, "drawn:pets", label="scl", most=20)
    with pytest.raises(LabError, match="names a number, not classes"):
        open_image_set("drawn:pets?label=scale")
    with (tmp_path / "t.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["file_name", "age", "name"], *([f"{k}.png", k, f"n{k}"] for k in range(12))])
    assert number_columns(str(tmp_path / "t.csv")) == ("age",)
    with pytest.raises(LabError, match="has no column 'aeg'"):
        RegressRequest(data=str(tmp_path / "t.csv"), label="aeg").check(lambda _: None)


def test_a_request_survives_json_and_its_command() -> None:
    asked = RegressRequest(data="drawn:shapes", label="side", split="none").canonical()
    assert RegressRequest.from_dict(asked.as_dict()) == asked
    assert "ask regress" in asked.command()
    assert open_image_set(asked.spec, target="number", per_class=4).classes == ("side",)
