"""Concepts by examples: planted ones are found, random folders are not, and the arithmetic is scikit-learn's."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import balanced_accuracy_score
from sklearn.neighbors import NearestCentroid
from sklearn.preprocessing import StandardScaler

from lab.errors import LabError
from lab.experiments.attribution.columns import CONCEPTS
from lab.experiments.attribution.concept_findings import findings
from lab.experiments.attribution.concepts import (
    ConceptsRequest,
    assembled,
    concepts_of,
    run,
)
from lab.experiments.result import Result
from lab.images import open_image_set
from lab.images.synthetic import draw_set
from lab.probing.concept_vectors import FOLDS, read_concept
from lab.probing.splits import grouped_folds
from lab.progress import silent
from lab.registry import charts_of
from lab.stats.simultaneous import false_discoveries
from lab.ui.notices import local_paths

TINY = "test_resnet@untrained:1"
SIMULATED, LAYERS, DRAWS = 240, 5, 99
NOTHING = np.zeros((0, 12))


def planted(effect: float, seed: int, count: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Vectors of which the first third are a concept's, apart from the others by `effect` in one of 12 directions."""
    rng = np.random.default_rng(seed)
    member = np.arange(count) < count // 3
    vectors = rng.normal(size=(count, 12)) * np.linspace(0.5, 4, 12)
    vectors[member, 3] += effect
    return vectors, member


def test_accuracy_is_that_of_the_nearer_mean_out_of_fold() -> None:
    vectors, member = planted(1.5, 0)
    found = read_concept(vectors, member, NOTHING, draws=20, seed=4)
    folds = grouped_folds(member.astype(int), np.arange(60), FOLDS, seed=(4, 0xFA57))
    standard, said = StandardScaler().fit_transform(vectors), np.zeros(60, dtype=bool)
    for fold in range(FOLDS):
        test = folds == fold
        said[test] = NearestCentroid().fit(standard[~test], member[~test]).predict(standard[test])
    assert found.accuracy == pytest.approx(balanced_accuracy_score(member, said))
    order = np.random.default_rng((4, 0xCA7)).permutation(60)  # the first random concept: other images in these places
    for fold in range(FOLDS):
        test = folds == fold
        said[test] = NearestCentroid().fit(standard[order][~test], member[~test]).predict(standard[order][test])
    assert found.luck[0] == pytest.approx(balanced_accuracy_score(member, said))


def test_a_step_is_the_difference_of_means_along_a_direction() -> None:
    vectors, member = planted(1.5, 1)
    directions = np.random.default_rng(0).normal(size=(3, 12))
    found = read_concept(vectors, member, directions, draws=20)
    wanted = directions @ (vectors[member].mean(axis=0) - vectors[~member].mean(axis=0))
    assert np.allclose(found.along, wanted)
    assert found.luck_along.shape == (20, 3)
    assert (found.p_along > 0).all()


def test_a_random_folder_is_found_in_one_of_twenty_at_most() -> None:
    """The five layers of one random folder hang together; it is found when any of them is said to know it."""
    taken = []
    for seed in range(SIMULATED):
        vectors, member = planted(0.0, seed)
        rng = np.random.default_rng((seed, 1))
        layers = [vectors @ rng.normal(size=(12, 9)) for _ in range(LAYERS)]
        read = [read_concept(layer, member, rng.normal(size=(1, 9)), draws=DRAWS, seed=seed) for layer in layers]
        known, speaks = [one.p for one in read], [float(one.p_along[0]) for one in read]
        taken.append([(false_discoveries(p) <= 0.05).any() for p in (known, speaks)])
    most = 0.05 + 2 * np.sqrt(0.05 * 0.95 / SIMULATED)
    assert (np.mean(taken, axis=0) <= most).all()
    assert np.mean(taken) > 0.005  # the level is used, not thrown away


