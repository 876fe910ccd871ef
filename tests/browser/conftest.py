"""A dashboard on a port of its own with a home folder of its own, and a real Chromium that looks at it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

FAILED = pytest.StashKey[bool]()
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Dashboard:
    """A served dashboard."""

    url: str
    home: Path
    server: psutil.Process


@pytest.fixture
def dashboard(lab_home: Path) -> Iterator[Dashboard]:
    """A dashboard with an empty home, which `lab.runs.store` in the test sees as well."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    code = f"from lab.ui.server import serve; serve(port={port}, open_browser=False)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL, env=environment) as process:
        try:
            wait_until_up(port)
            (server,) = psutil.Process(process.pid).children()
            yield Dashboard(f"http://localhost:{port}", lab_home, server)
        finally:
            process.terminate()
            process.wait(timeout=15)
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


def wait_until_up(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"http://localhost:{port}/_stcore/health", timeout=1).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise AssertionError("the dashboard did not come up")


def end_workers(home: Path) -> None:
    """Workers outlive the server on purpose; those of this test end with it."""
    from lab.runs import jobs
    from lab.runs.store import list_runs

    assert str(home) == os.environ["FEATURE_LAB_HOME"]
    for run in list_runs():
        jobs.cancel(run)


sys.path.insert(0, str(ROOT / "tests"))
