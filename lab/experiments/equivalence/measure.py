"""By which measure a check compares two networks: the one that fits its target."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from lab.images.targets import CLASS, GRADES, NUMBER, SEVERAL
from lab.stats.checks import KAPPA, MEAN_AUC, R2


@dataclass(frozen=True)
class Measure:
    """`column` is what its columns begin with (`r2_base`, `r2_new`), `name` what sentences call it."""

    column: str
    name: str

    @property
    def columns(self) -> tuple[str, str]:
        """The columns of the network before and of the new one."""
        return f"{self.column}_base", f"{self.column}_new"


MEASURES: Final[Mapping[str, Measure]] = {
    CLASS: Measure("accuracy", "accuracy"),
    NUMBER: Measure("r2", R2),
    GRADES: Measure("kappa", KAPPA),
    SEVERAL: Measure("mean_auc", MEAN_AUC),
}


def measure_in(columns: Collection[str]) -> Measure:
    """Return the measure of a table of a check, by its columns.

    >>> measure_in(["layer", "r2_base", "r2_new"]).name
    'R²'
    """
    return next(measure for measure in MEASURES.values() if measure.columns[0] in columns)
