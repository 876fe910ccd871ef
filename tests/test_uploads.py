"""An uploaded zip is kept by its content under the home folder, and nothing in it is ever unpacked."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from lab.errors import LabError
from lab.ui.uploads import _safe_stem, keep_picture, keep_upload, uploads_dir


def zipped(**files: bytes) -> io.BytesIO:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/"), content)
    buffer.seek(0)
    return buffer


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_the_same_content_is_kept_once(lab_home: Path) -> None:
    first = keep_upload("pets.zip", zipped(cat__a=b"1"))
    again = keep_upload("renamed.zip", zipped(cat__a=b"1"))
    other = keep_upload("pets.zip", zipped(cat__a=b"2"))
    assert first == again != other
    assert first.name == "pets.zip"
    assert lab_home in first.parents
    assert len(files_below(uploads_dir())) == 2


def test_nothing_is_unpacked_whatever_the_members_are_called(lab_home: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("../../evil.jpg", b"x")
        archive.writestr("/etc/evil.jpg", b"x")
    buffer.seek(0)
    path = keep_upload("a.zip", buffer)
    assert files_below(lab_home) == [path]
    assert path.read_bytes() == buffer.getvalue()


@pytest.mark.parametrize(
    "name", ["../../x.zip", "/etc/passwd.zip", "..\\..\\x.zip", "CON:.zip", ".zip", "…", "a b;c.zip"]
)
def test_the_name_stays_inside(name: str) -> None:
    path = keep_upload(name, zipped(a__b=name.encode()))
    assert path.parent.parent == uploads_dir()
    assert path.suffix == ".zip"


@given(st.text())
def test_any_name_gives_a_harmless_stem(name: str) -> None:
    stem = _safe_stem(name)
    assert stem
    assert set(stem) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
    assert stem[0] not in ".-"


def test_what_is_no_zip_is_refused_and_not_kept() -> None:
    with pytest.raises(LabError, match="not a zip"):
        keep_upload("pets.zip", io.BytesIO(b"hello"))
    assert not uploads_dir().exists()


@pytest.mark.parametrize(("name", "suffix"), [("cat.PNG", ".png"), ("../../evil.sh", ""), ("x", "")])
def test_a_picture_is_kept_by_its_content_whatever_it_is_called(name: str, suffix: str) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), (9, 9, 9)).save(buffer, "PNG")
    buffer.seek(0)
    path = keep_picture(name, buffer)
    assert path.parent.parent == uploads_dir()
    assert path.suffix == suffix
    assert path.read_bytes() == buffer.getvalue()


def test_what_is_no_picture_is_refused_and_not_kept() -> None:
    with pytest.raises(LabError, match="cannot be read as an image"):
        keep_picture("cat.png", io.BytesIO(b"hello"))
    assert not uploads_dir().exists()
