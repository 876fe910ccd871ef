"""The questions about training: what a small network learns here, and what its layers know while it does."""

from __future__ import annotations

from lab.charts.training import checkpoint_layers, checkpoint_maps, checkpoint_probes, learning_curve
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
)  # fmt: skip
