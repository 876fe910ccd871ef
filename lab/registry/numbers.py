"""The questions about what is no class: a number of each image, several labels an image."""

from __future__ import annotations

from lab.charts.checks import checks_forest
from lab.charts.numbers import predicted_by_value, r2_by_depth
from lab.charts.several_labels import label_map, mean_auc_by_depth
from lab.experiments.multilabel import run as several
from lab.experiments.multilabel.columns import MULTILABEL
from lab.experiments.multilabel.request import MultilabelRequest
from lab.experiments.regression import run
from lab.experiments.regression.columns import REGRESS
from lab.experiments.regression.request import RegressRequest
from lab.registry.row import Experiment, charts_of_tables

ROWS = (
    Experiment(
        "regress", "At which layer can a number of each image be read?", RegressRequest, run.run, REGRESS,
        page="numbers", tab="Numbers",
        charts=charts_of_tables(
            ("r2", "summary", r2_by_depth),
            ("predicted", "predictions", predicted_by_value),
            ("checks", "checks", checks_forest),
        ),
    ),
    Experiment(
        "multilabel", "At which layer can each of several labels be read?", MultilabelRequest, several.run, MULTILABEL,
        page="numbers", tab="Several labels",
        charts=charts_of_tables(
            ("auc", "summary", mean_auc_by_depth),
            ("labels", "labels", label_map),
            ("checks", "checks", checks_forest),
        ),
    ),
)  # fmt: skip
