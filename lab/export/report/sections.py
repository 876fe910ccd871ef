"""The parts of a report, each a function of the result: from the verdict to the line that reproduces it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lab.charts.checks import check_rows
from lab.charts.tables import key_figures
from lab.charts.theme import Tables, classes_of, layers_of, models_of
from lab.experiments.result import Result
from lab.experiments.separability.label_efficiency import label_findings
from lab.experiments.separability.split_notes import split_text
from lab.export.report.markup import Html, join, tag
from lab.images import short_name

OUTCOMES = {
    "for": "Yes, they come apart with depth",
    "against": "No, not with depth",
    "undecided": "Undecided whether depth helps",
}


def section(title: str, *children: object, id_: str, lead: str | None = None) -> Html:
    """Return a section with a heading and, under it, a sentence on what is seen."""
    told = tag("p", lead, class_="lead") if lead else None
    return tag("section", tag("h2", title), told, *children, id=id_)


def figure(name: str, description: str, *, class_: str = "chart") -> Html:
    """Return the place where the page's script draws the chart `name`."""
    return tag("div", class_=class_, data_chart=name, role="img", aria_label=description)


def head(result: Result) -> Html:
    """Return the title, what was looked at, and the verdict on each model."""
    tables, manifest = result.tables, result.manifest
    classes = classes_of(tables)
    shown = " and ".join(classes) if len(classes) == 2 else "the classes"
    return tag(
        "header",
        tag("p", "Feature Hierarchy Lab", class_="eyebrow"),
        tag("h1", f"At which layer do {shown} come apart?"),
        tag("p", _looked_at(result), class_="lead"),
        *(_problem(text) for text in manifest.get("problems", ())),
        *(_verdict(tables, model, verdict) for model, verdict in manifest.get("verdicts", {}).items()),
    )


def poster(charts: dict[str, Any]) -> Html:
    """Return the picture that tells the whole story."""
    return tag("section", figure("poster", charts["poster"]["description"]), id_="poster")


def accuracy(result: Result, charts: dict[str, Any]) -> Html:
    """Return the main chart."""
    emergence = figure("emergence", charts["emergence"]["description"]) if "emergence" in charts else None
    return section(
        "Layer by layer",
        figure("accuracy", charts["accuracy"]["description"]),
        emergence,
        id_="accuracy",
        lead="Each point is a layer: the share of held-out images that a linear classifier gets right from it. "
        "Dashed: controls, without training, width or labels.",
    )


def checks(result: Result, charts: dict[str, Any]) -> Html | None:
    """Return the checks as a chart and as a table with their statements."""
    if "checks" not in charts:
        return None
    table = check_rows(result.tables)
    several = table["model"].nunique() > 1
    head_row = ["", "check", "what it says", *(["model"] if several else []), "value", "95 % interval"]
    body = [
        [
            tag("span", row["outcome"], class_=f"mark {'passed' if row['passed'] else 'missed'}"),
            row["label"],
            row["statement"],
            *([row["model"]] if several else []),
            number(row["value"], 3),
            f"{number(row['ci_low'], 3)} to {number(row['ci_high'], 3)}",
        ]
        for _, row in table.iterrows()
    ]
    return section(
        "How sure is that?",
        figure("checks", charts["checks"]["description"]),
        wide_table(head_row, body, number=("value", "95 % interval"), prose=("what it says",)),
        id_="checks",
        lead="The verdict rests on these. A check passes when its whole interval lies above 0; one that does not is "
        "not shown, nor is its opposite.",
    )


def labels(result: Result, charts: dict[str, Any]) -> Html | None:
    """Return what the labels cost at each layer and how few suffice, per model; None when that was not counted."""
    names = models_of(result.tables["layers"])
    parts: list[object] = []
    for i, model in enumerate(names):
        if f"code-{i}" not in charts:
            continue
        pair = [figure(name, charts[name]["description"]) for name in (f"code-{i}", f"labels-{i}")]
        told = [tag("p", sentence) for sentence in label_findings(result.tables, model)]
        parts += [model_heading(names, model), *told, *pair]
    if not parts:
        return None
    return section(
        "How many labels does a layer need?",
        *parts,
        id_="labels",
        lead="A probe guesses each label from those before it; its surprise in bits is the code length. Shuffled "
        "labels show the cost of nothing to learn. Below: accuracy with few labels.",
    )


