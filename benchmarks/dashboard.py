"""How fast the dashboard answers: first paint after the server is up, and a click that only switches a chart.

    python benchmarks/dashboard.py [RUN]

Needs playwright and a Chromium on the path, and a finished probe (the newest one unless RUN is named). Each paint is
that of a new server, which has answered nobody yet; times are wall-clock seconds in a real browser.
"""

from __future__ import annotations

import json
import shutil
import statistics
import sys
import time
from collections.abc import Iterator
from typing import Any

from playwright.sync_api import sync_playwright

from lab.runs.store import find_run, list_runs
from lab.ui.server import served

SERVERS, SWITCHES = 3, 8
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
# The page tells whether its script runs; the chart says in its description what it shows.
SWITCHED = """name => {
  const app = document.querySelector('[data-testid="stApp"]');
  const chart = document.querySelector('.st-key-accuracy_chart svg.marks');
  return app.dataset.testScriptState === 'notRunning' && chart && chart.textContent.includes(name);
}"""


def main(arguments: list[str]) -> None:
    """Print the figures as JSON."""
    probes = (run for run in list_runs() if run.status == "finished" and run.request.experiment == "probe")
    run = find_run(arguments[0]) if arguments else next(probes)
    paints, charts, switches = [], [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        for _ in range(SERVERS):
            with served() as up:
                page = browser.new_context().new_page()
                began = time.perf_counter()
                page.goto(up.link(run.id))
                page.locator("h1").wait_for()
                paints.append(time.perf_counter() - began)
                page.locator(".st-key-accuracy_chart svg.marks").wait_for()
                charts.append(time.perf_counter() - began)
                page.wait_for_function(SWITCHED, arg="linear probe")
                switches += list(switch(page))
                page.context.close()
    print(
        json.dumps(
            {
                "run": run.id,
                "first_paint": [round(s, 2) for s in paints],
                "first_chart": [round(s, 2) for s in charts],
                "switch_median": round(statistics.median(switches), 3),
                "switch_worst": round(max(switches), 3),
            }
        )
    )


def switch(page: Any) -> Iterator[float]:
    """Switch the metric to and fro and yield seconds from click to the drawn chart, the script at rest."""
    for number in range(SWITCHES):
        label, title = (("AUC", "AUC of a linear probe"), ("Accuracy", "Accuracy of a linear probe"))[number % 2]
        began = time.perf_counter()
        page.locator(".st-key-metric").get_by_text(label, exact=True).click()
        page.wait_for_function(SWITCHED, arg=title, polling=20)
        yield time.perf_counter() - began


if __name__ == "__main__":
    main(sys.argv[1:])
