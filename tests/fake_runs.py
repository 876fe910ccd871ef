"""Runs that look computed: synthetic tables kept through `lab.runs.store`, for tests of what shows runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tables import synthetic_result

from lab.experiments.result import Result
from lab.experiments.separability.request import ProbeRequest
from lab.files import write_json
from lab.runs.progress_file import ProgressFile
from lab.runs.store import RunFolder, open_run

LAYERS = ("conv_stem", "blocks.0.0", "blocks.1.0", "blocks.3.1", "blocks.5.0", "conv_head")


def finished_run(request: ProbeRequest | None = None, *, images: int = 40, **changes: Any) -> RunFolder:
    """Return a finished run of `request` (the default one) with made-up tables; `changes` go to the manifest."""
    request = (request or ProbeRequest()).canonical()
    classes = request.classes or ("cat", "dog")
    found = synthetic_result(models=request.models, layers=LAYERS, classes=classes, images=images, data=request.data)
    manifest = {
        **found.manifest,
        "request": request.as_dict(),
        "problems": [],
        "sources": request.sources(),
        "timings": {"total": 41.0},
        **changes,
    }
    run = open_run(request)
    run.finish(Result(request, found.tables, manifest))
    return run


def failed_run(request: ProbeRequest | None = None, *, sentence: str = "no", kind: str = "crash") -> RunFolder:
    """Return a run that ended without a result."""
    run = open_run((request or ProbeRequest()).canonical())
    run.fail(sentence, kind)
    return run


def running_run(pid: int, request: ProbeRequest | None = None) -> RunFolder:
    """Return a run that process `pid` seems to work on, at 120 of 400 images."""
    run = open_run((request or ProbeRequest()).canonical())
    run.claim(pid, dedicated=True)
    ProgressFile(run.path / "progress.json")("Reading images", 1, 2, "images")
    progress = {"stage": "Computing embeddings", "done": 120, "total": 400, "unit": "images", "rate": 84.2}
    write_json(run.path / "progress.json", {**progress, "seconds_left": 3.3, "elapsed": 12.0})
    return run


def interrupted_run(request: ProbeRequest | None = None) -> RunFolder:
    """Return a run whose process is gone without a word."""
    run = open_run((request or ProbeRequest()).canonical())
    write_json(run.path / "worker.json", {"pid": 2**22 + 1, "started": "another boot 1"})
    return run


def folder_request(folder: Path, **changes: Any) -> ProbeRequest:
    """Return a request on a folder of images."""
    return ProbeRequest(data=str(folder), **changes).canonical()
