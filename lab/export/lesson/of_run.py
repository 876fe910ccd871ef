"""What is on the slides of a run: those of a probe, or, of any other question, what it found and its charts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from lab.experiments.result import Result
from lab.export.lesson.plan import Step
from lab.export.lesson.probe_slides import probe_slides
from lab.export.lesson.slides import Slides
from lab.export.report.markup import Html, tag
from lab.registry import EXPERIMENTS, charts_of


def slides_of(result: Result, *, phone: bool = True) -> Slides:
    """Return the slides of a finished run, with the charts that a `phone` needs beside those of a projector."""
    probe = result.request.experiment == "probe"
    slides = probe_slides(result, phone=phone) if probe else _answer_slides(result)
    if slides.left_out:
        told = f"Left out, as the file would be too large: {', '.join(slides.left_out)}. The report has them."
        slides.steps[0] = replace(slides.steps[0], notes=f"{slides.steps[0].notes} {told}".strip())
    slides.add(Step(show="again", title="Do it again"), tag("pre", tag("code", result.request.command())))
    return slides


def _answer_slides(result: Result) -> Slides:
    """A question that is asked by fields: what is expected, what was found, its charts, what else was found."""
    slides = Slides(result.request.title())
    first, *others = result.findings or [""]
    question = EXPERIMENTS[result.request.experiment].question
    slides.add(
        Step(show="finding", title=question, ask="What do you expect?", hide=True, notes=result.request.title()),
        _sentences([first]),
    )
    for name, chart in charts_of(result).items():
        slides.add_chart(Step(show=name), chart)
    for number, sentence in enumerate(others, 2):
        slides.add(Step(show=f"finding-{number}", title="What else was found"), _sentences([sentence]))
    return slides


def _sentences(found: Iterable[str]) -> Html:
    """Return findings as large paragraphs."""
    return tag("div", *(tag("p", sentence, class_="sentence") for sentence in found))
