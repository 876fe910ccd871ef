"""Roots bind every path a person can write; ids of what the lab keeps itself are no paths."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from lab.errors import LabError
from lab.experiments.picture import open_picture, picture_stamp, settled_picture
from lab.images import class_names, open_image_set, settled, stamp
from lab.images.uploads import keep_picture
from lab.models import ModelRef
from lab.roots import ROOTS_VARIABLE, as_text, permitted, roots

OUTSIDE = "cannot be read from this dashboard"


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Two folders with the same content, of which only the first may be read."""
    for name in ("inside", "outside"):
        folder = tmp_path / name
        for kind in ("a", "b"):
            (folder / kind).mkdir(parents=True)
            for number in range(2):
                pixels = np.full((16, 16, 3), 40 * number + 9 + ord(kind), np.uint8)
                Image.fromarray(pixels).save(folder / kind / f"{number}.png")
        torch.save({}, folder / "weights.pth")
        (folder / "config.json").write_text('{"architecture": "test_resnet"}')
    monkeypatch.setenv(ROOTS_VARIABLE, as_text([tmp_path / "inside"]))
    return tmp_path / "inside", tmp_path / "outside"


OPENERS: dict[str, Callable[[Path], object]] = {
    "images": lambda folder: open_image_set(str(folder)),
    "classes": lambda folder: class_names(str(folder)),
    "images settled": lambda folder: settled(str(folder)),
    "images stamped": lambda folder: stamp(str(folder)),
    "picture": lambda folder: open_picture(str(folder / "a/0.png")),
    "picture of a set": lambda folder: open_picture(f"{folder}#0"),
    "picture settled": lambda folder: settled_picture(str(folder / "a/0.png")),
    "picture stamped": lambda folder: picture_stamp(str(folder / "a/0.png")),
    "checkpoint": lambda folder: ModelRef.parse(f"test_resnet@checkpoint:{folder}/weights.pth").check(),
    "checkpoint stamped": lambda folder: ModelRef.parse(f"test_resnet@checkpoint:{folder}/weights.pth").stamp(),
    "local-dir": lambda folder: ModelRef.parse(f"local-dir:{folder}").check(),
    "local-dir, untrained": lambda folder: ModelRef.parse(f"local-dir:{folder}@untrained:0").check(),
    "local-dir stamped": lambda folder: ModelRef.parse(f"local-dir:{folder}").stamp(),
}


@pytest.mark.parametrize("opener", OPENERS.values(), ids=OPENERS)
def test_what_a_person_can_write_is_bound(places: tuple[Path, Path], opener: Callable[[Path], object]) -> None:
    inside, outside = places
    opener(inside)
    for way in (outside, inside / ".." / "outside", outside.parent / "inside.." / "outside"):
        with pytest.raises(LabError, match=OUTSIDE):
            opener(way)


@pytest.mark.parametrize("opener", OPENERS.values(), ids=OPENERS)
def test_a_link_inside_leads_nowhere_else(places: tuple[Path, Path], opener: Callable[[Path], object]) -> None:
    inside, outside = places
    (inside / "link").symlink_to(outside, target_is_directory=True)
    with pytest.raises(LabError, match=OUTSIDE):
        opener(inside / "link")


def test_the_answer_does_not_tell_what_is_there(places: tuple[Path, Path]) -> None:
    _, outside = places
    told = []
    for name in ("a/0.png", "a/nothing.png"):
        with pytest.raises(LabError) as error:
            open_picture(str(outside / name))
        told.append(str(error.value).replace(name, ""))
    assert told[0] == told[1]


def test_no_roots_at_all_leave_uploads_and_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(ROOTS_VARIABLE, as_text([]))
    for path in (tmp_path, Path("/"), Path("~"), Path(".")):
        with pytest.raises(LabError, match="no folder of it can"):
            permitted(path)
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "PNG")
    assert len(open_picture(keep_picture("x.png", buffer))) == 1
    assert len(open_picture("drawn:pets#0")) == 1
    assert settled("drawn:pets") == "drawn:pets"


def test_unset_every_path_may_be_read() -> None:
    assert ROOTS_VARIABLE not in os.environ
    assert roots() is None
    assert permitted("~/x") == Path.home() / "x"
