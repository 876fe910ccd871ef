"""Every test has a home folder of its own, and none reaches for a hub."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = os.environ.get("FEATURE_LAB_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]

# Set before anything imports huggingface_hub, which reads it once: a test that forgets itself fails fast.
os.environ.setdefault("HF_HUB_OFFLINE", "1")


@pytest.fixture(autouse=True)
def lab_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh, empty `FEATURE_LAB_HOME`."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("FEATURE_LAB_HOME", str(home))
    return home


@pytest.fixture(autouse=True, scope="session")
def _tables_are_described() -> Iterator[None]:
    """Whatever question a test computes: every column of its tables has a meaning in `lab.registry`."""
    from lab.experiments.base import Result
    from lab.registry import EXPERIMENTS, meaning

    made = Result.__init__

    def checked(self: Result, *arguments: Any, **named: Any) -> None:
        made(self, *arguments, **named)
        question = self.request.experiment
        found = [(name, column) for name, table in self.tables.items() for column in table.columns]
        unknown = [at for at in found if question in EXPERIMENTS and not meaning(question, *at)]
        assert not unknown, f"the registry does not say what these of {question!r} mean: {unknown}"

    Result.__init__ = checked  # type: ignore[method-assign]
    yield
    Result.__init__ = made  # type: ignore[method-assign]


@pytest.fixture(scope="session")
def photos() -> Path:
    """The folder of real photographs named by `FEATURE_LAB_TEST_PHOTOS`: `pets/{cat,dog}` and `imagenet`."""
    folder = os.environ.get("FEATURE_LAB_TEST_PHOTOS")
    if not folder:
        pytest.skip("FEATURE_LAB_TEST_PHOTOS names no folder of real photographs")
    return Path(folder)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A headless Chromium, one for all tests: playwright does not start twice in a process."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("there is no chromium on the path; name one in FEATURE_LAB_CHROMIUM")
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield launched
        launched.close()
