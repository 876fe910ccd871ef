"""How fast the dashboard answers, in a real browser: first paint, a switch, a selection, another page, maps in motion.

    python benchmarks/dashboard.py [RUN]

Needs playwright and a Chromium on the path. It looks at a finished probe (the example unless RUN is named) in a home of
its own, and at runs of it whose images are repeated, for the maps. Each first paint is that of a new server, which has
answered nobody yet; times are wall-clock seconds.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from playwright.sync_api import sync_playwright

from lab.experiments.result import Result
from lab.experiments.separability.request import ProbeRequest
from lab.runs.examples import example_of
from lab.runs.store import RunFolder, find_run, open_run
from lab.ui.server import served

SERVERS, SWITCHES = 3, 8
MAPS = (5_000, 50_000)  # images
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
IDLE = """document.querySelector('[data-testid="stApp"]').dataset.testScriptState === 'notRunning'"""
# The page tells whether its script runs; the chart says in its description what it shows.
SWITCHED = f"""name => {{
  const chart = document.querySelector('.st-key-accuracy_chart svg.marks');
  return {IDLE} && chart && chart.textContent.includes(name);
}}"""
HOLDS = f"([key, text]) => {IDLE} && document.querySelector('.st-key-' + key)?.textContent.includes(text)"
FRAMES = """() => new Promise(done => {
  const times = [];
  const next = now => {
    times.push(now);
    if (now - times[0] < 4000) requestAnimationFrame(next);
    else done(times.slice(1).map((one, k) => one - times[k]));
  };
  requestAnimationFrame(next);
})"""


def main(arguments: list[str]) -> None:
    """Print the figures, each part of them as JSON when it is there."""
    found = find_run(arguments[0]) if arguments else example_of(ProbeRequest().canonical())
    assert found is not None, "no example came with this lab; name a finished probe"
    result = found.result()
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        os.environ["FEATURE_LAB_HOME"] = home
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        for figures in ({"run": found.id}, clicks(browser, repeated(result, 1)), motion(browser, result)):
            print(json.dumps(figures, indent=1), flush=True)


def clicks(browser: Any, run: RunFolder) -> dict[str, Any]:
    """Return seconds of first paints and of what is clicked on a page of one run."""
    taken: dict[str, list[float]] = {"first_paint": [], "first_chart": []}
    for _ in range(SERVERS):
        with served() as up:
            page = browser.new_context(viewport={"width": 1440, "height": 1000}).new_page()
            began = time.perf_counter()
            page.goto(up.link(run.id))
            page.locator("h1").wait_for()
            taken["first_paint"].append(time.perf_counter() - began)
            page.locator(".st-key-accuracy_chart svg.marks").wait_for()
            taken["first_chart"].append(time.perf_counter() - began)
            page.wait_for_function(SWITCHED, arg="linear probe")
            for what, seconds in (*switch(page), *layers(page, run), *images(page), *pages(page)):
                taken.setdefault(what, []).append(seconds)
            page.context.close()
    return {what: summary(seconds) for what, seconds in taken.items()}


def summary(seconds: list[float]) -> dict[str, float]:
    """Return the median and the 95th percentile."""
    return {"median": round(statistics.median(seconds), 3), "p95": round(float(np.percentile(seconds, 95)), 3)}


def switch(page: Any) -> Iterator[tuple[str, float]]:
    """Switch the metric to and fro: from the click to the drawn chart, the script at rest."""
    for number in range(SWITCHES):
        label, title = (("AUC", "AUC of a linear probe"), ("Accuracy", "Accuracy of a linear probe"))[number % 2]
        began = time.perf_counter()
        page.locator(".st-key-metric").get_by_text(label, exact=True).click()
        page.wait_for_function(SWITCHED, arg=title, polling=20)
        yield "metric", time.perf_counter() - began


def layers(page: Any, run: RunFolder) -> Iterator[tuple[str, float]]:
    """Go a layer back with each press of a key: from the key to the drawn panel, the script at rest."""
    names = run.result()["layers"].sort_values("depth")["layer"].drop_duplicates().tolist()
    page.locator(".st-key-layer_panel svg.marks").first.wait_for()
    page.locator("h1").click()
    for name in names[-2 : -2 - SWITCHES : -1]:
        began = time.perf_counter()
        page.keyboard.press("ArrowLeft")
        page.wait_for_function(HOLDS, arg=["layer_panel", f"predictions at {name}"], polling=20)
        yield "layer", time.perf_counter() - began


def images(page: Any) -> Iterator[tuple[str, float]]:
    """Choose an image: from the click to its course through the layers."""
    shown = page.locator(".st-key-gallery_layer_wrong button, .st-key-gallery_layer_new button")
    for number in range(min(4, shown.count())):
        name = shown.nth(number).get_attribute("title").partition(",")[0]
        began = time.perf_counter()
        shown.nth(number).click()
        page.wait_for_function(HOLDS, arg=["image_panel", name], polling=20)
        yield "image", time.perf_counter() - began


def pages(page: Any) -> Iterator[tuple[str, float]]:
    """Go to the maps and draw around images: to the page with its map, to the images beside it and in the link."""
    began = time.perf_counter()
    page.get_by_role("link", name="Embedding maps").click()
    page.locator(".film button").first.wait_for()
    yield "page", time.perf_counter() - began
    page.wait_for_function(f"() => {IDLE}")
    for far in (0.9, 0.7, 0.5):
        draw_around(page, far)
        began = time.perf_counter()
        page.locator(".side .pictures img").first.wait_for()
        yield "brush_to_gallery", time.perf_counter() - began
        page.wait_for_timeout(1000)


def draw_around(page: Any, far: float) -> None:
    """Draw around the middle of the large map."""
    page.get_by_role("button", name="Select none").click()
    box = page.locator("canvas.large").bounding_box()
    corners = [(0.1, 0.1), (far, 0.1), (far, far), (0.1, far)]
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in corners]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=3)
    page.mouse.up()


def motion(browser: Any, result: Result) -> dict[str, Any]:
    """Return how many milliseconds a frame takes while maps of many images morph from layer to layer."""
    found = {}
    for count in MAPS:
        run = repeated(result, -(-count // len(result["images"])))
        with served() as up:
            page = browser.new_context(viewport={"width": 1440, "height": 1000}).new_page()
            page.set_default_timeout(240_000)
            page.goto(up.link(run.id).replace("separability", "embedding_maps"))
            page.locator(".film button").first.wait_for()
            page.wait_for_function(f"() => {IDLE}")
            page.locator("button.play").click()
            frames = page.evaluate(FRAMES)
            page.context.close()
        found[f"frame_ms_of_{count}"] = summary(frames)
    return found


def repeated(result: Result, times: int) -> RunFolder:
    """Return a run whose images are those of `result`, `times` over, a little beside each other on the maps."""
    tables, rng = dict(result.tables), np.random.default_rng(0)
    for name in ("images", "projection", "predictions", "decisions") if times > 1 else ():
        parts = [tables[name].assign(image=[f"{one}/{k}" for one in tables[name]["image"]]) for k in range(times)]
        tables[name] = pd.concat(parts, ignore_index=True)
    for axis in "xy" if times > 1 else ():
        tables["projection"][axis] += rng.normal(0, 1.5, len(tables["projection"]))
    request = replace(result.request, seed=times)
    run = open_run(request.canonical())
    run.finish(Result(run.request, tables, {**result.manifest, "request": run.request.as_dict()}))
    return run


if __name__ == "__main__":
    main(sys.argv[1:])
