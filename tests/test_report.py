"""The report is one file that fetches nothing, runs nothing it was given, and holds everything once."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tables import LAYERS, MODELS, synthetic_result

from lab.charts.tables import LUCK, NEVER
from lab.experiments.result import Result
from lab.export.report import render_report
from lab.export.report.gallery import PER_LAYER, depth_groups, pictured
from lab.export.report.markup import data_script, tag

EVIL = '</script><img src=x onerror="window.hacked=1"><script>window.hacked=1</script>{{7*7}}&amp;\u2028'
MEGABYTE = 1_000_000


class Page(HTMLParser):
    """The elements of a page, and the text of its scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.text = ""
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._inside = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts[-1] += data
        elif self._inside != "style":
            self.text += data

    def named(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for element, attributes in self.elements if element == name]


@pytest.fixture(scope="module")
def result() -> Result:
    return synthetic_result()


@pytest.fixture(scope="module")
def small() -> Result:
    return synthetic_result(layers=LAYERS[:3], images=20)


@pytest.fixture(scope="module")
def text(result: Result) -> str:
    return render_report(result)


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


def figures_of(page: Page) -> Any:
    index = next(i for i, a in enumerate(page.named("script")) if a.get("id") == "figures")
    return json.loads(page.scripts[index])


# Self-contained


def test_nothing_is_fetched(page: Page, text: str) -> None:
    for name, attributes in page.elements:
        for key, value in attributes.items():
            if key in ("src", "href", "action", "data", "poster", "srcset", "background"):
                raise AssertionError(f"<{name} {key}={value}>")
            assert name == "meta" or not re.search(r"url\(|https?:|//", value or "", re.I) or key == "aria-label"
    style = re.search(r"<style>(.*?)</style>", text, re.S)
    assert style
    assert not re.search(r"url\(|@import|https?:", style[1])
    assert not page.named("link")


def test_the_policy_allows_the_two_scripts_and_no_connection(page: Page) -> None:
    policy = next(str(a["content"]) for a in page.named("meta") if a.get("http-equiv") == "Content-Security-Policy")
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert "connect-src" not in rules
    assert rules["img-src"] == "data: blob:"
    run = [s for s, a in zip(page.scripts, page.named("script"), strict=True) if "type" not in a]
    hashes = {f"'sha256-{base64.b64encode(hashlib.sha256(s.encode()).digest()).decode()}'" for s in run}
    assert set(rules["script-src"].split()) == hashes
    assert len(hashes) == 2


def test_the_same_result_gives_the_same_file(small: Result) -> None:
    assert render_report(small) == render_report(small)


def test_size_for_a_large_run() -> None:
    large = synthetic_result(models=MODELS[:1], images=240, pixels=96)
    assert large["images"]["thumbnail"].map(len).mean() > 2300  # photographs of that size take 2,480 bytes
    assert len(render_report(large).encode()) < 3 * MEGABYTE


def test_no_thumbnail_and_no_table_is_there_twice(page: Page, text: str, result: Result) -> None:
    for jpeg in result["images"]["thumbnail"]:
        assert text.count(base64.b64encode(jpeg).decode()) == 1
    sets = [json.dumps(rows, sort_keys=True) for rows in figures_of(page)["datasets"].values()]
    assert len(sets) == len(set(sets))


# What it says


def test_it_says_what_was_found(page: Page, result: Result) -> None:
    for model, verdict in result.manifest["verdicts"].items():
        assert verdict["sentence"] in page.text
        assert model in page.text
    for row in result["checks"].itertuples():
        assert row.statement in page.text
        assert f"{row.value:.3f}".replace("-", "−") in page.text
    for layer in LAYERS:
        assert layer in page.text
    for row in result["quarantine"].itertuples():
        assert row.image in page.text
        assert row.reason in page.text
    assert result.request.command() in page.text
    assert result.manifest["hashes"]["images"] in page.text
    assert result.manifest["versions"]["torch"] in page.text


def test_charts_are_the_charts_of_the_lab(page: Page, result: Result) -> None:
    from lab.charts.accuracy import accuracy_by_depth

    figures = figures_of(page)
    wanted = {a["data-chart"] for a in page.named("div") if "data-chart" in a}
    assert wanted | {"accuracy-narrow", "poster-narrow"} == set(figures["charts"])
    spec = accuracy_by_depth(result.tables).to_dict()
    datasets = spec.pop("datasets")
    assert figures["charts"]["accuracy"] == spec
    assert all(figures["datasets"][name] == list(rows) for name, rows in datasets.items())
    assert all(a["aria-label"] for a in page.named("div") if "data-chart" in a)
    pictures = {row["image"] for row in figures["datasets"]["thumbnails"]}
    assert {a["data-image"] for a in page.named("img")} <= pictures


