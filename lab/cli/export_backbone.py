"""`feature-lab export-backbone RUN`: a network cut at a layer, with its probe, as a folder to take along."""

from __future__ import annotations

import argparse
from pathlib import Path

from lab.backbone import export_backbone
from lab.cli.question import compute_options, compute_settings
from lab.cli.terminal import Bars
from lab.runs.store import find_run


def options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `export-backbone`."""
    add = parser.add_argument
    add("run", help="a finished probe run or comparison: its id, name or folder")
    add("--model", default="", metavar="ID[@WEIGHTS]", help="one of the run's models (default: the recommended one)")
    add("--layer", default="", metavar="NAME", help="where to cut (default: the recommended, or the best layer)")
    add("--out", type=Path, required=True, metavar="DIR", help="an empty or new folder")
    add("--onnx", action="store_true", help="write it as ONNX too, checked with ONNX Runtime")
    add("--no-torchscript", action="store_true", help="leave the TorchScript file out")
    compute_options(parser)


def act(given: argparse.Namespace) -> None:
    """Carry out `feature-lab export-backbone`."""
    result = find_run(given.run).result()
    bars = Bars()
    try:
        paths = export_backbone(
            result,
            given.out,
            model=given.model,
            layer=given.layer,
            torchscript=not given.no_torchscript,
            onnx=given.onnx,
            compute=compute_settings(given),
            progress=bars,
        )
    finally:
        bars.close()
    for path in paths:
        print(path)
