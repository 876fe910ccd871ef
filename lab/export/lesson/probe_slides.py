"""The slides of a probe: verdict, the whole story in one picture, the curve, the maps, then one question a slide."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

import pandas as pd

from lab.charts.accuracy import accuracy_by_depth
from lab.charts.hero import hero
from lab.charts.lazy_altair import alt
from lab.charts.maps import depth_walk
from lab.charts.tables import NEVER, gallery, key_figures
from lab.charts.theme import Tables, classes_of, layers_of, models_of, of_model
from lab.experiments.result import Result
from lab.export.lesson.plan import Step
from lab.export.lesson.slides import Slides
from lab.export.report.markup import Html, tag
from lab.export.report.sections import OUTCOMES, number
from lab.stats.depth import EARLY, LATE

OUTCOME_OPTIONS = {"for": "Yes", "against": "No", "undecided": "These images cannot tell"}
THIRDS = ("In the early third of the layers", "In the middle third", "In the late third", "Nowhere")
SHARES = ("Hardly better than guessing", "About half way", "Nearly as often as the trained network")
MOST_PICTURES = 3  # images that are asked about
PREDICTED = "Predict first: "


def probe_slides(result: Result, *, phone: bool = True) -> Slides:
    """Return the slides of a finished probe; `phone` as in `slides_of`."""
    tables, model = result.tables, models_of(result.tables["layers"])[0]
    classes = classes_of(tables)
    apart = " and ".join(classes) if len(classes) == 2 else f"the {len(classes)} classes"
    slides = Slides(f"At which layer do {apart} come apart?")
    slides.add(verdict_step(result, model, apart), _verdicts(result))
    story = Step(show="story", title="The whole story in one picture", notes=STORY)
    narrow = _bare(hero(tables, model, width=NARROW, places=3)) if phone else None
    slides.add_chart(story, _bare(hero(tables, model, width=500, height=105, places=4)), narrow)
    _drop_titles(slides.charts.get("story", {}))
    low = _bare(accuracy_by_depth(tables, labels="legend")) if phone else None
    if low is not None:  # drawn as wide as the story above, and made to fit the screen as a whole
        low.width, low.autosize = NARROW, alt.Undefined
    slides.add_chart(_curve_step(tables, model, apart), _bare(accuracy_by_depth(tables, height=300)), low)
    for name in ("story", "curve"):
        _one_column(slides.charts.get(f"{name}-narrow", {}))
    if len(tables.get("projection", ())):
        told = "Images that a layer takes for similar lie near each other. Maps illustrate; the curve decides."
        walk = depth_walk(tables, model, start=layers_of(tables["projection"], model)[0], size=330)
        slides.add_chart(Step(show="maps", title="Through the layers, one map at a time", told=told), walk)
    _controls(slides, tables, model)
    _pictures(slides, tables, model)
    return slides


AnyChart = TypeVar("AnyChart", "alt.LayerChart", "alt.VConcatChart")
NARROW = 270  # pixels of a curve on a phone, its axis not counted
STORY = (
    "Above: maps at a few depths. Middle: how often a probe is right at each layer, with controls. Below: images "
    "decided there."
)


def _bare(chart: AnyChart) -> AnyChart:
    """Return a chart without its title: the slide has one."""
    chart.title = alt.Undefined
    return chart


def _one_column(node: Any) -> None:
    """Set legends in one column: two are wider than a phone."""
    if isinstance(node, dict) and isinstance(node.get("legend"), dict):
        node["legend"]["columns"] = 1
    for value in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        _one_column(value)


def _drop_titles(node: Any) -> None:
    """Take the names off vertical axes: longer than so low a curve; the slide after it has them."""
    if isinstance(node, dict) and isinstance(node.get("y"), dict):
        node["y"]["title"] = None
    for value in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        _drop_titles(value)


def verdict_step(result: Result, model: str, apart: str) -> Step:
    """Return the first slide: whether late layers separate the classes better, which is what the verdict says."""
    verdict = result.manifest["verdicts"][model]
    ends = dict(key_figures(result.tables, model))
    first, last = ends.get("first layer"), ends.get("last layer")
    told = (
        f"A probe is right on {first:.2f} of the images at the first layer, on {last:.2f} at the last." if ends else ""
    )
    return Step(
        show="verdict",
        title=f"Do late layers tell {apart} apart better than early ones?",
        ask=f"{PREDICTED}do late layers of this network separate {apart} better than early ones?",
        options=tuple(OUTCOME_OPTIONS.values()),
        right=1 + list(OUTCOME_OPTIONS).index(verdict["outcome"]) if verdict["outcome"] in OUTCOME_OPTIONS else 0,
        told=told,
        notes=verdict["sentence"],
        hide=True,
    )


def _verdicts(result: Result) -> Html:
    shown = []
    for model, verdict in result.manifest["verdicts"].items():
        outcome = verdict["outcome"]
        figures = (
            tag("div", tag("dt", name), tag("dd", number(value, 2)))
            for name, value in key_figures(result.tables, model)
        )
        shown.append(
            tag(
                "article",
                tag("p", tag("span", OUTCOMES.get(outcome, outcome), class_="badge"), " ", tag("code", model)),
                tag("dl", *figures),
                class_=f"verdict {outcome if outcome in OUTCOMES else 'undecided'}",
            )
        )
    return tag("div", *shown)


def _curve_step(tables: Tables, model: str, apart: str) -> Step:
    """Ask where the classes come apart: in which third of depth, as the run's emergence depth says."""
    pairs = of_model(tables["emergence"], model) if "class_a" in tables["emergence"] else tables["emergence"].iloc[:0]
    step = Step(
        show="curve",
        title="Layer by layer",
        notes="Dashed: controls. Band: 95 % interval. Shaded: early and late layers.",
    )
    if len(pairs) != 1:
        return step
    pair = pairs.iloc[0]
    third = 3 if not pair["reached"] else 0 if pair["depth"] <= EARLY else 1 if pair["depth"] < LATE else 2
    told = f"They come apart at {pair['layer']}." if pair["reached"] else "At no layer clearly."
    ask = f"{PREDICTED}from where on are {apart} told apart?"
    return replace(step, ask=ask, options=THIRDS, right=third + 1, told=told, hide=True)


