"""`feature-lab check BASE NEW`: is the new network no worse than the one before? The answer is the exit code as well.

Exit codes: 0 not worse, 1 worse, 3 these images cannot tell; 2 is bad input, as everywhere.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
from pathlib import Path

from lab.cli import question
from lab.cli.terminal import say, show_json, show_table
from lab.errors import LabError
from lab.experiments.base import Request, Result
from lab.experiments.comparison.request import comparison_of
from lab.experiments.equivalence.request import CheckRequest, is_vectors
from lab.experiments.separability.request import ProbeRequest
from lab.experiments.separability.split_notes import split_text
from lab.export.check_report import junit, markdown
from lab.files import write_bytes
from lab.models import ModelRef
from lab.runs.store import find_run

WEIGHTS = (".pth", ".pt", ".ckpt", ".bin", ".safetensors", ".tar")  # of a file given as NEW, for BASE's network
SHOWN = {
    "layer": "layer",
    "accuracy_base": "before",
    "accuracy_new": "new",
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
    show_table(result["differences"][list(SHOWN)].rename(columns=SHOWN).round(3))
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


def _probe_run(side: str) -> ProbeRequest | None:
    """Return the request of the probe run that this names, None where it names none."""
    try:
        request = find_run(side).request
    except LabError:
        return None
    if not isinstance(request, ProbeRequest):
        raise LabError(f"run {side!r} answers another question ({request.experiment}); name probe runs")
    return request


def _of_runs(given: argparse.Namespace, sides: list[str], probes: list[ProbeRequest | None]) -> CheckRequest:
    """Return the check of the networks, or vectors, of runs; what they were asked of which images comes from them."""
    runs = [request for request in probes if request is not None]
    if all(run.embeddings for run in runs) and len(runs) == 2:
        settled = [dataclasses.replace(run, embeddings=runs[0].embeddings, images="") for run in runs]
    else:
        settled = runs
    if len(settled) == 2:
        _agree(settled)
    first = runs[0]
    fields = {f.name for f in dataclasses.fields(CheckRequest)} & {f.name for f in dataclasses.fields(ProbeRequest)}
    usual = CheckRequest()
    for name in sorted(fields):
        if getattr(given, name) != getattr(usual, name):
            raise LabError(f"a run brings its own {name.replace('_', ' ')}; leave --{name.replace('_', '-')} out")
    base, new = (_subject(side, run) if run else side for side, run in zip(sides, probes, strict=True))
    shared = {name: getattr(first, name) for name in fields}
    return CheckRequest(base=base, new=_weights_of(base, new), max_drop=given.max_drop, layer=given.layer, **shared)


def _agree(runs: list[ProbeRequest]) -> None:
    """Raise LabError when two runs are not of the same images, layers, pooling, folds and seed."""
    if not any(run.embeddings for run in runs):
        comparison_of(runs)
        return
    one, other = (run.canonical() for run in runs)
    for name in ("embeddings", "labels", "layers", "folds", "repeats", "seed", "groups"):
        if getattr(one, name) != getattr(other, name):
            raise LabError(f"runs {one.run_id} and {other.run_id} differ in {name}; check runs that ask the same")


def _subject(side: str, run: ProbeRequest) -> str:
    if run.in_memory:
        raise LabError(
            f"the vectors of run {side!r} were arrays of a Python process; write them to files and check these"
        )
    if run.embeddings:
        return run.embeddings
    if len(run.models) != 1:
        raise LabError(f"run {side!r} has {len(run.models)} networks; name two of them: {', '.join(run.models)}")
    return run.models[0]
