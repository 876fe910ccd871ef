"""The questions about training: what a small network learns here, and what its layers know while it does."""

from __future__ import annotations

from lab.charts.ladder_steps import ladder_steps_map
from lab.charts.training import checkpoint_layers, checkpoint_maps, checkpoint_probes, learning_curve
from lab.experiments.ladder import steps as ladder_steps
from lab.experiments.ladder.columns import LADDER_STEPS
from lab.experiments.ladder.steps import LadderStepsRequest
from lab.experiments.training import train, watch
from lab.experiments.training.columns import TRAIN, WATCH
from lab.experiments.training.request import TrainRequest, WatchRequest
from lab.registry.row import Experiment, charts_of_tables

PAGE = "train_and_watch"

ROWS = (
    Experiment(
        "train", "What can a small network learn here?", TrainRequest, train.run, TRAIN, page=PAGE,
        charts=charts_of_tables(("learning", "history", learning_curve)),
    ),
    Experiment(
        "watch", "Where does the hierarchy come from: what does each layer know as it learns?",
        WatchRequest, watch.run, WATCH, page=PAGE, often=True,
        charts=charts_of_tables(
            ("probes", "probes", checkpoint_probes),
            ("layers", "probes", checkpoint_layers),
            ("maps", "maps", checkpoint_maps),
        ),
    ),
    Experiment(
        "ladder_steps", "Which levels of vision does a network learn first?",
        LadderStepsRequest, ladder_steps.run, LADDER_STEPS, page=PAGE,
        charts=charts_of_tables(("steps", "steps", ladder_steps_map)),
    ),
)  # fmt: skip
