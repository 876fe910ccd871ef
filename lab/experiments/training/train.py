"""Train a network here and keep it as `ID@lab:NAME`, with checkpoints from before the first step on.

tables   history      one row per epoch: learning rate, loss and accuracy on the training and the validation images
         checkpoints  one row per kept checkpoint: its step, epoch, validation accuracy, and the model that it is
         test         one row: accuracy on images looked at only once, at the end, with interval and chance
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lab.errors import LabError
from lab.experiments.base import PartialResults
from lab.experiments.manifest import result_with_findings
from lab.experiments.result import Result
from lab.experiments.training.findings import training_findings
from lab.experiments.training.request import TrainRequest
from lab.images import ImageSet, open_image_set
from lab.layers.costs import costs
from lab.layers.modules import parameters_in
from lab.malloc import tune_allocator
from lab.models import Preprocessing
from lab.models.devices import pick_device, placed
from lab.progress import Progress, silent
from lab.settings import Compute
from lab.stats.intervals import chance, wilson
from lab.training.loop import Data, Outcome, Plan, evaluate, train
from lab.training.pixels import Parts, deal, load_pixels
from lab.training.recipes import Recipe, recipe_for
from lab.weights import trained as weights
from lab.weights.sources import check_id
from lab.weights.zoo import timm_version

if TYPE_CHECKING:
    from torch import Tensor, nn

MEAN = STD = (0.5, 0.5, 0.5)


def run(
    request: TrainRequest,
    *,
    progress: Progress = silent,
    compute: Compute = Compute(),  # noqa: B008 - frozen
    partial_results: PartialResults | None = None,
) -> Result:
    """Return how the training went; its weights are kept beside all runs.

    Raises LabError for an unknown architecture, one that cannot take images of this size, images that cannot be
    used, and a name that other weights have.
    """
    request = request.canonical()
    tune_allocator()
    progress("Opening the network and the images", 0, 1, "steps")
    _check_name(request)
    images = open_image_set(request.data, per_class=request.per_class, progress=progress)
    network = _network(request, len(images.classes))
    recipe = _recipe(network, request)
    parts = deal(images, request.seed)
    pixels = load_pixels(images, input_of(request.size), progress)
    data = Data(pixels, _labels(images), parts, MEAN, STD)
    outcome = train(
        placed(network, pick_device(compute.device)),
        data,
        Plan(recipe, request.seed, request.enough),
        keep=lambda step, tensors: weights.keep_checkpoint(request.model, request.name, step, tensors),
        partial_results=partial_results if partial_results is not None else {},
        progress=progress,
        stage=f"Training {request.model}",
    )
    tables = _tables(request, images, network, data, outcome)
    about = _about(request, images, network, recipe, outcome, _row(tables["test"]))
    _keep(request, about)
    return _result(request, tables, about, outcome)


def input_of(size: int) -> Preprocessing:
    """Return how images of `size` pixels are made: shrunk whole, nothing cropped off."""
    return Preprocessing(size, size, "bicubic", 1.0, "center", MEAN, STD)


def held_out_of(about: Mapping[str, Any], progress: Progress = silent) -> tuple[ImageSet, Parts]:
    """Return the images that a network was trained with and its parts; raises LabError when they have changed."""
    asked = about["request"]
    images = open_image_set(asked["data"], per_class=asked["per_class"], progress=progress)
    if images.fingerprint != about["images"]:
        raise LabError(f"the images of {asked['data']} have changed since {asked['model']} was trained; train it again")
    return images, deal(images, asked["seed"])


def _check_name(request: TrainRequest) -> None:
    for trained in weights.list_trained():
        same_name = (trained.id, trained.name) == (request.model, request.name)
        if same_name and trained.about["request"] != request.as_dict():
            raise LabError(
                f"{trained.ref()} was trained with other settings; choose another name, or delete it with "
                f"`feature-lab train --forget {trained.ref()}`"
            )


def _network(request: TrainRequest, classes: int) -> nn.Module:
    """Return the untrained network, after trying it on an empty image."""
    import torch

    check_id(request.model)
    size = request.size
    try:
        network = weights.build_for_input(
            request.model, {"size": size, "mean": MEAN, "std": STD}, num_classes=classes, seed=request.seed
        )
        with torch.inference_mode():
            network.eval()(torch.zeros(2, 3, size, size))
    except (RuntimeError, AssertionError, ValueError) as error:
        line = " ".join(str(error).split())[:100]
        raise LabError(
            f"{request.model} cannot take images of {size} × {size} pixels ({line}); try --size 96"
        ) from error
    return network


def _recipe(network: nn.Module, request: TrainRequest) -> Recipe:
    recipe = recipe_for(network)
    return dataclasses.replace(
        recipe,
        epochs=request.epochs or recipe.epochs,
        learning_rate=request.rate or recipe.learning_rate,
    )


def _row(table: pd.DataFrame) -> dict[str, Any]:
    return {str(name): value for name, value in table.iloc[0].items()}


def _labels(images: ImageSet) -> Tensor:
    import torch

    return torch.from_numpy(images.labels)


def _tables(
    request: TrainRequest, images: ImageSet, network: nn.Module, data: Data, outcome: Outcome
) -> dict[str, pd.DataFrame]:
    history = pd.DataFrame([dataclasses.asdict(epoch) for epoch in outcome.history])
    count = len(np.unique(images.groups[data.parts.validation]))
    bounds = [wilson(accuracy, count) for accuracy in history["validation_accuracy"]]
    history["ci_low"], history["ci_high"] = zip(*bounds, strict=True)
    loss, logits = evaluate(network, data, data.parts.test)
    labels = images.labels[data.parts.test]
    accuracy = float((logits.argmax(1) == labels).mean())
    groups = len(np.unique(images.groups[data.parts.test]))
    low, high = wilson(accuracy, groups)
    test = {"images": len(labels), "accuracy": accuracy, "ci_low": low, "ci_high": high, "chance": chance(labels)}
    at_epoch = dict(zip(history["step"], history["validation_accuracy"], strict=True))
    checkpoints = [
        {
            "model": f"{request.weights}/{step}",
            "step": step,
            "epoch": step / outcome.steps_per_epoch,
            "validation_accuracy": at_epoch.get(step, float("nan")),
            "final": step == outcome.best.step,
        }
        for step in outcome.kept
    ]
    return {
        "history": history,
        "checkpoints": pd.DataFrame(checkpoints),
        "test": pd.DataFrame([{**test, "loss": loss}]),
    }


def _about(
    request: TrainRequest,
    images: ImageSet,
    network: nn.Module,
    recipe: Recipe,
    outcome: Outcome,
    test: dict[str, Any],
) -> dict[str, Any]:
    """Return the provenance of the weights, JSON-able."""
    return {
        "request": request.as_dict(),
        "command": request.command(),
        "classes": list(images.classes),
        "images": images.fingerprint,
        "input": {"size": request.size, "mean": list(MEAN), "std": list(STD)},
        "steps": list(outcome.kept),
        "steps_per_epoch": outcome.steps_per_epoch,
        "final": outcome.best.step,
        "ended": outcome.why,
        "epochs": outcome.history[-1].epoch,
        "validation_accuracy": outcome.best.validation_accuracy,
        "test": {name: float(value) for name, value in test.items()},
        "seconds": outcome.history[-1].seconds,
        "parameters": parameters_in(network),
        "flops": costs(network, (3, request.size, request.size))[1].flops,
        "recipe": dataclasses.asdict(recipe),
        "timm": timm_version(),
    }


def _keep(request: TrainRequest, about: dict[str, Any]) -> None:
    """Make the checkpoints count, and delete those of an earlier attempt that are not among them."""
    trained = weights.keep_about(request.model, request.name, about)
    wanted = {trained.file(step) for step in trained.steps}
    for path in trained.folder.glob("step-*.safetensors"):
        if path not in wanted:
            path.unlink()


def _result(request: TrainRequest, tables: dict[str, pd.DataFrame], about: dict[str, Any], outcome: Outcome) -> Result:
    sentences = training_findings(request.model, about, tables)
    return result_with_findings(
        request,
        tables,
        sentences,
        hashes={"images": about["images"]},
        trained={"model": request.weights, **{name: about[name] for name in ("parameters", "classes", "recipe")}},
        timings={"training": round(outcome.history[-1].seconds, 3)},
    )
