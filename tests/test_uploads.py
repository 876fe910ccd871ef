"""An uploaded zip is kept by its content under the home folder, and nothing in it is ever unpacked."""

from __future__ import annotations

import io
import os
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from lab.errors import LabError
from lab.experiments.picture import open_picture, picture_name, picture_stamp, settled_picture
from lab.experiments.separability.request import ProbeRequest
from lab.images import class_names, open_image_set, settled, short_name, stamp
from lab.images.uploads import (
    _safe_stem,
    incoming_file,
    keep_picture,
    keep_upload,
    receipt,
    uploaded_file,
    uploads_dir,
)


def zipped(**files: bytes) -> io.BytesIO:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name.replace("__", "/")), content)
    buffer.seek(0)
    return buffer


def png(gray: int) -> io.BytesIO:
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16), (gray, 9, 9)).save(buffer, "PNG")
    buffer.seek(0)
    return buffer


def zip_of_classes() -> io.BytesIO:
    return zipped(**{f"{kind}__{n}.png": png(40 * n + k).getvalue() for k, kind in enumerate("ab") for n in range(3)})


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_the_same_content_is_kept_once(lab_home: Path) -> None:
    first = keep_upload("pets.zip", zipped(cat__a=b"1"))
    again = keep_upload("renamed.zip", zipped(cat__a=b"1"))
    other = keep_upload("pets.zip", zipped(cat__a=b"2"))
    assert first == again != other
    assert uploaded_file(first).name == "pets.zip"
    assert lab_home in uploaded_file(first).parents
    assert len(files_below(uploads_dir())) == 2


def test_the_name_holds_on_every_computer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    here = keep_upload("pets.zip", zip_of_classes())
    monkeypatch.setenv("FEATURE_LAB_HOME", str(tmp_path / "elsewhere"))
    with pytest.raises(LabError, match="upload the same file here"):
        open_image_set(here)
    there = keep_upload("other name.zip", zip_of_classes())
    assert there == here
    assert str(tmp_path) not in there
    request = ProbeRequest(data=there).canonical()
    assert request.data == there
    assert request.sources()["data"] == there
    assert "other_name.zip" in request.title()


def test_an_upload_is_an_image_set_and_a_picture_like_any_other() -> None:
    spec = keep_upload("pets.zip", zip_of_classes())
    assert class_names(spec) == ("a", "b")
    assert len(open_image_set(spec)) == 6
    assert settled(spec) == stamp(spec) == spec
    assert short_name(spec) == "pets.zip"
    picture = keep_picture("cat.png", png(200))
    assert settled_picture(picture) == picture_stamp(picture) == picture
    assert picture_name(picture) == "cat.png"
    np.testing.assert_array_equal(open_picture(picture).pixels(0)[0, 0], (200, 9, 9))
    assert settled_picture(f"{spec}#0") == f"{spec}#0"
    assert open_picture(f"{spec}#0").pixels(0).shape == (16, 16, 3)


def test_a_path_into_the_uploads_is_named_by_content() -> None:
    spec = keep_upload("pets.zip", zip_of_classes())
    assert settled(str(uploaded_file(spec))) == spec


def test_a_receipt_stands_for_what_came_in_before_once() -> None:
    path = incoming_file()
    path.write_bytes(zip_of_classes().getvalue())
    spec = keep_upload("pets.zip", io.BytesIO(receipt(path)))
    assert uploaded_file(spec).read_bytes() == zip_of_classes().getvalue()
    assert not path.exists()
    with pytest.raises(LabError, match="no longer here"):
        keep_upload("pets.zip", io.BytesIO(receipt(path)))


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "0" * 31, "0" * 33, "..", "0" * 32 + "\n"])
def test_what_only_looks_like_a_receipt_is_content(name: str) -> None:
    with pytest.raises(LabError, match="not a zip"):
        keep_upload("x.zip", io.BytesIO(b"feature-lab upload " + name.encode()))


@pytest.mark.parametrize("spec", ["upload:", "upload:../..", "upload:/etc", "upload:.incoming", "upload:" + "0" * 32])
def test_a_spec_names_uploads_only(spec: str) -> None:
    keep_upload("pets.zip", zip_of_classes())
    with pytest.raises(LabError, match="was not uploaded"):
        uploaded_file(spec)


def test_what_lost_connections_left_goes_after_a_day() -> None:
    old, young = incoming_file(), incoming_file()
    for path in (old, young):
        path.write_bytes(b"x")
    os.utime(old, (time.time() - 90_000,) * 2)
    incoming_file()
    assert young.exists()
    assert not old.exists()


def test_nothing_is_unpacked_whatever_the_members_are_called(lab_home: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("../../evil.jpg", b"x")
        archive.writestr("/etc/evil.jpg", b"x")
    buffer.seek(0)
    path = uploaded_file(keep_upload("a.zip", buffer))
    assert files_below(lab_home) == [path]
    assert path.read_bytes() == buffer.getvalue()


@pytest.mark.parametrize(
    "name", ["../../x.zip", "/etc/passwd.zip", "..\\..\\x.zip", "CON:.zip", ".zip", "…", "a b;c.zip"]
)
def test_the_name_stays_inside(name: str) -> None:
    path = uploaded_file(keep_upload(name, zipped(a__b=name.encode())))
    assert path.parent.parent == uploads_dir()
    assert path.suffix == ".zip"


@given(st.text())
def test_any_name_gives_a_harmless_stem(name: str) -> None:
    stem = _safe_stem(name)
    assert stem
    assert set(stem) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
    assert stem[0] not in ".-"


@pytest.mark.parametrize(("keep", "told"), [(keep_upload, "not a zip"), (keep_picture, "cannot be read as an image")])
def test_what_it_is_not_is_refused_and_not_kept(keep: object, told: str) -> None:
    with pytest.raises(LabError, match=told):
        keep("pets.zip", io.BytesIO(b"hello"))  # type: ignore[operator]
    assert files_below(uploads_dir()) == []


@pytest.mark.parametrize(("name", "suffix"), [("cat.PNG", ".png"), ("../../evil.sh", ""), ("x", "")])
def test_a_picture_is_kept_by_its_content_whatever_it_is_called(name: str, suffix: str) -> None:
    path = uploaded_file(keep_picture(name, png(9)))
    assert path.parent.parent == uploads_dir()
    assert path.suffix == suffix
    assert path.read_bytes() == png(9).getvalue()
