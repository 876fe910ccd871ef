"""The watched curves of a training that happened elsewhere: layers probed at each of one's own checkpoints.

    watched = lab.watch({0: "start.pt", 500: "middle.pt", 2000: "end.pt"}, images, network=MyNetwork())
    watched.findings
    lab.checkpoint_probes(watched.tables)

Images must be such that no step was computed from, else the probes read what was learnt by heart.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from lab.embeddings import embed, pixels_embedding
from lab.errors import LabError, briefly, check_type
from lab.experiments.result import Result
from lab.experiments.training.checkpoint_tables import gain_table, probe_table
from lab.experiments.training.checkpoints import FOLDS, REPEATS, HeldOutImages, fitted
from lab.experiments.training.kept import watched_result
from lab.images import ImageSet, images_asked, open_image_set, regrouped
from lab.layers import Layer, select_layers
from lab.models import Model, ModelRef, card, names_of
from lab.models.loading import is_module
from lab.names import list_of
from lab.probing.splits import make_splits
from lab.progress import Progress, silent
from lab.progress_bars import shown as bars_for
from lab.settings import Compute
from lab.weights.checkpoints import load_by_name, read_tensors
from lab.weights.reading import SUFFIXES

if TYPE_CHECKING:
    from torch import nn

Checkpoint: TypeAlias = "Model | os.PathLike[str] | Callable[[], Any]"


def watch(
    checkpoints: Mapping[int, Checkpoint] | Iterable[Checkpoint],
    images: str | os.PathLike[str] | ImageSet | tuple[Any, Any],
    *,
    network: str | nn.Module | None = None,
    preprocess: Any = None,
    layers: str | Sequence[str] = "stages",
    pooling: str = "avg",
    steps_per_epoch: int | None = None,
    groups: str = "auto",
    seed: int = 0,
    keep: str = "",
    progress: Progress | None = None,
    compute: Compute = Compute(),  # noqa: B008 - frozen
) -> Result:
    """Probe layers at each checkpoint of a training of your own.

    `checkpoints` are {step: checkpoint}, or one after the other (steps 0, 1, 2 …): torch modules, names of networks,
    functions that return one of these (called one at a time, so that one is in memory), or paths of files of weights
    for `network`, a torch module or the id of one. `images` and the other arguments are those of `lab.probe`. With
    `keep`, a name, the result is kept as a run of this name, which the dashboard and `lab.load_run` open.

    The tables are those of *Train and watch*: `probes` (a row per step, layer and control) and, of two checkpoints or
    more, `gains` (what training added to each layer).

    Raises LabError for weights that do not fit, layers that a checkpoint has not, and what `lab.probe` refuses.
    """
    if is_module(checkpoints) or isinstance(checkpoints, (str, os.PathLike)) or not isinstance(checkpoints, Iterable):
        raise LabError(
            f"checkpoints are {briefly(checkpoints)}; give a list of them, or a dictionary {{step: checkpoint}}"
        )
    steps = dict(checkpoints) if isinstance(checkpoints, Mapping) else dict(enumerate(checkpoints))
    for step in steps:
        check_type("a step", step, (int, np.integer), "a whole number")
    if not steps:
        raise LabError("no checkpoint was given; give at least one, best one from before the first step too")
    opened = images_asked(images)
    with bars_for(progress) as told:
        own = opened if isinstance(opened, ImageSet) else open_image_set(opened, progress=told)
        held = _held_out(regrouped(own, groups), seed)
        readings: dict[int, dict[str, np.ndarray]] = {}
        chosen: tuple[Layer, ...] = ()
        for step, given in sorted(steps.items()):
            (name,) = names_of(_resolved(given, network), preprocess, own)
            wanted = layers if isinstance(layers, str) else list_of(layers)
            here = select_layers(card(name).layers, wanted)
            if chosen and [layer.name for layer in here] != [layer.name for layer in chosen]:
                raise LabError(f"the checkpoint of step {step} has other layers than the one before; name common ones")
            chosen = here
            vectors = embed(name, own, here, pooling=pooling, compute=compute, progress=told)
            readings[step] = {f"layer/{layer.name}": fitted(vectors[layer.name], held) for layer in here}
        pixels = fitted(pixels_embedding(own, progress=silent), held)
    per_epoch: Any = steps_per_epoch or np.nan
    tables = {"probes": probe_table(readings, chosen, pixels, held, per_epoch)}
    if len(readings) > 1:
        tables["gains"] = gain_table(readings, chosen, held)
    called = ModelRef.parse(name).id
    result = watched_result(called, keep, [layer.name for layer in chosen], held, tables)
    if keep:
        result.keep(keep)
    return result


def _resolved(given: Checkpoint, network: str | nn.Module | None) -> Model:
    """Return what names or holds the network of a checkpoint."""
    if not isinstance(given, (str, os.PathLike)) and not is_module(given) and callable(given):
        given = given()
    is_file = isinstance(given, os.PathLike) or (isinstance(given, str) and "@" not in given and Path(given).is_file())
    if isinstance(given, str) and "@" not in given and Path(given).suffix in SUFFIXES and not is_file:
        raise LabError(f"there is no file {given!r}; give the path of a file of weights, or the name of a network")
    if not is_file:
        return given  # type: ignore[return-value]
    path = Path(given).expanduser().absolute()  # type: ignore[arg-type]
    if network is None:
        raise LabError(f"{path} is a file of weights; say for which network with network=, a torch module or an id")
    return f"{network}@checkpoint:{path}" if isinstance(network, str) else _with_weights(network, path)


def _with_weights(network: nn.Module, path: Path) -> nn.Module:
    """Return a copy of a module with the weights of a file, which must be all of its own; `module.` and the like before
    every name is dropped."""
    tensors, copied = dict(read_tensors(path)), copy.deepcopy(network)
    wanted = copied.state_dict().keys()
    while not tensors.keys() & wanted and tensors and all("." in name for name in tensors):
        tensors = {name.partition(".")[2]: tensor for name, tensor in tensors.items()}
    load_by_name(copied, tensors, path)
    return copied


def _held_out(images: ImageSet, seed: int) -> HeldOutImages:
    import torch

    splits = make_splits(images.labels, images.groups, folds=FOLDS, repeats=REPEATS, seed=seed, classes=images.classes)
    names = [record.id for record in images.records]
    return HeldOutImages(torch.empty(0), images.labels, images.groups, names, images.classes, splits, seed)
