"""A split that came with the images stays as it is, groups stay apart, and a site is told from a class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from image_sets import image_set, scene
from sklearn.model_selection import LeaveOneOut
from sklearn.naive_bayes import CategoricalNB

import lab
from lab.charts.beside import beside_by_depth, beside_rows
from lab.errors import LabError
from lab.experiments.result import Result
from lab.experiments.separability.beside import class_by_factor, told_by
from lab.experiments.separability.image_split import design_of, with_parts
from lab.experiments.separability.request import ProbeRequest
from lab.images import ImageSet

MODEL = "test_resnet@untrained:0"
COUNT = 48


def told(*, parts: Sequence[str] = (), sites: Sequence[str] = (), grouped: bool = False) -> ImageSet:
    """Return two classes in turn; images of site "b" are darker."""
    pictures = [scene(k, 48, 48) // (2 if sites and sites[k] == "b" else 1) for k in range(COUNT)]
    images = image_set(pictures)
    records = [
        replace(
            record,
            part=parts[k] if parts else "",
            factors=(sites[k],) if sites else (),
            group=sorted(set(sites)).index(sites[k]) if grouped else record.group,
        )
        for k, record in enumerate(images.records)
    ]
    return replace(images, records=tuple(records), factor_names=("site",) if sites else (), grouped=grouped)


def probe(images: ImageSet, **fields: Any) -> Result:
    return lab.probe(MODEL, images, layers="stages", **{"controls": (), "repeats": 1, "folds": 3, **fields})


def test_a_given_split_is_used_as_it_is_and_the_interval_is_of_the_test_part() -> None:
    parts = ["test" if k % 8 < 2 else "train" for k in range(COUNT)]
    result = probe(told(parts=parts))
    splits = result["splits"]
    assert splits.set_index("image")["fold"].map({0: "test", -1: "train"}).tolist() == parts
    assert result["predictions"]["image"].nunique() == COUNT // 4
    row = result["summary"].query("control == 'probe'").iloc[0]
    assert row["ci_high"] - row["ci_low"] > 0.3  # of 12 images, not of 48
    dealt = probe(told(parts=parts), split="none")
    assert dealt["splits"]["fold"].nunique() == 3
    assert dealt.request.digest != result.request.digest


def test_another_seed_leaves_a_given_split_alone() -> None:
    images = told(parts=["test" if k % 8 < 4 else "train" for k in range(COUNT)])
    one, other = (design_of(images, ProbeRequest(seed=seed))[1].splits for seed in (0, 7))
    assert np.array_equal(one, other)


def test_the_validation_part_is_left_out_or_takes_the_place_of_the_test_part() -> None:
    three = [("train", "train", "validation", "test")[k // 2 % 4] for k in range(COUNT)]
    images, tested = with_parts(told(parts=three), "auto")
    assert tested is not None
    assert set(images.parts) == {"train", "test"}
    assert [part == "test" for part in images.parts] == tested.tolist()
    assert len(images.quarantined) == three.count("validation")
    two = ["train" if part == "train" else "validation" for part in three]
    images, tested = with_parts(told(parts=two), "auto")
    assert tested is not None
    assert tested.tolist() == [part == "validation" for part in two]
    for useless in (["train"] * COUNT, ["test"] * COUNT):
        assert with_parts(told(parts=useless), "auto")[1] is None


def test_one_class_in_the_test_part_is_told() -> None:
    images = told(parts=["test" if k % 8 == 0 else "train" for k in range(COUNT)])
    with pytest.raises(LabError, match=r"Class 'b' has 0 distinct rows in the test part .* with split none"):
        design_of(images, ProbeRequest())


def test_copies_in_both_parts_are_told_and_the_split_stays() -> None:
    images = told(parts=["test" if k % 8 < 4 else "train" for k in range(COUNT)])
    records = list(images.records)
    records[4] = replace(records[4], group=records[0].group, digest=records[0].digest)
    result = probe(replace(images, records=tuple(records)))
    assert any(problem.startswith("1 of 24 images of the test part are copies") for problem in problems(result))
    assert (result["splits"]["fold"] == 0).sum() == 24


def problems(result: Result) -> list[str]:
    found: list[str] = result.manifest["problems"]
    return found


def test_given_groups_never_straddle_a_fold_or_a_given_split() -> None:
    sites = [f"s{k // 6}" for k in range(COUNT)]
    images, design = design_of(told(sites=sites, grouped=True), ProbeRequest())
    for fold in design.splits:
        assert all(len(set(fold[images.groups == group])) == 1 for group in set(images.groups))
    torn = told(sites=sites, grouped=True, parts=["test" if k % 8 < 4 else "train" for k in range(COUNT)])
    with pytest.raises(LabError, match="groups are in both parts of the split"):
        design_of(torn, ProbeRequest())
    one_each = told(sites=["ab"[k % 2] for k in range(COUNT)], grouped=True)
    with pytest.raises(LabError, match="all images of class 'a' are in one group"):
        design_of(one_each, ProbeRequest())


def test_a_site_is_read_beside_the_class_and_warned_of_when_it_tells_the_class() -> None:
    rng = np.random.default_rng(0)
    mixed = ["ab"[(k % 2) ^ int(rng.random() < 0.2)] for k in range(COUNT)]  # 80 % of class and site go together
    result = probe(told(sites=mixed), beside="site", controls=("pixels",))
    beside = result["beside"]
    assert beside["factor"].unique().tolist() == ["site"]
    assert set(beside["model"]) == {MODEL, ""}
    best = beside[beside["model"] == MODEL]["accuracy"].max()
    assert best > 0.85
    assert any("can be told from 'site' alone" in problem for problem in problems(result))
    assert any("site (2 values) is read" in note for note in result.manifest["notes"])
    rows = beside_rows(result.tables, MODEL)
    assert set(rows["target"]) == {"the class", "site"}
    assert (rows["share"] <= 1).all()
    assert beside_by_depth(result.tables).to_dict()
    fair = probe(told(sites=["ab"[k // 2 % 2] for k in range(COUNT)]), beside="site")
    assert not any("can be told from" in problem for problem in problems(fair))


def test_a_factor_that_is_not_there_or_has_no_values_is_told() -> None:
    with pytest.raises(LabError, match="no factor 'sight'; nearest: site"):
        probe(told(sites=["a"] * COUNT), beside="sight")
    with pytest.raises(LabError, match="'site' has 1 values with 2 images or more"):
        probe(told(sites=["a"] * COUNT), beside="site")
    with pytest.raises(LabError, match="has no groups of its own"):
        probe(told(), beside="group")
    with pytest.raises(LabError, match="beside is asked of one run at a time"):
        lab.ask("compare", beside="site")


def test_the_class_by_a_factor_is_what_leaving_one_out_gives() -> None:
    rng = np.random.default_rng(3)
    values, labels = rng.integers(0, 4, 60), rng.integers(0, 3, 60)
    labels[values == 1] = 2
    right = []
    for train, test in LeaveOneOut().split(values):
        # A flat prior and hardly any smoothing: the commonest class of this value among the others.
        model = CategoricalNB(alpha=1e-9, fit_prior=True, force_alpha=True, min_categories=4)
        guess = model.fit(values[train, None], labels[train]).predict(values[test, None])
        right.append(guess[0] == labels[test][0])
    assert class_by_factor(values, labels) == pytest.approx(np.mean(right), abs=2 / 60)  # ties go either way


def test_patients_of_one_class_each_are_no_news() -> None:
    labels = np.arange(60) % 2
    assert not told_by("patient", np.arange(60) // 4 * 2 + labels, labels)
    assert told_by("site", labels, labels)
    rng = np.random.default_rng(0)
    warned = sum(bool(told_by("site", rng.integers(0, 3, 80), np.arange(80) % 2)) for _ in range(120))
    assert warned / 120 < 0.04  # there is nothing to be warned of


def test_requests_without_the_new_fields_keep_their_names() -> None:
    assert not {"split", "beside"} & set(ProbeRequest().as_dict())
    asked = ProbeRequest(split="none", beside="site,camera")
    assert ProbeRequest.from_dict(asked.as_dict()) == asked
    assert "--beside=site,camera" in asked.command()
