"""Make docs/separability.png: the default run as the dashboard shows it (README's picture).

    python docs/make_picture.py 'http://localhost:8501/?token=…'        the link that the terminal printed

Needs a served dashboard whose default run is finished, playwright, and a Chromium on the path.
"""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

WIDTH, BELOW = 1280, 22  # pixels; the picture ends so far above the line after the chart
COLOURS = 128


def main(url: str) -> None:
    """Photograph the page from its top to the end of the chart."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_context(viewport={"width": WIDTH, "height": 1500}, color_scheme="light").new_page()
        page.goto(url.replace("/?", "/separability?", 1))
        page.locator(".st-key-accuracy_chart svg.marks").wait_for()
        page.wait_for_timeout(3000)  # the last components arrive after the chart
        end = page.get_by_text("How to read this").bounding_box()["y"] - BELOW
        shot = page.screenshot(clip={"x": 0, "y": 0, "width": WIDTH, "height": end})
    small = Image.open(io.BytesIO(shot)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    small.save(Path(__file__).with_name("separability.png"), optimize=True)


if __name__ == "__main__":
    main(sys.argv[1])
