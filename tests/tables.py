"""A small synthetic result, consistent with itself: every summary row follows from the predictions in it.

Two models, 18 layers, 40 images unless asked otherwise. No network, no real images; for tests of what reads tables.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from PIL import Image

from lab.experiments.base import Request
from lab.experiments.result import Result

MODELS = ("tf_efficientnet_lite0@packaged", "tf_efficientnet_lite1@packaged")
LAYERS = (
    "conv_stem", "blocks.0.0", "blocks.1.0", "blocks.1.1", "blocks.2.0", "blocks.2.1", "blocks.3.0", "blocks.3.1",
    "blocks.3.2", "blocks.4.0", "blocks.4.1", "blocks.4.2", "blocks.5.0", "blocks.5.1", "blocks.5.2", "blocks.5.3",
    "blocks.6.0", "conv_head",
)  # fmt: skip
REPEATS, FOLDS = 3, 5
CONTROLS = ("probe", "matched", "untrained", "shuffled")
# How far above chance a control gets at relative depth d, as a share of what is there to gain.
GAIN = {
    "probe": lambda d: 0.2 + 0.78 / (1 + np.exp(-9 * (d - 0.45))),
    "matched": lambda d: 0.15 + 0.75 / (1 + np.exp(-9 * (d - 0.5))),
    "untrained": lambda d: 0.15 + 0.08 * d,
    "shuffled": lambda d: 0.0,
    "pixels": lambda d: 0.1,
}


@dataclass(frozen=True)
class TableRequest(Request):
    """Asks for what `synthetic_result` returns."""

    experiment: ClassVar[str] = "probe"
    data: str = "drawn:pets"
    models: tuple[str, ...] = MODELS
    pooling: str = "avg"
    folds: int = FOLDS
    repeats: int = REPEATS

    def command(self) -> str:
        return f"feature-lab probe {' '.join('--model ' + m for m in self.models)} --data {self.data}"

    def title(self) -> str:
        return f"{self.data}: {', '.join(self.models)}"


def synthetic_result(
    *,
    models: Sequence[str] = MODELS,
    layers: Sequence[str] = LAYERS,
    classes: Sequence[str] = ("cat", "dog"),
    images: int = 40,
    seed: int = 0,
    data: str = "drawn:pets",
    pixels: int = 48,
) -> Result:
    """Return a made-up result of the separability experiment over `images` images of `classes`."""
    rng = np.random.default_rng(seed)
    image_table = _images(images, classes, rng, pixels)
    splits = _splits(image_table, rng)
    tables: dict[str, list[pd.DataFrame]] = {name: [] for name in _PER_MODEL}
    for shift, model in enumerate(models):
        for name, table in _one_model(model, layers, image_table, splits, 0.08 * shift, rng).items():
            tables[name].append(table)
    joined = {name: pd.concat(parts, ignore_index=True) for name, parts in tables.items()}
    labels = image_table["class"].to_numpy()
    pixel = {("pixels", -1): _answers("pixels", 0.0, labels, rng)}
    guess = 1 / len(classes)
    chance = {"control": "chance", "accuracy": guess, "ci_low": guess, "ci_high": guess, "auc": 0.5}
    whole = pd.DataFrame([*(_summary("", k, [], a, labels) for k, a in pixel.items()), {**_EMPTY_SUMMARY, **chance}])
    joined["summary"] = pd.concat([joined["summary"], whole], ignore_index=True)
    pixel_folds = [_folds("", k, layers, a, labels, splits) for k, a in pixel.items()]
    joined["folds"] = pd.concat([joined["folds"], *pixel_folds], ignore_index=True)
    joined |= {
        "images": image_table,
        "splits": splits,
        "quarantine": pd.DataFrame([("cat/broken.jpg", "the file ends early"), ("dog/x.gif", "not an image")],
                                   columns=["image", "reason"]),
    }  # fmt: skip
    request = TableRequest(data=data, models=tuple(models))
    return Result(request, joined, _manifest(request, joined))


_PER_MODEL = (
    "layers", "folds", "summary", "predictions", "decisions", "decision_luck", "code_length", "label_efficiency",
    "emergence", "checks", "projection", "projection_quality",
)  # fmt: skip
_EMPTY_SUMMARY: dict[str, Any] = {
    "model": "", "layer": "", "depth": 0.0, "dim": 0, "control": "", "accuracy": np.nan, "ci_low": np.nan,
    "ci_high": np.nan, "balanced_accuracy": np.nan, "auc": np.nan, "auc_ci_low": np.nan, "auc_ci_high": np.nan,
    "log_loss": np.nan, "knn_accuracy": np.nan, "silhouette": np.nan,
}  # fmt: skip


def _images(count: int, classes: Sequence[str], rng: np.random.Generator, size: int) -> pd.DataFrame:
    labels = [classes[i * len(classes) // count] for i in range(count)]
    return pd.DataFrame(
        {
            "image": [f"{label}/{i:03d}.jpg" for i, label in enumerate(labels)],
            "class": labels,
            "group": np.arange(count),
            "width": 224,
            "height": 224,
            "digest": [f"{i:064x}" for i in range(count)],
            "thumbnail": [_thumbnail(rng, classes.index(label), size) for label in labels],
        }
    )


def _thumbnail(rng: np.random.Generator, label: int, size: int) -> bytes:
    """A blurred random picture: about as many bytes as a photograph of that size."""
    coarse = Image.fromarray(rng.integers(0, 256, (12, 12, 3), dtype=np.uint8))
    picture = coarse.resize((size, size), Image.Resampling.BICUBIC)
    picture.paste((40 + 60 * (label % 4), 90, 160), (size // 3, size // 3, 2 * size // 3, 2 * size // 3))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=80)
    return buffer.getvalue()


def _splits(images: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    parts = []
    for repeat in range(REPEATS):
        fold = np.empty(len(images), dtype=int)
        dealt = 0
        for rows in images.groupby("class").indices.values():
            fold[rng.permutation(rows)] = (dealt + np.arange(len(rows))) % FOLDS
            dealt += len(rows)
        parts.append(images[["image", "group"]].assign(repeat=repeat, fold=fold))
    return pd.concat(parts, ignore_index=True)


def _one_model(
    model: str,
    layers: Sequence[str],
    images: pd.DataFrame,
    splits: pd.DataFrame,
    shift: float,
    rng: np.random.Generator,
) -> dict[str, pd.DataFrame]:
    depths = np.linspace(0, 1, len(layers) + 1)[1:]
    dims = np.linspace(32, 1280, len(layers)).astype(int)
    labels = images["class"].to_numpy()
    answers = {key: _answers(key[0], depths[key[1]] - shift, labels, rng) for key in _keys(len(layers))}
    where = [(layers[i], depths[i], dims[i]) for i in range(len(layers))]
    predictions = pd.concat(
        [_predictions(model, *where[i][:2], images, answers["probe", i]) for i in range(len(layers))], ignore_index=True
    )
    found = {
        "layers": _layers(model, layers, depths, dims),
        "predictions": predictions,
        "decisions": _decisions(model, layers, depths, predictions, images),
        "decision_luck": _decision_luck(model, layers, depths, predictions, images),
        **_labels_needed(model, layers, depths, len(images)),
        "emergence": _emergence(model, layers, depths, sorted(set(labels)), shift),
        "folds": pd.concat([_folds(model, k, layers, a, labels, splits) for k, a in answers.items()]),
        "summary": pd.DataFrame([_summary(model, k, where, a, labels) for k, a in answers.items()]),
    }
    found["checks"] = _checks(model, found["summary"])
    found["projection"], found["projection_quality"] = _projection(model, layers, depths, images, rng)
    return found


def _keys(count: int) -> Iterator[tuple[str, int]]:
    for control in CONTROLS:
        for position in range(count):
            yield control, position


def _answers(control: str, depth: float, labels: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return predicted class and probability of the true class, each `(REPEATS, N)`."""
    names = np.unique(labels)
    p_right = 1 / len(names) + (1 - 1 / len(names)) * float(GAIN[control](depth))
    hardness = (np.arange(len(labels)) * 0.618034) % 1  # the same images are hard at every layer
    margin = p_right - hardness + rng.normal(0, 0.06, (REPEATS, len(labels)))
    p_true = 0.5 + 0.48 * np.tanh(3 * margin)
    right = margin > 0
    wrong = np.array([[rng.choice(names[names != label]) for label in labels] for _ in range(REPEATS)])
    return np.where(right, labels, wrong), p_true


