"""A run as slides, one thing on each: for a projector, and as a lesson in which one predicts first and then sees.

Both are one HTML file that opens offline, walked by keys. What is on the slides comes from the run; their order, their
questions and what is hidden until it is asked for are a plan (`plan`), which is edited as TOML or in the page itself.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from lab.experiments.result import Result
from lab.export.lesson.plan import Plan
from lab.export.report.document import document, policy, vega_script


def render_lesson(result: Result, plan: Plan | None = None, *, present: bool = False) -> str:
    """Return a finished run as slides, in the order of `plan` or as usual.

    To `present` is to hide nothing and to show no controls. Raises LabError for a plan that shows what is not there.
    """
    from lab.export.lesson.of_run import slides_of
    from lab.export.report.markup import tag

    slides = slides_of(result, phone=not present)
    chosen = slides.checked(plan or slides.plan)
    body = tag("div", *(tag("template", part, id=f"part-{name}") for name, part in slides.parts.items()))
    return document(
        chosen.title,
        body,
        {"figures": slides.figures, "plan": chosen.as_dict()},
        style=_resource("lesson.css"),
        scripts=_scripts(),
        data_present=present or None,
    )


def lesson_policy() -> str:
    """Return the Content-Security-Policy of every such page."""
    return policy(_scripts())


def _scripts() -> list[str]:
    return [vega_script(), _resource("lesson.js")]


@cache
def _resource(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")
