"""Make the example runs that come with the package (`lab/examples`): the default answer to every question below.

    python docs/make_examples.py              # make those that are missing, drop those that no question asks for
    python docs/make_examples.py probe field  # make these anew; the others are called sweep and selfcheck

About a quarter of an hour for all of them on two cores. What is in them is what `feature-lab ask` computes, with the
versions of everything it was computed with in each run's `run.json`.
"""

from __future__ import annotations

import datetime
import io
import json
import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from lab.cli.question import computed_run
from lab.experiments.base import Request
from lab.experiments.channels.exemplars import ExemplarsRequest
from lab.experiments.channels.optimised import MOST
from lab.experiments.channels.visualize import VisualizeRequest
from lab.experiments.ladder.steps import LadderStepsRequest
from lab.experiments.manifest import versions
from lab.experiments.training.request import TrainRequest, WatchRequest
from lab.files import write_json
from lab.models import ModelRef
from lab.registry import EXPERIMENTS
from lab.runs.folder import RunFolder
from lab.runs.tables import SHARED, table_file, table_path, write_tables
from lab.selfcheck.certificate import certify, read_certificate
from lab.selfcheck.table import CHECKS
from lab.settings import Compute
from lab.sweeps.drive import sweep
from lab.sweeps.example import FILE, PLAN
from lab.sweeps.plan import read_plan
from lab.ui.selfcheck import EXAMPLE
from lab.ui.separability.details import SITES

FOLDER = Path(__file__).resolve().parent.parent / "lab" / "examples"
# Questions that no tab shows as they are by default, or that have none yet.
LEFT_OUT = ("exemplars", "visualize")
MOST_BYTES, LEAST_SHARED = 12 * 10**6, 20_000
FURTHER = (  # what a page asks beside a question's default
    VisualizeRequest(layers="blocks.3.2", channels="top:6", negative=True),
    VisualizeRequest(layers="blocks.5.0", channels="top:2", copies=4),
    ExemplarsRequest(layers="blocks.3.2", channels="all", count=4, ends=MOST),
    SITES,
)
# Table of a page on channels -> longer side and WebP quality of its pictures; those up to SMALL pixels are left alone
LIGHTER = {"visualizations": (224, 85), "exemplars": (112, 75)}
SEVERAL_LIGHTER = {"visualizations": (160, 60), "exemplars": (72, 52)}  # of several images per channel
WALL_LIGHTER, SMALL = {"exemplars": (76, 56)}, 40
TOLD = "The pictures of this example are kept smaller than a run keeps them (WebP); its numbers are those of the run"
SWEEPS = "sweep-"
KEPT = ("request.json", "sources.json", "run.json")


def main(anew: list[str]) -> None:
    """Make what is missing or asked for anew, and drop the rest."""
    usual = [row.request_type() for name, row in EXPERIMENTS.items() if name not in LEFT_OUT]
    asked = [request.canonical() for request in (*usual, *FURTHER)]
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as home:
        os.environ["FEATURE_LAB_HOME"] = home  # nothing that is here already goes into an example, or is changed
        make(asked, anew)
        make_sweep(anew)
        make_certificate(anew)
    share()
    total = size(FOLDER)
    print(f"{total / 1e6:.1f} MB in all, of at most {MOST_BYTES / 1e6:.0f}")
    if total > MOST_BYTES:
        sys.exit("that is too much to ship: leave a question out, or make its default smaller")


def make(asked: Sequence[Request], anew: list[str]) -> None:
    """Bring the folder in line with the canonical requests in `asked`."""
    wanted = {request.run_id for request in asked}
    for folder in runs():
        if folder.name not in wanted:
            shutil.rmtree(folder)
    for request in asked:
        target = FOLDER / request.run_id
        if target.exists() and named(target) not in anew:
            continue
        with tempfile.TemporaryDirectory() as work:
            if isinstance(request, (WatchRequest, LadderStepsRequest)):
                trained(work)
            run = computed_run(request, Compute(device="cpu"), Path(work) / request.run_id)
            lighten(run, lighter(request))
            if target.exists():
                keep_equal(target, run.path)
                shutil.rmtree(target)
            target.mkdir()
            for file in KEPT:
                shutil.copy(run.path / file, target / file)
            shutil.copytree(run.path / "tables", target / "tables")
        versions = json.loads((target / "run.json").read_text())["versions"]
        print(f"{request.title()}: {size(target) / 1e3:.0f} kB, {versions}")


