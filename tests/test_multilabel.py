"""Several labels an image: each is read as well as it can be known, its intervals hold, rare labels are left out."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from image_sets import image_set, scene
from PIL import Image
from scipy.stats import norm
from sklearn.metrics import average_precision_score, roc_auc_score

import lab
from lab.charts.several_labels import label_map, mean_auc_by_depth
from lab.errors import LabError
from lab.experiments.result import Result
from lab.experiments.targets.labels import Labels, shuffled_order, usable_labels
from lab.images import ImageSet, open_image_set
from lab.stats.several_labels import label_scores, mean_area_parts, mean_scores, precision_interval

AUCS = np.array([0.5, 0.7, 0.9])


def known(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return vectors and three labels; the best probe of each has the areas `AUCS` (two normals that lie apart)."""
    labels = rng.random((count, 3)) < np.array([0.5, 0.4, 0.3])
    return rng.normal(size=(count, 3)) + labels * norm.ppf(AUCS) * 2**0.5, labels


def test_known_areas_lie_in_their_intervals() -> None:
    rng, held = np.random.default_rng(0), np.zeros(3)
    for seed in range(30):
        vectors, labels = known(150, rng)
        groups = np.arange(150)
        design = Labels().design(labels, groups, 5, 1, seed)
        positive = Labels().fit(design, "layer", vectors, ("probe",))["probe.positive"]
        found = [label_scores(positive[..., k], labels[:, k], design.splits, groups) for k in range(3)]
        held += [one.ci_low <= auc <= one.ci_high for one, auc in zip(found, AUCS, strict=True)]
        mean = mean_scores(found)
        assert mean_area_parts(positive, labels, design.splits, groups).mean() == pytest.approx(mean.auc)
    assert (held >= 26).all()  # 95 % of 30 less two standard errors


def test_scores_are_those_of_the_library() -> None:
    rng = np.random.default_rng(1)
    labels, values = rng.random(80) < 0.4, rng.random((1, 80))
    found = label_scores(values, labels, np.zeros((1, 80), dtype=int), np.arange(80))
    assert found.auc == pytest.approx(roc_auc_score(labels, values[0]))
    assert found.average_precision == pytest.approx(average_precision_score(labels, values[0]))
    assert found.ap_ci_low < found.average_precision < found.ap_ci_high
    assert precision_interval(1.0, 40)[0] < 0.95
    assert precision_interval(0.5, 1) == (0.0, 1.0)
    kept = 1 - 1 / 81  # as if half an image of 40 were wrong; then the interval on the logit scale
    centre, reach = np.log(kept / (1 - kept)), norm.ppf(0.975) / np.sqrt(40 * kept * (1 - kept))
    assert precision_interval(1.0, 40) == pytest.approx((1 / (1 + np.exp(reach - centre)), 1.0))
    assert precision_interval(0.0, 40) == pytest.approx((0.0, 1 / (1 + np.exp(centre - reach))))


def test_folds_keep_groups_apart_and_shuffles_keep_images_whole() -> None:
    groups = np.arange(90) // 3
    _, labels = known(90, np.random.default_rng(2))
    design = Labels().design(labels, groups, 5, 2, 0)
    orders = shuffled_order(groups, design.splits, 0)
    assert (design.shuffled == labels[orders]).all()
    for folds, order in zip(design.splits, orders, strict=True):
        assert all(len(set(folds[groups == group])) == 1 for group in set(groups))
        assert sorted(order) == list(range(90))
        assert (folds[order] == folds).all()
        assert (order != np.arange(90)).mean() > 0.6
    tested = groups % 2 == 0
    assert Labels().design(labels, groups, 5, 2, 0, tested).splits.tolist() == [[0 if one else -1 for one in tested]]
    with pytest.raises(LabError, match="groups are in both parts"):
        Labels().design(labels, groups, 5, 2, 0, np.arange(90) % 2 == 0)


