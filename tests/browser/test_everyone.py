"""Every page and tab for everyone: axe-core finds nothing serious in light or dark, no text is cut off or lies over
other text, charts can be read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
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
QUIET = 100  # milliseconds without a rerun; where something is wrong, it is looked at again later
NARROW, NARROW_ON_A_PHONE, LOW = 160, 120, 100  # what a chart is when it has collapsed, in pixels
PLACES = [page.name if page.name != "overview" else "" for page in PAGES]
TABS = ("", "Layers", "Confusions", "Labels", "Class pairs", "Export")  # of those, what axe-core looks at
LAYOUT = Path(__file__).with_name("layout.js").read_text()
DRAWN = """() => [...document.querySelectorAll('.stVegaLiteChart')].every(chart => chart.querySelector('svg.marks'))
  && [...document.querySelectorAll('.stDataFrame')].every(
    table => table.querySelector('.dvn-scroller') || !table.checkVisibility())
  && !document.querySelector('[data-testid="stSkeleton"]')"""
PHONE = "Mozilla/5.0 (Linux; Android 14; Pixel 8) Mobile"
# What the browser measures: the contrast of each text of a chart (but of labels that Vega hides for want of room), the
# width of each chart's widest frame and its height, what is too wide, and by how much tables outside folds are.
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
  const tables = [...document.querySelectorAll('.stDataFrame .dvn-scroller')]
    .filter(table => table.checkVisibility() && !table.closest('details')).map(e => e.scrollWidth - e.clientWidth);
  return {faint, small, wide, tables};
}"""
# Whether the page has the colours of a scheme: a light paper or a dark one.
PAINTED = """scheme => {
  const paper = getComputedStyle(document.querySelector('.stApp')).backgroundColor.match(/[\\d.]+/g).map(Number);
  return (paper[0] + paper[1] + paper[2] > 3 * 128) === (scheme === 'light');
}"""


def test_axe_finds_nothing_serious_on_any_page(dashboard: Any, browser: Any) -> None:
    finished_run(ProbeRequest())
    context = browser.new_context(viewport={"width": 1440, "height": 900}, bypass_csp=True)
    page = context.new_page()
    missing: list[str] = []
    page.on("response", lambda answer: missing.append(answer.url) if answer.status >= 400 else None)
    page.goto(dashboard.at(""))
    settled(page)
    found, badly, titles = [], [], set()
    for place in PLACES:
        show(page, f"{dashboard.url}/{place}")
        titles.add(page.title())
        for tab in tabs(page):
            badly += [(place, tab, wrong) for wrong in still(page, wrongs)]
            for scheme in ("dark", "light") if tab == "" or (place == "separability" and tab in TABS) else ():
                page.emulate_media(color_scheme=scheme)
                page.wait_for_function(PAINTED, arg=scheme)
                rules = ("color-contrast",) if scheme == "dark" else ()  # all else is the same in the dark
                found += [(place, tab, scheme, problem) for problem in still(page, problems, rules)]
                badly += [(place, tab, scheme, text) for text in still(page, too_faint)]
    context.close()
    assert found == [], "what axe-core finds"
    assert badly == [], "what cannot be read"
    assert missing == [], "what a page asks for in vain"
    assert len(titles) == len(PAGES)


def test_nothing_is_wider_than_a_phone(dashboard: Any, browser: Any) -> None:
    finished_run(ProbeRequest())
    context = browser.new_context(viewport={"width": 390, "height": 844}, user_agent=PHONE)
    page = context.new_page()
    page.goto(dashboard.at(""))
    settled(page)
    badly = []
    for place in PLACES:
        show(page, f"{dashboard.url}/{place}")
        for tab in tabs(page):
            badly += [(place, tab, wrong) for wrong in still(page, wrongs, True)]
    context.close()
    assert badly == [], "what cannot be read, or scrolls sideways"


def show(page: Any, url: str) -> None:
    """Open a page and wait until its charts are drawn."""
    page.goto(url)
    settled(page, QUIET)
    page.wait_for_function(DRAWN)


def tabs(page: Any) -> Iterator[str]:
    """Open each tab of a page in turn, the open one first, and yield its name once its charts are drawn."""
    yield ""
    for tab in page.get_by_role("tab", selected=False).all_inner_texts():
        page.get_by_role("tab", name=tab, exact=True).click()
        settled(page, QUIET)
        page.wait_for_function(DRAWN)
        yield tab


def still(page: Any, measure: Callable[..., list[str]], *how: Any) -> list[str]:
    """Return what is wrong and still so a little later: charts grow into their frames, colours and pages change."""
    first = measure(page, *how)
    if first:
        page.wait_for_timeout(800)
    return [wrong for wrong in (measure(page, *how) if first else ()) if wrong in first]


def wrongs(page: Any, on_a_phone: bool = False) -> list[str]:
    """Return what is wrong with how a page lies; on a phone a table may scroll within its frame."""
    seen, least = page.evaluate(MEASURE), NARROW_ON_A_PHONE if on_a_phone else NARROW
    return [
        *page.evaluate(LAYOUT),
        *(f"the page is wider by {more}" for more in seen["wide"] if more > 0),
        *(f"a chart is {wide:.0f} by {high:.0f}" for wide, high in seen["small"] if wide < least or high < LOW),
        *(f"a table is cut by {more}" for more in seen["tables"] if more > 1 and not on_a_phone),
    ]


def too_faint(page: Any) -> list[str]:
    """Return the texts of charts whose contrast is too low, with it."""
    texts = page.evaluate(MEASURE)["faint"]
    return [f"{text} ({contrast:.2f})" for text, contrast in texts if contrast < LEAST_CONTRAST]


def problems(page: Any, only: tuple[str, ...] = ()) -> list[str]:
    """Return what axe-core finds: all that is serious or critical, and the rules that are asked for by name; of the
    rules `only` where some are given."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text())
    chosen: dict[str, Any] = {"resultTypes": ["violations"]}
    if only:
        chosen["runOnly"] = list(only)
    found = page.evaluate(f"axe.run({json.dumps({'exclude': [[one] for one in NOT_OURS]})}, {json.dumps(chosen)})")
    return [
        f"{rule['id']} at {node['html'][:160]} ({(node['any'] or [{'message': ''}])[0]['message'][:120]})"
        for rule in found["violations"]
        if rule["impact"] in ("serious", "critical") or rule["id"] in RULES
        for node in rule["nodes"]
    ]
