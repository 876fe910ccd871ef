"""Which folders are classes, which are splits of them, and what is said of the rest; from how the tree is built."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from attacks import utf8_without_flag, zip_of
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from lab.encode import as_csv, as_parquet, from_csv
from lab.errors import LabError
from lab.images import ImageSet, class_names, open_image_set
from lab.images.endings import HEAD_BYTES, OTHER_SUFFIXES, is_image_head, unread_format
from lab.images.structure import find_structure


def picture(seed: int, kind: str = "PNG", mode: str = "RGB") -> bytes:
    stream = io.BytesIO()
    noise = np.random.default_rng(seed).integers(0, 255, (24, 32, 3), dtype=np.uint8)
    Image.fromarray(noise).convert(mode).save(stream, kind)
    return stream.getvalue()


def folder(root: Path, names: str, first: int = 0) -> Path:
    """Write files at these paths, separated by spaces: pictures, text for .txt, folders where a path ends in /."""
    for number, name in enumerate(names.split(), first):
        path = root / "set" / name
        (path if name.endswith("/") else path.parent).mkdir(parents=True, exist_ok=True)
        if not name.endswith("/"):
            path.write_bytes(b"text" if name.endswith(".txt") else picture(number))
    return root / "set"


def classes(images: ImageSet) -> dict[str, str]:
    """Return every image's class by its id."""
    return {record.id: images.classes[record.label] for record in images.records}


SPLITS = {
    "train and val": "train/cat/a.png train/dog/b.png val/cat/c.png val/dog/d.png",
    "training_set and test_set": "training_set/cat/a.png training_set/dog/b.png test_set/cat/c.png test_set/dog/d.png",
    "one with a class less": "Train/cat/a.png Train/dog/b.png Train/dog/e.png Test/dog/d.png",
    "folders in folders of the same name": "seg_train/seg_train/cat/a.png seg_train/seg_train/dog/b.png "
    "seg_test/seg_test/cat/c.png seg_test/seg_test/dog/d.png",
    "folds": "fold1/cat/a.png fold1/dog/b.png fold2/cat/c.png fold2/dog/d.png",
    "a third by its build": "train/cat/a.png train/dog/b.png mine/cat/c.png mine/dog/d.png",
    "in a wrapper, beside empty folders": "pets/train/cat/a.png pets/train/dog/b.png pets/val/cat/c.png pets/models/",
}


@pytest.mark.parametrize("name", SPLITS)
def test_splits_are_known_by_their_build_and_are_no_classes(name: str, tmp_path: Path) -> None:
    path = folder(tmp_path, SPLITS[name])
    images = open_image_set(path)
    assert images.classes == class_names(path) == ("cat", "dog")
    assert all(f"{own}/" in image for image, own in classes(images).items())
    assert len(images) == SPLITS[name].count(".png")
    assert "are splits of the same classes" in images.notes[0]
    assert all(len(image.split("/")) >= 3 for image in classes(images))  # the id names the split
    assert open_image_set(path, classes=("dog", "cat")).classes == ("dog", "cat")


def test_splits_may_be_the_classes_when_they_are_asked_for(tmp_path: Path) -> None:
    path = folder(tmp_path, SPLITS["train and val"])
    assert open_image_set(path, classes=("train", "val")).classes == ("train", "val")


CLASSES = {
    "nested by the same split names": ("cat/train/a.png cat/test/b.png dog/train/c.png dog/test/d.png", "cat dog"),
    "nested by different names": ("cat/indoor/a.png cat/outdoor/b.png dog/indoor/c.png dog/beach/d.png", "cat dog"),
    "one folder of the same name in each": ("n01/images/a.png n02/images/b.png", "n01 n02"),
    "a class that is called test": ("test/a.png test/b.png quiz/c.png", "quiz test"),
    "words that only contain a split's name": (
        "latest/2019/a.png latest/2020/b.png contest/2019/c.png",
        "contest latest",
    ),
    "an unlabelled split": ("train/cat/a.png train/dog/b.png test/c.png test/d.png", "cat dog"),
    "tiny imagenet": ("train/n1/images/a.png train/n2/images/b.png val/images/c.png test/images/d.png", "n1 n2"),
    "an empty folder beside": ("cat/a.png dog/b.png bird/", "cat dog"),
}


@pytest.mark.parametrize("name", CLASSES)
def test_other_trees_have_the_classes_that_people_mean(name: str, tmp_path: Path) -> None:
    names, expected = CLASSES[name]
    assert open_image_set(folder(tmp_path, names)).classes == tuple(expected.split())


