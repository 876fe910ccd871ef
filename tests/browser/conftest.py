"""A dashboard on a port of its own with a home folder of its own, and a real Chromium that looks at it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from lab.ui.server import served

FAILED = pytest.StashKey[bool]()
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Dashboard:
    """A served dashboard."""

    url: str
    token: str
    home: Path
    server: psutil.Process

    def at(self, place: str) -> str:
        """Return the link to a place of it (a path with a query, or a whole URL) that lets a new browser in."""
        url = place if place.startswith(self.url) else f"{self.url}/{place}"
        return f"{url}{'&' if '?' in url else '?'}token={self.token}"


@pytest.fixture
def dashboard(lab_home: Path) -> Iterator[Dashboard]:
    """A dashboard with an empty home, which `lab.runs.store` in the test sees as well."""
    try:
        with served() as up:
            yield Dashboard(up.base, up.token, lab_home, psutil.Process(up.process.pid))
    finally:
        end_workers(lab_home)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Let fixtures know whether their test has failed."""
    report = yield
    if report.failed:
        item.stash[FAILED] = True
    return report


@pytest.fixture
def page(browser: Any, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """A page of a browser without history, which fails the test when it asks anyone else for anything."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    context.set_default_timeout(60_000)
    opened = context.new_page()
    elsewhere: list[str] = []
    opened.on("request", lambda r: elsewhere.append(r.url) if not is_local(r.url) else None)
    yield opened
    if request.node.stash.get(FAILED, False) and not opened.is_closed():
        opened.screenshot(path=tmp_path / "failed.png")
        print(f"the page when the test failed: {opened.url} {tmp_path / 'failed.png'}")
    context.close()
    assert elsewhere == []


def is_local(url: str) -> bool:
    """Whether a request stays on this computer."""
    return url.startswith(("http://localhost:", "ws://localhost:", "data:", "blob:"))


def end_workers(home: Path) -> None:
    """Workers outlive the server on purpose; those of this test end with it."""
    from lab.runs import jobs
    from lab.runs.store import list_runs

    assert str(home) == os.environ["FEATURE_LAB_HOME"]
    for run in list_runs():
        jobs.cancel(run)


sys.path.insert(0, str(ROOT / "tests"))
