"""Every example of docs/guide runs as it is written, block after block, in an empty folder."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from lab.cli.main import main, parser

GUIDE = Path(__file__).resolve().parents[1] / "docs" / "guide"
PAGES = sorted(GUIDE.glob("*.md"))
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
EXIT_CODE = re.compile(r"# exit code (\d)$")


def exit_code(line: str) -> int:
    try:
        return main(shlex.split(line, comments=True)[1:])
    except SystemExit as ended:
        return int(str(ended.code))


@pytest.mark.filterwarnings("ignore")  # of the trackers' own libraries
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_examples_run_as_written(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "guide"}
    blocks = BLOCK.findall(page.read_text())
    assert blocks or page.stem == "README"
    for language, block in blocks:
        if language == "python":
            exec(compile(block, str(page), "exec"), names)
        elif language == "sh":
            for line in block.splitlines():
                assert line.startswith("feature-lab "), line
                expected = EXIT_CODE.search(line)
                assert exit_code(line) == (int(expected[1]) if expected else 0), line
        else:
            for command in re.findall(r"feature-lab .*", block):
                parser().parse_args(shlex.split(command)[1:])


def test_the_site_is_built_with_every_page(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs")
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    done = subprocess.run(build, cwd=GUIDE.parents[1], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert {path.parent.name for path in (tmp_path / "guide").glob("*/index.html")} == {
        page.stem for page in PAGES if page.stem != "README"
    }
    nav = (GUIDE.parents[1] / "mkdocs.yml").read_text()
    assert all(f"guide/{page.name}" in nav for page in PAGES)


def test_every_page_is_listed_and_every_link_leads_somewhere() -> None:
    listed = re.findall(r"\]\((\w+\.md)\)", (GUIDE / "README.md").read_text())
    assert sorted(listed) == sorted(page.name for page in PAGES if page.stem != "README")
    for page in PAGES:
        for link in re.findall(r"\]\(((?!https?://)[^)#]+)\)", page.read_text()):
            assert (GUIDE / link).exists(), (page.name, link)
