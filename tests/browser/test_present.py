"""Runs as products in a real browser: slides in a tab of their own, delete and undo, a bundle taken along."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import pytest
from fake_runs import finished_run
from test_journey import settled

from lab.experiments.separability.request import ProbeRequest
from lab.runs.store import list_runs

pytestmark = pytest.mark.timeout(420)


def test_a_run_is_presented_deleted_brought_back_and_taken_along(dashboard: Any, page: Any, tmp_path: Path) -> None:
    run = finished_run(ProbeRequest())
    page.goto(dashboard.at("runs"))
    settled(page)
    card = page.locator(f".st-key-run_{run.id}")
    card.get_by_text("come apart").first.wait_for()
    assert card.locator("img.lab-line").get_attribute("alt").startswith("accuracy by depth")
    assert card.locator(".lab-card img").count() > 1

    # Slides, in a tab of their own, walked by keys.
    with page.context.expect_page() as opened:
        card.get_by_role("link", name="Present").click()
    slides = opened.value
    wrong: list[str] = []
    slides.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    slides.locator(".verdict").first.wait_for()
    titles = []
    for _ in range(3):
        slides.keyboard.press("ArrowRight")
        slides.wait_for_function("labLesson.shown().chart")
        titles.append(slides.locator("h1").inner_text())
    assert titles[:2] == ["The whole story in one picture", "Layer by layer"]
    assert slides.locator("button:visible").count() == 0
    assert wrong == []
    slides.close()

    # A bundle, then deletion, then undo.
    card.get_by_role("button", name="Export").click()
    with page.expect_download() as bundled:
        page.get_by_role("button", name="Bundle for another computer").click()
    path = tmp_path / bundled.value.suggested_filename
    bundled.value.save_as(path)
    with zipfile.ZipFile(path) as archive:
        assert {"request.json", "run.json", "tables/summary.parquet"} <= set(archive.namelist())
    page.keyboard.press("Escape")
    card.get_by_role("button", name="More").click()
    page.get_by_role("button", name="Delete it").click()
    page.locator(".st-key-undo").wait_for()
    assert list_runs() == []
    page.locator(".st-key-undo_delete button").click()
    card.wait_for()
    assert list_runs() == [run]

    # Gone for good, and opened again from the bundle; a zip that is none is told.
    run.discard()
    for name, content, told in (
        ("evil.zip", b"PK\x05\x06" + bytes(18), "evil.zip is no bundle of a run"),
        (path.name, path.read_bytes(), "is among the runs now"),
    ):
        page.reload()
        settled(page)
        page.get_by_role("button", name="Open a bundle").click()
        upload = page.locator('.st-key-bundle_upload input[type="file"]')
        upload.set_input_files({"name": name, "mimeType": "application/zip", "buffer": content})
        page.get_by_text(told).wait_for()
    assert [found.check_tables() for found in list_runs()] == [""]
