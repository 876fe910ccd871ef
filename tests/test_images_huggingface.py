"""Hugging Face sets: the columns are found, the bytes are decoded by the lab, and a hub out of reach is told at once.

A small stand-in for the `datasets` package tells the adapter apart from the library; where the library is installed, a
local folder of images goes through the real one too.
"""

from __future__ import annotations

import io
import sys
import time
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from lab.errors import HubUnreachable, LabError
from lab.images import huggingface
from lab.images.huggingface import open_hub_set
from lab.images.types import ImageSet
from lab.progress import silent


def png(seed: int) -> bytes:
    stream = io.BytesIO()
    Pillow.fromarray(np.random.default_rng(seed).integers(0, 255, (30, 40, 3), dtype=np.uint8)).save(stream, "PNG")
    return stream.getvalue()


class Image:
    def __init__(self, decode: bool = True) -> None:
        self.decode = decode


class ClassLabel:
    def __init__(self, names: Sequence[str]) -> None:
        self.names = list(names)


class Value:
    pass


class Table:
    """What the adapter uses of a `datasets.Dataset`."""

    def __init__(self, features: Mapping[str, Any], columns: Mapping[str, Sequence[Any]]) -> None:
        self.features = dict(features)
        self.columns = {name: list(values) for name, values in columns.items()}

    def select_columns(self, names: list[str]) -> Table:
        return Table({n: self.features[n] for n in names}, {n: self.columns[n] for n in names})

    def cast_column(self, name: str, kind: Any) -> Table:
        return Table(self.features | {name: kind}, self.columns)

    def __getitem__(self, key: str | int) -> Any:
        if isinstance(key, str):
            return self.columns[key]
        if any(isinstance(kind, Image) and kind.decode for kind in self.features.values()):
            raise AssertionError("decoded by the library")
        return {name: values[key] for name, values in self.columns.items()}


PICTURES = [{"bytes": png(k), "path": None} for k in range(6)]
PLAIN = Table(
    {"image": Image(), "label": ClassLabel(["cat", "dog"])},
    {"image": [*PICTURES[:4], {"bytes": b"broken", "path": None}, None], "label": [0, 1, 0, 1, 1, 0]},
)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Sets by name; anything else is not there. Reaching the hub succeeds."""
    sets: dict[str, Any] = {}

    def load_dataset(name: str, config: str | None) -> Any:
        if name not in sets:
            raise FileNotFoundError(f"Dataset '{name}' doesn't exist on the Hub\nor cannot be accessed.")
        return sets[name]

    fake = types.ModuleType("datasets")
    fake.load_dataset = load_dataset  # type: ignore[attr-defined]
    fake.config = types.SimpleNamespace(HF_HUB_OFFLINE=False)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "datasets", fake)
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setattr(huggingface, "require_reachable", lambda url, what: None)
    return sets


def opened(name: str, classes: tuple[str, ...] = (), per_class: int | None = None, **options: str) -> ImageSet:
    return open_hub_set(f"hf:{name}", name, options, classes, per_class, silent)


def test_images_classes_and_what_is_set_aside(hub: dict[str, Any]) -> None:
    hub["pets"] = {"train": PLAIN, "test": None}
    images = opened("pets")
    assert images.classes == ("cat", "dog")
    assert images.labels.tolist() == [0, 1, 0, 1]
    assert [r.id for r in images.records] == ["cat/000000", "dog/000001", "cat/000002", "dog/000003"]
    assert np.array_equal(images.pixels(1), np.asarray(Pillow.open(io.BytesIO(png(1)))))
    assert {q.id: q.reason for q in images.quarantined} == {
        "cat/000005": "no image in this row",
        "dog/000004": "not a JPEG, PNG, GIF, BMP, WebP, TIFF, PNM, JPEG 2000 or AVIF image",
    }
    assert opened("pets", ("dog", "cat"), 1).classes == ("dog", "cat")


def test_text_labels_missing_labels_and_files_beside(hub: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "beside.png").write_bytes(png(9))
    rows = [*PICTURES[:3], {"bytes": None, "path": str(tmp_path / "beside.png")}]
    hub["x"] = {
        "only": Table({"photo": Image(), "label": Value()}, {"photo": rows, "label": ["b", None, "a =1+1", "b"]})
    }
    images = opened("x")
    assert images.classes == ("a =1+1", "b")
    assert len(images) == 3
    assert images.quarantined[0].reason == "without a label"


def test_unclear_columns_have_to_be_named(hub: dict[str, Any]) -> None:
    columns = {"a": PICTURES[:2], "b": PICTURES[2:4], "fine": [0, 1], "coarse": [1, 0]}
    features = {"a": Image(), "b": Image(), "fine": ClassLabel(["x", "y"]), "coarse": ClassLabel(["p", "q"])}
    hub["two"] = {"train": Table(features, columns)}
    with pytest.raises(LabError, match=r"which column is the image; add \?image=COLUMN, one of 'a', 'b'"):
        opened("two")
    with pytest.raises(LabError, match="which column is the label"):
        opened("two", image="a")
    with pytest.raises(LabError, match="no column 'c'"):
        opened("two", image="c", label="fine")
    assert opened("two", image="b", label="coarse").classes == ("p", "q")


def test_unknown_sets_and_splits_are_told(hub: dict[str, Any]) -> None:
    with pytest.raises(LabError, match="hf:pts cannot be opened") as caught:
        opened("pts")
    assert "\n" not in str(caught.value)
    hub["pets"] = {"test": PLAIN, "validation": PLAIN}
    with pytest.raises(LabError, match=r"no split 'train'; add .* one of 'test', 'validation'"):
        opened("pets")
    with pytest.raises(LabError, match="no split 'tset'; nearest: test"):
        opened("pets", split="tset")
    assert len(opened("pets", split="test")) == 4


def test_a_hub_out_of_reach_is_told_but_its_cache_is_used(hub: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(url: str, what: str) -> None:
        raise HubUnreachable(f"{what} has to be downloaded")

    monkeypatch.setattr(huggingface, "require_reachable", unreachable)
    with pytest.raises(HubUnreachable, match="hf:nowhere has to be downloaded"):
        opened("nowhere")
    hub["cached"] = {"train": PLAIN}
    assert len(opened("cached")) == 4
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(HubUnreachable, match="HF_HUB_OFFLINE is set"):
        opened("nowhere")


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(LabError, match=r"pip install 'feature-hierarchy-lab\[hub\]'"):
        opened("pets")


@pytest.mark.filterwarnings("ignore")
def test_a_local_folder_through_the_real_library(tmp_path: Path) -> None:
    for label, name in enumerate(("cat", "dog")):
        (tmp_path / name).mkdir()
        for k in range(3):
            (tmp_path / name / f"{k}.png").write_bytes(png(10 * label + k))
    images = opened(str(tmp_path))
    assert images.classes == ("cat", "dog")
    assert images.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert np.array_equal(images.pixels(4), np.asarray(Pillow.open(io.BytesIO(png(11)))))


@pytest.mark.filterwarnings("ignore")
def test_a_set_that_is_nowhere_is_told_fast_by_the_real_library() -> None:
    import datasets  # noqa: F401 - its import is not what is timed

    started = time.perf_counter()
    with pytest.raises(HubUnreachable):
        opened("nobody/has-such-a-set")
    assert time.perf_counter() - started < 3