@pytest.mark.parametrize(("effect", "least"), [(4.0, 0.95), (-4.0, 0.95), (2.5, 0.7)])
def test_a_concept_that_is_there_is_found(effect: float, least: float) -> None:
    found = [read_concept(*planted(effect, seed), NOTHING, draws=DRAWS, seed=seed).p <= 0.05 for seed in range(60)]
    assert np.mean(found) >= least


def test_false_discoveries_are_held_by_the_rule_of_benjamini_and_hochberg() -> None:
    p = np.array([0.04, 0.001, 0.03, 0.5])
    assert false_discoveries(p) == pytest.approx([0.04 * 4 / 3, 0.004, 0.04 * 4 / 3, 0.5])


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's folders: warm patches, and two that are drawn from the same images (random), with a copy among them."""
    root = tmp_path_factory.mktemp("concepts")
    images = draw_set("hue", 60, size=64, difficulty=0)
    mixed = [*range(20, 60), *range(80, 120)]
    parts = {"warm": range(20), "random": mixed[::2], "others": mixed[1::2]}
    for name, numbers in parts.items():
        (root / name).mkdir()
        for number in numbers:
            Image.fromarray(images.pixels(number)).save(root / name / f"{number:03d}.png")
    Image.fromarray(images.pixels(0)).save(root / "warm" / "copy.png")
    return root


@pytest.fixture(scope="module")
def small(folders: Path, tmp_path_factory: pytest.TempPathFactory) -> Result:
    asked = ConceptsRequest(TINY, concepts=(str(folders),), data="drawn:hue", per_class=40, draws=999)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FEATURE_LAB_HOME", str(tmp_path_factory.mktemp("home")))
        return run(asked.canonical())


def test_a_users_folder_is_found_and_a_random_one_is_not(small: Result) -> None:
    table = small["concepts"]
    assert set(table["concept"]) == {"warm", "random", "others"}
    assert set(table.loc[table["concept"] == "warm", "images"]) == {20}  # the copy does not count
    assert table.loc[table["concept"] == "warm", "known"].any()
    assert not table.loc[table["concept"] == "random", "known"].any()
    for name, found in small.tables.items():
        assert list(found.columns) == list(CONCEPTS[name].columns)
    assert "of 3 concepts are known at some layer" in small.findings[0]
    speaks = small["speaks"]
    warm = speaks[(speaks["concept"] == "warm") & speaks["clear"]]
    assert len(warm)
    assert set(warm["class"]) == {"cold"}
    assert (warm["change"] < 0).all()  # warm patches speak against cold
    assert set(charts_of(small)) == {"concepts", "concept_classes"}


def test_concepts_are_held_against_a_folder_of_their_own_set(folders: Path) -> None:
    spec = str(folders)
    asked = ConceptsRequest(TINY, concepts=(spec,), against="random", per_class=12)
    found = concepts_of(spec, asked, silent)
    assert [(one.name, one.against, one.member.sum(), (~one.member).sum()) for one in found] == [
        ("others", "random", 12, 12), ("warm", "random", 11, 12)  # one of the twelve is a copy
    ]  # fmt: skip
    assert asked.other_sets() == ()
    assert replace(asked, against="drawn:shape").other_sets() == ("drawn:shape",)
    asked.check()
    with pytest.raises(LabError, match="neither an image set"):
        replace(asked, against="nowhere").check()


def test_concepts_are_held_against_other_images_or_each_other() -> None:
    asked = ConceptsRequest(TINY, concepts=("drawn:hue",), against="drawn:shape", per_class=12)
    found = concepts_of("drawn:hue", asked, silent)
    assert [(one.name, one.member.sum(), (~one.member).sum()) for one in found] == [("warm", 12, 24), ("cold", 12, 24)]
    (first,) = concepts_of("drawn:hue", replace(asked, against=""), silent)  # the second is its opposite
    assert (first.name, first.against) == ("warm", "cold")