def maps(result: Result, charts: dict[str, Any]) -> Html | None:
    """Return the map that walks through depth and the small maps of all layers, per model."""
    names = models_of(result.tables["layers"])
    parts = [
        join(
            (
                model_heading(names, model),
                tag(
                    "div",
                    figure(f"walk-{i}", charts[f"walk-{i}"]["description"]),
                    figure(f"confusion-{i}", charts[f"confusion-{i}"]["description"]),
                    class_="pair",
                ),
                figure(f"maps-{i}", charts[f"maps-{i}"]["description"], class_="chart maps"),
            )
        )
        for i, model in enumerate(names)
        if f"walk-{i}" in charts
    ]
    if not parts:
        return None
    return section(
        "What the layers see",
        *parts,
        id_="maps",
        lead="Images that a layer takes for similar lie near each other. The slider or Walk leads through the layers;"
        " hover for the picture. Maps illustrate, accuracies decide.",
    )


def aside(result: Result) -> Html | None:
    """Return the images that were set aside, and why, and what else there is to know about how the set was read."""
    table = result.tables["quarantine"]
    notes = [tag("p", f"{note}.") for note in result.manifest.get("notes", ())]
    if table.empty:
        return section("How the images were read", *notes, id_="aside") if notes else None
    rows = [[row["image"], row["reason"]] for _, row in table.head(200).iterrows()]
    more = tag("p", f"and {len(table) - 200} more", class_="quiet") if len(table) > 200 else None
    count = f"{len(table)} image{'s' if len(table) > 1 else ''} could not be used"
    return section("Set aside", *notes, wide_table(["image", "reason"], rows), more, id_="aside", lead=f"{count}.")


def wide_table(head_row: Sequence[str], body: Sequence[Sequence[object]], **styles: Sequence[str]) -> Html:
    """Return a table that scrolls sideways on a narrow screen.

    `styles` are lists of columns: number (set to the right), prose (wide enough to read).
    """
    align = [next((style for style, names in styles.items() if name in names), None) for name in head_row]
    cells = zip(head_row, align, strict=True)
    top = tag("tr", *(tag("th", name, scope="col", class_=css) for name, css in cells))
    rows = [tag("tr", *(tag("td", c, class_=css) for c, css in zip(row, align, strict=True))) for row in body]
    return tag("div", tag("table", tag("thead", top), tag("tbody", *rows)), class_="scroll", tabindex="0")


def model_heading(models: Sequence[str], model: str) -> Html | None:
    """Return the model's name as a heading where there are several."""
    return tag("h3", model) if len(models) > 1 else None


def number(value: Any, digits: int) -> str:
    """Return `value` with `digits` decimals, "" when there is none."""
    if value is None or not np.isfinite(value):
        return ""
    return f"{value:z.{digits}f}".replace("-", "−")


def _looked_at(result: Result) -> str:
    images = result.tables["images"]
    per_class = ", ".join(f"{count} {name}" for name, count in images["class"].value_counts(sort=False).head(8).items())
    data = result.request.as_dict().get("data")
    models = models_of(result.tables["layers"])
    depth = ", ".join(f"{len(layers_of(result.tables['layers'], m))} layers of {m}" for m in models)
    folds = split_text(result.tables["splits"], told=len(images))
    return f"{len(images)} images ({per_class}) from {short_name(data) if data else 'memory'}; {folds}; {depth}."


def _problem(text: str) -> Html:
    return tag("p", tag("b", "Mind. "), text, class_="problem")


def _verdict(tables: Tables, model: str, verdict: dict[str, str]) -> Html:
    outcome = verdict["outcome"]
    return tag(
        "article",
        tag("p", tag("span", OUTCOMES.get(outcome, outcome), class_="badge"), " ", tag("code", model)),
        tag("p", verdict["sentence"], class_="sentence"),
        tag("dl", *(tag("div", tag("dt", name), tag("dd", number(v, 2))) for name, v in key_figures(tables, model))),
        class_=f"verdict {outcome if outcome in OUTCOMES else 'undecided'}",
    )
