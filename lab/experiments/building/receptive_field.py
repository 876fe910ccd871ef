"""How much of the picture does one position see, in theory and in effect, trained and untrained?

tables   fields   one row per layer, of the network and of its untrained twins together: the theoretical field of the
                  middle position (side, status; the box that is left of it inside the picture) and the effective one
                  (the square that holds half of the gradient, with an interval over pictures and random starts; the
                  one that holds 95 %), whether the gradient stays in the box, and the first picture with it
         draws    half of the gradient's square, one row per network, picture and draw
         picture  the first picture that the networks saw

A draw is a random direction of the channels at a random position of the middle half of the map (in the first picture
the middle itself). Pictures and untrained twins are the units: intervals are for other pictures and random starts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from lab.encode import jpeg
from lab.errors import LabError
from lab.experiments.base import PartialResults, Request, model_option, option
from lab.experiments.building.effective_receptive_field import (
    at_position,
    effective,
    middle,
    positions,
    reachable,
    square_of,
)
from lab.experiments.building.receptive_field_findings import findings
from lab.experiments.model_and_picture import ModelAndPicture, load_model_and_picture
from lab.experiments.picture import DEFAULT_PICTURE, PICTURE_HELP, pictures_beside
from lab.experiments.result import Result
from lab.experiments.twins import TWINS, untrained_twins
from lab.layers import Layer, select_layers
from lab.models.preprocess import normalised, pixels_for
from lab.progress import Progress, silent
from lab.settings import Compute
from lab.stats.intervals import Interval
from lab.stats.simultaneous import crossed_mean, mean_of_many

if TYPE_CHECKING:
    from torch import Tensor

Reached = dict[str, tuple[np.ndarray, np.ndarray]]

HALF, MOST = 0.5, 0.95
HEAT = np.array([255, 138, 40], dtype=float)


@dataclass(frozen=True)
class FieldRequest(Request):
    """Which network, picture and layers; how many pictures, draws in each of them, and untrained twins."""

    experiment: ClassVar[str] = "field"

    model: str = model_option()
    picture: str = option(DEFAULT_PICTURE, PICTURE_HELP)
    layers: str = option("stages", "stages, blocks, or names with commas between them")
    pictures: int = option(6, "pictures in all: others of the set, or some on this computer", least=2, most=100)
    draws: int = option(2, "random positions and directions of the channels in each picture", least=1, most=100)
    twins: int = option(TWINS, "untrained twins, each from its own random start", least=2, most=20)

    def title(self) -> str:
        """Return what is looked at."""
        return f"Receptive fields of {self.model.split('@')[0]}"


def run(
    request: FieldRequest,
    *,
    progress: Progress = silent,
    compute: Compute = Compute(),  # noqa: B008 - frozen
    partial_results: PartialResults | None = None,
) -> Result:
    """Return the fields of every chosen layer that has positions; raises LabError when none has."""
    subject = load_model_and_picture(request.model, request.picture, progress, compute)
    chosen = select_layers(subject.model.layers, request.layers, exclusions=subject.model.card.exclusions)
    layers = tuple(layer for layer in chosen if layer.height > 1)
    if not layers:
        raise LabError(f"none of these layers of {request.model} has positions on the picture; choose others")
    size = (int(subject.image.shape[-2]), int(subject.image.shape[-1]))
    images = _images(subject, request)
    reached = reachable(subject.model.module, layers, size, progress)
    networks = [subject.model, *untrained_twins(subject.model, request.twins)]
    draws: list[dict[str, Any]] = []
    heats = {}
    for number, model in enumerate(networks):
        stage = f"Following gradients of {model.ref}"
        for name, found in effective(model.module, images, layers, request.draws, progress, stage).items():
            where = {"model": str(model.ref), "twin": number - 1, "layer": name}
            layer = next(one for one in layers if one.name == name)
            draws += [{**where, **row} for row in _draws(layer, found, reached[name])]
            if number < 2:
                heats[number > 0, name] = _mean_of_first(found)
    measured = pd.DataFrame(draws)
    fields = _fields(layers, reached, measured, heats, subject)
    tables = {"fields": fields, "draws": measured, "picture": subject.picture_table()}
    return subject.result(request, tables, findings(fields, measured, size))


def _images(subject: ModelAndPicture, request: FieldRequest) -> Tensor:
    """Return the pictures as the network takes them, `(P, 3, H, W)`, the one that was asked for first."""
    import torch

    how = subject.model.preprocessing
    others = pictures_beside(request.picture, request.pictures)[1:]
    pixels = torch.stack([subject.pixels, *(pixels_for(one, 0, how) for one in others)])
    return normalised(pixels, how)


def _draws(layer: Layer, found: np.ndarray, reached: tuple[np.ndarray, np.ndarray]) -> list[dict[str, Any]]:
    """Return one row per picture and draw of a layer's gradients `(draws, P, H, W)`."""
    rows = []
    for draw, places in enumerate(positions(layer, found.shape[1], len(found))):
        for picture, (row, column) in enumerate(places.tolist()):
            gradient = found[draw, picture]
            inside, across = at_position(reached, (row, column))
            outside = float(gradient[~(inside[:, None] & across[None, :])].sum() / max(float(gradient.sum()), 1e-300))
            half = square_of(gradient, HALF)[2]
            where = {"picture": picture, "draw": draw, "row": row, "column": column}
            rows.append({**where, "half_side": half, "outside": outside})
    return rows


