"""`feature-lab attribute` and `feature-lab attribution-score`: questions of the registry with a name of their own."""

from __future__ import annotations

import argparse
import dataclasses

from lab.cli import ask
from lab.cli.probe import compute_options
from lab.experiments.attribution.request import AttributeRequest, ScoreRequest
from lab.experiments.request import OptionsRequest


def attribute_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `feature-lab attribute`."""
    _options(parser, AttributeRequest)
    parser.add_argument("--image", dest="picture", default=argparse.SUPPRESS, help="the same as --picture")
    parser.add_argument(
        "--data", metavar="SET", help="the first image of this set; a probe is fitted on the set (see --target)"
    )


def attribute(given: argparse.Namespace) -> None:
    """Carry out `feature-lab attribute`."""
    default = AttributeRequest()
    if given.data is not None:
        if given.picture == default.picture:
            given.picture = f"{given.data}#0"
        if given.probe_data == default.probe_data:
            given.probe_data = given.data
    ask.act(given)


def score_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `feature-lab attribution-score`."""
    _options(parser, ScoreRequest)


def _options(parser: argparse.ArgumentParser, kind: type[OptionsRequest]) -> None:
    for field in dataclasses.fields(kind):
        ask.add_field(parser, field)
    compute_options(parser)
    ask.output_options(parser)
    parser.set_defaults(question=kind.experiment)
