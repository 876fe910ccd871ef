"""`feature-lab check BASE NEW`: is the new network no worse than the one before? The answer is the exit code as well.

Exit codes: 0 not worse, 1 worse, 3 these images cannot tell; 2 is bad input, as everywhere.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
from pathlib import Path
from typing import Any

from lab.cli import question
from lab.cli.terminal import say, show_json, show_table
from lab.errors import LabError
from lab.experiments.base import Request
from lab.experiments.comparison.request import comparison_of
from lab.experiments.equivalence.measure import measure_in
from lab.experiments.equivalence.request import CheckRequest, is_vectors
from lab.experiments.given_vectors import is_in_memory
from lab.experiments.result import Result
from lab.experiments.separability.request import ProbeRequest
from lab.experiments.separability.split_notes import split_text
from lab.experiments.targets.request import TargetRequest
from lab.export.check_report import junit, markdown
from lab.files import write_bytes
from lab.models import ModelRef
from lab.runs.store import find_run

WEIGHTS = (".pth", ".pt", ".ckpt", ".bin", ".safetensors", ".tar")  # of a file given as NEW, for BASE's network
SHOWN = {
    "difference": "difference",
    "all_low": "from",
    "all_high": "to",
    "cka": "CKA",
    "lost": "lost",
    "gained": "gained",
}


def options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `check`."""
    parser.add_argument(
        "sides", nargs="*", metavar="BASE NEW",
        help="the one before and the new one: each a model ID[@WEIGHTS], a file of vectors, or a probe run; NEW also a "
        "file of weights for BASE's network",
    )  # fmt: skip
    question.options(parser, CheckRequest)
    parser.add_argument("--junit", type=Path, metavar="FILE", help="write the outcome as JUnit XML")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write it as a summary in Markdown")


def act(given: argparse.Namespace) -> None:
    """Carry out `feature-lab check`; exits with what was decided."""
    run = question.computed_run(_request(given), question.compute_settings(given), given.out, wait=given.wait)
    result = run.result()
    for path, content in ((given.junit, junit), (given.markdown, markdown)):
        if path is not None:
            written = content(result)
            write_bytes(path, written if isinstance(written, bytes) else written.encode())
    if given.json:
        show_json({**question.document(run, result), "check": result.manifest["check"]})
    else:
        show(result)
    if code := result.manifest["check"]["exit_code"]:
        raise SystemExit(code)


def show(result: Result) -> None:
    """Print a row a layer, then what was found, the outcome last: a log is read from its end."""
    table = result["differences"]
    before, new = measure_in(table.columns).columns
    called = {"layer": "layer", before: "before", new: "new", **SHOWN}
    show_table(table[[name for name in called if name in table]].rename(columns=called).round(3))
    print()
    for sentence in result.findings[1:]:
        print(sentence)
    print(f"\n{split_text(result['splits'])}")
    for problem in result.manifest["problems"]:
        say(f"Mind: {problem}")
    print(f"\n{result.findings[0]}")


def _request(given: argparse.Namespace) -> Request:
    sides = [*given.sides]
    if not sides:
        return question.request_of(given)
    if len(sides) != 2:
        raise LabError(f"check takes the one before and the new one, BASE NEW, not {len(sides)}: {' '.join(sides)}")
    probes = [_probe_run(side) for side in sides]
    if any(probes):
        return _of_runs(given, sides, probes)
    given.base, given.new = sides[0], _weights_of(sides[0], sides[1])
    return question.request_of(given)


def _weights_of(base: str, new: str) -> str:
    """Return NEW, where it is a file of weights as those of BASE's network."""
    if is_vectors(base) or "@" in new or not (new.lower().endswith(WEIGHTS) and os.path.isfile(new)):
        return new
    return f"{ModelRef.parse(base).id}@checkpoint:{os.path.abspath(new)}"


def _probe_run(side: str) -> ProbeRequest | TargetRequest | None:
    """Return the request of the run that this names, None where it names none; it must be of a probe, of whatever
    target."""
    try:
        request = find_run(side).request
    except LabError:
        return None
    if not isinstance(request, ProbeRequest | TargetRequest):
        raise LabError(f"run {side!r} answers another question ({request.experiment}); name probe runs")
    return request


def _of_runs(
    given: argparse.Namespace, sides: list[str], probes: list[ProbeRequest | TargetRequest | None]
) -> CheckRequest:
    """Return the check of the networks, or vectors, of runs; what they were asked of which images comes from them."""
    runs = [request for request in probes if request is not None]
    if len(runs) == 2:
        _agree(*runs)
    shared = _shared(runs[0])
    usual = CheckRequest()
    for name in sorted(shared):
        if getattr(given, name) != getattr(usual, name):
            raise LabError(f"a run brings its own {name.replace('_', ' ')}; leave --{name.replace('_', '-')} out")
    base, new = (_subject(side, run) if run else side for side, run in zip(sides, probes, strict=True))
    return CheckRequest(base=base, new=_weights_of(base, new), max_drop=given.max_drop, layer=given.layer, **shared)


def _shared(run: ProbeRequest | TargetRequest) -> dict[str, Any]:
    """Return the fields of a check that a run brings, all but the networks."""
    fields = {field.name for field in dataclasses.fields(CheckRequest)}
    found = {field.name: getattr(run, field.name) for field in dataclasses.fields(run) if field.name in fields}
    return found if isinstance(run, ProbeRequest) else {**found, "target": run.target, "per_class": run.images}


def _agree(one: ProbeRequest | TargetRequest, other: ProbeRequest | TargetRequest) -> None:
    """Raise LabError when two runs are not of the same target, images, layers, pooling, folds and seed."""
    one, other = one.canonical(), other.canonical()
    kinds = [bool(run.embeddings) for run in (one, other)]
    if isinstance(one, ProbeRequest) and isinstance(other, ProbeRequest) and not any(kinds):
        comparison_of([one, other])
        return
    told = [{"embeddings": kind, **_shared(run)} for kind, run in zip(kinds, (one, other), strict=True)]
    for name in dict.fromkeys([*told[0], *told[1]]):
        if told[0].get(name) != told[1].get(name):
            raise LabError(f"runs {one.run_id} and {other.run_id} differ in {name}; check runs that ask the same")


def _subject(side: str, run: ProbeRequest | TargetRequest) -> str:
    if is_in_memory(run.embeddings):
        raise LabError(
            f"the vectors of run {side!r} were arrays of a Python process; write them to files and check these"
        )
    if run.embeddings:
        return run.embeddings
    models = run.networks()
    if len(models) != 1:
        raise LabError(f"run {side!r} has {len(models)} networks; name two of them: {', '.join(models)}")
    return models[0]