def _mean_of_first(found: np.ndarray) -> np.ndarray:
    """Return the mean of the first picture's gradients, each of them counted alike, `(H, W)`."""
    first = found[:, 0]
    return np.asarray((first / np.maximum(first.sum(axis=(1, 2), keepdims=True), 1e-300)).mean(axis=0))


def _fields(
    layers: tuple[Layer, ...],
    reached: Reached,
    draws: pd.DataFrame,
    heats: dict[tuple[bool, str], np.ndarray],
    subject: ModelAndPicture,
) -> pd.DataFrame:
    pixels = subject.pixels.permute(1, 2, 0).cpu().numpy()
    rows = []
    for twin in (False, True):
        here = draws[(draws["twin"] >= 0) == twin]
        for layer in layers if len(here) else ():
            mine = here[here["layer"] == layer.name]
            mean = heats[twin, layer.name]
            top, left, side = square_of(mean, HALF)
            rows.append(
                {
                    **_theory(str(mine["model"].iloc[0]), layer, *at_position(reached[layer.name], middle(layer))),
                    "half_top": top,
                    "half_left": left,
                    "half_square": side,
                    **_half(mine, len(layers)).columns("half_side", "ci"),
                    "most_side": square_of(mean, MOST)[2],
                    "outside": float(mine["outside"].mean()),
                    "contained": not bool(mine["outside"].any()),
                    "thumbnail": _heat(pixels, mean),
                }
            )
    return pd.DataFrame(rows)


def _half(draws: pd.DataFrame, tests: int) -> Interval:
    """Return the mean side over pictures (and twins), for so many layers at once; of one picture without an end."""
    values = draws.pivot_table(index="picture", columns="twin", values="half_side").to_numpy()
    found = mean_of_many(values[:, 0], tests) if values.shape[1] == 1 else crossed_mean(values, tests)
    return found if np.isfinite(found.high) else Interval(found.value, np.nan, np.nan)


def _theory(name: str, layer: Layer, rows: np.ndarray, columns: np.ndarray) -> dict[str, Any]:
    ys, xs = np.flatnonzero(rows), np.flatnonzero(columns)
    return {
        "model": name,
        "layer": layer.name,
        "depth": layer.depth,
        "height": layer.height,
        "width": layer.width,
        "side": layer.receptive_field,
        "side_height": layer.receptive_field_height,
        "side_width": layer.receptive_field_width,
        "status": layer.receptive_field_status,
        "top": int(ys.min(initial=len(rows))),
        "left": int(xs.min(initial=len(columns))),
        "bottom": int(ys.max(initial=-1)) + 1,
        "right": int(xs.max(initial=-1)) + 1,
    }


def _heat(pixels: np.ndarray, gradient: np.ndarray) -> bytes:
    """Return the picture, dimmed and gray, with the gradient over it in orange (square root: faint parts show)."""
    gray = 0.45 * pixels.mean(axis=2, keepdims=True) * np.ones(3)
    alpha = np.sqrt(gradient / (np.quantile(gradient[gradient > 0], 0.995) if gradient.any() else 1.0))
    alpha = np.clip(alpha, 0, 1)[..., None]
    return jpeg((gray * (1 - alpha) + HEAT * alpha).round().astype(np.uint8))
