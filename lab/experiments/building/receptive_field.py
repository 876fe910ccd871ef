"""How much of the picture does one position see, in theory and in effect, trained and untrained?

tables   fields   one row per network and layer: the theoretical field (side, status; the box that is left of it
                  inside the picture) and the effective one (the square that holds half of the gradient, with the
                  interval over random directions of the channels; the one that holds 95 %), whether the gradient
                  stays in the box, and a picture of it
         draws    half of the gradient's square, one row per direction
         picture  what the networks saw
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from lab.encode import png
from lab.errors import LabError
from lab.experiments.base import PartialResults, Request, Result, model_option, option
from lab.experiments.building.effective_receptive_field import effective, square_of, theoretical
from lab.experiments.model_and_picture import ModelAndPicture, load_model_and_picture, with_twin
from lab.experiments.number_text import NO_TWIN
from lab.experiments.picture import DEFAULT_PICTURE, PICTURE_HELP
from lab.layers import Layer, select_layers
from lab.progress import Progress, silent
from lab.settings import Compute
from lab.stats.intervals import mean_interval

if TYPE_CHECKING:
    from torch import nn

HALF, MOST = 0.5, 0.95
HEAT = np.array([255, 138, 40], dtype=float)


@dataclass(frozen=True)
class FieldRequest(Request):
    """Which network, picture and layers, and how many random directions of the channels are averaged."""

    experiment: ClassVar[str] = "field"

    model: str = model_option()
    picture: str = option(DEFAULT_PICTURE, PICTURE_HELP)
    layers: str = option("stages", "stages, blocks, or names with commas between them")
    draws: int = option(6, "random directions of the channels", least=2, most=100)

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
    subject = load_model_and_picture(request.model, request.picture, progress)
    chosen = select_layers(subject.model.layers, request.layers, exclusions=subject.model.card.exclusions)
    layers = tuple(layer for layer in chosen if layer.height > 1)
    if not layers:
        raise LabError(f"none of these layers of {request.model} has positions on the picture; choose others")
    size = (int(subject.image.shape[-2]), int(subject.image.shape[-1]))
    boxes = theoretical(subject.model.module, layers, size, progress)
    rows, draws = [], []
    for name, module in with_twin(subject.model):
        for row, sides in _measured(name, module, subject, layers, boxes, request.draws, progress):
            rows.append(row)
            draws += [{"model": name, "layer": row["layer"], "draw": k, "half_side": s} for k, s in enumerate(sides)]
    fields = pd.DataFrame(rows)
    tables = {"fields": fields, "draws": pd.DataFrame(draws), "picture": subject.picture_table()}
    return subject.result(request, tables, findings(fields, size))


def findings(fields: pd.DataFrame, size: tuple[int, int]) -> list[str]:
    """Return what the fields show, a sentence each; they follow the numbers."""
    first = fields[fields["model"] == fields["model"].iloc[0]]
    return [_contained(fields), _theory_and_effect(first), *_whole_picture(first, size), *_training(fields)]


def _contained(fields: pd.DataFrame) -> str:
    inside, all_of = int(fields["contained"].sum()), len(fields)
    if inside == all_of:
        return (
            f"In all {all_of} measurements the gradient is zero at every pixel outside the theoretical receptive field."
        )
    worst = fields.iloc[int(fields["outside"].argmax())]
    return (
        f"In {inside} of {all_of} measurements the gradient stays inside the theoretical receptive field; at "
        f"{worst.layer} {worst.outside:.2%} of it lies outside, so the theory is wrong there."
    )


def _theory_and_effect(fields: pd.DataFrame) -> str:
    local = fields[fields["status"] == "exact"]
    row = (local if len(local) else fields).iloc[(len(local) or len(fields)) // 2]
    seen = max(row.bottom - row.top, row.right - row.left)
    holds = "as much as" if row.half_side >= seen else "only"
    theory = _side(row.side_height, row.side_width, row.status)
    return (
        f"At {row.layer} one position can depend on {theory}; half of its gradient comes from {holds} "
        f"{row.half_side:.0f} × {row.half_side:.0f} of them (95 % interval {row.ci_low:.0f} to {row.ci_high:.0f}), "
        f"95 % from {row.most_side:.0f} × {row.most_side:.0f}."
    )


def _whole_picture(fields: pd.DataFrame, size: tuple[int, int]) -> list[str]:
    whole = fields[(fields["bottom"] - fields["top"] >= size[0]) & (fields["right"] - fields["left"] >= size[1])]
    if whole.empty:
        return ["No position of these layers can see the whole picture."]
    row = whole.iloc[0]
    return [
        f"From {row.layer} on (depth {row.depth:.2f}) the middle position can depend on the whole picture; half of "
        f"its gradient comes from {row.half_side:.0f} × {row.half_side:.0f} of {size[0]} × {size[1]} pixels there, and "
        f"from {fields.iloc[-1].half_side:.0f} × {fields.iloc[-1].half_side:.0f} at {fields.iloc[-1].layer}."
    ]


def _training(fields: pd.DataFrame) -> list[str]:
    names = list(fields["model"].unique())
    if len(names) < 2:
        return [NO_TWIN]
    trained, twin = (fields[fields["model"] == name].reset_index(drop=True) for name in names)
    wider = int((trained["ci_low"] > twin["ci_high"]).sum())
    narrower = int((trained["ci_high"] < twin["ci_low"]).sum())
    last = len(trained) - 1
    return [
        f"Against the same network with random weights, training has made the effective field wider at {wider} of "
        f"{len(trained)} layers and narrower at {narrower}; at {trained['layer'][last]} it is "
        f"{trained['half_side'][last]:.0f} against {twin['half_side'][last]:.0f} pixels."
    ]


def _side(height: int, width: int, status: str) -> str:
    if status == "global":
        return "the whole picture"
    most = "at most " if status == "upper bound" else ""
    return f"{most}{height} × {width} pixels" if height and width else "an unknown part of the picture's pixels"


def _measured(
    name: str,
    module: nn.Module,
    subject: ModelAndPicture,
    layers: tuple[Layer, ...],
    boxes: dict[str, tuple[np.ndarray, np.ndarray]],
    draws: int,
    progress: Progress,
) -> list[tuple[dict[str, Any], list[int]]]:
    stage = f"Following gradients of {name}"
    gradients = effective(module, subject.image, layers, draws, progress, stage)
    pixels = subject.pixels.permute(1, 2, 0).cpu().numpy()
    found = []
    for layer in layers:
        drawn = gradients[layer.name]
        sides = [square_of(one, HALF)[2] for one in drawn]
        mean = (drawn / np.maximum(drawn.sum(axis=(1, 2), keepdims=True), 1e-300)).mean(axis=0)
        row = {
            **_theory(name, layer, *boxes[layer.name]),
            **_effect(mean, sides),
            **_containment(drawn, *boxes[layer.name]),
            "thumbnail": _heat(pixels, mean),
        }
        found.append((row, sides))
    return found


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


def _effect(mean: np.ndarray, sides: list[int]) -> dict[str, Any]:
    top, left, side = square_of(mean, HALF)
    half = mean_interval(sides)
    return {
        "half_top": top,
        "half_left": left,
        "half_square": side,
        **half.columns("half_side", "ci"),
        "most_side": square_of(mean, MOST)[2],
    }


def _containment(drawn: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> dict[str, Any]:
    outside = drawn[:, ~(rows[:, None] & columns[None, :])]
    share = float(outside.sum() / max(float(drawn.sum()), 1e-300))
    return {"outside": share, "contained": not bool(outside.any())}


def _heat(pixels: np.ndarray, gradient: np.ndarray) -> bytes:
    """Return the picture, dimmed and gray, with the gradient over it in orange (square root: faint parts show)."""
    gray = 0.45 * pixels.mean(axis=2, keepdims=True) * np.ones(3)
    alpha = np.sqrt(gradient / (np.quantile(gradient[gradient > 0], 0.995) if gradient.any() else 1.0))
    alpha = np.clip(alpha, 0, 1)[..., None]
    return png((gray * (1 - alpha) + HEAT * alpha).round().astype(np.uint8))