def _controls(slides: Slides, tables: Tables, model: str) -> None:
    """Ask how much is there without training, and without any network."""
    figures = dict(key_figures(tables, model))
    trained, chance = figures.get("last layer"), figures.get("chance")
    asked = (
        ("untrained", "untrained, last layer", "Does it take training?", "the same network with random weights"),
        ("pixels", "raw pixels", "Does it take a network?", "the raw pixels, without any network"),
    )
    for show, name, title, what in asked:
        value = figures.get(name)
        if value is None or trained is None or chance is None or trained <= chance:
            continue
        share = (value - chance) / (trained - chance)
        told = f"On {what}: {value:.2f}. On the last layer of the network: {trained:.2f}."
        step = Step(
            show=show, title=title, ask=f"{PREDICTED}how often is a probe right on {what}?", options=SHARES,
            right=1 if share < 1 / 3 else 2 if share < 2 / 3 else 3, told=told, hide=True,
        )  # fmt: skip
        bars = [(what, value), ("last layer of the network", trained), ("guessing", chance)]
        slides.add(step, tag("div", *(_bar(label, share) for label, share in bars), class_="bars"))


def _bar(label: str, share: float) -> Html:
    filled = tag("div", class_="filled", style=f"width:{100 * share:.1f}%")
    return tag(
        "div", tag("span", label), tag("div", filled, class_="track"), tag("b", f"{share:.2f}"), class_="bar-row"
    )


def _pictures(slides: Slides, tables: Tables, model: str) -> None:
    """Ask what is on the images that are hardest for the last layer: those it mistakes, then those decided last."""
    found = gallery(tables, model).dropna(subset=["thumbnail"])
    wrong = found[found["predicted"] != found["class"]].sort_values(["p_true", "image"], kind="stable")
    late = found[found["predicted"] == found["class"]].sort_values("depth_of_decision", kind="stable").iloc[::-1]
    classes = classes_of(tables)
    for place, (_, row) in enumerate(pd.concat([wrong, late]).head(MOST_PICTURES).iterrows(), 1):
        picture = tag(
            "img", src=row["thumbnail"], alt=f"image {place} of {MOST_PICTURES} that are hard", class_="picture"
        )
        step = Step(
            show=f"image-{place}", title="What is this, and what does the network make of it?",
            ask=f"{PREDICTED}what is the right answer?", options=tuple(classes) if len(classes) <= 8 else (),
            right=1 + classes.index(row["class"]) if len(classes) <= 8 else 0, told=_told(row), notes=str(row["image"]),
            hide=True, seen_first=True,
        )  # fmt: skip
        slides.add(step, picture)


def _told(row: pd.Series) -> str:
    if row["predicted"] != row["class"]:
        taken = f"At the last layer it is taken for {row['predicted']}"
        return f"{row['class']}. {taken} ({row['class']}: {row['p_true']:.2f})."
    if row["layer"] == NEVER or pd.isna(row["depth_of_decision"]):
        return f"{row['class']}. It is right at the last layer, but not in every repeat."
    return f"{row['class']}. It is right for good from {row['layer']} on."
