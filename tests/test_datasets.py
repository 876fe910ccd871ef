"""Datasets of a Python process, and tar shards, are image sets like any other."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from image_sets import scene
from PIL import Image
from torch.utils.data import Dataset, Subset

import lab
from lab.errors import LabError
from lab.images import class_names, open_image_set, settled, stamp, table_columns
from lab.images.datasets_in_memory import image_set_of

COUNT = 16
PICTURES = [scene(k, 40, 48) for k in range(COUNT)]


class Tuples(Dataset[Any]):
    """Pictures and labels as torchvision's datasets have them."""

    classes = ("cat", "dog")

    def __init__(self, form: str = "pil") -> None:
        self.form = form

    def __len__(self) -> int:
        return COUNT

    def __getitem__(self, index: int) -> Any:
        pixels = PICTURES[index]
        tensor = torch.from_numpy(pixels).permute(2, 0, 1)
        forms = {"pil": Image.fromarray(pixels), "array": pixels, "tensor": tensor, "float": tensor.float() / 255}
        return forms[self.form], index % 2


class Rows(Tuples):
    """The same as dictionaries, with more of each picture."""

    def __getitem__(self, index: int) -> Any:
        age = torch.tensor(1.5 * index)
        return {"image": PICTURES[index], "label": "ab"[index % 2], "site": index // 8, "age": age}


@pytest.mark.parametrize("form", ["pil", "array", "tensor", "float"])
def test_a_torch_dataset_gives_its_pictures_and_classes(form: str) -> None:
    images = image_set_of(Tuples(form))
    assert images.classes == ("cat", "dog")
    assert images.labels.tolist() == [k % 2 for k in range(COUNT)]
    assert all(np.array_equal(images.pixels(k), PICTURES[k]) for k in range(COUNT))


def test_parts_groups_and_numbers_of_datasets() -> None:
    parts = {"train": Subset(Rows(), range(8)), "test": Subset(Rows(), range(8, 16))}
    images = image_set_of(parts, factors=["site"])
    assert images.parts == ("train",) * 8 + ("test",) * 8
    assert images.factor("site") == ("0",) * 8 + ("1",) * 8
    assert images.records[8].id == "test/000000"
    numbers = image_set_of(Rows(), label="age", target="number", group="site")
    assert numbers.values.tolist() == [k * 1.5 for k in range(COUNT)]
    assert len(set(numbers.groups)) == 2
    result = lab.probe("test_resnet@untrained:0", images, layers="stages", controls=())
    assert result["splits"]["fold"].tolist() == [-1] * 8 + [0] * 8


class Jittered(Tuples):
    def __getitem__(self, index: int) -> Any:
        return np.random.default_rng().integers(0, 255, (20, 20, 3), dtype=np.uint8), index % 2


class Normalised(Tuples):
    def __getitem__(self, index: int) -> Any:
        return torch.randn(3, 8, 8, generator=torch.Generator().manual_seed(index)), index % 2


class Endless(Dataset[Any]):
    def __getitem__(self, index: int) -> Any:
        return PICTURES[0], 0


class Broken(Tuples):
    def __getitem__(self, index: int) -> Any:
        return {"image": "no picture", "label": 1}


@pytest.mark.parametrize(
    ("dataset", "said"),
    [
        (Jittered(), "another picture each time"),
        (Normalised(), "leave normalisation out"),
        (Endless(), "has no length"),
        (Subset(Tuples(), []), "is empty"),
        (Broken(), r"picture 0 is <U10 \(\)"),
        ([7, 8], "gives int at a position"),
        ([{"label": 1}, {"label": 2}], "have no picture but 'label'"),
    ],
)
def test_datasets_that_cannot_be_used(dataset: Any, said: str) -> None:
    with pytest.raises(LabError, match=said):
        image_set_of(dataset)


def test_the_real_datasets_package() -> None:
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        {
            "image": datasets.Image(), "species": datasets.ClassLabel(names=["cat", "dog"]),
            "site": datasets.Value("string"), "age": datasets.Value("float32"),
        }
    )  # fmt: skip
    rows = {
        "image": [Image.fromarray(pixels) for pixels in PICTURES], "species": [k % 2 for k in range(COUNT)],
        "site": ["ab"[k // 8] for k in range(COUNT)], "age": [k / 2 for k in range(COUNT)],
    }  # fmt: skip
    table = datasets.Dataset.from_dict(rows, features=features)
    images = image_set_of(table, label="species", group="site")
    assert images.classes == ("cat", "dog")
    assert images.labels.tolist() == rows["species"]
    assert images.factor("site") == tuple(rows["site"])
    assert all(np.array_equal(images.pixels(k), PICTURES[k]) for k in range(COUNT))
    both = datasets.DatasetDict({"train": table.select(range(8)), "test": table.select(range(8, 16))})
    assert image_set_of(both, label="species").parts == ("train",) * 8 + ("test",) * 8
    assert image_set_of(table, label="age", target="number").values.tolist() == rows["age"]
    with pytest.raises(LabError, match="no column 'label' of the labels; it has 'file_name', 'species'"):
        image_set_of(table)


def shards(folder: Path) -> None:
    """Write two shards of training images and one of test images."""
    for number, name in enumerate(("train-000", "train-001", "test-000")):
        with tarfile.open(folder / f"{name}.tar", "w") as archive:
            for k in range(5):
                picture = io.BytesIO()
                Image.fromarray(PICTURES[5 * number + k]).save(picture, "PNG")
                told = json.dumps({"site": "ab"[k % 2], "age": k + 0.5})
                for ending, data in (("png", picture.getvalue()), ("cls", b"%d\n" % (k % 2)), ("json", told.encode())):
                    info = tarfile.TarInfo(f"{number}{k:03d}.{ending}")
                    info.size = len(data)
                    archive.addfile(info, io.BytesIO(data))


def test_shards_are_read_in_place(tmp_path: Path) -> None:
    shards(tmp_path)
    images = open_image_set(tmp_path)
    assert sorted(images.parts) == ["test"] * 5 + ["train"] * 10
    spec = f"{tmp_path}/train-{{000..001}}.tar"
    images = open_image_set(spec)
    assert (images.classes, len(images)) == (("0", "1"), 10)
    assert all(np.array_equal(images.pixels(k), PICTURES[k]) for k in range(10))
    assert images.records[7].id == "train-001.tar/1002"
    assert settled(spec) == spec
    assert stamp(spec) == stamp(spec)
    assert class_names(f"{spec}?label=site") == ("a", "b")
    assert table_columns(spec) == ("site", "age", "label", "split")
    assert open_image_set(f"{spec}?label=age", target="number").values[:2].tolist() == [0.5, 1.5]


def test_shards_that_cannot_be_read(tmp_path: Path) -> None:
    shards(tmp_path)
    with pytest.raises(LabError, match=r"1 of 3 shards are not there, such as .*train-002"):
        open_image_set(f"{tmp_path}/train-{{000..002}}.tar")
    (tmp_path / "x.tar").write_bytes(b"no tar" * 200)
    with pytest.raises(LabError, match="is no readable tar file"):
        open_image_set(f"{tmp_path}/x.tar")
    whole = (tmp_path / "test-000.tar").read_bytes()
    (tmp_path / "cut.tar").write_bytes(whole[: len(whole) // 3])
    cut = open_image_set(f"{tmp_path}/cut.tar")
    assert len(cut) < 5
    assert "cut.tar" in {one.id for one in cut.quarantined}
    with tarfile.open(tmp_path / "empty.tar", "w"):
        pass
    with pytest.raises(LabError, match="holds no images"):
        open_image_set(f"{tmp_path}/empty.tar")