def test_labels_that_are_rare_or_on_every_image_cannot_be_probed() -> None:
    labels = np.zeros((60, 4), dtype=bool)
    labels[:5, 0], labels[:30, 1], labels[:, 2], labels[:20, 3] = True, True, True, True
    assert usable_labels(labels, np.arange(60), None).tolist() == [False, True, False, True]
    assert usable_labels(labels, np.arange(60) // 4, None).tolist() == [False, False, False, False]


def pictures(count: int = 60) -> ImageSet:
    """Return pictures of which some are dark, some red, some either, and one is rare."""
    rng = np.random.default_rng(3)
    dark, red = rng.random(count) < 0.5, rng.random(count) < 0.4
    made = []
    for k in range(count):
        picture = scene(k, 48, 48).astype(float) * (0.35 if dark[k] else 1)
        made.append((picture * ([1, 0.2, 0.2] if red[k] else [1, 1, 1])).astype(np.uint8))
    images = image_set(made)
    told = [tuple(n for n, there in enumerate((dark[k], k == 7, red[k])) if there) for k in range(count)]
    records = tuple(replace(r, label=0, labels=own) for r, own in zip(images.records, told, strict=True))
    return replace(images, records=records, classes=("dark", "rare", "red"))


@pytest.fixture(scope="module")
def result() -> Result:
    return lab.multilabel(
        "test_resnet@untrained:0", pictures(), layers="stages", repeats=1, folds=4, controls=("shuffled", "pixels")
    )


def test_a_run_reads_what_is_there_and_leaves_the_rare_label_out(result: Result) -> None:
    probe = result["labels"].query("control == 'probe'")
    assert set(probe["label"]) == {"dark", "red"}
    assert probe.groupby("label")["ci_low"].max().min() > 0.6
    assert any("left out: rare" in problem for problem in result.manifest["problems"])
    assert result["emergence"]["reached"].all()
    summary = result["summary"].query("control == 'probe'")
    means = probe.groupby("layer", sort=False)["auc"].mean()
    assert summary["mean_auc"].tolist() == pytest.approx(means.tolist())
    assert result["summary"].query("control == 'shuffled'")["mean_auc"].max() < 0.7
    assert "reads dark and red with mean AUC" in result.findings[0] or "read dark and red better" in result.findings[0]


def test_classes_are_no_several_labels() -> None:
    with pytest.raises(LabError, match="was opened as classes"):
        lab.multilabel("test_resnet@untrained:0", image_set([scene(k) for k in range(12)]))


def test_charts_speak_of_labels(result: Result) -> None:
    assert "Mean AUC" in mean_auc_by_depth(result.tables).to_dict()["title"]["text"]
    assert mean_auc_by_depth(result.tables, metric="mean_average_precision").to_dict()
    drawn = label_map(result.tables).to_dict()
    assert "2 labels" in drawn["description"]


@pytest.mark.parametrize("form", ["{};{}", '["{}", "{}"]', "{}|{}"])
def test_labels_of_a_table_are_told_apart(form: str, tmp_path: Path) -> None:
    rows = []
    for k in range(6):
        Image.fromarray(scene(k, 30, 30)).save(tmp_path / f"{k}.png")
        rows.append([f"{k}.png", "" if k == 5 else form.format("a b", "c") if k % 2 else "c"])
    if form[0] == "[":
        rows = [[name, text if text != "c" else '["c"]'] for name, text in rows]
    with (tmp_path / "t.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["file_name", "label"], *rows])
    images = open_image_set(tmp_path / "t.csv", target="labels")
    assert images.classes == ("a b", "c")
    assert images.label_matrix.tolist() == [[k % 2 == 1, True] for k in range(5)] + [[False, False]]
    assert open_image_set(tmp_path / "t.csv", target="labels", per_class=3).label_matrix.shape == (3, 2)
    with pytest.raises(LabError, match="no class 'd'"):
        open_image_set(tmp_path / "t.csv", target="labels", classes=("c", "d"))
