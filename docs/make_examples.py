"""Make the example runs that come with the package (`lab/examples`): the default answer to every question below.

    python docs/make_examples.py              # make those that are missing, drop those that no question asks for
    python docs/make_examples.py probe field  # make these anew

About fifteen minutes for all of them on two cores. What is in them is what `feature-lab ask` computes, with the
versions of everything it was computed with in each run's `run.json`.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path

from lab.cli.question import computed_run
from lab.experiments.channels.visualize import VisualizeRequest
from lab.registry import EXPERIMENTS
from lab.settings import Compute

FOLDER = Path(__file__).resolve().parent.parent / "lab" / "examples"
# Questions whose default takes minutes rather than seconds, or that no tab shows as they are, have none yet.
LEFT_OUT = (
    "train", "watch", "exemplars", "visualize", "inversion", "tuning", "regress",
    "multilabel", "grades", "many_images", "ladder_steps", "which",
)  # fmt: skip
MOST_BYTES = 12 * 10**6
FURTHER = (VisualizeRequest(layers="blocks.3.2", channels="top:12"),)  # what a page asks beside a question's default
KEPT = ("request.json", "sources.json", "run.json")


def main(anew: list[str]) -> None:
    """Make what is missing or asked for anew, and drop the rest."""
    usual = [row.request_type() for name, row in EXPERIMENTS.items() if name not in LEFT_OUT]
    asked = [request.canonical() for request in (*usual, *FURTHER)]
    FOLDER.mkdir(exist_ok=True)
    for folder in FOLDER.iterdir():
        if folder.name not in {request.run_id for request in asked} or folder.name.partition("-")[0] in anew:
            shutil.rmtree(folder)
    for request in asked:
        target = FOLDER / request.run_id
        if target.exists():
            continue
        with tempfile.TemporaryDirectory() as work:
            run = computed_run(request, Compute(device="cpu"), Path(work) / request.run_id)
            target.mkdir()
            for file in KEPT:
                shutil.copy(run.path / file, target / file)
            shutil.copytree(run.path / "tables", target / "tables")
        versions = json.loads((target / "run.json").read_text())["versions"]
        print(f"{request.title()}: {size(target) / 1e3:.0f} kB, {versions}")
    total = size(FOLDER)
    print(f"{total / 1e6:.1f} MB in all, of at most {MOST_BYTES / 1e6:.0f}")
    if total > MOST_BYTES:
        sys.exit("that is too much to ship: leave a question out, or make its default smaller")


def size(folder: Path) -> int:
    """Return the bytes of all files below a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


if __name__ == "__main__":
    main(sys.argv[1:])