def test_galleries_hold_every_image_once_and_show_each_class(result: Result) -> None:
    for model in MODELS:
        found = depth_groups(result.tables, model)
        assert sum(shelf.count for shelf in found) == len(result["images"])
        assert [shelf.layer for shelf in found if shelf.layer not in (LUCK, NEVER)] == [
            layer for layer in LAYERS if layer in {shelf.layer for shelf in found}
        ]
        first = found[0]
        assert len(first.shown) == PER_LAYER < first.count
        assert first.shown["class"].value_counts().tolist() == [PER_LAYER // 2] * 2
    assert len(pictured(result.tables)) == len(set(pictured(result.tables)))


@pytest.mark.parametrize(
    "emptied", [("projection", "projection_quality"), ("checks",), ("quarantine",), ("emergence", "checks")]
)
def test_what_a_run_lacks_is_left_out(emptied: tuple[str, ...], small: Result) -> None:
    tables = {name: table.iloc[:0] if name in emptied else table for name, table in small.tables.items()}
    bare = Page(render_report(Result(small.request, tables, small.manifest)))
    assert "Layer by layer" in bare.text
    assert ("Set aside" in bare.text) == ("quarantine" not in emptied)
    assert ("What the layers see" in bare.text) == ("projection" not in emptied)


def test_a_run_of_the_probe_alone_and_its_problems(small: Result) -> None:
    summary = small["summary"]
    tables = {**small.tables, "summary": summary[summary["control"] == "probe"]}
    manifest = {**small.manifest, "problems": ["other@pretrained: the hub is out of reach"]}
    page = Page(render_report(Result(small.request, tables, manifest)))
    assert "the hub is out of reach" in page.text


# What it was given stays text


def poisoned() -> Result:
    data = f"folder {EVIL}"
    return synthetic_result(
        models=[f"m{EVIL}@packaged"], layers=[f"l1{EVIL}", "l2"], classes=[f"cat{EVIL}", "dog"], images=24, data=data
    )


def test_names_cannot_leave_their_place() -> None:
    result = poisoned()
    result.tables["quarantine"].loc[0] = [EVIL, EVIL]
    result.manifest["problems"] = [EVIL]
    result.manifest["notes"] = [EVIL]
    result.manifest["versions"][EVIL] = EVIL
    page = Page(render_report(result))
    assert len(page.scripts) == 3
    assert not [a for _, a in page.elements if any(key.startswith("on") for key in a)]
    assert not [a for a in page.named("img") if "src" in a]
    assert EVIL in page.text
    assert figures_of(page)["charts"]


def test_markup_escapes() -> None:
    assert tag("p", EVIL, title=EVIL).count("<") == 2
    assert tag("p", None, "a", tag("b", "<")) == "<p>a<b>&lt;</b></p>"
    assert tag("img", alt=None, hidden=True, lazy=False, class_="x", data_a="1") == '<img hidden class="x" data-a="1">'
    script = data_script("x", {"a": EVIL})
    assert script.count("<") == 2
    assert "\u2028" not in script
    assert json.loads(script[script.index(">") + 1 : script.rindex("<")]) == {"a": EVIL}
    with pytest.raises(ValueError, match="JSON"):
        data_script("x", float("nan"))


# In a browser without a network


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (420, "dark")])
def test_it_opens_offline(width: int, scheme: str, browser: Any, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(render_report(poisoned()))
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True)
    page = context.new_page()
    troubles: list[str] = []
    requests: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
    page.on("request", lambda request: requests.append(request.url))
    page.goto(file.as_uri())
    page.evaluate("window.labReport.drawAll()")
    charts = page.locator("[data-chart]").count()
    assert page.locator("[data-chart].drawn").count() == charts >= 6
    assert page.locator("[data-chart] :is(svg, canvas).marks").count() == charts
    assert [url for url in requests if not url.startswith(("data:", "blob:"))] == [file.as_uri()]
    assert troubles == []
    assert page.evaluate("window.hacked") is None
    assert page.evaluate("document.documentElement.scrollWidth") == width  # nothing sticks out
    assert page.evaluate("[...document.images].every(i => i.naturalWidth > 0 || !i.complete)")
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == ("rgb(252, 251, 248)" if scheme == "light" else "rgb(21, 25, 28)")
    context.close()


CHOSEN = """() => {
  const found = {};
  const walk = (node) => {
    if (node.marktype === "symbol" && /^map\\d+_marks$/.test(node.name ?? ""))
      found[node.name] = node.items.filter((item) => item.opacity > 0.5).map((item) => item.datum.image).sort();
    (node.items ?? []).forEach(walk);
  };
  walk(window.labReport.views.get("maps-0").view.scenegraph().root);
  return found;
}"""


def test_a_box_in_one_map_selects_the_same_images_in_all(browser: Any, tmp_path: Path, text: str) -> None:
    file = tmp_path / "report.html"
    file.write_text(text)
    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    page.goto(file.as_uri())
    page.evaluate("window.labReport.drawAll()")
    assert {len(images) for images in page.evaluate(CHOSEN).values()} == {40}
    canvas = page.locator("[data-chart=maps-0] canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + 200)
    page.mouse.down()
    page.mouse.move(box["x"] + 90, box["y"] + 300, steps=6)
    page.mouse.up()
    chosen = page.evaluate(CHOSEN)
    images = next(iter(chosen.values()))
    assert 0 < len(images) < 40
    assert chosen == {f"map{i}_marks": images for i in range(len(LAYERS))}
    page.close()


def test_the_gallery_needs_no_thumbnails() -> None:
    result = synthetic_result(models=MODELS[:1], layers=LAYERS[:2], images=12)
    images = result["images"].assign(thumbnail=pd.Series([b""] * 12))
    page = Page(render_report(Result(result.request, {**result.tables, "images": images}, result.manifest)))
    assert figures_of(page)["datasets"]["thumbnails"] == []
