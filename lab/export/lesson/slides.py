"""Slides as they are collected: parts by name, the charts that they show within what a file holds, the usual plan."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from lab.charts.lazy_altair import alt
from lab.charts.theme import BACKGROUNDS, SCREENS, config
from lab.errors import LabError, nearest
from lab.export.lesson.plan import Plan, Step
from lab.export.report.markup import Html, tag

LEAST_FONT = 14  # of a chart as it is laid out; the page enlarges it to 20 pixels or more (`lesson.js`)
MOST_BYTES = 3_200_000  # of charts in one file: with Vega's 0.9 MB it stays below 5 MB
FONTS = ("fontSize", "labelFontSize", "titleFontSize", "subtitleFontSize")


@dataclass
class Slides:
    """Parts of a run as HTML by name, the charts they show with their data, and the usual plan."""

    title: str
    parts: dict[str, Html] = field(default_factory=dict)
    charts: dict[str, dict[str, Any]] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    bytes: int = 0

    @property
    def plan(self) -> Plan:
        """The usual plan."""
        return Plan(self.title, tuple(self.steps))

    @property
    def figures(self) -> dict[str, Any]:
        """What the page's script draws: charts by name, and a look per colour scheme."""
        looks = {scheme: {**config(scheme), "background": BACKGROUNDS[scheme]} for scheme in SCREENS}
        return {"charts": self.charts, "looks": legible(looks)}

    def add(self, step: Step, part: Html | None = None) -> None:
        """Add a slide, and what it shows where it is new."""
        if part is not None:
            self.parts[step.show] = part
        self.steps.append(step)

    def add_chart(self, step: Step, chart: alt.TopLevelMixin, narrow: alt.TopLevelMixin | None = None) -> None:
        """Add a slide with a chart, `narrow` in its place on a phone; one that has no room in the file is left out.

        A slide without a title takes the chart's own.
        """
        specs = {step.show: _spec(chart)} | ({f"{step.show}-narrow": _spec(narrow)} if narrow is not None else {})
        size = len(json.dumps(list(specs.values()), ensure_ascii=False).encode(errors="replace"))
        if self.bytes + size > MOST_BYTES:
            self.left_out.append(step.show)
            return
        self.bytes += size
        self.charts |= specs
        title, told = _title_of(specs[step.show])
        if not step.title:
            step = Step(show=step.show, title=title, told=told)
        about = specs[step.show].get("description", step.title)
        self.add(step, tag("div", class_="chart", data_chart=step.show, role="img", aria_label=about))

    def checked(self, plan: Plan) -> Plan:
        """Return `plan`; raises LabError when it shows what the run has not."""
        for step in plan.steps:
            if step.show and step.show not in self.parts:
                raise LabError(
                    f"the plan shows {step.show!r}, which this run has not{nearest(step.show, self.parts)}; it has: "
                    f"{', '.join(self.parts)}"
                )
        return plan


def legible(node: Any) -> Any:
    """Return a specification or a look whose text is nowhere smaller than `LEAST_FONT`."""
    if isinstance(node, dict):
        return {
            name: max(value, LEAST_FONT) if name in FONTS and isinstance(value, (int, float)) else legible(value)
            for name, value in node.items()
            if name != "datasets"
        } | ({"datasets": node["datasets"]} if "datasets" in node else {})
    return [legible(one) for one in node] if isinstance(node, list) else node


def _spec(chart: alt.TopLevelMixin) -> dict[str, Any]:
    spec: dict[str, Any] = legible(chart.to_dict(validate=False))
    return spec


def _title_of(spec: dict[str, Any]) -> tuple[str, str]:
    """Take a chart's title and subtitle off it, where they are plain text: the slide has its own."""
    title = spec.get("title")
    told = {"text": title} if isinstance(title, (str, list)) else title or {}
    text = _lines(told.get("text", ""))
    if text is None:
        return "", ""
    spec.pop("title", None)
    return text, _lines(told.get("subtitle", "")) or ""


def _lines(text: Any) -> str | None:
    if isinstance(text, list) and all(isinstance(line, str) for line in text):
        return " ".join(text)
    return text if isinstance(text, str) else None
