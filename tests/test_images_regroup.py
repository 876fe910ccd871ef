"""Groups as the user wants them: switched off, or from a table; and what is said of the folds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lab.errors import LabError
from lab.experiments.separability.fits import ProbeDesign
from lab.experiments.separability.measure import EmbeddingSource, ProbeSetup
from lab.experiments.separability.request import ProbeRequest
from lab.experiments.separability.split_notes import split_problems, split_text
from lab.images import ImageRecord, ImageSet, regrouped, settled_groups
from lab.images.arrays import ArraySource
from lab.layers import Layer


def image_set(groups: list[int], labels: list[int]) -> ImageSet:
    records = tuple(
        ImageRecord(f"{'ab'[label]}/{k:02d}.png", label, f"{k:064x}", group, 8, 8)
        for k, (group, label) in enumerate(zip(groups, labels, strict=True))
    )
    return ImageSet("somewhere", ("a", "b"), records, ArraySource(np.zeros((len(groups), 8, 8, 3), np.uint8)))


def setup(images: ImageSet, **fields: object) -> ProbeSetup:
    request = ProbeRequest(**fields)  # type: ignore[arg-type]
    design = ProbeDesign.of(images.labels, images.groups, request.folds, request.repeats, 0, images.classes)
    return ProbeSetup(images, design, request)


def source(embedding: np.ndarray) -> EmbeddingSource:
    layer = Layer("late", "block", 1.0, "NCHW", embedding.shape[1], 1, 1, 32, 32, "theoretical")
    return EmbeddingSource("resnet18", False, "0", "0", (layer,), {"late": embedding})


def table(folder: Path, text: str) -> str:
    path = folder / "groups.csv"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_groups_are_found_switched_off_or_given(tmp_path: Path) -> None:
    images = image_set([0, 0, 1, 1], [0, 0, 1, 1])
    assert regrouped(images, "auto") is images
    assert regrouped(images, "none").groups.tolist() == [0, 1, 2, 3]
    given = table(tmp_path, "file_name,group\na/00.png,left\n03.png,left\n")
    assert regrouped(images, given).groups.tolist() == [0, 1, 2, 0]
    assert len({regrouped(images, how).fingerprint for how in ("auto", "none", given)}) == 3


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("file,group\na/00.png,1\n", "no column 'file_name'"),
        ("file_name,group\nz/99.png,1\n", "names no image"),
        ("", "no table"),
        (None, "auto, none, or a CSV file"),
    ],
)
def test_a_table_that_cannot_be_used_is_told(tmp_path: Path, text: str | None, told: str) -> None:
    path = str(tmp_path / "none.csv") if text is None else table(tmp_path, text)
    with pytest.raises(LabError, match=told):
        regrouped(image_set([0, 1], [0, 1]), path)


def test_a_name_that_may_be_two_images_is_told(tmp_path: Path) -> None:
    records = tuple(ImageRecord(f"{c}/1.png", k, str(k), k, 8, 8) for k, c in enumerate("ab"))
    images = ImageSet("somewhere", ("a", "b"), records, ArraySource(np.zeros((2, 8, 8, 3), np.uint8)))
    with pytest.raises(LabError, match=r"which may be 'a/1.png' and 'b/1.png'"):
        regrouped(images, table(tmp_path, "file_name,group\n1.png,x\n"))


def test_the_request_carries_groups_through_its_command_and_name(tmp_path: Path) -> None:
    plain, off = ProbeRequest(), ProbeRequest(groups="none")
    assert plain.run_id != off.run_id
    assert "--groups" not in plain.command()
    assert off.command().endswith("--groups=none")
    assert Path(settled_groups("some.csv")).is_absolute()
    path = table(tmp_path, "file_name,group\n")
    first = ProbeRequest(groups=path).sources()["groups"]
    table(tmp_path, "file_name,group\na/00.png,1\n")
    assert ProbeRequest(groups=path).sources()["groups"] != first


def test_folds_are_said_with_groups_where_there_are_fewer_than_images() -> None:
    rows = pd.DataFrame(
        {"image": [*"abcd"] * 3, "group": [0, 0, 1, 1] * 3, "repeat": [0, 1, 2] * 4, "fold": [0, 1] * 6}
    )
    assert split_text(rows) == "4 images in 2 groups, 2 folds × 3 repeats"
    assert split_text(rows.assign(group=rows["image"])) == "4 images, 2 folds × 3 repeats"


def test_fewer_folds_and_mixed_groups_are_problems() -> None:
    labels = [0] * 20 + [1] * 20
    fewer = split_problems(setup(image_set([*np.repeat([0, 1], 10), *range(2, 22)], labels)), [])
    assert len(fewer) == 1
    assert fewer[0].startswith("2 folds instead of 5: the 20 images of class 'a' are in 2 groups")
    mixed = split_problems(setup(image_set([*range(20), 0, *range(21, 40)], labels)), [])
    assert len(mixed) == 1
    assert mixed[0].startswith("1 of 39 groups hold images of several classes, such as 'a/00.png' and 'b/20.png'")
    assert split_problems(setup(image_set([*range(40)], labels)), []) == []


@pytest.mark.parametrize("share", [0.1, 1.0])
def test_images_far_closer_than_typical_across_groups_are_a_problem(share: float) -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(40, 16))
    images = image_set([*range(40)], [0, 1] * 20)
    assert split_problems(setup(images), [source(points)]) == []
    pairs = int(20 * share)
    points[1 : 2 * pairs : 2] = points[0 : 2 * pairs : 2] + 0.05 * rng.normal(size=(pairs, 16))
    found = split_problems(setup(images), [source(points)])
    assert len(found) == 1
    assert found[0].startswith(f"{2 * pairs} of 40 images lie far nearer")
    together = image_set([k // 2 if k < 2 * pairs else k for k in range(40)], [0, 1] * 20)
    assert not [text for text in split_problems(setup(together), [source(points)]) if "far nearer" in text]
