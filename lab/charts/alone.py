"""Charts for Python: as on the pages, but with a size and colours of their own, so that `.save` writes a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lab.charts import accuracy
from lab.charts.accuracy import Labels, XAxis
from lab.charts.theme import HEIGHT, SLIDE_WIDTH, Look, Scheme, Tables, checked_tables, fitted
from lab.experiments.result import Result


def accuracy_by_depth(
    result: Result | Tables,
    *,
    metric: str = "accuracy",
    models: Sequence[str] | None = None,
    controls: Sequence[str] | None = None,
    x: XAxis = "depth",
    pair: tuple[str, str] | None = None,
    labels: Labels | None = None,
    width: int = SLIDE_WIDTH,
    height: int = HEIGHT,
    theme: Scheme = "light",
    font: str = "",
) -> Any:
    """Return an Altair chart: lines of `metric` over depth for each network, the controls as quieter dashed lines.

    `controls` None shows all the run has. `x="layer"` names the layers of one network instead of relative depth.
    `labels` are at the curves' "ends" or in a "legend"; None chooses by the number of networks. `width` and `height`
    are pixels; the theme "paper" is for print. `result.renamed({network: nickname})` gives networks other names.
    Raises LabError for an unknown name.
    """
    tables = checked_tables(result.tables if isinstance(result, Result) else result, "layers", "summary")
    drawn = accuracy.accuracy_by_depth(
        tables, metric=metric, models=models, controls=controls, x=x, pair=pair, labels=labels, height=height
    )
    return fitted(drawn, Look(width, height, theme, font))