def _predictions(
    model: str, layer: str, depth: float, images: pd.DataFrame, answers: tuple[np.ndarray, np.ndarray]
) -> pd.DataFrame:
    predicted, p_true = answers
    labels = images["class"].to_numpy()
    return pd.DataFrame(
        {
            "model": model, "layer": layer, "depth": depth, "image": images["image"], "class": labels,
            "predicted": [pd.Series(column).mode()[0] for column in predicted.T],
            "p_true": p_true.mean(axis=0), "correct": (predicted == labels).mean(axis=0),
        }
    )  # fmt: skip


def _scores(predicted: np.ndarray, p_true: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    right = predicted == labels
    per_class = [right[labels == name].mean() for name in np.unique(labels)]
    return {
        "accuracy": float(right.mean()),
        "balanced_accuracy": float(np.mean(per_class)),
        "auc": float(np.mean(p_true > np.sort(1 - p_true)[:, None])),
        "log_loss": float(-np.log(p_true).mean()),
    }


def _folds(
    model: str, key: tuple[str, int], layers: Sequence[str], answers: tuple[np.ndarray, np.ndarray],
    labels: np.ndarray, splits: pd.DataFrame,
) -> pd.DataFrame:  # fmt: skip
    rows = []
    for repeat in range(REPEATS):
        fold = splits.loc[splits["repeat"] == repeat, "fold"].to_numpy()
        for number in range(FOLDS):
            test = fold == number
            scores = _scores(answers[0][repeat, test], answers[1][repeat, test], labels[test])
            name = layers[key[1]] if key[1] >= 0 else ""
            rows.append({"model": model, "layer": name, "control": key[0], "repeat": repeat, "fold": number,
                         "n_train": int((~test).sum()), "n_test": int(test.sum()), "C": 0.01, **scores})  # fmt: skip
    return pd.DataFrame(rows)


def _summary(
    model: str, key: tuple[str, int], where: list[tuple[str, float, int]], answers: tuple[np.ndarray, np.ndarray],
    labels: np.ndarray,
) -> dict[str, Any]:  # fmt: skip
    control, position = key
    layer, depth, dim = where[position] if position >= 0 else ("", 0.0, 192)
    scores = pd.DataFrame([_scores(answers[0][r], answers[1][r], labels) for r in range(REPEATS)]).mean().to_dict()
    half = 1.96 * np.sqrt(scores["accuracy"] * (1 - scores["accuracy"]) / len(labels)) + 0.01
    real = control == "probe"
    return {
        **_EMPTY_SUMMARY, "model": model, "layer": layer, "depth": depth, "dim": dim, "control": control, **scores,
        "ci_low": max(0.0, scores["accuracy"] - half), "ci_high": min(1.0, scores["accuracy"] + half),
        "auc_ci_low": max(0.0, scores["auc"] - half), "auc_ci_high": min(1.0, scores["auc"] + half),
        "knn_accuracy": scores["accuracy"] - 0.02 if real else np.nan,
        "silhouette": scores["accuracy"] - 0.55 if real else np.nan,
    }  # fmt: skip


def _layers(model: str, layers: Sequence[str], depths: np.ndarray, dims: np.ndarray) -> pd.DataFrame:
    count = len(layers)
    size = np.linspace(112, 7, count).astype(int)
    return pd.DataFrame(
        {
            "model": model, "layer": layers, "kind": ["stem"] + ["block"] * (count - 2) + ["head"], "depth": depths,
            "dim": dims, "layout": "NCHW", "channels": dims, "height": size, "width": size, "stride": 224 // size,
            "receptive_field": np.linspace(3, 900, count).astype(int), "receptive_field_status": "exact",
        }
    )  # fmt: skip


def _decisions(
    model: str, layers: Sequence[str], depths: np.ndarray, predictions: pd.DataFrame, images: pd.DataFrame
) -> pd.DataFrame:
    stays = _stays_right(predictions, images)
    first = np.where(stays.any(axis=1), stays.argmax(axis=1), -1)
    beyond = np.where(np.arange(len(first)) % 7 == 3, -1, first)  # every seventh image is right within luck
    return pd.DataFrame(
        {
            "model": model, "image": images["image"], "class": images["class"],
            "depth_of_decision": [depths[i] if i >= 0 else np.nan for i in beyond],
            "layer": [layers[i] if i >= 0 else "" for i in beyond],
            "right_from": [layers[i] if i >= 0 else "" for i in first],
            "margin": 0.5,
        }
    )  # fmt: skip


def _decision_luck(
    model: str, layers: Sequence[str], depths: np.ndarray, predictions: pd.DataFrame, images: pd.DataFrame
) -> pd.DataFrame:
    on = _stays_right(predictions, images).sum(axis=0)
    decided = on / len(images) * 0.8
    return pd.DataFrame(
        {
            "model": model, "layer": list(layers), "depth": depths, "right_from_here": on, "by_luck": on * 0.5,
            "independent": on * 0.3, "decided": decided, "decided_low": decided - 0.1, "decided_high": decided + 0.1,
        }
    )  # fmt: skip


def _stays_right(predictions: pd.DataFrame, images: pd.DataFrame) -> np.ndarray:
    """Return whether each image is right from each layer to the last, in every repeat, `(N, L)`."""
    right = predictions.pivot(index="image", columns="depth", values="correct").loc[images["image"]].to_numpy() == 1
    return np.logical_and.accumulate(right[:, ::-1], axis=1)[:, ::-1]


def _labels_needed(model: str, layers: Sequence[str], depths: np.ndarray, count: int) -> dict[str, pd.DataFrame]:
    """Return the tables on how many labels a layer needs: the later, the fewer."""
    named = {"model": model, "layer": list(layers), "depth": depths}
    saved = count * 0.8 * depths
    code = pd.DataFrame(
        {
            **named, "images": count, "orders": 8, "bits": count + 2 - saved, "control_bits": count + 2.0,
            "uniform_bits": float(count), "saved": saved, "saved_low": saved - 2, "saved_high": saved + 2,
            "labels_saved": saved, "compression": count / (count + 2 - saved),
        }
    )  # fmt: skip
    curve = pd.concat(
        pd.DataFrame({**named, "per_class": m, "draws": 12, "balanced_accuracy": 0.5 + 0.45 * depths * m / (m + 2)})
        for m in (1, 2, 5, 10)
    )
    around = {"least": curve["balanced_accuracy"] - 0.1, "most": curve["balanced_accuracy"] + 0.05}
    return {"code_length": code, "label_efficiency": curve.assign(**around)}


def _emergence(
    model: str, layers: Sequence[str], depths: np.ndarray, classes: Sequence[str], shift: float
) -> pd.DataFrame:
    rows = []
    for number, (a, b) in enumerate(combinations(classes, 2)):
        reached = number % 4 != 3
        depth = float(np.clip(0.45 + shift + 0.03 * number, 0, 0.95)) if reached else np.nan
        at = layers[int(np.argmin(abs(depths - depth)))] if reached else ""
        rows.append({"model": model, "class_a": a, "class_b": b, "depth": depth, "ci_low": depth - 0.08,
                     "ci_high": depth + 0.1, "layer": at, "reached": reached})  # fmt: skip
    return pd.DataFrame(rows)


def _checks(model: str, summary: pd.DataFrame) -> pd.DataFrame:
    accuracy = {c: summary.loc[summary["control"] == c, "accuracy"].to_numpy() for c in CONTROLS}
    late, early = accuracy["probe"][-3:].mean(), accuracy["probe"][:3].mean()
    rows = [
        ("late_minus_early", f"Late layers read the classes better than early ones ({late:.2f} against {early:.2f}).",
         late - early),
        ("late_minus_untrained", "Late layers beat those of the untrained twin",
         accuracy["probe"][-1] - accuracy["untrained"][-1]),
        ("matched_late_minus_early", "Late layers beat early ones at matched dimension",
         accuracy["matched"][-3:].mean() - accuracy["matched"][:3].mean()),
        ("last_minus_best", "The last layer is no worse than the best before it.",
         accuracy["probe"][-1] - accuracy["probe"][:-1].max() - 0.02),
    ]  # fmt: skip
    return pd.DataFrame(
        {"model": model, "check": c, "statement": s, "value": v, "ci_low": v - 0.09, "ci_high": v + 0.08,
         "passed": bool(v - 0.09 > 0)} for c, s, v in rows
    )  # fmt: skip


def _projection(
    model: str, layers: Sequence[str], depths: np.ndarray, images: pd.DataFrame, rng: np.random.Generator
) -> tuple[pd.DataFrame, pd.DataFrame]:
    names = sorted(images["class"].unique())
    angle = 2 * np.pi * images["class"].map(names.index).to_numpy() / len(names)
    noise = rng.normal(0, 6, (len(images), 2))
    parts = []
    for layer, depth in zip(layers, depths, strict=True):
        apart = 14 * GAIN["probe"](depth)
        parts.append(
            pd.DataFrame(
                {"model": model, "layer": layer, "depth": depth, "image": images["image"], "class": images["class"],
                 "x": apart * np.cos(angle) + noise[:, 0] + rng.normal(0, 1, len(images)),
                 "y": apart * np.sin(angle) + noise[:, 1] + rng.normal(0, 1, len(images))}
            )
        )  # fmt: skip
    quality = pd.DataFrame(
        {"model": model, "layer": layers, "depth": depths, "trustworthiness": 0.86 + 0.1 * depths,
         "knn_embedding": 0.6 + 0.38 * depths, "knn_projection": 0.58 + 0.38 * depths, "note": ""}
    )  # fmt: skip
    return pd.concat(parts, ignore_index=True), quality


def _manifest(request: Request, tables: dict[str, pd.DataFrame]) -> dict[str, Any]:
    verdicts = {}
    for model, checks in tables["checks"].groupby("model"):
        outcome = "for" if checks["passed"].iloc[:3].all() else "undecided"
        verdicts[str(model)] = {
            "outcome": outcome,
            "sentence": f"The classes come apart as the network gets deeper: {checks['value'].iloc[0]:.2f} from early "
            "to late layers, more than in the untrained twin.",
        }
    return {
        "request": request.as_dict(),
        "command": request.command(),
        "problems": [],
        "verdicts": verdicts,
        "versions": {"python": "3.11.7", "feature-hierarchy-lab": "0.1.0", "torch": "2.15.0", "timm": "1.0.31"},
        "hashes": {"images": "ab" * 32, **{str(m): "cd" * 32 for m in tables["layers"]["model"].unique()}},
        "timings": {"images": 0.8, "embeddings": 12.3, "probes": 2.5, "maps": 4.1, "tables": 0.3},
        "results_version": 1,
        "threads": 2,
        "created": "2026-01-05T10:00:00+00:00",
    }
