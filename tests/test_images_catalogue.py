"""The table of image sets, and opening one from its spec."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import lab.images
from lab.errors import HubUnreachable, LabError
from lab.images import ImageSet, catalogue, class_names, open_image_set, settled, stamp
from lab.images import hub as hub_sets

OFFLINE_SETS = [info.name for info in catalogue() if not info.needs_download]
HUB_SETS = [info.name for info in catalogue() if info.needs_download and info.name != "hf:NAME"]


def png(seed: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (30, 40, 3), dtype=np.uint8)).save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    for label, name in enumerate(("cat", "dog")):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for k in range(3):
            (tmp_path / "pets" / name / f"{k}.png").write_bytes(png(10 * label + k))
    return tmp_path / "pets"


@pytest.fixture
def zipped(pets: Path) -> Path:
    path = pets.parent / "pets.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(pets.rglob("*.png")):
            archive.write(file, file.relative_to(pets.parent))
    return path


def check_contract(images: ImageSet) -> None:
    """What every set promises, whatever it comes from."""
    assert len(images) == len(images.records) > 0
    assert len({r.id for r in images.records}) == len(images)
    assert set(images.labels) == set(range(len(images.classes)))
    for index in {0, len(images) // 2, len(images) - 1}:
        record, pixels = images.records[index], images.pixels(index)
        assert pixels.shape == (record.height, record.width, 3)
        assert pixels.dtype == np.uint8
        assert np.array_equal(pixels, images.pixels(index))
        assert len(record.digest) == 64
        plain = images.plain_jpeg(index)
        assert plain is None or plain.startswith(b"\xff\xd8")
        assert max(Image.open(io.BytesIO(images.thumbnail(index))).size) <= 96
    table = images.table()
    assert list(table.columns) == ["image", "class", "group", "width", "height", "digest"]
    assert table["image"].is_unique
    assert images.fingerprint.encode()


def test_the_catalogue_is_a_table_of_openable_sets() -> None:
    names = [info.name for info in catalogue()]
    assert len(set(names)) == len(names)
    assert {
        "drawn:pets",
        "drawn:shapes",
        "drawn:faces",
        "digits",
        "oxford-pets",
        "oxford-pets:breeds",
        "cifar10",
    } <= set(names)
    for info in catalogue():
        assert info.title
        assert info.description.endswith(".")
        assert class_names(info.name) == info.classes
        assert stamp(info.name) == info.name
    assert [info.needs_download for info in catalogue()] == sorted(info.needs_download for info in catalogue())
    assert len(hub_sets.BREEDS) == 37
    assert list(hub_sets.BREEDS) == sorted(hub_sets.BREEDS)


@pytest.mark.parametrize("name", OFFLINE_SETS)
def test_every_set_without_a_download_keeps_the_contract(name: str) -> None:
    images = open_image_set(name, per_class=6)
    check_contract(images)
    assert images.spec == name
    assert images.classes == class_names(name)
    assert np.bincount(images.labels).tolist() == [6] * len(images.classes)
    again = open_image_set(name, per_class=6)
    assert again.fingerprint == images.fingerprint
    turned = open_image_set(name, classes=images.classes[::-1], per_class=6)
    assert turned.classes == images.classes[::-1]
    assert {r.id: turned.classes[r.label] for r in turned.records} == {
        r.id: images.classes[r.label] for r in images.records
    }
    assert np.array_equal(turned.pixels(0), images.pixels([r.id for r in images.records].index(turned.records[0].id)))


@pytest.mark.parametrize("name", HUB_SETS)
def test_every_set_to_download_says_so_when_it_cannot(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_network(*_: object) -> None:
        raise OSError("Network is unreachable")

    monkeypatch.setattr("socket.getaddrinfo", no_network)
    with pytest.raises(HubUnreachable, match=r"drawn:pets"):
        open_image_set(name)


def test_folder_and_zip_open_by_path(pets: Path, zipped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for spec in (str(pets), pets, str(zipped), zipped):
        images = open_image_set(spec)
        check_contract(images)
        assert images.spec == str(spec)
        assert class_names(spec) == ("cat", "dog")
    assert open_image_set(pets).fingerprint == open_image_set(zipped).fingerprint
    monkeypatch.setenv("HOME", str(pets.parent))
    assert len(open_image_set("~/pets", per_class=2)) == 4


def test_a_name_wins_over_a_folder_and_a_path_may_look_like_options(
    pets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(pets.parent)
    pets.rename("digits")
    Path("digits/cat").rename("digits/a?seed=1")
    assert len(open_image_set("digits", per_class=1).classes) == 10
    assert open_image_set("./digits").classes == ("a?seed=1", "dog")
    Path("digits").rename("what?seed=3")
    assert len(open_image_set("what?seed=3")) == 6


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("", "'' is neither an image set nor a folder, zip or table that is there"),
        ("drawn:pts", "nearest: drawn:pets"),
        ("dgits", "nearest: digits"),
        ("cifar-10", "nearest: cifar10"),
        ("/no/such/place", "neither an image set nor a folder"),
        ("drawn:pets?sed=1", "no option 'sed'; nearest: seed"),
        ("drawn:pets?seed=-1", "seed .* is '-1'; it must be a whole number from 0"),
        ("drawn:pets?seed=1.5", "whole number"),
        ("drawn:pets?size=5000", "size .* from 32 to 1024"),
        ("drawn:pets?seed", "options that cannot be read"),
        ("digits?seed=1", "digits has no option 'seed'; it has no options"),
        ("hf:x?splt=test", "no option 'splt'; nearest: split"),
        ("a\nb\0c", "neither an image set"),
        ("x" * 5000, "neither an image set"),
    ],
)
def test_bad_specs_are_told_in_one_sentence(spec: str, message: str) -> None:
    for use in (open_image_set, stamp) if "=" not in spec or "?s" not in spec else (open_image_set,):
        with pytest.raises(LabError, match=message) as caught:
            use(spec)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("per_class", [0, -3])
def test_per_class_must_be_positive(per_class: int) -> None:
    with pytest.raises(LabError, match="per_class"):
        open_image_set("digits", per_class=per_class)


def test_classes_that_are_not_there_are_told() -> None:
    with pytest.raises(LabError, match="no class 'eleven'"):
        open_image_set("digits", classes=("1", "eleven"))
    with pytest.raises(LabError, match="only the class 'cat'"):
        open_image_set("drawn:pets", classes=("cat",))


def test_a_file_that_is_no_zip_is_told(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(LabError, match="not a readable zip"):
        open_image_set(tmp_path / "notes.txt")


def test_a_path_is_settled_and_a_name_is_not(pets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(pets.parent)
    (pets.parent / "digits").mkdir()
    for written in (pets.name, f"./{pets.name}/", str(pets)):
        assert settled(written) == str(pets)
    assert settled("./digits") == str(pets.parent / "digits")
    for name in ("digits", "drawn:pets?seed=3", "hf:some/set", "no such folder", ""):
        assert settled(name) == name


def test_stamps_change_with_what_they_stand_for(pets: Path, zipped: Path) -> None:
    folder, archive = stamp(pets), stamp(zipped)
    assert (stamp(pets), stamp(zipped)) == (folder, archive)
    (pets / "cat" / "more.png").write_bytes(png(50))
    os.utime(zipped, (1, 1))
    assert stamp(pets) != folder
    assert stamp(zipped) != archive
    assert stamp("drawn:pets?seed=3") == "drawn:pets?seed=3"


def test_digits_are_the_library_s_own(monkeypatch: pytest.MonkeyPatch) -> None:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = open_image_set("digits")
    assert len(images) == 1797
    assert images.pixels(0).shape == (64, 64, 3)
    for index in (0, 5, 1796):
        number = int(images.records[index].id.split("/")[1])
        assert images.classes[images.records[index].label] == str(bunch.target[number])
        small = np.asarray(Image.fromarray(images.pixels(index)).convert("L").resize((8, 8), Image.Resampling.BOX))
        assert np.corrcoef(small.ravel(), bunch.images[number].ravel())[0, 1] > 0.97


def test_opening_a_folder_does_not_import_torch(pets: Path) -> None:
    code = (
        "import sys, lab.images; lab.images.open_image_set(sys.argv[1]);"
        "lab.images.open_image_set('drawn:pets', per_class=2);"
        "heavy = {'torch', 'torchvision', 'timm', 'sklearn', 'matplotlib', 'streamlit', 'datasets'} & set(sys.modules);"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code, str(pets)], check=True, timeout=120)


def test_the_package_offers_what_it_says() -> None:
    assert all(hasattr(lab.images, name) for name in lab.images.__all__)
