"""Progress bars that fit the place: a terminal's, a notebook's, or none where nobody looks (a script's log)."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from lab.errors import LabError, briefly
from lab.progress import Progress, silent


class Bars:
    """A `Progress` that draws one bar per stage with `draw`, a class like tqdm's."""

    def __init__(self, draw: Callable[..., Any]) -> None:
        self.draw = draw
        self.stage = ""
        self.bar: Any = None

    def __call__(self, stage: str, done: int, total: int, unit: str) -> None:
        if stage != self.stage:
            self.close()
            self.stage = stage
            self.bar = self.draw(desc=stage, total=total, unit=f" {unit}", leave=True, initial=done)
        self.bar.total = total
        self.bar.update(done - self.bar.n)

    def close(self) -> None:
        """End the bar that is being drawn."""
        if self.bar is not None:
            self.bar.close()
        self.stage, self.bar = "", None


@contextmanager
def shown(progress: Progress | None) -> Iterator[Progress]:
    """Yield the caller's own progress or, when it is None, what fits the place; bars are ended with the block."""
    if progress is not None and not callable(progress):
        raise LabError(
            f"progress is {briefly(progress)}; give a function (stage, done, total, unit), or leave it out for bars"
        )
    draw = _drawn_by() if progress is None else None
    if draw is None:
        yield progress or silent
        return
    bars = Bars(draw)
    try:
        yield bars
    finally:
        bars.close()


def _drawn_by() -> Callable[..., Any] | None:
    """Return what draws a bar here: a notebook's widget where it has widgets, text on a terminal, else None."""
    if in_notebook() and importlib.util.find_spec("ipywidgets"):
        from tqdm.notebook import tqdm as widget

        return widget
    if in_notebook() or sys.stderr.isatty():
        from tqdm import tqdm

        return tqdm
    return None


def in_notebook() -> bool:
    """Return whether this process is the kernel of a notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return type(shell).__name__ == "ZMQInteractiveShell"
