"""`feature-lab shards`: the shards of one set, passed through a network by several processes or machines."""

from __future__ import annotations

import argparse

from lab.cli import question
from lab.cli.sweep import engine_options
from lab.cli.terminal import Bars, say, show_json, show_table
from lab.encode import text_records
from lab.experiments.other_probes.many_images import ManyImagesRequest
from lab.sweeps.shard_units import pass_shards


def options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `shards`."""
    usual = ManyImagesRequest()
    parser.add_argument("--model", default=usual.model, help=f"a timm model, ID[@WEIGHTS] (default {usual.model})")
    parser.add_argument("--data", required=True, help="the shards: pets-{000..011}.tar, pets-*.parquet, an address")
    parser.add_argument("--layers", default=usual.layers, help="stages (default), blocks, or names with commas between")
    engine_options(parser)
    question.compute_options(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def act(given: argparse.Namespace) -> None:
    """Carry out `feature-lab shards`."""
    bars = Bars()
    try:
        found = pass_shards(
            given.model, given.data, layers=given.layers, engine=given.engine, workers=given.workers,
            threads=given.threads, compute=question.compute_settings(given), progress=bars,
        )  # fmt: skip
    finally:
        bars.close()
    if given.json:
        show_json(text_records(found))
        return
    lost = found[found["reason"] != ""]
    if len(lost):
        show_table(lost)
    request = ManyImagesRequest(model=given.model, data=given.data, layers=given.layers)
    say(f"{len(found) - len(lost)} of {len(found)} shards are passed; what can be read of them: {request.command()}")
