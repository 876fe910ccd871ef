"""What a newcomer does, in a real browser: upload, run, watch, read, look at maps, export, come back by a link."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_runs import finished_run
from PIL import Image

from lab.experiments.separability.request import ProbeRequest
from lab.images.synthetic import draw_set
from lab.runs.store import RunFolder, list_runs

pytestmark = pytest.mark.timeout(420)
RUN_MS = 100_000  # a small experiment on a machine that is busy with something else


def zip_of_shapes(path: Path, per_class: int = 20) -> Path:
    """Write a zip with a folder per class of drawn shapes, one broken image among them."""
    images = draw_set("shapes", per_class, size=64)
    with zipfile.ZipFile(path, "w") as archive:
        for index, record in enumerate(images.records):
            buffer = io.BytesIO()
            Image.fromarray(images.pixels(index)).save(buffer, "PNG")
            archive.writestr(f"shapes/{images.classes[record.label]}/{index:03d}.png", buffer.getvalue())
        archive.writestr(f"shapes/{images.classes[0]}/broken.png", buffer.getvalue()[:100])
    return path


def settled(page: Any, quiet: int = 300) -> None:
    """Wait until the page's script has run to its end, and no other has begun in the next `quiet` milliseconds: one
    rerun may follow another."""
    page.wait_for_selector("h1")
    page.wait_for_function(
        """least => {
            const quiet = document.querySelector('[data-testid="stApp"][data-test-script-state="notRunning"]')
            window.quietSince = quiet ? window.quietSince ?? performance.now() : undefined
            return quiet && performance.now() - window.quietSince > least
        }""",
        arg=quiet,
    )


def choose_small_experiment(page: Any) -> None:
    """Ask for an untrained toy network, its stages only, and few folds: seconds of work."""
    networks = page.locator(".st-key-draft_models")
    networks.locator("input").click()
    page.keyboard.press("Backspace")
    page.keyboard.type("test_resnet@untrained:0")
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    page.get_by_text("Classes, layers, controls and more").click()
    page.locator(".st-key-draft_layers").get_by_text("stages").click()
    for name, value in (("draft_folds", "3"), ("draft_repeats", "1")):
        box = page.locator(f".st-key-{name} input")
        box.fill(value)
        box.press("Enter")
    settled(page)


def only_run() -> RunFolder:
    (run,) = list_runs()
    return run


def test_a_newcomers_journey(dashboard: Any, page: Any, browser: Any, tmp_path: Path) -> None:
    from playwright.sync_api import expect

    page.goto(dashboard.at(""))
    page.get_by_role("heading", name="Feature Hierarchy Lab").wait_for()
    page.get_by_text("It needs no download").wait_for()
    settled(page)
    page.locator(".st-key-next_separability a:visible").first.click()
    page.get_by_role("heading", name="Separability").wait_for()

    # Upload a zip, choose a small experiment, run it.
    page.get_by_role("button", name="Upload").first.click()
    page.locator('.st-key-upload input[type="file"]').set_input_files(zip_of_shapes(tmp_path / "my shapes.zip"))
    page.locator('.st-key-draft_data input[value="my_shapes.zip, uploaded"]').wait_for()
    page.keyboard.press("Escape")
    choose_small_experiment(page)
    page.locator(".st-key-run button").click()

    # Progress within moments, with a stage; then the verdict on top.
    began = time.monotonic()
    page.locator(".st-key-progress").wait_for()
    print(f"progress shown after {time.monotonic() - began:.1f} s")
    page.locator(".st-key-verdict_0").wait_for(timeout=RUN_MS)
    settled(page)
    verdict = page.locator(".st-key-verdict_0").inner_text()
    assert "rectangle" in verdict
    assert "40 images (20 diamond, 20 rectangle)" in page.locator("body").inner_text()
    page.locator(".st-key-accuracy_chart svg.marks").wait_for()
    assert (dashboard.home / "uploads").is_dir()
    assert {path.suffix for path in (dashboard.home / "uploads").rglob("*") if path.is_file()} == {".zip"}

    # The broken image is named with its reason.
    page.get_by_role("tab", name="Set aside").click()
    page.locator(".st-key-set_aside canvas").first.wait_for(state="attached")
    assert only_run().result()["quarantine"]["image"].tolist() == ["rectangle/broken.png"]

    # Another metric; the link has it.
    page.locator(".st-key-metric").get_by_text("AUC").click()
    page.wait_for_url(re.compile("metric=AUC"))
    settled(page)

    # Export.
    page.get_by_role("tab", name="Export").click()
    with page.expect_download() as report:
        page.locator('[class*="st-key-download_html"] button').click()
    html = Path(report.value.path()).read_text()
    assert report.value.suggested_filename == f"{only_run().id}.html"
    assert "rectangle" in html
    with page.expect_download() as tables:
        page.locator('[class*="st-key-download_csv"] button').click()
    with zipfile.ZipFile(tables.value.path()) as archive:
        assert "summary.csv" in archive.namelist()
    with page.expect_download() as embeddings:
        page.locator('[class*="st-key-download_npz"] button').first.click()
    with np.load(embeddings.value.path(), allow_pickle=False) as arrays:
        assert len(arrays["image"]) == 40
    settled(page)

    # Reopen by the copied link in a browser that knows nothing.
    link = page.url
    other = browser.new_context().new_page()
    other.goto(dashboard.at(link))
    other.locator(".st-key-verdict_0").wait_for()
    settled(other)
    expect(other.locator(".st-key-verdict_0")).to_have_text(verdict, use_inner_text=True)
    expect(other.get_by_role("tab", name="Export")).to_have_attribute("aria-selected", "true")
    other.locator(".st-key-settings_True summary").first.click()  # folded, since there is a result
    other.locator(".st-key-draft_models").get_by_text("test_resnet@untrained:0").first.wait_for()
    other.context.close()

    # The maps: what is drawn around is selected, and the link carries it.
    page.get_by_role("link", name="Embedding maps").click()
    page.get_by_role("heading", name="Embedding maps").wait_for()
    settled(page)
    draw_around(page)
    page.wait_for_url(re.compile("selected="))
    names = selected(page)
    assert names
    third = browser.new_context().new_page()
    third.goto(dashboard.at(page.url))
    assert selected(third) == names
    third.context.close()

    # The server has stayed light.
    assert not [m.path for m in dashboard.server.memory_maps() if "libtorch" in m.path]


def draw_around(page: Any) -> None:
    """Draw a line around most of the large map."""
    canvas = page.locator("canvas.large")
    canvas.scroll_into_view_if_needed()
    page.locator(".film button").first.wait_for()
    box = canvas.bounding_box()
    at = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in ((0.1, 0.1), (0.9, 0.1), (0.9, 0.9))]
    page.mouse.move(*at[0])
    page.mouse.down()
    for x, y in (*at[1:], (at[0][0], at[2][1])):
        page.mouse.move(x, y, steps=3)
    page.mouse.up()


def selected(page: Any) -> list[str]:
    """Return what stands beside the map as selected."""
    pictures = page.locator(".side .pictures img")
    pictures.first.wait_for()
    settled(page)
    return [picture.get_attribute("alt") for picture in pictures.all()]


def start_long_run(dashboard: Any, page: Any) -> RunFolder:
    """Start an experiment of minutes and wait until its worker is at it."""
    page.goto(dashboard.at("separability?per_class=2000&models=tf_efficientnet_lite0@untrained:0"))
    page.locator(".st-key-run button").click()
    page.locator(".st-key-progress").wait_for()
    run = only_run()
    deadline = time.monotonic() + 120
    while run.progress.get("stage") in (None, "Starting", "Loading libraries") and time.monotonic() < deadline:
        time.sleep(0.1)
    assert run.worker_alive
    return run


def test_cancel_ends_the_work_within_two_seconds(dashboard: Any, page: Any) -> None:
    run = start_long_run(dashboard, page)
    page.locator(".st-key-cancel button").click()
    began = time.monotonic()
    page.get_by_text("This run was cancelled").wait_for()
    seconds = time.monotonic() - began
    print(f"cancelled after {seconds:.2f} s")
    assert not run.worker_alive
    assert run.status == "cancelled"
    assert seconds < 2 * (1 + os.getloadavg()[0] / 4)  # 2 s on a machine that is not busy
    page.locator(".st-key-resume button").first.wait_for()


def test_a_page_closed_meanwhile_finds_its_run_again(dashboard: Any, page: Any, browser: Any) -> None:
    run = start_long_run(dashboard, page)
    link = page.url
    page.close()
    other = browser.new_context().new_page()
    other.goto(dashboard.at(link))
    other.locator(".st-key-progress").wait_for()
    first = run.progress["steady"]
    deadline = time.monotonic() + 60
    while run.progress["steady"] == first and time.monotonic() < deadline:
        time.sleep(0.2)
    assert run.worker_alive
    assert run.progress["steady"] > first
    other.goto(dashboard.url)
    other.get_by_text("Being computed").wait_for()
    other.context.close()


def test_a_killed_worker_leaves_a_clear_run_and_a_living_app(dashboard: Any, page: Any) -> None:
    run = start_long_run(dashboard, page)
    os.kill(json.loads((run.path / "worker.json").read_text())["pid"], signal.SIGKILL)
    page.get_by_text("This run was interrupted").wait_for()
    assert "Traceback" not in page.locator("body").inner_text()
    page.get_by_role("link", name="Runs").click()
    page.get_by_text("interrupted", exact=True).wait_for()
    page.get_by_role("link", name="Overview").click()
    page.get_by_role("heading", name="Feature Hierarchy Lab").wait_for()


def test_names_are_shown_letter_for_letter(dashboard: Any, page: Any) -> None:
    evil = ":smile: **b** <b>x</b> :red[r] $x^2$ [l](http://e.x) www.e.x :material/face: a->b"
    run = finished_run(ProbeRequest(classes=("<img src=x onerror=alert(1)>", "![i](http://127.0.0.1:9/x.png)")))
    run.rename(evil)
    page.on("dialog", lambda _: pytest.fail("a script of the user's ran"))
    page.goto(dashboard.at("runs"))
    card = page.locator(f".st-key-run_{run.id}")
    card.wait_for()
    settled(page)
    assert card.inner_text().replace("\u2060", "").startswith(evil)
    assert card.locator("p").locator("em, code, .katex, img, [data-testid=stIconMaterial]").count() == 0
    assert card.locator("a[href*='e.x']").count() == 0
    page.goto(f"{dashboard.url}/separability?run={run.id}&view=Images")
    page.locator(".st-key-gallery_never, .st-key-gallery_early").first.wait_for()
    settled(page)
    assert page.locator('img[src="x"], img[src*="127.0.0.1:9"]').count() == 0
