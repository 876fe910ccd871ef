"""A link that names files of this computer opens none of them until a button is pressed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from fake_runs import finished_run
from PIL import Image
from test_pages import healthy, opened, said

from lab.experiments.separability.request import ProbeRequest
from lab.images.uploads import keep_picture
from lab.roots import ROOTS_VARIABLE, SHARED_VARIABLE, as_text
from lab.ui.notices import local_paths


@pytest.mark.parametrize(
    "params",
    [
        {"data": "/home/me/pets"},
        {"data": "pets"},
        {"data": "~/pets.zip"},
        {"data": "C:\\pets"},
        {"data": "//server/share"},
        {"data": "\\\\server\\share"},
        {"data": "hf:/home/me/set"},
        {"data": "hf:../set"},
        {"probe_data": "./x"},
        {"picture": "cat.png"},
        {"picture": "/home/me/pets#3"},
        {"model": "resnet18@checkpoint:/home/me/w.pth"},
        {"model": "resnet18@checkpoint:w.pth"},
        {"models": "local-dir:/home/me/net"},
        {"tail.whatever": "/etc/passwd"},
        {"whatever": "local-dir:net@untrained:0"},
    ],
    ids=str,
)
def test_paths_are_known_as_such(params: dict[str, str]) -> None:
    assert local_paths({name: [value] for name, value in params.items()}) == list(params.values())


@pytest.mark.parametrize(
    "params",
    [
        {"data": "drawn:pets?seed=1"},
        {"data": "digits"},
        {"data": "hf:beans"},
        {"data": "hf:user/set?split=test"},
        {"data": "oxford-pets:breeds"},
        {"data": "upload:0123456789abcdef"},
        {"picture": "photo:flower"},
        {"picture": "drawn:pets#0"},
        {"picture": "upload:0123456789abcdef"},
        {"model": "tf_efficientnet_lite0@packaged"},
        {"model": "resnet18@lab:mine/20"},
        {"model": "hf-hub:timm/resnet18.a1_in1k"},
        {"classes": "cat"},
        {"question": "y = j(x)?"},
        {"view": "Export"},
        {"run": "../../etc"},
    ],
    ids=str,
)
def test_names_are_not(params: dict[str, str]) -> None:
    assert local_paths({name: [value] for name, value in params.items()}) == []


def watched(folder: Path) -> list[str]:
    """A list that grows with every file below a folder that is opened or listed, by whatever part of Python."""
    touched: list[str] = []

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event in ("open", "os.listdir", "os.scandir") and str(arguments[0]).startswith(str(folder)):
            touched.append(f"{event} {arguments[0]}")

    sys.addaudithook(hook)  # for good: it cannot be taken away, and matches nothing outside the folder
    return touched


@pytest.mark.parametrize("page", ["separability", "compare", "embedding_maps", "attributions", "channels"])
def test_a_link_opens_no_file_before_the_click(page: str, tmp_path: Path) -> None:
    folder = tmp_path / "somebody's folder"
    folder.mkdir()
    Image.new("RGB", (16, 16)).save(folder / "cat.png")
    field = "picture" if page == "attributions" else "data"
    target = str(folder / "cat.png" if field == "picture" else folder)
    touched = watched(folder)
    app = healthy(opened(page, **{field: target}))
    assert "Nothing was opened" in said(app)
    assert "somebody's folder" in said(app).replace("\\", "").replace("\u2060", "")
    assert touched == []
    assert field not in app.query_params
    app.button(key="open_held").click().run()
    assert "Nothing was opened" not in said(app)
    assert touched or page in ("compare", "embedding_maps"), "these leave the files to the run"
    assert app.query_params[field] in (target, [target])
    again = opened(page, **{field: target})
    assert "Nothing was opened" not in said(again), "clicked once, it is open while the dashboard runs"


def test_a_run_that_is_here_opens_without_asking(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    run = finished_run(ProbeRequest(data=str(tmp_path)))
    assert "Nothing was opened" not in said(opened("separability", run=run.id))


def test_the_notice_stays_with_its_page(tmp_path: Path) -> None:
    app = opened("separability", data=str(tmp_path))
    app.run()
    assert "Nothing was opened" in said(app)


def test_links_of_names_and_uploads_open_at_once(tmp_path: Path) -> None:
    Image.new("RGB", (16, 16)).save(tmp_path / "x.png")
    with (tmp_path / "x.png").open("rb") as file:
        spec = keep_picture("x.png", file)
    app = healthy(opened("attributions", picture=spec))
    assert "Nothing was opened" not in said(app)


def test_on_a_network_every_page_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert "served on a network" not in said(opened("runs"))
    monkeypatch.setenv(SHARED_VARIABLE, "1")
    monkeypatch.setenv(ROOTS_VARIABLE, as_text([tmp_path]))
    for page in ("overview", "runs", "separability"):
        told = said(opened(page))
        assert "served on a network" in told
        assert tmp_path.name in told.replace("\\", "").replace("\u2060", "")
