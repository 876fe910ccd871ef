"""Every page and tab for everyone: axe-core finds nothing serious in light or dark, no text is cut off or lies over
other text, charts can be read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from fake_runs import finished_run
from test_journey import settled

from lab.experiments.separability.request import ProbeRequest
from lab.registry.pages import PAGES

pytestmark = pytest.mark.timeout(420)
AXE = files("axe_playwright_python").joinpath("axe.min.js")
# Not ours to mend: streamlit 1.67 puts the entries of the navigation into groups inside its list.
NOT_OURS = ['[data-testid="stSidebarNavItems"]']
RULES = ("color-contrast", "heading-order", "page-has-heading-one")  # beside all that axe calls serious or worse
LEAST_CONTRAST = 4.5
LEAST_WIDTH, LEAST_WIDTH_ON_A_PHONE, LEAST_HEIGHT = 160, 120, 100  # of a chart, in pixels
PLACES = [page.name if page.name != "overview" else "" for page in PAGES]
TABS = ("", "Layers", "Confusions", "Labels", "Class pairs", "Export")  # of those, what axe-core looks at
LAYOUT = Path(__file__).with_name("layout.js").read_text()
DRAWN = "[...document.querySelectorAll('.stVegaLiteChart')].every(chart => chart.querySelector('svg.marks'))"
PHONE = "Mozilla/5.0 (Linux; Android 14; Pixel 8) Mobile"
# What the browser measures: the contrast of each text of a chart (but of labels that Vega hides for want of room), the
# width of each chart's widest frame and its height, what is too wide.
MEASURE = """() => {
  const part = v => v / 255 <= 0.03928 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  const rgb = told => (told.match(/[\\d.]+/g) || []).map(Number).slice(0, 3);
  const paper = rgb(getComputedStyle(document.querySelector('.stApp')).backgroundColor);
  const texts = [...document.querySelectorAll('.stVegaLiteChart svg text')].filter(text => text.textContent.trim());
  const faint = texts.filter(text => text.closest('.role-axis, .role-legend, .role-title, .role-header'))
    .map(text => { const style = getComputedStyle(text), share = style.fillOpacity * style.opacity;
      const ink = rgb(style.fill).map((v, i) => v * share + paper[i] * (1 - share));
      const [dark, bright] = [light(ink), light(paper)].sort((x, y) => x - y);
      return [text.textContent, share ? (bright + 0.05) / (dark + 0.05) : 21]; });
  const seen = [...document.querySelectorAll('.stVegaLiteChart')].filter(chart => chart.checkVisibility());
  const small = seen.map(chart => {
    const frames = [...chart.querySelectorAll('svg.marks path.background')].map(one => one.getBoundingClientRect());
    return [Math.max(...frames.map(frame => frame.width)), chart.getBoundingClientRect().height]; });
  const wide = [...document.querySelectorAll('.stMain, html')].map(e => e.scrollWidth - e.clientWidth);
  return {faint, small, wide};
}"""


def test_axe_finds_nothing_serious_on_any_page(dashboard: Any, browser: Any) -> None:
    finished_run(ProbeRequest())
    context = browser.new_context(viewport={"width": 1440, "height": 900}, bypass_csp=True)
    page = context.new_page()
    missing: list[str] = []
    page.on("response", lambda answer: missing.append(answer.url) if answer.status >= 400 else None)
    page.goto(dashboard.at(""))
    settled(page)
    found, faint, small, badly, titles = [], [], [], [], set()
    for place in PLACES:
        show(page, f"{dashboard.url}/{place}")
        titles.add(page.title())
        for tab in tabs(page):
            badly += [(place, tab, wrong) for wrong in wrongs(page)]
            for scheme in ("dark", "light") if tab == "" or (place == "separability" and tab in TABS) else ():
                page.emulate_media(color_scheme=scheme)
                page.wait_for_timeout(500)
                found += [f"{place} {tab} {scheme}: {problem}" for problem in problems(page)]
                seen = page.evaluate(MEASURE)
                faint += [(place, tab, scheme, *text) for text in seen["faint"] if text[1] < LEAST_CONTRAST]
            small += [
                (place, tab, *size)
                for size in page.evaluate(MEASURE)["small"]
                if size[0] < LEAST_WIDTH or size[1] < LEAST_HEIGHT
            ]
    context.close()
    assert found == [], "\n".join(found)
    assert badly == [], "text that cannot be read"
    assert faint == [], "text of charts that is too faint"
    assert small == [], "charts that have collapsed"
    assert missing == [], "what a page asks for in vain"
    assert len(titles) == len(PAGES)


def test_nothing_is_wider_than_a_phone(dashboard: Any, browser: Any) -> None:
    finished_run(ProbeRequest())
    context = browser.new_context(viewport={"width": 390, "height": 844}, user_agent=PHONE)
    page = context.new_page()
    page.goto(dashboard.at(""))
    settled(page)
    sideways, small, badly = [], [], []
    for place in PLACES:
        show(page, f"{dashboard.url}/{place}")
        for tab in tabs(page):
            seen = page.evaluate(MEASURE)
            sideways += [(place, tab) for wide in seen["wide"] if wide > 0]
            small += [
                (place, tab, *size)
                for size in seen["small"]
                if size[0] < LEAST_WIDTH_ON_A_PHONE or size[1] < LEAST_HEIGHT
            ]
            badly += [(place, tab, wrong) for wrong in wrongs(page)]
    context.close()
    assert badly == [], "text that cannot be read"
    assert sideways == [], "scrolls sideways"
    assert small == [], "charts that have collapsed"


def show(page: Any, url: str) -> None:
    """Open a page and wait until its charts are drawn."""
    page.goto(url)
    settled(page)
    page.wait_for_timeout(300)  # a page may draw itself once more when it knows its URL
    settled(page)
    page.wait_for_function(DRAWN)


def tabs(page: Any) -> Iterator[str]:
    """Open each tab of a page in turn, the open one first, and yield its name once its charts are drawn."""
    yield ""
    for tab in page.get_by_role("tab", selected=False).all_inner_texts():
        page.get_by_role("tab", name=tab, exact=True).click()
        settled(page)
        page.wait_for_function(DRAWN)
        yield tab


def wrongs(page: Any) -> list[str]:
    """Return what is wrong with how a page lies, and is still so once its charts have grown into their frames."""
    first = page.evaluate(LAYOUT)
    if first:
        page.wait_for_timeout(800)
    return [wrong for wrong in (page.evaluate(LAYOUT) if first else ()) if wrong in first]


def problems(page: Any) -> list[str]:
    """Return what axe-core finds: all that is serious or critical, and the rules that are asked for by name."""
    page.evaluate(AXE.read_text())
    chosen = {"resultTypes": ["violations"]}
    found = page.evaluate(f"axe.run({json.dumps({'exclude': [[one] for one in NOT_OURS]})}, {json.dumps(chosen)})")
    return [
        f"{rule['id']} at {node['html'][:160]} ({(node['any'] or [{'message': ''}])[0]['message'][:120]})"
        for rule in found["violations"]
        if rule["impact"] in ("serious", "critical") or rule["id"] in RULES
        for node in rule["nodes"]
    ]
