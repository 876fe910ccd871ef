"""The end of a report: how the numbers are made, and everything needed to make them again."""

from __future__ import annotations

from lab.experiments.result import Result
from lab.export.report.markup import Html, tag
from lab.export.report.methods import methods
from lab.export.report.sections import section, wide_table


def reproduce(result: Result) -> tuple[Html, Html]:
    """Return the sections on method and on reproduction."""
    told = methods(result.request.as_dict(), result["images"], result["splits"])
    notes = tag("dl", *(tag("div", tag("dt", what), tag("dd", how)) for what, how in told), class_="methods")
    return section("How the numbers are made", notes, id_="methods"), again(result)


def again(result: Result) -> Html:
    """Return the section that says how to make the same run again."""
    manifest = result.manifest
    facts = [
        ("run", result.request.run_id),
        ("computed", manifest.get("created", "")),
        ("threads", manifest.get("threads", "")),
        *((f"time: {part}", f"{seconds:.1f} s") for part, seconds in manifest.get("timings", {}).items()),
        *((f"version: {name}", version) for name, version in manifest.get("versions", {}).items()),
        *((f"SHA-256: {name}", tag("code", digest)) for name, digest in manifest.get("hashes", {}).items()),
    ]
    return section(
        "Do it again",
        tag("pre", tag("code", result.request.command())),
        tag("details", tag("summary", "Versions, hashes and times"), wide_table(["fact", "value"], facts)),
        id_="again",
        lead="The same images, versions and threads give the same numbers, digit for digit.",
    )
