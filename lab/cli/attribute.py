"""`feature-lab attribute` and `feature-lab attribution-score`: questions of the registry with a name of their own."""

from __future__ import annotations

import argparse

from lab.cli import question
from lab.experiments.attribution.request import AttributeRequest, ScoreRequest


def attribute_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `feature-lab attribute`."""
    question.options(parser, AttributeRequest, {"image": "picture"})
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
    question.act(given)


def score_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `feature-lab attribution-score`."""
    question.options(parser, ScoreRequest)