def test_one_folder_is_enough_and_the_answer_says_what_it_is_held_against(
    folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEATURE_LAB_HOME", str(tmp_path / "home"))
    flat, single = folders / "warm", tmp_path / "mine"
    shutil.copytree(flat, single / "warm")
    asked = ConceptsRequest(TINY, concepts=(str(flat),), data="drawn:shape", layers="layer4", per_class=15, draws=99)
    asked.check()
    of_both = [concepts_of(str(place), asked, silent) for place in (flat, single)]
    for (one,) in of_both:
        assert (one.name, one.against, one.member.sum(), (~one.member).sum()) == (
            "warm",
            "drawn:shape",
            14,
            30,
        )  # a copy
    assert np.array_equal(of_both[0][0].used, of_both[1][0].used)
    result = run(asked.canonical())
    assert set(result["concepts"]["against"]) == {"drawn:shape"}
    assert "was told from the images of drawn:shape, since" in result.findings[-1]
    elsewhere = replace(asked, against=str(folders))  # two other folders, of which none is its own
    (one,) = concepts_of(str(flat), elsewhere, silent)
    assert one.against == folders.name
    for place in (flat, single):  # where classes are to be told apart, one is too few
        with pytest.raises(LabError, match=r"at least two|no folders"):
            open_image_set(str(place))


def rows(known: bool, change: float) -> dict[str, list[dict[str, Any]]]:
    where = {"set": "x", "concept": "striped", "against": "random", "layer": "a", "depth": 0.5}
    p = 0.001 if known else 0.4
    concept = {**where, "images": 50, "others": 50, "accuracy": 0.8, "luck": 0.5, "luck_most": 0.6, "p": p}
    speaks = {**where, "class": "zebra", "change": change, "luck_low": -1.0, "luck_high": 1.0,
              "p": 0.001 if abs(change) > 1 else 0.6}  # fmt: skip
    probe = {"layer": "a", "depth": 0.5, "accuracy": 0.9, "ci_low": 0.8, "ci_high": 1.0, "chance": 0.5}
    return {"concepts": [concept], "speaks": [speaks], "probes": [probe]}


@pytest.mark.parametrize(
    ("known", "change", "words"),
    [
        (True, 3.0, "It speaks for zebra at 1 of 1 layers that tell the classes apart, most at a: +3.00"),
        (True, -3.0, "It speaks against zebra at 1 of 1"),
        (True, 0.2, "It is not shown to speak for or against a class"),
        (False, 3.0, "'striped' is known at no layer"),
    ],
)
def test_sentences_follow_the_tables(known: bool, change: float, words: str) -> None:
    tables = assembled(rows(known, change))
    assert words in findings(tables)[1]
    assert findings(tables)[0].startswith(f"{int(known)} of 1 concepts")
    assert bool(tables["concepts"]["known"].iloc[0]) is known
    alone = assembled({**rows(known, change), "speaks": []})  # no layer tells the classes apart
    assert "speaks for zebra" not in findings(alone)[1]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"concepts": ()}, "no concept was named"),
        ({"concepts": ("drawn:hue", "drawn:hue")}, "named twice"),
    ],
)
def test_what_cannot_be_asked_is_told(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(LabError, match=words):
        ConceptsRequest(**fields)


def test_a_link_that_names_folders_of_concepts_waits_for_a_click() -> None:
    named = {"concepts.concepts": ["drawn:hue", "mine"], "concepts.against": ["others"]}
    assert local_paths(named) == ["mine", "others"]


def test_concepts_of_too_few_images_are_told(folders: Path, tmp_path: Path) -> None:
    for name in ("warm", "random"):
        (tmp_path / name).mkdir()
        for file in sorted((folders / name).iterdir())[:5]:
            shutil.copy(file, tmp_path / name)
    few = str(tmp_path)
    asked = ConceptsRequest(TINY, concepts=(few,), against="drawn:shape")
    with pytest.raises(LabError, match="has 5 different images of 'random'"):
        concepts_of(few, asked, silent)
