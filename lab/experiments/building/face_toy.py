"""A filter over two input maps, small enough to do by hand: one map holds eyes, one a mouth, their sum a face.

The maps come from drawn dots: a face, a pair of eyes without a mouth, a mouth without eyes, and an upside-down face.
Each input map is convolved with its own kernel slice; the two results and the bias are added, and what is negative is
set to zero. Torch-free and immediate, so a page computes it as kernels are edited.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from lab.errors import LabError
from lab.experiments.base import PartialResults, Request, option
from lab.experiments.manifest import result_with_findings
from lab.experiments.result import Result
from lab.progress import Progress, silent
from lab.settings import Compute

SHAPE = (9, 20)
# top-left corners (row, column) of what is drawn, each 3 × 3
SCENE = {"face": (1, 1), "eyes alone": (1, 6), "mouth alone": (5, 11), "upside-down face": (1, 16)}
EYES = ((1, 0, 1), (0, 0, 0), (0, 0, 0))
MOUTH = ((0, 0, 0), (0, 0, 0), (1, 1, 1))


@dataclass(frozen=True)
class Preset:
    """Kernels and a bias worth a look, and what to notice."""

    eyes_kernel: str
    mouth_kernel: str
    bias: float
    notice: str


PRESETS: dict[str, Preset] = {
    "Face: eyes and mouth": Preset(
        "1 0 1; 0 0 0; 0 0 0", "0 0 0; 0 0 0; 1 1 1", -4.0, "Needs both maps, in the right positions: an AND."
    ),
    "Eyes or mouth": Preset(
        "1 0 1; 0 0 0; 0 0 0", "0 0 0; 0 0 0; 1 1 1", -1.5, "The same kernels with a weaker bias: an OR."
    ),
    "Eyes without a mouth": Preset(
        "1 0 1; 0 0 0; 0 0 0", "0 0 0; 0 0 0; -1 -1 -1", -1.0, "Negative weights veto: eyes, but only with no mouth."
    ),
    "Upside-down face": Preset(
        "0 0 0; 0 0 0; 1 0 1", "1 1 1; 0 0 0; 0 0 0", -4.0, "The same parts in another arrangement: a different filter."
    ),
    "Eyes only": Preset(
        "1 0 1; 0 0 0; 0 0 0", "0 0 0; 0 0 0; 0 0 0", -1.5, "A filter that ignores one map learns nothing from it."
    ),
}
_FACE = PRESETS["Face: eyes and mouth"]


@dataclass(frozen=True)
class FaceRequest(Request):
    """The two kernel slices, rows parted by ";", and the bias."""

    experiment: ClassVar[str] = "face"

    eyes_kernel: str = option(_FACE.eyes_kernel, "3 × 3 kernel on the map of eyes, rows parted by ;")
    mouth_kernel: str = option(_FACE.mouth_kernel, "3 × 3 kernel on the map of mouths")
    bias: float = option(_FACE.bias, "the bias", least=-100, most=100)

    def title(self) -> str:
        """Return what is looked at."""
        return f"Eyes plus mouth, bias {self.bias:g}"


@dataclass(frozen=True)
class Face:
    """The toy's maps, `(9, 20)`: what goes in, what each kernel slice makes of it, their sum, and what is left."""

    eyes: np.ndarray
    mouth: np.ndarray
    from_eyes: np.ndarray
    from_mouth: np.ndarray
    bias: float

    @property
    def total(self) -> np.ndarray:
        """The sum of both maps' parts and the bias."""
        return np.asarray(self.from_eyes + self.from_mouth + self.bias)

    @property
    def response(self) -> np.ndarray:
        """The sum, zero where it is negative."""
        return np.maximum(self.total, 0)

    @property
    def fires(self) -> np.ndarray:
        """Where the filter responds."""
        return np.asarray(self.total > 0)

    @property
    def fires_alone(self) -> np.ndarray:
        """Where it would respond to one of the two maps without the other."""
        return np.asarray((self.from_eyes + self.bias > 0) | (self.from_mouth + self.bias > 0))


def face(request: FaceRequest) -> Face:
    """Return the toy's maps for a request; raises LabError for kernels that are not 3 × 3 numbers."""
    eyes, mouth = scene()
    return Face(
        eyes,
        mouth,
        slid(eyes, kernel(request.eyes_kernel, "eyes-kernel")),
        slid(mouth, kernel(request.mouth_kernel, "mouth-kernel")),
        request.bias,
    )


