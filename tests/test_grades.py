"""Ordered grades are judged as scikit-learn judges them, their intervals hold, and several networks are compared."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from image_sets import image_set, scene
from PIL import Image
from sklearn.metrics import cohen_kappa_score

import lab
from lab.charts.numbers import graded_confusion, kappa_by_depth
from lab.cli.main import parser
from lab.cli.probe import target_request
from lab.errors import LabError
from lab.experiments.result import Result
from lab.experiments.targets.judgement import judge_number_arrays
from lab.experiments.targets.numbers import Grades
from lab.experiments.targets.request import GradesRequest
from lab.images import ImageSet, open_image_set
from lab.images.targets import graded
from lab.stats.numbers import explained_interval, explained_parts, graded_errors, number_weights

NAMES = ("dark", "dim", "bright")  # from low to high, which is not their alphabetical order
MODELS = ("test_resnet@untrained:0", "test_vit@untrained:0")


def test_kappa_is_that_of_scikit_learn_and_its_parts_are_its_influences() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 5, 80).astype(float)
    told = np.clip(truth + rng.integers(-2, 3, 80), 0, 4)[None]
    groups = np.arange(80)
    weights = number_weights(groups)

    def kappa(rows: np.ndarray) -> float:
        return float(cohen_kappa_score(truth[rows], told[0, rows], weights="quadratic"))

    own, whole = graded_errors(truth, told, told, weights)
    found = explained_interval(own, whole, groups)
    assert found.value == pytest.approx(kappa(groups))
    assert found.low < found.value < found.high
    sure = explained_interval(*graded_errors(truth, truth[None], told, weights), groups)
    assert (sure.value, sure.high) == (1, 1)
    assert 0.9 < sure.low < 1  # that none of 80 was wrong does not mean that none ever is
    parts = explained_parts(own, whole, weights)
    assert parts @ weights == pytest.approx(found.value)
    # An image's influence is what the kappa loses without it, times their number (the jackknife).
    left_out = 79 * (found.value - np.array([kappa(np.delete(groups, k)) for k in groups]))
    assert parts - found.value == pytest.approx(left_out, abs=0.06)


def known(count: int, dims: int, noise: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return vectors, and grades 0, 1, 2 of what they know and noise, of which the lowest is rare."""
    vectors = rng.normal(size=(count, dims))
    return vectors, np.searchsorted([-1, 0.3], vectors[:, 0] + noise * rng.normal(size=count)).astype(float)


def test_every_grade_is_told_as_often_as_the_training_part_has_it() -> None:
    kind = Grades()
    vectors, truth = known(300, 6, 2.0, np.random.default_rng(1))  # little known: shrunken predictions are all middling
    design = kind.design(truth, np.arange(300), 5, 1, 0)
    told = kind.fit(design, "layer", vectors, ("probe",))["probe.predictions"][0]
    assert np.bincount(told.astype(int), minlength=3) == pytest.approx(np.bincount(truth.astype(int)), abs=25)
    assert set(told) == {0, 1, 2}


@pytest.mark.parametrize("noise", [0.5, 100.0])
def test_the_kappa_that_probes_reach_lies_in_its_interval(noise: float) -> None:
    rng, rows = np.random.default_rng(2), []
    for seed in range(30):
        vectors, truth = known(100, 4, noise, rng)
        rows.append(judge_number_arrays({"a": vectors}, truth, kind=Grades(), controls=(), repeats=1, seed=seed).scores)
    found = np.array([[row["kappa"], row["ci_low"], row["ci_high"]] for (row,) in rows])
    expected = found[:, 0].mean()
    assert ((found[:, 1] <= expected) & (expected <= found[:, 2])).sum() >= 26  # 95 % of 30 less two standard errors
    assert (expected > 0.6) if noise < 1 else (found[:, 1] > 0).sum() <= 3


def test_a_planted_rise_is_found_and_nothing_where_there_is_nothing() -> None:
    def outcome(seed: int, late: float) -> str:
        rng = np.random.default_rng(seed)
        signal = rng.normal(size=150)
        grades = np.searchsorted([-0.8, 0, 0.8], signal).astype(float)
        shares = np.linspace(0, late, 6)
        layers = {
            f"l{k}": np.column_stack(
                [np.sqrt(s) * signal + np.sqrt(1 - s) * rng.normal(size=150), rng.normal(size=(150, 9))]
            )
            for k, s in enumerate(shares)
        }
        return judge_number_arrays(layers, grades, kind=Grades(), repeats=1, label="stage").verdict.outcome

    assert outcome(0, 0.95) == "for"
    assert [outcome(seed, 0.0) for seed in range(4)] == ["undecided"] * 4


