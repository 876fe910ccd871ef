"""What an experiment answers: a pure `run`, and a `Result` of tidy tables.

    run(request, *, progress, compute, partial_results) -> Result

`partial_results` is where a run leaves finished parts, so that a run that was ended at any instant goes on from there.
Charts, LaTeX and the rest that a notebook asks of a result are made on floors above.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import pandas as pd

from lab.errors import LabError, nearest
from lab.experiments.base import Request
from lab.images import ImageSet
from lab.partial_results import PartialResults
from lab.progress import Progress
from lab.settings import Compute
from lab.stats.verdict import Verdict

if TYPE_CHECKING:
    import altair as alt
    import numpy as np

SHOWN_BY = "lab.export.native"


@dataclass(frozen=True)
class Result:
    """What was found: tables of one row per observation, and a manifest of how they were made."""

    request: Request
    tables: Mapping[str, pd.DataFrame]
    manifest: dict[str, Any] = dataclasses.field(default_factory=dict)

    def __getitem__(self, name: str) -> pd.DataFrame:
        if name not in self.tables:
            raise LabError(f"there is no table {name!r}{nearest(name, self.tables)}; it has {', '.join(self.tables)}")
        return self.tables[name]

    @property
    def verdict(self) -> Verdict:
        """The verdict on the first network; raises LabError where the question has none."""
        for found in self.manifest.get("verdicts", {}).values():
            return Verdict(found["outcome"], found["sentence"])
        raise LabError(f"run {self.request.run_id} has no verdict; its findings are what it says")

    @property
    def findings(self) -> list[str]:
        """What was found, a sentence each; a verdict is a finding with an outcome."""
        verdicts = self.manifest.get("verdicts", {})
        return list(self.manifest.get("findings") or (verdict["sentence"] for verdict in verdicts.values()))

    def chart(
        self,
        name: str = "",
        *,
        width: int | None = None,
        height: int | None = None,
        theme: Literal["light", "dark", "paper"] = "light",
        font: str = "",
        nicknames: Mapping[str, str] | None = None,
    ) -> alt.TopLevelMixin:
        """Return a chart by its name (none: that of accuracies, else the first), ready to be shown or saved.

        `width` and `height` are pixels, "paper" is a theme for print, `nicknames` are {network: what to call it}.
        Raises LabError for a chart that the result has not.
        """
        look = _shown_by("lab.charts.theme", "Look")(width, height, theme, font)
        drawn: alt.TopLevelMixin = _shown_by(SHOWN_BY, "chart")(self, name, look, nicknames)
        return drawn

    def save_chart(
        self,
        path: str | os.PathLike[str],
        name: str = "",
        *,
        width: int | None = None,
        height: int | None = None,
        theme: Literal["light", "dark", "paper"] = "light",
        font: str = "",
        dpi: int = 144,
        nicknames: Mapping[str, str] | None = None,
    ) -> Path:
        """Write a chart as .svg, .png (an inch is 72 of its pixels, and `dpi` dots) or .json, and return the path."""
        look = _shown_by("lab.charts.theme", "Look")(width, height, theme, font, dpi)
        written: Path = _shown_by(SHOWN_BY, "save_chart")(self, path, name, look, nicknames)
        return written

    def to_pandas(self, table: str = "") -> pd.DataFrame:
        """Return a copy of a table, the one that answers the question when none is named."""
        found: pd.DataFrame = _shown_by(SHOWN_BY, "table")(self, table)
        return found

    def to_latex(self, table: str = "", *, nicknames: Mapping[str, str] | None = None) -> str:
        """Return a table in LaTeX (package booktabs); of a probe without a name, a row a layer with its controls."""
        return str(_shown_by(SHOWN_BY, "latex")(self, table, nicknames))

    def renamed(self, nicknames: Mapping[str, str]) -> Result:
        """Return the same result with networks called what a reader calls them, {network: nickname}."""
        found: Result = _shown_by("lab.experiments.nicknames", "renamed")(self, nicknames)
        return found

    def embeddings(self, images: ImageSet | None = None) -> dict[str, np.ndarray]:
        """Return the vectors that a probe read, float32 `(N, D)` by "network/layer", in the order of table `images`.

        `images` are those of the run where they came from Python.
        """
        found: dict[str, np.ndarray] = _shown_by("lab.experiments.separability.run", "embeddings_of")(self, images)
        return found

    def keep(self, name: str = "") -> Path:
        """Keep the result of a training that a Python process watched as a run, called `name`, and return its folder.

        It takes the place of what was kept before of the same training. Raises LabError for any other result: those are
        computed anew from what they were asked.
        """
        kept: Path = _shown_by("lab.runs.from_python", "keep")(self, name)
        return kept

    def _repr_html_(self) -> str:
        return str(_shown_by(SHOWN_BY, "as_html")(self))


def _shown_by(module: str, name: str) -> Any:
    """Return a function that shows a result: it stands on a floor above, and is looked up when it is first used, as
    `lab` itself looks up its names."""
    return getattr(import_module(module), name)


class Run(Protocol):
    """The function of an experiment."""

    def __call__(
        self, request: Any, *, progress: Progress, compute: Compute, partial_results: PartialResults
    ) -> Result: ...
