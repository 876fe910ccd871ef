"""The questions about what is no class: a number or an ordered grade of each image, several labels an image."""

from __future__ import annotations

from lab.charts.checks import checks_forest
from lab.charts.numbers import graded_confusion, kappa_by_depth, predicted_by_value, r2_by_depth
from lab.charts.several_labels import label_map, mean_auc_by_depth
from lab.experiments.targets.columns import GRADES, MULTILABEL, REGRESS
from lab.experiments.targets.request import GradesRequest, MultilabelRequest, RegressRequest
from lab.experiments.targets.run import run
from lab.registry.row import Experiment, charts_of_tables

ROWS = (
    Experiment(
        "regress", "At which layer can a number of each image be read?", RegressRequest, run, REGRESS,
        page="numbers", tab="Numbers",
        charts=charts_of_tables(
            ("r2", "summary", r2_by_depth),
            ("predicted", "predictions", predicted_by_value),
            ("checks", "checks", checks_forest),
        ),
    ),
    Experiment(
        "grades", "At which layer can an ordered grade of each image be read?", GradesRequest, run, GRADES,
        page="numbers", tab="Grades",
        charts=charts_of_tables(
            ("kappa", "summary", kappa_by_depth),
            ("confusion", "predictions", graded_confusion),
            ("checks", "checks", checks_forest),
        ),
    ),
    Experiment(
        "multilabel", "At which layer can each of several labels be read?", MultilabelRequest, run, MULTILABEL,
        page="numbers", tab="Several labels",
        charts=charts_of_tables(
            ("auc", "summary", mean_auc_by_depth),
            ("labels", "labels", label_map),
            ("checks", "checks", checks_forest),
        ),
    ),
)  # fmt: skip
