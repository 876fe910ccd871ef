"""`feature-lab visualize`: feature visualizations as PNG files, an animated walk through depth, and a manifest."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lab.charts.depth_gif import walk
from lab.cli import question
from lab.cli.terminal import say
from lab.encode import records, strict
from lab.errors import LabError
from lab.experiments.channels.optimised import MOST
from lab.experiments.channels.visualize import VisualizeRequest
from lab.experiments.result import Result
from lab.files import write_bytes

MILLISECONDS = 1200  # of a frame of the walk


def options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `feature-lab visualize`."""
    names = {"layer": "layers", "channel": "channels"}
    question.options(parser, VisualizeRequest, names, out="write PNG files, walk.gif and manifest.json there")


def act(given: argparse.Namespace) -> None:
    """Carry out `feature-lab visualize`."""
    run = question.computed_run(question.request_of(given), question.compute_settings(given), wait=given.wait)
    if given.out:
        written = write_images(run.result(), given.out)
        say(f"{len(written)} files in {given.out}")
    question.show(run, given)


def write_images(result: Result, folder: Path) -> list[Path]:
    """Write one PNG per visualization, `walk.gif` through the layers, and `manifest.json`; return their paths.

    Raises LabError when the folder cannot be written to.
    """
    images = result["visualizations"]
    files: dict[str, bytes] = {file_name(row): row["thumbnail"] for row in images.to_dict("records")}
    rows = records(images.drop(columns="thumbnail"))
    for row, name in zip(rows, files, strict=True):
        row["file"] = name
    about = {"run": result.request.run_id, **strict(result.manifest), "visualizations": rows}
    content: dict[str, bytes] = {
        **files,
        "walk.gif": walk(images, milliseconds=MILLISECONDS),
        "manifest.json": json.dumps(about, indent=1, allow_nan=False, ensure_ascii=False).encode(),
    }
    try:
        for name, data in content.items():
            write_bytes(folder / name, data)
    except OSError as error:
        raise LabError(f"{folder} cannot be written to ({error}); choose another folder") from error
    return [folder / name for name in content]


def file_name(row: Mapping[Any, Any]) -> str:
    """Return the name of a visualization's file, safe on every system: `blocks.3.1-17.png`, `…-class_dog-2.png` (its
    second copy), `…-17-least.png`."""
    parts = [row["layer"], row["target"], *([row["end"]] if row["end"] != MOST else [])]
    text = "-".join(map(str, parts)) + (f"-{row['copy'] + 1}" if row["copy"] else "")
    return "".join(letter if letter.isalnum() or letter in "._@-" else "_" for letter in text) + ".png"
