"""The wheel is the whole program: pages and theme travel with it, and it runs from any folder."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel's content, unpacked where nothing else of the project is."""
    folder = tmp_path_factory.mktemp("wheel")
    options = ["--no-deps", "--no-build-isolation", "--quiet", "--wheel-dir", str(folder)]
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, str(ROOT)], check=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def python(code: str, installed: Path, folder: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    command = [sys.executable, "-c", code]
    return subprocess.run(
        command, cwd=folder, env=environment, check=True, capture_output=True, text=True
    ).stdout.strip()


def test_pages_and_theme_are_in_the_wheel(installed: Path) -> None:
    names = {path.name for path in (installed / "lab" / "pages").glob("*.py")}
    assert names == {path.name for path in (ROOT / "pages").glob("*.py")}
    scripts = {path.name for path in (installed / "lab" / "ui" / "components" / "static").iterdir()}
    assert {"maps.js", "maps.css", "pictures.js", "pictures.css"} <= scripts
    assert (installed / "lab" / "ui" / "config.toml").read_text() == (ROOT / ".streamlit" / "config.toml").read_text()


def test_the_command_line_runs_from_the_wheel_in_another_folder(installed: Path, tmp_path: Path) -> None:
    code = "import lab, sys; from lab.cli import main; print(lab.__file__); sys.exit(main(['runs', '--json']))"
    where, answer = python(code, installed, tmp_path).splitlines()
    assert where.startswith(str(installed))
    assert answer == "[]"


def test_the_dashboard_comes_up_from_the_wheel_in_another_folder(installed: Path, tmp_path: Path) -> None:
    code = (
        "import sys, lab.ui.server as server\n"
        "assert server.__file__.startswith(sys.argv[1]), server.__file__\n"
        "server.serve(None, port=None, open_browser=False)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    server = subprocess.Popen(
        [sys.executable, "-c", code, str(installed)], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    try:
        line = next(line for line in server.stdout if "http://localhost" in line)
        address = line[line.index("http") :].strip()
        browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())  # the token of the link is kept
        with browser.open(address, timeout=20) as answer:
            assert answer.status == 200
    finally:
        server.terminate()
        server.communicate(timeout=20)
    assert server.returncode is not None


def test_importing_the_package_costs_nothing_heavy() -> None:
    heavy = "('torch', 'timm', 'sklearn', 'streamlit', 'altair')"
    code = f"import sys, lab; from lab.cli import main; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