def lighter(request: Request) -> dict[str, tuple[int, int]]:
    """Return how small the pictures of an example are made."""
    if isinstance(request, ExemplarsRequest):
        return WALL_LIGHTER
    return SEVERAL_LIGHTER if isinstance(request, VisualizeRequest) and request.copies > 1 else LIGHTER


def keep_equal(before: Path, now: Path) -> None:
    """Give the tables of a run the files of the example before it where their values are the same."""
    old, new = (json.loads((folder / "run.json").read_text()) for folder in (before, now))
    for name, digest in new["tables"].items():
        if old["tables"].get(name) == digest:
            shutil.copy(table_file(before, name, old), table_path(now, name))
            new["files"][name] = old["files"][name]
    write_json(now / "run.json", new)


def lighten(run: RunFolder, how: dict[str, tuple[int, int]]) -> None:
    """Write the tables of a run that `how` names anew, with pictures of so many pixels and of that quality."""
    result = run.result()
    tables = dict(result.tables)
    for name in set(how) & set(tables):
        tables[name] = tables[name].assign(thumbnail=[webp(data, *how[name]) for data in tables[name]["thumbnail"]])
    if set(how) & set(tables):
        notes = [*result.manifest.get("notes", ()), TOLD]
        write_json(run.path / "run.json", {**result.manifest, "notes": notes, **write_tables(run.path, tables)})


def webp(data: bytes, longest: int, quality: int) -> bytes:
    """Return a picture as WebP."""
    with Image.open(io.BytesIO(data)) as picture:
        if max(picture.size) <= SMALL:
            return data
        shown = picture.convert("RGB")
    shown.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    shown.save(buffer, "WEBP", quality=quality, method=6)
    return buffer.getvalue()


def make_sweep(anew: list[str]) -> None:
    """Bring the example of a sweep in line with its plan; of its runs only the sweep's own tables are kept."""
    plan = read_plan(PLAN)
    for folder in FOLDER.glob(f"{SWEEPS}*"):
        if folder.name != plan.id or named(folder) in anew:
            shutil.rmtree(folder)
    target = FOLDER / plan.id
    if target.exists():
        return
    found = sweep(plan, workers=1, compute=Compute(device="cpu"))
    target.mkdir()
    about = write_tables(target, found.tables)
    created = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    write_json(target / FILE, {"created": created, "plan": plan.as_dict(), "versions": versions(), **about})
    print(f"{plan.name}: {size(target) / 1e3:.0f} kB")


def make_certificate(anew: list[str]) -> None:
    """Bring the example of a self-check in line with the systems that are checked today."""
    there = read_certificate(FOLDER / EXAMPLE)
    if there is None or there.total != len(CHECKS) or "selfcheck" in anew:
        write_json(FOLDER / EXAMPLE, certify().as_dict())


def named(folder: Path) -> str:
    """Return the name of what an example answers."""
    return folder.name.partition("-")[0]


def trained(work: str) -> None:
    """See to it that the default training has left its weights: they are too large to come with its example."""
    request = TrainRequest()
    if not ModelRef.parse(request.weights).stamp():
        computed_run(request, Compute(device="cpu"), Path(work) / "training")


def runs() -> list[Path]:
    """Return the folders of the examples there are."""
    return [file.parent for file in FOLDER.glob("*/run.json")]


def share() -> None:
    """Keep once what several examples have, such as the table of the default images; drop what none has any more."""
    shared = FOLDER / SHARED
    shared.mkdir(exist_ok=True)
    files = [
        (folder / "tables" / f"{name}.parquet", shared / f"{file['sha256']}.parquet")
        for folder in runs()
        for name, file in json.loads((folder / "run.json").read_text())["files"].items()
        if file["bytes"] >= LEAST_SHARED
    ]
    wanted = Counter(common for _, common in files)
    for own, common in files:
        if wanted[common] > 1 and own.exists():
            own.replace(common)
        elif wanted[common] == 1 and common.exists():
            common.replace(own)
    for common in set(shared.iterdir()) - set(wanted):
        common.unlink()


def size(folder: Path) -> int:
    """Return the bytes of all files below a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


if __name__ == "__main__":
    main(sys.argv[1:])
