"""Every command and program of the README runs as it is written (its first two commands are what CI itself runs)."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def surroundings(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A folder with `photos/pets/{cat,dog}`, a home, and a path on which `feature-lab` is this environment's."""
    from lab.images import open_image_set

    folder = tmp_path_factory.mktemp("reader")
    images = open_image_set("drawn:pets", per_class=10)
    for index, record in enumerate(images.records):
        path = folder / "photos" / "pets" / f"{record.id}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(images.pixels(index)).save(path)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return folder, {**os.environ, "PATH": path, "FEATURE_LAB_HOME": str(folder / "home")}


@pytest.mark.parametrize("block", blocks("sh")[2:])
def test_commands_run_as_written(block: str, surroundings: tuple[Path, dict[str, str]]) -> None:
    folder, environment = surroundings
    done = subprocess.run(["bash", "-euc", block], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("block", blocks("python"))
def test_programs_run_as_written(block: str, surroundings: tuple[Path, dict[str, str]]) -> None:
    folder, environment = surroundings
    done = subprocess.run([sys.executable, "-c", block], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (folder / "accuracy.html").stat().st_size > 10_000


def test_the_first_two_commands_are_the_ones_that_ci_runs() -> None:
    first, second = blocks("sh")[:2]
    assert first.strip().endswith("&& feature-lab demo")
    assert second.strip().endswith("&& pytest")
    assert "readme 1" in (ROOT / ".ci" / "run").read_text()


def test_files_that_the_readme_names_are_there() -> None:
    names = re.findall(r"\]\(((?!https?://)[^)#]+)\)", README)
    assert names
    for name in names:
        assert (ROOT / name).exists(), name