def scene() -> tuple[np.ndarray, np.ndarray]:
    """Return the map of eyes and the map of mouths, `(9, 20)` each."""
    eyes, mouth = np.zeros(SHAPE), np.zeros(SHAPE)
    for name, (row, column) in SCENE.items():
        place = np.s_[row : row + 3, column : column + 3]
        if name != "mouth alone":
            eyes[place] += np.flipud(EYES) if name == "upside-down face" else np.array(EYES)
        if name != "eyes alone":
            mouth[place] += np.flipud(MOUTH) if name == "upside-down face" else np.array(MOUTH)
    return eyes, mouth


def slid(image: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return `image` under a 3 × 3 window that slides over it, zeros around; the same size."""
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(image, 1), (3, 3))
    return np.asarray(np.einsum("yxij,ij->yx", windows, weights))


def kernel(text: str, name: str = "kernel") -> np.ndarray:
    """Return the 3 × 3 numbers in "1 0 1; 0 0 0; 0 0 0"."""
    rows = [re.split(r"[\s,]+", row.strip()) for row in text.strip().strip(";").split(";")]
    try:
        values = np.array([[float(cell) for cell in row] for row in rows])
    except ValueError:
        values = np.zeros(0)
    if values.shape != (3, 3) or not np.isfinite(values).all():
        raise LabError(f'{name} is {text!r}; write three rows of three numbers, such as "1 0 1; 0 0 0; 0 0 0"')
    return values


def kernel_text(values: np.ndarray) -> str:
    """Return numbers as `kernel` reads them."""
    return "; ".join(" ".join(f"{value:g}" for value in row) for row in values)


def run(
    request: FaceRequest,
    *,
    progress: Progress = silent,
    compute: Compute = Compute(),  # noqa: B008 - frozen
    partial_results: PartialResults | None = None,
) -> Result:
    """Return the toy's maps, one row per place, and what they show."""
    found = face(request)
    return result_with_findings(request, {"places": places(found)}, findings(found))


def places(found: Face) -> pd.DataFrame:
    """Return one row per place: row, column, eyes, mouth, from_eyes, from_mouth, sum, response, fires_alone."""
    row, column = np.indices(SHAPE).reshape(2, -1)
    maps = {
        "eyes": found.eyes, "mouth": found.mouth, "from_eyes": found.from_eyes, "from_mouth": found.from_mouth,
        "sum": found.total, "response": found.response, "fires_alone": found.fires_alone,
    }  # fmt: skip
    return pd.DataFrame({"row": row, "column": column, **{name: values.ravel() for name, values in maps.items()}})


def findings(found: Face) -> list[str]:
    """Return what the maps show, a sentence each."""
    many = int(found.fires.sum())
    if many == 0:
        return [
            f"With this bias of {found.bias:g} the filter responds nowhere: the largest sum is {found.total.max():+g}."
        ]
    row, column = np.unravel_index(int(found.total.argmax()), SHAPE)
    parts = (
        f"Its strongest response is at row {row}, column {column}{_what_is_there(int(row), int(column))}: "
        f"{found.from_eyes[row, column]:+g} from the eyes, {found.from_mouth[row, column]:+g} from the mouth, "
        f"{found.bias:+g} bias, together {found.total[row, column]:+g}."
    )
    only_together = int((found.fires & ~found.fires_alone).sum())
    where = "one position" if many == 1 else f"{many} positions"
    if only_together == many:
        there = "there" if many == 1 else "at any of them"
        said = f"The filter responds at {where}; neither map alone would make it respond {there}."
    elif only_together == 0:
        said = f"The filter responds at {where}; one map alone would do at every one of them."
    else:
        said = (
            f"The filter responds at {where}; at {only_together} of them only both maps together make it respond, "
            f"at the other {many - only_together} one map alone would do."
        )
    silenced = int((~found.fires & found.fires_alone).sum())
    if silenced:
        at = "one position" if silenced == 1 else f"{silenced} positions"
        parts += f" At {at} one map alone would make it respond, and the other silences it."
    return [said, parts]


def _what_is_there(row: int, column: int) -> str:
    for name, (top, left) in SCENE.items():
        if abs(row - top - 1) <= 1 and abs(column - left - 1) <= 1:
            return f", the {name}"
    return ""
