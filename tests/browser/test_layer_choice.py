"""The layer and the image one looks at, by mouse and by keys, in a real browser: chosen once, shown on every page."""

from __future__ import annotations

import re
from typing import Any

import pytest
from fake_runs import LAYERS, finished_run
from test_journey import draw_around, selected, settled

from lab.runs.examples import VARIABLE

pytestmark = pytest.mark.timeout(420)


def shows(page: Any, layer: str) -> None:
    """Wait until the page shows a layer, and its link names it."""
    page.wait_for_url(re.compile(rf"layer={re.escape(layer)}(&|$)"))
    page.locator(".st-key-layer_panel").get_by_text(f"Held-out predictions at {layer}").wait_for()
    settled(page)


def test_a_layer_is_chosen_by_point_and_key_and_goes_along(dashboard: Any, page: Any) -> None:
    finished_run()
    page.goto(dashboard.at("separability"))
    page.locator(".st-key-layer_panel").wait_for()
    settled(page)
    page.locator(f'.st-key-accuracy_chart path[aria-label*="layer: {LAYERS[3]}"]').last.click(force=True)
    shows(page, LAYERS[3])
    page.keyboard.press("ArrowLeft")
    shows(page, LAYERS[2])
    page.keyboard.press("ArrowRight")
    shows(page, LAYERS[3])
    # A point that was clicked can be clicked again once keys have left it.
    hero = page.locator(f'.st-key-accuracy_chart path[aria-label*="layer: {LAYERS[1]}"]').last
    hero.click(force=True)
    shows(page, LAYERS[1])
    page.keyboard.press("ArrowLeft")
    shows(page, LAYERS[0])
    hero.click(force=True)
    shows(page, LAYERS[1])
    page.locator(f'.st-key-accuracy_chart path[aria-label*="layer: {LAYERS[3]}"]').last.click(force=True)
    shows(page, LAYERS[3])
    page.locator(".st-key-gallery_layer_new button, .st-key-gallery_layer_wrong button").first.click()
    page.locator(".st-key-image_panel").wait_for()
    settled(page)
    image = page.locator(".st-key-image_panel img").get_attribute("alt")
    page.get_by_role("link", name="Embedding maps").click()
    page.get_by_role("heading", name="Embedding maps").wait_for()
    page.locator("p.name").get_by_text(LAYERS[3], exact=True).wait_for()
    assert page.locator(".st-key-image_panel img").get_attribute("alt") == image


def test_the_maps_are_walked_by_keys_and_a_selection_is_followed(dashboard: Any, page: Any) -> None:
    finished_run()
    page.emulate_media(reduced_motion="reduce")
    page.goto(dashboard.at("embedding_maps"))
    page.locator(".film button").first.wait_for()
    settled(page)
    draw_around(page)
    names = selected(page)
    canvas, film = page.locator("canvas.large"), page.locator(".film button")
    canvas.press("Home")
    page.wait_for_url(re.compile(rf"layer={LAYERS[0]}"))
    canvas.press("ArrowRight")
    page.wait_for_url(re.compile(re.escape(f"layer={LAYERS[1]}")))
    assert film.nth(1).get_attribute("aria-current") == "true", "one key, one layer"
    assert selected(page) == names
    canvas.press("p")
    page.wait_for_url(re.compile(rf"layer={LAYERS[-1]}"))
    assert film.nth(len(LAYERS) - 1).get_attribute("aria-current") == "true"
    film.nth(2).click()
    shows(page, LAYERS[2])
    for pause in range(0, 400, 80):  # the page's answer to the one must not undo the other, whenever it comes
        canvas.press("Escape")
        page.wait_for_timeout(pause)
        canvas.press("ArrowDown")
        canvas.press("Enter")
        page.wait_for_url(re.compile(r"(?=.*selected=)(?=.*image=)"))  # in either order
        settled(page)
        assert page.locator(".side .pictures img").count() == 1
    page.get_by_role("button", name="Select none").click()
    page.wait_for_function("() => !location.search.includes('selected')")


@pytest.fixture
def with_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE)


@pytest.mark.parametrize(
    ("place", "clicked", "marked"),
    [
        ("attributions", "figure[data-layer] img", "figure[aria-current][data-layer='{}']"),
        ("channels", ".lab-strip td[data-layer]:not(.chosen) img", ".lab-strip td.chosen[data-layer='{}']"),
    ],
)
def test_a_click_on_a_picture_of_a_layer_chooses_it(
    with_examples: None, dashboard: Any, page: Any, place: str, clicked: str, marked: str
) -> None:
    page.goto(dashboard.at(place))
    picture = page.locator(clicked).nth(2)
    picture.wait_for()
    settled(page)
    layer = picture.evaluate("one => one.closest('[data-layer]').dataset.layer")
    assert page.locator(marked.format(layer)).count() == 0
    picture.click()
    page.wait_for_url(re.compile(rf"layer={re.escape(layer)}(&|$)"))
    page.locator(marked.format(layer)).first.wait_for()


def test_tabs_of_what_came_with_the_lab_show_a_picture_and_no_warning(
    with_examples: None, dashboard: Any, page: Any
) -> None:
    page.goto(dashboard.at("sweep"))
    warned = []
    for place, tabs in (("sweep", 3), ("train_and_watch", 4)):
        page.goto(f"{dashboard.url}/{place}")
        settled(page)
        for number in range(tabs):
            page.get_by_role("tab").nth(number).click()
            settled(page)
            page.get_by_role("tabpanel").locator("svg.marks, .lab-filters").first.wait_for()
            warned += [(place, number, told) for told in page.get_by_test_id("stAlert").all_inner_texts()]
    assert warned == []
