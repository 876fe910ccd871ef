"""A check as files that systems of continuous integration show: JUnit XML, and a summary in Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree

from lab.experiments.equivalence.measure import Measure, measure_in
from lab.experiments.equivalence.request import ALL
from lab.experiments.result import Result
from lab.stats.equivalence import CANNOT_TELL, NOT_WORSE, WORSE, decide
from lab.stats.intervals import Interval

SIGNS = {NOT_WORSE: "✅", WORSE: "❌", CANNOT_TELL: "❔"}
TURNED = ("lost", "gained")  # columns of images that were right and are wrong, and the reverse
SUITE = "feature-lab check"


def junit(result: Result) -> bytes:
    """Return a check as JUnit XML: a test case for what was decided, and one a layer.

    "worse" is a failure, "cannot tell" an error. A layer fails only where all layers decide: elsewhere it just tells.
    """
    outcome, (sentence, *more) = result.manifest["check"]["outcome"], result.findings
    layers = list(result["differences"].itertuples())
    failing = [row.layer for row in layers if _fails(row, result)]
    suite = ElementTree.Element(
        "testsuite", name=SUITE, tests=str(1 + len(layers)),
        failures=str(int(outcome == WORSE) + len(failing)), errors=str(int(outcome == CANNOT_TELL)),
        time=f"{sum(result.manifest.get('timings', {}).values()):.3f}",
    )  # fmt: skip
    decided = ElementTree.SubElement(suite, "testcase", classname=SUITE, name=result.request.title())
    if outcome != NOT_WORSE:
        kind = "failure" if outcome == WORSE else "error"
        problem = ElementTree.SubElement(decided, kind, message=_legal(sentence), type=outcome)
        problem.text = _legal("\n".join(more))
    for row in layers:
        case = ElementTree.SubElement(suite, "testcase", classname=f"{SUITE}.layers", name=_legal(str(row.layer)))
        if row.layer in failing:
            ElementTree.SubElement(case, "failure", message=_legal(_layer_text(row)), type=WORSE)
        ElementTree.SubElement(case, "system-out").text = _legal(_layer_text(row))
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="utf-8", xml_declaration=True)


def markdown(result: Result) -> str:
    """Return a check as Markdown: what was decided, a row a layer, and the command that finds it again."""
    outcome, (sentence, *more) = result.manifest["check"]["outcome"], result.findings
    table = result["differences"]
    measure, turned = measure_in(table.columns), [name for name in TURNED if name in table]
    header = ("layer", f"{measure.name} before", "new", "difference", "95 %, all layers at once", "CKA", *turned)
    lines = [
        f"## {SIGNS[outcome]} {_cell(result.request.title())}: {outcome}", "", _cell(sentence), "",
        *(f"- {_cell(text)}" for text in more), "",
        f"| {' | '.join(header)} |", f"| --- |{' ---: |' * (len(header) - 1)}",
        *(f"| {' | '.join(_cells(row, measure, turned))} |" for row in table.itertuples()), "",
        *(f"- Mind: {_cell(problem)}" for problem in result.manifest.get("problems", ())),
        f"    {result.request.command()}", "",
    ]  # fmt: skip
    return "\n".join(lines)


def _cells(row: Any, measure: Measure, turned: Sequence[str]) -> list[str]:
    return [
        _cell(row.layer), *(f"{getattr(row, column):.3f}" for column in measure.columns), f"{row.difference:+z.3f}",
        f"{row.all_low:+z.3f} to {row.all_high:+z.3f}", "" if row.cka != row.cka else f"{row.cka:.2f}",
        *(str(getattr(row, name)) for name in turned),
    ]  # fmt: skip


def _fails(row: Any, result: Result) -> bool:
    decision = result["decision"].iloc[0]
    at_once = Interval(row.difference, row.all_low, row.all_high)
    return bool(decision["rule"] == ALL and decide(at_once, float(decision["max_drop"])) == WORSE)


def _layer_text(row: Any) -> str:
    measure = measure_in(row._fields)
    before, now = (getattr(row, column) for column in measure.columns)
    return (
        f"{measure.name} {before:.3f} before, {now:.3f} now: {row.difference:+z.3f} ({row.all_low:+z.3f} to "
        f"{row.all_high:+z.3f} for all layers at once)"
    )


def _legal(text: str) -> str:
    """Return a text without what XML cannot hold, such as control characters in a file's name."""
    return "".join(letter if letter.isprintable() or letter == "\n" else "\N{REPLACEMENT CHARACTER}" for letter in text)


def _cell(text: str) -> str:
    """Return a text that stays in its cell and brings no markup along."""
    escaped = "".join(f"\\{letter}" if letter in "\\`*_[]<>|#" else letter for letter in text)
    return " ".join(escaped.split())