def pictures(count: int = 60) -> ImageSet:
    rng = np.random.default_rng(3)
    grades = rng.integers(0, 3, count)
    made = [(scene(k, 48, 48) * (0.35, 0.65, 1.0)[grade]).astype(np.uint8) for k, grade in enumerate(grades)]
    images = image_set(made)
    classes = tuple(sorted(NAMES))
    records = [replace(r, label=classes.index(NAMES[g])) for r, g in zip(images.records, grades, strict=True)]
    return graded(replace(images, records=tuple(records), classes=classes), NAMES)


@pytest.fixture(scope="module")
def result() -> Result:
    return lab.grades(list(MODELS), pictures(), layers="stages", repeats=1, controls=("shuffled", "matched", "pixels"))


def test_a_run_reads_the_grade_of_pictures_in_two_networks(result: Result) -> None:
    probe = result["summary"].query("control == 'probe'")
    assert probe.groupby("model")["ci_low"].max().min() > 0.3
    assert result["summary"].query("control == 'shuffled'")["kappa"].max() < 0.4
    assert set(result.manifest["verdicts"]) == set(result["emergence"]["model"]) == set(MODELS)
    for name in MODELS:
        layers = result["predictions"][result["predictions"]["model"] == name]
        first = layers.query(f"layer == '{layers['layer'].iloc[0]}'")
        place = {grade: k for k, grade in enumerate(NAMES)}
        told = cohen_kappa_score(first["class"].map(place), first["predicted"].map(place), weights="quadratic")
        assert told == pytest.approx(probe[probe["model"] == name]["kappa"].iloc[0], abs=0.01)
    assert result["images"].groupby("class")["grade"].unique().map(list).to_dict() == {
        name: [k] for k, name in enumerate(NAMES)
    }
    (comparison,) = [finding for finding in result.findings if finding.startswith("Late layers of test_resnet")]
    assert "than those of test_vit@untrained:0: weighted kappa" in comparison


def test_charts_speak_of_grades_in_their_order(result: Result) -> None:
    assert "Weighted kappa" in kappa_by_depth(result.tables).to_dict()["title"]["text"]
    drawn = graded_confusion(result.tables, MODELS[0]).to_dict()
    assert drawn["layer"][0]["encoding"]["x"]["scale"]["domain"] == list(NAMES)


def test_grades_need_an_order(tmp_path: Path) -> None:
    for k in range(12):
        folder = tmp_path / NAMES[k % 3]
        folder.mkdir(exist_ok=True)
        Image.fromarray(scene(k, 30, 30)).save(folder / f"{k}.png")
    with pytest.raises(LabError, match="the grade 'bright' is no number, so its place is not known"):
        open_image_set(tmp_path, target="grades")
    opened = open_image_set(tmp_path, target="grades", classes=NAMES)
    assert opened.classes == NAMES
    assert sorted(opened.values) == sorted([0.0, 1.0, 2.0] * 4)
    for k in range(12):
        (tmp_path / NAMES[k % 3] / f"{k}.png").rename(tmp_path / f"{k}.png")
    rows = "".join(f"{k}.png,{(2, 10, 9)[k % 3]}\n" for k in range(12))
    (tmp_path / "t.csv").write_text(f"file_name,stage\n{rows}")
    images = open_image_set(f"{tmp_path / 't.csv'}?label=stage", target="grades")
    assert images.classes == ("2", "9", "10")
    with pytest.raises(LabError, match="was opened as classes; open it with target='grades' for grades"):
        lab.grades(MODELS[0], image_set([scene(k) for k in range(12)]))
    drawn = open_image_set("drawn:pets?label=clutter", target="grades", per_class=10)
    assert list(drawn.classes) == sorted(drawn.classes, key=float)
    with pytest.raises(LabError, match="which are no grades"):
        open_image_set("drawn:pets?label=scale", target="grades", per_class=40)


def test_the_command_line_asks_the_same() -> None:
    words = ["probe", "--target=grades", "--data=x", "--classes=a,b", "--model=m", "--model=n", "--per-class=9"]
    asked = target_request(parser().parse_args(words))
    assert asked == GradesRequest(model="m", others=("n",), data="x", classes=("a", "b"), images=9)
    assert "--other=n" in asked.command()
    with pytest.raises(LabError, match="named twice"):
        GradesRequest(model="m", others=("m",))
