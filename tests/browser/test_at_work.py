"""What moves on a page, in a real browser: the window of a convolution, and the points of maps, pixel by pixel."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from fake_runs import finished_run
from test_journey import draw_around, settled

from lab.runs.examples import VARIABLE

pytestmark = pytest.mark.timeout(420)
# How many dots of a canvas show anything, without those of the frame.
FILLED = """canvas => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data
  .filter((value, k) => k % 4 === 3 && value > 0 && value < 255).length"""
# The opacities of all dots of a canvas that have a class's colour, each with how many there are.
DOTS = """(canvas, colour) => {
  const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data, counts = {};
  const alike = k => colour.every((value, c) => Math.abs(data[k + c] - value) < 5);
  for (let k = 0; k < data.length; k += 4)
    if (data[k + 3] && alike(k)) counts[data[k + 3]] = (counts[data[k + 3]] || 0) + 1;
  return counts; }"""
COLOURS = "marks => marks.map(mark => getComputedStyle(mark).fill.match(/\\d+/g).map(Number))"


@pytest.fixture(autouse=True)
def with_examples(monkeypatch: pytest.MonkeyPatch, lab_home: Any) -> None:
    """The server of these tests has the examples: it is started after this."""
    monkeypatch.delenv(VARIABLE)


def test_the_window_plays_steps_and_takes_the_page_along(dashboard: Any, page: Any, browser: Any) -> None:
    page.goto(dashboard.at("how_layers_build"))
    page.locator("canvas.output").wait_for()
    settled(page)
    numbers = page.locator(".sum dd").all_inner_texts()
    parts, total = [float(text.replace("−", "-")) for text in numbers[:-1]], numbers[-1]
    assert sum(parts) == pytest.approx(float(total.replace("−", "-")), abs=0.02)
    output = page.locator("canvas.output")
    whole = output.evaluate(FILLED)
    page.get_by_role("button", name="Play").click()
    page.wait_for_timeout(500)
    assert output.evaluate(FILLED) < whole / 10
    deadline = time.monotonic() + 30
    while output.evaluate(FILLED) < whole / 10:
        assert time.monotonic() < deadline
    page.get_by_role("button", name="Pause").click()
    follows(page)
    before = page.locator(".where").inner_text()
    output.press("ArrowDown")
    follows(page)
    row, column = map(int, re.findall(r"\d+", before))
    assert page.locator(".where").inner_text() == f"row {row + 1}, column {column}"
    still = browser.new_context(reduced_motion="reduce").new_page()
    still.goto(dashboard.at(page.url))
    still.locator("canvas.output").wait_for()
    settled(still)
    assert still.get_by_role("button", name="Play").count() == 0
    assert still.get_by_role("button", name="Next pixel").count() == 1
    still.context.close()


def follows(page: Any) -> None:
    """Wait until the boxes of the page name the pixel that the component shows."""
    row, column = re.findall(r"\d+", page.locator(".where").inner_text())
    page.wait_for_function(
        "([row, column]) => document.querySelector('.st-key-sum_row input').value === row && "
        "document.querySelector('.st-key-sum_column input').value === column",
        arg=[row, column],
    )
    settled(page)


def test_points_have_the_colours_of_their_classes_and_fade_when_others_are_selected(dashboard: Any, page: Any) -> None:
    finished_run(images=900)  # too many for thumbnails in the place of points
    page.emulate_media(reduced_motion="reduce")
    page.goto(dashboard.at("embedding_maps"))
    page.locator(".film button").first.wait_for()
    settled(page)
    colours, canvas = page.locator(".legend path").evaluate_all(COLOURS), page.locator("canvas.large")
    assert len(colours) == 2
    whole, faint = _shares(canvas, colours)
    assert min(whole) > 200
    draw_around(page)
    page.wait_for_url(re.compile("selected="))
    settled(page)
    chosen, faded = _shares(canvas, colours)
    assert 200 < sum(chosen) < sum(whole)
    assert sum(faded) > sum(faint) + 50


def _shares(canvas: Any, colours: list[Any]) -> tuple[list[int], list[int]]:
    """Return for each class how many dots have the opacity of points, 0.9, and that of points not selected, 0.16."""
    seen = [canvas.evaluate(DOTS, colour) for colour in colours]
    near = [[sum(dots.get(str(at + off), 0) for off in (-1, 0, 1)) for dots in seen] for at in (229, 41)]
    return near[0], near[1]