def test_what_is_in_no_split_is_set_aside_and_told(tmp_path: Path) -> None:
    images = open_image_set(folder(tmp_path, CLASSES["an unlabelled split"][0]))
    assert [q.id for q in images.quarantined] == ["test/c.png", "test/d.png"]
    assert {q.reason for q in images.quarantined} == {"not inside a class folder of the splits 'train'"}
    assert images.notes == ("only the split 'train' has a folder for each class: the others are set aside",)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("x/cat/a.png x/dog/b.png y/cat/c.png y/dog/d.png", "either may be the classes.*: x,y or cat,dog"),
        ("train/a.png val/b.png", "splits .*without a folder for each class"),
        ("images/train/a.png images/val/b.png labels/train/a.txt", "splits .*without a folder for each class"),
        ("train/images/a.png train/labels/a.txt val/images/b.png", "only the class 'images'"),
    ],
)
def test_what_cannot_be_told_is_asked(names: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(LabError, match=message):
        open_image_set(folder(tmp_path, names))


@pytest.mark.parametrize("wanted", [("x", "y"), ("cat", "dog")])
def test_the_classes_asked_for_decide_the_level(wanted: tuple[str, ...], tmp_path: Path) -> None:
    path = folder(tmp_path, "x/cat/a.png x/dog/b.png y/cat/c.png y/dog/d.png")
    images = open_image_set(path, classes=wanted)
    assert images.classes == wanted
    assert np.bincount(images.labels).tolist() == [2, 2]


parts = st.sampled_from(["train", "test", "cat", "dog", "x"])


@settings(max_examples=300, deadline=None)
@given(st.sets(st.lists(parts, max_size=4).map(tuple), min_size=1, max_size=12))
def test_every_file_is_in_one_root_at_most_and_roots_are_folders(folders: set[tuple[str, ...]]) -> None:
    paths = [(*folder, f"{k}.png") for k, folder in enumerate(sorted(folders))]
    try:
        found = find_structure(paths, (), "here")
    except LabError:
        return
    assert found.roots
    for root in found.roots:
        assert root[: len(found.prefix)] == found.prefix
        assert any(path[: len(root)] == root for path in paths)
    for path in paths:
        own = [root for root in found.roots if path[: len(root)] == root]
        assert len(own) <= 1
        assert found.root_of(path) == (own[0] if own else None)


def test_empty_folders_and_other_files_are_counted_and_named(tmp_path: Path) -> None:
    path = folder(tmp_path, "cat/a.png dog/b.png bird/ fish/notes.txt cat/x.txt cat/y.txt")
    (path / "labels.csv").write_text("x")
    assert open_image_set(path).notes == (
        "2 folders without any image were ignored: 'bird', 'fish'",
        "4 other files hold no image and were ignored: 3 .txt (such as 'cat/x.txt'), 1 .csv (such as 'labels.csv')",
    )


READ = [
    ("a.ppm", "PPM", "RGB"), ("b.pgm", "PPM", "L"), ("no_ending", "JPEG", "RGB"), ("photo.jpg?w=300", "JPEG", "RGB"),
    ("x.dat", "PNG", "L"), ("telephone.HEIC", "JPEG", "RGB"), ("y.txt", "WEBP", "RGB"), ("z.jp2", "JPEG2000", "RGB"),
    ("v.1", "BMP", "RGB"), ("w.bin", "TIFF", "RGB"), ("u", "GIF", "P"), ("t.avif", "AVIF", "RGB"),
]  # fmt: skip


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "zip"])
def test_images_are_known_by_their_content(packed: bool, tmp_path: Path) -> None:
    files = {f"{'cat' if k % 2 else 'dog'}/{name}": picture(k, kind, mode) for k, (name, kind, mode) in enumerate(READ)}
    path = tmp_path / "set.zip"
    path.write_bytes(zip_of(list(files.items()), zipfile.ZIP_BZIP2))
    if not packed:
        zipfile.ZipFile(path).extractall(tmp_path / "set")
        path = tmp_path / "set"
    images = open_image_set(path)
    assert {record.id for record in images.records} == set(files)
    assert images.quarantined == images.notes == ()


def test_camera_raw_files_are_not_read_as_the_tiff_they_begin_like() -> None:
    head = picture(1, "TIFF")[:HEAD_BYTES]
    assert "NEF files are not read" in unread_format("a.nef", head)
    assert unread_format("a.psd", head) == ""
    assert all(not is_image_head(b"\0" * HEAD_BYTES) and unread_format(f"a{end}", b"") for end in OTHER_SUFFIXES)


def test_entries_without_a_name_are_set_aside(tmp_path: Path) -> None:
    entries = [(f"{name}/{k}.png", picture(9 * k + len(name))) for name in ("cat", "hound") for k in range(2)]
    (tmp_path / "set.zip").write_bytes(zip_of([*entries, ("", picture(50)), ("..", picture(51))]))
    images = open_image_set(tmp_path / "set.zip")
    assert len(images) == 4
    assert {q.id: q.reason for q in images.quarantined} == {
        "entry 5 without a name": "has no name in the zip",
        "entry 6 without a name": "has no name in the zip",
    }


def test_names_that_macos_zips_are_read_as_utf8(tmp_path: Path) -> None:
    path = tmp_path / "set.zip"
    path.write_bytes(utf8_without_flag({"猫": picture(1), "Hündin": picture(2)}))
    assert zipfile.ZipFile(path).namelist() != ["猫/a.png", "Hündin/a.png"]
    assert open_image_set(path).classes == ("Hündin", "猫")


def test_names_in_the_code_page_of_old_zips_stay(tmp_path: Path) -> None:
    path = tmp_path / "set.zip"
    data = utf8_without_flag({"H__ndin": picture(1), "cat": picture(2)})
    path.write_bytes(data.replace(b"H__ndin", "Hünd_in".encode("cp437")))
    assert open_image_set(path).classes == ("Hünd_in", "cat")


def test_classes_that_are_called_like_nothing_survive_every_table(tmp_path: Path) -> None:
    names = ("NA", "None", "nan", "null", "007")
    path = folder(tmp_path, " ".join(f"{name}/{k}.png" for name in names for k in range(2)))
    table = open_image_set(path).table()
    assert set(table["class"]) == set(names)
    import pandas as pd

    pd.testing.assert_frame_equal(from_csv(as_csv(table)), table)
    assert pd.read_parquet(io.BytesIO(as_parquet(table)))["class"].tolist() == table["class"].tolist()
    read = pd.read_csv(io.BytesIO(as_csv(table)))["class"]
    assert read.nunique() == len(names)
    assert read.notna().all()
