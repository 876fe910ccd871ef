"""`feature-lab ladder --model ID …`: at which depth each level of vision becomes readable."""

from __future__ import annotations

import argparse

from lab.cli import question
from lab.experiments.ladder.request import LadderRequest


def options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `ladder`."""
    question.options(parser, LadderRequest)
    question.label_option(parser)
