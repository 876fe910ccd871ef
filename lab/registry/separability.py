"""The questions about classes: where they come apart, and in which network best."""

from __future__ import annotations

from functools import partial

from lab.charts.accuracy import accuracy_by_depth
from lab.charts.comparison import cost_and_quality, gaps_by_depth
from lab.charts.equivalence import alikeness_by_depth, change_by_depth
from lab.charts.pictures import standard_charts
from lab.charts.similarity import error_consistency, shared_errors, similarity_map
from lab.charts.which import accuracy_against_time, halving_rounds
from lab.experiments.comparison import compare
from lab.experiments.comparison.columns import COMPARE
from lab.experiments.comparison.request import CompareRequest
from lab.experiments.equivalence.columns import CHECK
from lab.experiments.equivalence.request import CheckRequest
from lab.experiments.equivalence.run import run as check
from lab.experiments.separability.columns import PROBE
from lab.experiments.separability.request import ProbeRequest
from lab.experiments.separability.run import run as probe
from lab.experiments.which.columns import WHICH
from lab.experiments.which.request import WhichRequest
from lab.experiments.which.run import run as which
from lab.registry.row import Experiment, charts_of_tables

ROWS = (
    Experiment(
        "probe", "At which layer do the classes come apart?", ProbeRequest, probe, PROBE,
        page="separability", charts=standard_charts,
    ),
    Experiment(
        "compare", "Is it so for every network, and which layer of which one would I use?",
        CompareRequest, compare.run, COMPARE, page="compare", often=True,
        charts=charts_of_tables(
            ("accuracy", "summary", partial(accuracy_by_depth, labels="legend")),
            ("differences", "matched", gaps_by_depth),
            ("cost", "cuts", cost_and_quality),
            ("similarity", "similarity", similarity_map),
            ("errors", "agreement", shared_errors),
            ("error-consistency", "agreement", error_consistency),
        ),
    ),
    Experiment(
        "check", "Is the new network no worse than the one before, and at which layers did it change?",
        CheckRequest, check, CHECK, page="check", often=True,
        charts=charts_of_tables(
            ("change", "differences", change_by_depth), ("alikeness", "differences", alikeness_by_depth)
        ),
    ),
    Experiment(
        "which", "Which layer of which network would I use for these images?", WhichRequest, which, WHICH,
        page="sweep", tab="Which layer?",
        charts=charts_of_tables(("time", "confirmed", accuracy_against_time), ("rounds", "rounds", halving_rounds)),
    ),
)  # fmt: skip
